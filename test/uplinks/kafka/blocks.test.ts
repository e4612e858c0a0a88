// `records: blocks` into a real Kafka, read back by the library's own consumer and decoded by a program written from the pages alone.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { murmur2 } from '../../../src/clients/kafka/partition.ts'
import type { BatchBuilder } from '../../../src/core/batch.ts'
import type { UplinkBatch } from '../../../src/core/uplink.ts'
import { streamKey } from '../../../src/core/stream.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import type { KafkaSettings } from '../../../src/uplinks/kafka/settings.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../../kafka/broker.ts'
import type { RawRecord } from './cluster.ts'
import { NEVER, ofDevice, readRaw, readTopic, settingsOf, settled } from './cluster.ts'
import { batchOf, CLOCK, contextOf, doubles, positionOf, rawStream, sliceOf } from './slices.ts'

const PYTHON = fileURLToPath(new URL('../../../.cache/venv/bin/python', import.meta.url))
const READER = fileURLToPath(new URL('blocks_reader.py', import.meta.url))

let broker: Broker
const dir = mkdtempSync(join(tmpdir(), 'holdfast-blocks-'))
beforeAll(async () => {
  broker = await startBroker({ portFrom: 26_100 })
  await createTopics(broker.bootstrap, 6)
  await settled(broker.bootstrap)
})
afterAll(async () => {
  await broker?.down()
  rmSync(dir, { recursive: true, force: true })
})

/** One transaction for each batch. */
async function send(
  device: string,
  records: 'readings' | 'blocks',
  batches: readonly UplinkBatch[],
  more: Partial<KafkaSettings> = {},
): Promise<unknown[]> {
  const uplink = await kafka.open(settingsOf(broker.bootstrap, more), { ...contextOf(device, records), records })
  const refusals = []
  try {
    for (const [n, batch] of batches.entries())
      refusals.push(...(await uplink.send(batch, positionOf(n + 1, rawStream(device), 1), NEVER)))
  } finally {
    await uplink.close()
  }
  return refusals
}

/** Until there are so many readings in them. */
async function blocksOf(device: string, readings: number, topic: string = TOPICS.blocks): Promise<RawRecord[]> {
  const mine = (it: RawRecord) => String(it.key).startsWith(`${device}/`)
  const readingsIn = ({ headers }: RawRecord) => {
    const [from = 0, to = 0] = (headers['ce_id'] ?? '').split(':').at(-1)?.split('-').map(Number) ?? []
    return to - from + 1
  }
  const enough = (all: RawRecord[]) => all.filter(mine).reduce((sum, it) => sum + readingsIn(it), 0) >= readings
  return (await readRaw(broker.bootstrap, topic, enough)).filter(mine)
}

function decodedByPython(records: readonly RawRecord[]): Record<string, unknown>[] {
  const file = join(dir, 'values')
  const framed = records.flatMap(({ value }) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(value.length)
    return [length, value]
  })
  writeFileSync(file, Buffer.concat(framed))
  const text = execFileSync(PYTHON, [READER, file], { encoding: 'utf8', maxBuffer: 64_000_000 })
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

const bySequence = (list: readonly Record<string, unknown>[]) =>
  list.toSorted((a, b) => Number(a['seq']) - Number(b['seq']) || String(a['tag']).localeCompare(String(b['tag'])))

function everyKind(builder: BatchBuilder): void {
  const time = CLOCK.now() - 5_000_000
  const of = (tag: string, kind: 'double' | 'long' | 'bool' | 'string' | 'bytes', unit?: string, boxTime?: true) =>
    builder.series({ tag, kind, class: 'process', ...(unit ? { unit } : {}), ...(boxTime ? { boxTime } : {}) })
  const double = of('halle-1/öl "a"/temperatur', 'double', '°C')
  for (const it of [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e300, 0.1]) builder.add(double, time, it)
  const long = of('long', 'long', undefined, true)
  for (const it of [5n, -7n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n]) builder.addLong(long, time + 1, it)
  const bool = of('bool', 'bool')
  builder.add(bool, time, 1, 1, 0x40000000)
  builder.add(bool, time + 2, 0)
  builder.addString(of('string', 'string'), time, 'grün "x"\n\u0001 日本 🚰')
  builder.addBytes(of('bytes', 'bytes'), time, Uint8Array.of(0, 255, 10))
  builder.addNone(double, time + 3, 2, 0x80000000)
}

