// The route of readings into a real Kafka, read back by the library's own consumer.
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { murmur2 } from '../../../src/clients/kafka/partition.ts'
import { Blocked } from '../../../src/core/errors.ts'
import { withInterval } from '../../../src/core/intervals.ts'
import type { GapSlice } from '../../../src/core/log.ts'
import type { Position } from '../../../src/core/position.ts'
import { streamKey } from '../../../src/core/stream.ts'
import type { UplinkBatch } from '../../../src/core/uplink.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import { uplinkHost } from '../../../src/workers/uplink-host.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../../kafka/broker.ts'
import { NEVER, ofDevice, openFor, PROTOCOLS, readTopic, settled, settingsOf } from './cluster.ts'
import { batchOf, CLOCK, contextOf, doubles, positionOf, rawStream, sliceOf } from './slices.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

describe.each(PROTOCOLS)('$name', ({ client, features }) => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker({ portFrom: 24_100, features })
    await createTopics(broker.bootstrap, 12)
    await settled(broker.bootstrap, client)
  })
  afterAll(() => broker?.down())

  test('every kind of value arrives exactly, with key, headers and partition', async () => {
    const device = 'kinds'
    const stream = rawStream(device)
    const time = CLOCK.now() - 5_000_000
    const part = sliceOf(stream, 0, (builder) => {
      const of = (tag: string, kind: 'double' | 'long' | 'bool' | 'string' | 'bytes', unit?: string) =>
        builder.series({ tag, kind, class: 'process', ...(unit ? { unit } : {}) })
      const double = of('halle-1/öl "a"/temperatur', 'double', '°C')
      for (const it of [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300])
        builder.add(double, time, it)
      const long = of('long', 'long')
      for (const it of [5n, -7n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n]) builder.addLong(long, time, it)
      const bool = of('bool', 'bool')
      builder.add(bool, time, 1, 1, 0x40000000)
      builder.add(bool, time, 0)
      builder.addString(of('string', 'string'), time, 'grün "x"\n\u0001 日本 🚰')
      builder.addBytes(of('bytes', 'bytes'), time, Uint8Array.of(0, 255, 10))
      builder.addNone(double, time, 2, 0x80000000)
    })
    const count = part.slice.to
    const uplink = await openFor(broker.bootstrap, device, { client })
    expect(await uplink.position(NEVER)).toBe('none')
    expect(await uplink.send(batchOf(part), positionOf(1, stream, count), NEVER)).toEqual([])
    expect(await uplink.position(NEVER)).toEqual(positionOf(1, stream, count))
    await uplink.close()

    const records = ofDevice(
      await readTopic(broker.bootstrap, TOPICS.telemetry, (it) => ofDevice(it, device).length === count),
      device,
    )
    const bySequence = new Map(records.map((it) => [it.value['seq'], it]))
    const values = (field: string) =>
      [...bySequence.entries()]
        .filter(([, it]) => field in it.value)
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, it]) => it.value[field])
    expect(values('value_double')).toEqual([1.5, -0, 'NaN', 'Infinity', '-Infinity', 1e300, null])
    expect(values('value_long')).toEqual([5, -7, 2 ** 53 - 1, '9007199254740992', '-9223372036854775808', '9223372036854775807'])
    expect(values('value_bool')).toEqual([true, false])
    expect(values('value_string')).toEqual(['grün "x"\n\u0001 日本 🚰'])
    expect(values('value_bytes')).toEqual(['AP8K'])
    const uncertain = records.find((it) => it.value['quality'] === 'uncertain')
    expect(uncertain?.value).toMatchObject({ status_code: 0x40000000, value_bool: true })
    const first = bySequence.get(0)
    expect(first?.key).toBe('kinds/halle-1/öl "a"/temperatur')
    expect(first?.partition).toBe((murmur2(Buffer.from('kinds/halle-1/öl "a"/temperatur')) & 0x7fffffff) % 12)
    expect(first?.timestamp).toBe(Math.floor(time / 1000))
    expect(first?.value).toMatchObject({
      ts: time,
      site: 'plant-1',
      unit: '°C',
      quality: 'good',
      class: 'process',
      time_quality: 'source',
    })
    expect(first?.headers).toMatchObject({
      ce_id: `${streamKey(stream)}:0`,
      ce_specversion: '1.0',
      ce_type: 'holdfast.reading',
      ce_subject: 'halle-1/öl "a"/temperatur',
      'content-type': 'application/json',
      'holdfast-class': 'process',
      'holdfast-replayed': 'false',
    })
    expect(Date.parse(first?.headers['ce_time'] ?? '')).toBe(Math.floor(time / 1000))
  })

  const isFirst = client === 'direct' && features.length === 0
  test.each(['by itself', ...(isFirst ? ['through its thread'] : [])])(
    '%s: what was prepared goes with the transaction that has it, and never where it is not in it',
    async (way) => {
      const device = `ahead-${way.replaceAll(' ', '-')}`
      const stream = rawStream(device)
      const key = streamKey(stream)
      const settings = settingsOf(broker.bootstrap, { client })
      const thread = { name: 'cloud', kind: 'kafka', settings, device, site: 'plant-1', records: 'readings' as const }
      const host = uplinkHost(thread, SILENT)
      const uplink = way === 'by itself' ? await openFor(broker.bootstrap, device, { client }) : await host.open(NEVER, undefined)
      await uplink.position(NEVER)
      let delivered: Position['delivered'] = new Map()
      let transaction = 0
      const send = (batch: UplinkBatch) => {
        const all = batch.slices.reduce((sum, it) => withInterval(sum, it.from, it.to), delivered.get(key) ?? [])
        delivered = new Map([[key, all]])
        return uplink.send(batch, { transaction: ++transaction, delivered }, NEVER)
      }
      const part = (from: number, count: number) => batchOf(doubles(stream, from, count))
      // Topics are known from then on.
      await send(part(0, 10))
      const [first, other, second, newest] = [part(1_000, 1_500), part(100, 10), part(4_000, 1_500), part(200, 10)]
      const preparing = uplink.prepare?.(first)
      await send(other)
      await preparing
      const sending = send(first)
      // While a transaction is under way, as it is in life.
      void uplink.prepare?.(second)
      await sending
      await send({ ...second, slices: [...newest.slices, ...second.slices] })
      const marked = part(300, 10)
      await uplink.prepare?.(marked)
      await send({ ...marked, maybeDuplicate: [{ stream: key, from: 300, to: 310 }] })
      await uplink.close()
      await host.close()
      const count = 40 + 3_000
      const records = ofDevice(
        await readTopic(broker.bootstrap, TOPICS.telemetry, (it) => ofDevice(it, device).length >= count),
        device,
      )
      const sequences = records.map((it) => Number(it.value['seq'])).sort((a, b) => a - b)
      const expected = (delivered.get(key) ?? []).flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))
      expect(sequences).toEqual(expected)
      const suspects = records.filter((it) => it.headers['holdfast-maybe-duplicate']).map((it) => Number(it.value['seq']))
      expect(suspects.sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => 300 + i))
    },
  )

  test('headers: id keeps ce_id alone; what may be there twice says so', async () => {
    const device = 'short'
    const stream = rawStream(device)
    const part = doubles(stream, 0, 40, 4)
    const uplink = await openFor(broker.bootstrap, device, { client, headers: 'id' })
    const maybeDuplicate = [{ stream: streamKey(stream), from: 10, to: 20 }]
    await uplink.send({ ...batchOf(part), maybeDuplicate }, positionOf(1, stream, 40), NEVER)
    await uplink.close()
    const records = ofDevice(
      await readTopic(broker.bootstrap, TOPICS.telemetry, (it) => ofDevice(it, device).length === 40),
      device,
    )
    const marked = records.filter((it) => it.headers['holdfast-maybe-duplicate']).map((it) => Number(it.value['seq']))
    expect(marked.sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i + 10))
    expect(Object.keys(records.find((it) => it.value['seq'] === 0)?.headers ?? {})).toEqual(['ce_id'])
  })

  test('times of 1970, 2014 and 2099 are in `ts`, and the records carry a time that the topic keeps', async () => {
    const device = 'times'
    const stream = rawStream(device)
    const times = [0, 86_400_000_000, Date.UTC(2014, 5, 1) * 1000, Date.UTC(2099, 0, 1) * 1000]
    const part = sliceOf(stream, 0, (builder) => {
      const series = builder.series({ tag: 'old', kind: 'double', class: 'process' })
      for (const it of times) builder.add(series, it, 1)
    })
    const before = Date.now()
    const uplink = await openFor(broker.bootstrap, device, { client })
    expect(await uplink.send(batchOf(part), positionOf(1, stream, times.length), NEVER)).toEqual([])
    await uplink.close()
    const records = ofDevice(
      await readTopic(broker.bootstrap, TOPICS.telemetry, (it) => ofDevice(it, device).length === 4),
      device,
    )
    expect(records.map((it) => it.value['ts'])).toEqual(times)
    for (const it of records) {
      expect(it.timestamp).toBeGreaterThanOrEqual(before)
      expect(it.value['time_quality']).toBe('implausible')
    }
  })

  test('gap records and a checkpoint travel with the readings', async () => {
    const device = 'gaps'
    const stream = rawStream(device)
    const gaps: GapSlice = {
      form: 'gap',
      stream: { ...stream, form: 'gap' },
      from: 0,
      to: 1,
      rows: [
        {
          sequence: 0,
          stream,
          from: 100,
          to: 150,
          timeFrom: 1,
          timeTo: 2,
          count: 50,
          exact: true,
          action: 'dropped',
          reason: 'log-full',
          at: 3,
        },
      ],
    }
    const part = doubles(stream, 0, 100)
    const delivered = new Map([
      [streamKey(stream), [{ from: 0, to: 100 }]],
      [streamKey(gaps.stream), [{ from: 0, to: 1 }]],
    ])
    const streams = { [streamKey(stream)]: { next: 180, lost: 50 }, [streamKey(gaps.stream)]: { next: 1, lost: 0 } }
    const batch = { ...batchOf(part), slices: [part.slice, gaps], checkpoint: { reason: 'drained' as const, streams } }
    const uplink = await openFor(broker.bootstrap, device, { client })
    await uplink.send(batch, { transaction: 7, delivered }, NEVER)
    // The record and the transaction's own end; the latter is written shortly after the commit is answered.
    await expect.poll(async () => (await uplink.endOffsets(NEVER))[`${TOPICS.gaps}/0`], { timeout: 10_000 }).toBe('2')
    await uplink.close()
    const [gap] = await readTopic(broker.bootstrap, TOPICS.gaps, (it) => it.length > 0)
    expect(gap?.value).toMatchObject({
      seq_from: 100,
      seq_to: 149,
      count: 50,
      exact: true,
      action: 'dropped',
      reason: 'log-full',
      seq: 0,
    })
    const report = await verifyTopics({ brokers: [broker.bootstrap], device })
    expect(report).toMatchObject({ ok: true, checkpoints: 1, absent: [] })
    const raw = report.streams.find((it) => it.stream.form === 'raw')
    expect(raw).toMatchObject({ records: 100, proven: 100, named: 50, waiting: 30, missing: 0, doubled: 0 })
  })

  test('a record over max.message.bytes is refused by itself, the others are delivered, and verify knows', async () => {
    const device = 'large'
    const stream = rawStream(device)
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    await createLed(admin, [{ topic: 'small', numPartitions: 2, configEntries: [{ name: 'max.message.bytes', value: '20000' }] }])
    await admin.disconnect()
    const random = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 2654435761) >>> 13))
    const part = sliceOf(stream, 0, (builder) => {
      const text = builder.series({ tag: 'picture', kind: 'bytes', class: 'process' })
      const number = builder.series({ tag: 'number', kind: 'double', class: 'process' })
      builder.addBytes(text, CLOCK.now(), crypto.getRandomValues(new Uint8Array(30_000)))
      builder.addBytes(text, CLOCK.now(), random.subarray(0, 100))
      for (let i = 0; i < 3_000; i++) builder.add(number, CLOCK.now(), Math.random())
    })
    const topics = { ...TOPICS, telemetry: 'small' }
    const uplink = await openFor(broker.bootstrap, device, { client, topics })
    const refusals = await uplink.send(batchOf(part), positionOf(1, stream, part.slice.to), NEVER)
    expect(refusals).toEqual([{ stream: streamKey(stream), sequence: 0, code: 'record-too-large' }])
    await uplink.close()
    const report = await verifyTopics({ brokers: [broker.bootstrap], device, topics: { telemetry: 'small' } })
    expect(report.ok).toBe(true)
    expect(report.streams[0]).toMatchObject({ proven: part.slice.to - 1, named: 1, missing: 0 })
  })

  test('a topic that suddenly takes smaller batches and younger records gets them so', async () => {
    const device = 'stricter'
    const stream = rawStream(device)
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    await createLed(admin, [{ topic: 'stricter', numPartitions: 1 }])
    const uplink = await openFor(broker.bootstrap, device, { client, topics: { ...TOPICS, telemetry: 'stricter' } })
    await uplink.send(batchOf(doubles(stream, 0, 10)), positionOf(1, stream, 10), NEVER)
    const configEntries = [
      { name: 'max.message.bytes', value: '4000' },
      { name: 'message.timestamp.before.max.ms', value: '60000' },
    ]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: 'stricter', configEntries }],
    })
    await admin.disconnect()
    const part = sliceOf(stream, 10, (builder) => {
      const series = builder.series({ tag: 'noise', kind: 'double', class: 'process' })
      for (let i = 0; i < 500; i++) builder.add(series, CLOCK.now() - 7_200_000_000, Math.random())
    })
    expect(await uplink.send(batchOf(part), positionOf(2, stream, 510), NEVER)).toEqual([])
    await uplink.close()
    const report = await verifyTopics({ brokers: [broker.bootstrap], device, topics: { telemetry: 'stricter' } })
    expect(report.totals).toMatchObject({ records: 510, proven: 510, doubled: 0, missing: 0 })
  })

  test('a missing topic blocks its classes, nothing is committed, and other classes go on', async () => {
    const device = 'absent'
    const uplink = await openFor(broker.bootstrap, device, { client, topics: { ...TOPICS, telemetry: 'by-class.{class}' } })
    const admin = adminOf(broker.bootstrap)
    await admin.connect()
    await createLed(admin, [{ topic: 'by-class.there', numPartitions: 1 }])
    await admin.disconnect()
    const [there, away] = [rawStream(device, 'there'), rawStream(device, 'away')]
    const both = batchOf(doubles(there, 0, 10), doubles(away, 0, 10))
    const failed = await uplink.send(both, positionOf(1, there, 10), NEVER).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(Blocked)
    expect(failed).toMatchObject({ code: 'topic-missing', topics: ['by-class.away'], classes: ['away'] })
    await uplink.send(batchOf(doubles(there, 0, 10)), positionOf(2, there, 10), NEVER)
    expect(await uplink.position(NEVER)).toEqual(positionOf(2, there, 10))
    await uplink.close()
    const report = await verifyTopics({
      brokers: [broker.bootstrap],
      device,
      topics: { telemetry: ['by-class.there', 'by-class.away'] },
    })
    expect(report).toMatchObject({ ok: true, absent: ['by-class.away'] })
    expect(report.totals.records).toBe(10)
  })

  test('`uplinks test` tells each step', async () => {
    const steps = []
    for await (const it of kafka.test(settingsOf(broker.bootstrap, { client }), contextOf('tested'), NEVER)) steps.push(it)
    expect(steps.filter((it) => !it.ok)).toEqual([])
    expect(steps.map((it) => it.step)).toEqual(
      expect.arrayContaining(['sign in', 'transactions', 'position', `topic ${TOPICS.events}`]),
    )

    const wrong = []
    const topics = { ...TOPICS, gaps: 'nowhere' }
    for await (const it of kafka.test(settingsOf(broker.bootstrap, { client, topics }), contextOf('tested'), NEVER))
      wrong.push(it)
    expect(wrong.at(-1)).toMatchObject({ step: 'topic nowhere', ok: false, remedy: 'create the topic' })
  })
})
