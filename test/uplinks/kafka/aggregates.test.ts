// Aggregates, blocks in parts and times of an untrusted clock into a real Kafka, read back by the library's own consumer.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { murmur2 } from '../../../src/clients/kafka/partition.ts'
import { createMerger } from '../../../src/columns/index.ts'
import { Blocked } from '../../../src/core/errors.ts'
import type { GapSlice, LogSeries, RawSlice, SliceTime } from '../../../src/core/log.ts'
import { streamKey } from '../../../src/core/stream.ts'
import type { UplinkBatch } from '../../../src/core/uplink.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../../kafka/broker.ts'
import type { ReadRecord } from './cluster.ts'
import { NEVER, ofDevice, openFor, readTopic, settled } from './cluster.ts'
import { aggregated, batchOf, CLOCK, doubles, positionOf, rawStream, sliceOf } from './slices.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ portFrom: 24_600 })
  await createTopics(broker.bootstrap, 12)
  await settled(broker.bootstrap)
})
afterAll(() => broker?.down())

const SECOND = 1_000_000

async function sendAll(device: string, batches: readonly UplinkBatch[]): Promise<void> {
  const uplink = await openFor(broker.bootstrap, device)
  // As the agent does it: it waits until the group's coordinator of a fresh cluster answers.
  expect(await uplink.position(NEVER)).toBe('none')
  let transaction = 0
  for (const it of batches) expect(await uplink.send(it, positionOf(++transaction, rawStream(device), 0), NEVER)).toEqual([])
  await uplink.close()
}

async function recordsOf(topic: string, device: string, count: number): Promise<ReadRecord[]> {
  const found = await readTopic(broker.bootstrap, topic, (it) => ofDevice(it, device).length === count)
  return ofDevice(found, device).toSorted((a, b) => Number(a.value['seq']) - Number(b.value['seq']))
}

test('an aggregate of every kind arrives exactly, with key, headers and partition', async () => {
  const device = 'kinds'
  const start = Math.floor(CLOCK.now() / (60 * SECOND)) * 60 * SECOND - 60 * SECOND
  const raw = sliceOf(rawStream(device), 7_000, (builder) => {
    const of = (tag: string, kind: LogSeries['kind'], unit?: string) =>
      builder.series({ tag, kind, class: 'process', ...(unit ? { unit } : {}) })
    const double = of('halle-1/öl "a"', 'double', '°C')
    ;[1.5, 2.5, 8].forEach((it, i) => builder.add(double, start + i * SECOND, it))
    builder.add(double, start + 3 * SECOND, 99, 1)
    builder.addNone(double, start + 4 * SECOND, 2)
    const long = of('long', 'long')
    for (const it of [2n ** 63n - 1n, -(2n ** 63n), 5n]) builder.addLong(long, start + 10, it)
    const bool = of('bool', 'bool')
    for (const it of [0, 1, 1, 1]) builder.add(bool, start + 20, it)
    const state = of('state', 'string')
    for (const it of ['grün', 'grün', 'rot "x"', 'grün']) builder.addString(state, start + 30, it)
    builder.addBytes(of('bytes', 'bytes'), start + 40, Uint8Array.of(0, 255, 10))
    builder.addNone(of('silent', 'double'), start + 50, 2)
    builder.addNone(of('mute', 'string'), start + 60, 2)
  })
  const part = aggregated(raw, 40, 60 * SECOND)
  await sendAll(device, [batchOf(part)])
  const records = await recordsOf(TOPICS.aggregates, device, 7)
  const dimensions = { device, site: 'plant-1', class: 'process', epoch: raw.slice.stream.epoch, time_quality: 'source' }
  const window = { window_start: start, window_end: start + 60 * SECOND }
  expect(records.map((it) => it.value['seq'])).toEqual([40, 41, 42, 43, 44, 45, 46])
  expect(records[0]?.value).toEqual({
    ...dimensions,
    ...window,
    tag: 'halle-1/öl "a"',
    kind: 'double',
    unit: '°C',
    count: 5,
    good: 3,
    uncertain: 1,
    bad: 1,
    valued: 3,
    sum: 12,
    m2: 24.5,
    min: 1.5,
    max: 8,
    mean: 4,
    std: Math.sqrt(24.5 / 3),
    first: 1.5,
    first_ts: start,
    last: 8,
    last_ts: start + 2 * SECOND,
    seq_from: 7_000,
    seq_to: 7_004,
    seq: 40,
  })
  const ends = { min: '-9223372036854775808', max: '9223372036854775807', first: '9223372036854775807', last: 5 }
  expect(records[1]?.value).toMatchObject({ kind: 'long', valued: 3, ...ends })
  expect(records[2]?.value).toMatchObject({ kind: 'bool', count: 4, sum: 3, min: 0, max: 1, mean: 0.75, first: 0, last: 1 })
  const texts = { first: 'grün', last: 'grün', changes: 2, valued: 4, first_ts: start + 30, last_ts: start + 30 }
  expect(records[3]?.value).toMatchObject({ kind: 'string', ...texts })
  expect(records[3]?.value).not.toHaveProperty('sum')
  expect(records[4]?.value).toMatchObject({ kind: 'bytes', first: 'AP8K', last: 'AP8K', changes: 0, count: 1 })
  const nothing = { valued: 0, first: null, first_ts: null, last: null, last_ts: null, bad: 1, count: 1 }
  expect(records[5]?.value).toMatchObject({ ...nothing, sum: null, m2: null, min: null, max: null, mean: null, std: null })
  expect(records[6]?.value).toMatchObject({ ...nothing, changes: 0 })

  const first = records[0]
  expect(first?.key).toBe('kinds/halle-1/öl "a"')
  expect(first?.partition).toBe((murmur2(Buffer.from('kinds/halle-1/öl "a"')) & 0x7fffffff) % 12)
  expect(first?.timestamp).toBe(start / 1000)
  expect(first?.headers).toMatchObject({
    ce_id: `${streamKey(part.slice.stream)}:40`,
    ce_type: 'holdfast.aggregate',
    ce_subject: 'halle-1/öl "a"',
    'holdfast-class': 'process',
  })
  expect(Date.parse(first?.headers['ce_time'] ?? '')).toBe(start / 1000)
})