test('blocks hold what records of readings would say, exactly: merged, cut at both ends, with another clock, marked', async () => {
  const device = 'packed'
  const stream = rawStream(device)
  const first = sliceOf(stream, 0, everyKind)
  const count = first.slice.to
  const second = { ...sliceOf(stream, count, everyKind), series: first.series }
  const third = { ...sliceOf(stream, 2 * count, everyKind), series: first.series }
  const time = { quality: 'corrected' as const, shiftUs: -3_600_000_000 }
  // Of the second only its middle, of the third only its beginning: what comes between was another transaction's.
  const cut = { ...second.slice, from: count + 3, to: 2 * count - 2 }
  const batch = {
    slices: [cut, { ...third.slice, to: 2 * count + 9, time }, first.slice],
    series: first.series,
    maybeDuplicate: [{ stream: streamKey(stream), from: 4, to: 9 }],
  }
  expect(await send(device, 'readings', [batch])).toEqual([])
  expect(await send(device, 'blocks', [batch])).toEqual([])
  const all = count + (count - 5) + 9
  const readings = ofDevice(
    await readTopic(broker.bootstrap, TOPICS.telemetry, (it) => ofDevice(it, device).length === all),
    device,
  )
  const blocks = await blocksOf(device, all)
  const ids = blocks.map((it) => it.headers['ce_id'])
  const range = (from: number, to: number) => `${streamKey(stream)}:${from}-${to}`
  expect(ids.sort()).toEqual(
    [range(0, 3), range(4, 8), range(9, count - 1), range(count + 3, 2 * count - 3), range(2 * count, 2 * count + 8)].sort(),
  )
  const marked = blocks.filter((it) => it.headers['holdfast-maybe-duplicate'] === 'true')
  expect(marked.map((it) => it.headers['ce_id'])).toEqual([range(4, 8)])
  const partition = (murmur2(Buffer.from(`${device}/process`)) & 0x7fffffff) % 6
  for (const it of blocks) {
    expect(it).toMatchObject({ key: `${device}/process`, partition })
    expect(it.headers).toMatchObject({ ce_type: 'holdfast.block', ce_subject: 'process', 'holdfast-class': 'process' })
  }
  expect(bySequence(decodedByPython(blocks))).toEqual(bySequence(readings.map((it) => it.value)))
})

test('small blocks of a transaction that follow one another become one, unless their clock was another one', async () => {
  const device = 'small'
  const stream = rawStream(device)
  const parts = Array.from({ length: 20 }, (_, i) => {
    const { slice, series } = doubles(stream, i * 50, 50, 5)
    const time = { quality: 'corrected' as const, shiftUs: i < 15 ? 1 : 2 }
    return { slice: i < 10 ? slice : { ...slice, time }, series }
  })
  expect(await send(device, 'blocks', [batchOf(...parts)], { headers: 'id' })).toEqual([])
  const blocks = await blocksOf(device, 1_000)
  const ids = ['0-499', '500-749', '750-999'].map((it) => ({ ce_id: `${streamKey(stream)}:${it}` }))
  expect(blocks.map((it) => it.headers)).toEqual(ids)
  const decoded = bySequence(decodedByPython(blocks))
  expect(decoded.map((it) => it['seq'])).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
})

test('a block that the topic does not take is halved until it does; a reading too large by itself is refused', async () => {
  const device = 'large'
  const stream = rawStream(device)
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const configEntries = [{ name: 'max.message.bytes', value: '20000' }]
  await createLed(admin, [{ topic: 'small', numPartitions: 1, configEntries }])
  await admin.disconnect()
  const part = sliceOf(stream, 0, (builder) => {
    const noise = builder.series({ tag: 'noise', kind: 'double', class: 'process' })
    for (let i = 0; i < 10_000; i++) builder.add(noise, CLOCK.now(), Math.random())
    const picture = builder.series({ tag: 'picture', kind: 'bytes', class: 'process' })
    builder.addBytes(picture, CLOCK.now(), crypto.getRandomValues(new Uint8Array(30_000)))
    for (let i = 0; i < 100; i++) builder.add(noise, CLOCK.now(), Math.random())
  })
  const refusals = await send(device, 'blocks', [batchOf(part)], { topics: { ...TOPICS, blocks: 'small' } })
  expect(refusals).toEqual([{ stream: streamKey(stream), sequence: 10_100, code: 'record-too-large' }])
  const blocks = await blocksOf(device, 10_100, 'small')
  const decoded = bySequence(decodedByPython(blocks))
  expect(decoded.map((it) => it['seq'])).toEqual(Array.from({ length: 10_100 }, (_, i) => i))
})

test('`uplinks test` looks at the topic of blocks, not at those of readings', async () => {
  const topics = { ...TOPICS, telemetry: 'nowhere', aggregates: 'nowhere' }
  const steps = []
  const context = { ...contextOf('tested'), records: 'blocks' as const }
  for await (const it of kafka.test(settingsOf(broker.bootstrap, { topics }), context, NEVER)) steps.push(it)
  expect(steps.filter((it) => !it.ok)).toEqual([])
  expect(steps.map((it) => it.step)).toContain(`topic ${TOPICS.blocks}`)
})