/** A sealed block of readings that came in this order over many series, each with the number that it had. */
function sealed(device: string, first: number, count: number): { slice: RawSlice; series: Map<number, LogSeries> } {
  const parts = [0, 1, 2].map((i) => doubles(rawStream(device), first + (i * count) / 3, count / 3, 7))
  const kindOf = () => 'double' as const
  const merge = createMerger({ level: 1, readingsMax: 100_000, bytesMax: 1_000_000, kindOf })
  const [merged, ...rest] = merge(
    parts.map((it) => it.slice.block),
    { stream: 1, first: 'kept' },
  )
  if (!merged || rest.length > 0) throw new Error('one block was expected')
  const [one] = parts
  const slice: RawSlice = { form: 'raw', stream: rawStream(device), from: first, to: first + count, block: merged.block }
  return { slice, series: one?.series ?? new Map() }
}

test('blocks handed out in parts, raw, sealed and aggregates, give each sequence once, and the values that belong to them', async () => {
  const device = 'parts'
  const plain = doubles(rawStream(device), 0, 300, 7)
  const kept = sealed(device, 300, 600)
  const coarse = aggregated(plain, 0, 100_000)
  const total = coarse.slice.to
  expect(total).toBeGreaterThan(20)
  const some = (part: { slice: RawSlice | typeof coarse.slice; series: Map<number, LogSeries> }, from: number, to: number) =>
    batchOf({ slice: { ...part.slice, block: part.slice.block.slice(), from, to }, series: part.series })
  await sendAll(device, [
    some(plain, 0, 1),
    some(plain, 1, 250),
    some(kept, 300, 417),
    some(kept, 417, 600),
    some(plain, 250, 300),
    some(kept, 600, 900),
    some(coarse, 0, 13),
    some(coarse, 13, total),
  ])
  const records = await recordsOf(TOPICS.telemetry, device, 900)
  expect(records.map((it) => it.value['seq'])).toEqual(Array.from({ length: 900 }, (_, i) => i))
  // Plain blocks are numbered series by series, so within each third the tags ascend, and the values are those of the sine that filled them.
  for (const [from, count] of [
    [0, 300],
    [300, 200],
    [500, 200],
    [700, 200],
  ] as const) {
    const block = records.slice(from, from + count)
    const tags = block.map((it) => String(it.value['tag']))
    expect(tags).toEqual(tags.toSorted())
    const byTime = block.toSorted((a, b) => Number(a.value['ts']) - Number(b.value['ts']))
    const values = byTime.map((it) => it.value['value_double'])
    expect(values).toEqual(Array.from({ length: count }, (_, i) => Math.round(Math.sin(i / 50) * 1e4) / 100))
  }
  const aggregates = await recordsOf(TOPICS.aggregates, device, total)
  expect(aggregates.map((it) => it.value['seq'])).toEqual(Array.from({ length: total }, (_, i) => i))
  expect(aggregates.reduce((sum, it) => sum + Number(it.value['count']), 0)).toBe(300)
})

test('a record of a part that may be there already says so, and only that', async () => {
  const device = 'marked'
  const part = aggregated(doubles(rawStream(device), 0, 100, 20), 0, 10 * SECOND)
  const maybeDuplicate = [{ stream: streamKey(part.slice.stream), from: 3, to: 5 }]
  await sendAll(device, [{ ...batchOf({ ...part, slice: { ...part.slice, from: 2, to: 9 } }), maybeDuplicate }])
  const records = await recordsOf(TOPICS.aggregates, device, 7)
  const marked = records.filter((it) => it.headers['holdfast-maybe-duplicate'] === 'true').map((it) => it.value['seq'])
  expect(marked).toEqual([3, 4])
})

test('what this box gave a time while its clock was wrong is told corrected, what the far end gave is not', async () => {
  const device = 'clockless'
  const stream = rawStream(device)
  const wrong = Date.UTC(2020, 0, 1) * 1000
  const own = Date.UTC(2024, 5, 1) * 1000
  const shiftUs = CLOCK.now() - 60 * SECOND - wrong
  const of = (from: number, time: SliceTime) => {
    const { slice, series } = sliceOf(stream, from, (builder) => {
      builder.add(builder.series({ tag: 'own', kind: 'double', class: 'process' }), own, 1)
      builder.add(builder.series({ tag: 'polled', kind: 'double', class: 'process', boxTime: true }), wrong + 5, 2)
    })
    return batchOf({ slice: { ...slice, time }, series })
  }
  await sendAll(device, [
    of(0, { quality: 'synchronised', shiftUs: 0 }),
    of(2, { quality: 'corrected', shiftUs }),
    of(4, { quality: 'relative', shiftUs: 0 }),
  ])
  const sent = Date.now()
  const records = await recordsOf(TOPICS.telemetry, device, 6)
  const field = (name: string) => records.map((it) => it.value[name])
  expect(field('ts')).toEqual([own, wrong + 5, own, wrong + 5 + shiftUs, own, wrong + 5])
  expect(field('time_quality')).toEqual(['implausible', 'implausible', 'corrected', 'corrected', 'relative', 'relative'])
  const [plain = 0, , corrected = 0] = field('ingest_ts').map(Number)
  expect(Math.abs(corrected - plain - shiftUs)).toBeLessThan(600 * SECOND)
  // The topic takes times of the last days: the corrected one has its own, all others that of sending.
  expect(records[3]?.timestamp).toBe(Math.floor((wrong + 5 + shiftUs) / 1000))
  expect(Date.parse(records[3]?.headers['ce_time'] ?? '')).toBe(Math.floor((wrong + 5 + shiftUs) / 1000))
  for (const i of [0, 1, 2, 4, 5]) expect(Math.abs((records[i]?.timestamp ?? 0) - sent)).toBeLessThan(600_000)
})

test('a missing topic for aggregates blocks their class, nothing is committed, and readings of others go on', async () => {
  const device = 'absent'
  const uplink = await openFor(broker.bootstrap, device, { topics: { ...TOPICS, aggregates: 'nowhere' } })
  const process = rawStream(device, 'process')
  const part = aggregated(doubles(process, 0, 100), 0, 10 * SECOND)
  const other = doubles(rawStream(device, 'alarm'), 0, 10)
  const failed = await uplink
    .send({ ...batchOf(other, part), series: part.series }, positionOf(1, process, 10), NEVER)
    .catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(Blocked)
  expect(failed).toMatchObject({ code: 'topic-missing', topics: ['nowhere'], classes: ['process'] })
  await uplink.send(batchOf(other), positionOf(2, other.slice.stream, 10), NEVER)
  expect(await uplink.position(NEVER)).toEqual(positionOf(2, other.slice.stream, 10))
  await uplink.close()
})

test('an aggregate over max.message.bytes is refused by itself, and verify knows', async () => {
  const device = 'large'
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const configEntries = [{ name: 'max.message.bytes', value: '20000' }]
  await createLed(admin, [{ topic: 'small', numPartitions: 2, configEntries }])
  await admin.disconnect()
  const raw = sliceOf(rawStream(device), 0, (builder) => {
    const picture = builder.series({ tag: 'picture', kind: 'bytes', class: 'process' })
    builder.addBytes(picture, 1 * SECOND, crypto.getRandomValues(new Uint8Array(30_000)))
    builder.addBytes(picture, 20 * SECOND, crypto.getRandomValues(new Uint8Array(30)))
  })
  const part = aggregated(raw, 0, 10 * SECOND)
  const uplink = await openFor(broker.bootstrap, device, { topics: { ...TOPICS, aggregates: 'small' } })
  const refusals = await uplink.send(batchOf(part), positionOf(1, part.slice.stream, 2), NEVER)
  expect(refusals).toEqual([{ stream: streamKey(part.slice.stream), sequence: 0, code: 'record-too-large' }])
  await uplink.close()
  const report = await verifyTopics({ brokers: [broker.bootstrap], device, topics: { aggregates: 'small' } })
  expect(report.streams.find((it) => it.stream.form === 'aggregate')).toMatchObject({ proven: 1, named: 1, missing: 0 })
})

test('readings, aggregates, their gap record and a checkpoint are proven together', async () => {
  const device = 'proven'
  const stream = rawStream(device)
  const delivered = doubles(stream, 0, 100)
  const given = doubles(stream, 100, 200)
  const part = aggregated(given, 0, SECOND / 10)
  const row = {
    sequence: 0,
    stream,
    from: 100,
    to: 300,
    timeFrom: 1,
    timeTo: 2,
    count: 200,
    exact: true,
    action: 'aggregated' as const,
    reason: 'full',
    at: 3,
  }
  const gaps: GapSlice = { form: 'gap', stream: { ...stream, form: 'gap' }, from: 0, to: 1, rows: [row] }
  const whole = (it: { from: number; to: number }) => [{ from: it.from, to: it.to }]
  const position = {
    transaction: 1,
    delivered: new Map([
      [streamKey(stream), [{ from: 0, to: 100 }]],
      [streamKey(part.slice.stream), whole(part.slice)],
      [streamKey(gaps.stream), whole(gaps)],
    ]),
  }
  const streams = {
    [streamKey(stream)]: { next: 300, lost: 200 },
    [streamKey(part.slice.stream)]: { next: part.slice.to, lost: 0 },
    [streamKey(gaps.stream)]: { next: 1, lost: 0 },
  }
  const uplink = await openFor(broker.bootstrap, device)
  const checkpoint = { reason: 'drained' as const, streams }
  await uplink.send({ ...batchOf(delivered, part), slices: [delivered.slice, part.slice, gaps], checkpoint }, position, NEVER)
  await uplink.close()
  const report = await verifyTopics({ brokers: [broker.bootstrap], device })
  expect(report).toMatchObject({ ok: true, totals: { waiting: 0, missing: 0, doubled: 0, named: 200 } })
  expect(report.streams.map((it) => [it.stream.form, it.proven])).toEqual(
    expect.arrayContaining([
      ['raw', 100],
      ['aggregate', part.slice.to],
      ['gap', 1],
    ]),
  )
})
