// `verify` finds what is wrong, on records that a plain producer wrote: holes, doubles, aborted tails, checkpoints that say otherwise.
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { registerZstd } from '../../../src/clients/kafka/zstd.ts'
import { streamKey } from '../../../src/core/stream.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../../kafka/broker.ts'
import { settled } from './cluster.ts'
import { rawStream } from './slices.ts'

let broker: Broker
let client: kafkajs.Kafka
let producer: kafkajs.Producer
beforeAll(async () => {
  registerZstd()
  broker = await startBroker({ portFrom: 24_700 })
  await createTopics(broker.bootstrap, 4)
  await settled(broker.bootstrap)
  client = new kafkajs.Kafka({
    brokers: [broker.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 20 },
  })
  producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
})
afterAll(async () => {
  await producer?.disconnect()
  await broker?.down()
})

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

function messages(device: string, sequences: readonly number[], headers: Record<string, string> = {}): kafkajs.Message[] {
  return sequences.map((it) => ({
    key: `${device}/tag-${it % 7}`,
    value: '{}',
    headers: { ce_id: `${streamKey(rawStream(device))}:${it}`, ...headers },
  }))
}

async function write(topic: string, list: kafkajs.Message[], compression = kafkajs.CompressionTypes.ZSTD): Promise<void> {
  await producer.send({ topic, messages: list, compression })
}

function checkpoint(
  device: string,
  transaction: number,
  delivered: [number, number][],
  next: number,
  more: { epoch?: string; [field: string]: unknown } = {},
): kafkajs.Message {
  const { epoch, ...fields } = more
  const streams = { [streamKey(rawStream(device, 'process', epoch))]: { delivered, next } }
  return {
    key: `${device}/checkpoint`,
    value: JSON.stringify({ type: 'checkpoint', device, uplink: 'cloud', transaction, streams, ...fields }),
    headers: { ce_id: `${device}:cloud:checkpoint:${transaction}` },
  }
}

/** Of `class` process of a device. */
const form = (device: string, of: 'aggregate' | 'gap') => ({ ...rawStream(device), form: of })

function gap(device: string, sequence: number, from: number, to: number, fields: object = {}): kafkajs.Message {
  const { epoch } = rawStream(device)
  const row = { device, class: 'process', form: 'raw', epoch, seq_from: from, seq_to: to - 1, count: to - from, exact: true }
  return {
    key: `${device}/process`,
    value: JSON.stringify({ ...row, action: 'aggregated', reason: 'full', seq: sequence, ...fields }),
    headers: { ce_id: `${streamKey(form(device, 'gap'))}:${sequence}` },
  }
}

function aggregate(device: string, sequence: number, from: number, to: number, count = to - from): kafkajs.Message {
  return {
    key: `${device}/tag`,
    value: JSON.stringify({ seq: sequence, seq_from: from, seq_to: to - 1, count }),
    headers: { ce_id: `${streamKey(form(device, 'aggregate'))}:${sequence}` },
  }
}

/** All of it delivered: so many readings, aggregates and gap records. */
function drained(device: string, raw: number, aggregates: number, gaps: number, ofRaw: object = {}): kafkajs.Message {
  const all = (next: number) => ({ delivered: next > 0 ? [[0, next]] : [], next })
  const streams = {
    [streamKey(rawStream(device))]: { ...all(raw), ...ofRaw },
    [streamKey(form(device, 'aggregate'))]: all(aggregates),
    [streamKey(form(device, 'gap'))]: all(gaps),
  }
  return {
    key: `${device}/checkpoint`,
    value: JSON.stringify({ type: 'checkpoint', device, uplink: 'cloud', transaction: 1, streams }),
    headers: { ce_id: `${device}:cloud:checkpoint:1` },
  }
}

async function contradictions(device: string): Promise<readonly string[]> {
  const report = await verifyTopics({ brokers: [broker.bootstrap], device })
  const found = report.streams.flatMap((it) => it.contradictions)
  expect(report.ok).toBe(found.length === 0 && report.totals.missing === 0 && report.totals.doubled === 0)
  return found
}

const proof = async (device: string) => (await verifyTopics({ brokers: [broker.bootstrap], device })).streams[0]

test('a hole and a double are found, and a marked double is counted apart', async () => {
  await write(TOPICS.telemetry, messages('faulty', [...range(0, 50), ...range(53, 100), 70, 71]))
  await write(
    TOPICS.telemetry,
    messages('faulty', [10, 11, 12], { 'holdfast-maybe-duplicate': 'true' }),
    kafkajs.CompressionTypes.None,
  )
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'faulty' })
  expect(report.ok).toBe(false)
  expect(report.streams[0]).toMatchObject({ records: 102, proven: 97, missing: 3, doubled: 2, maybeDuplicate: 3 })
  expect(report.streams[0]?.holes).toEqual([{ from: 50, to: 53 }])
})

test('with a checkpoint, what it does not have is waiting; what it has and is not there is missing', async () => {
  await write(TOPICS.telemetry, messages('checked', [...range(0, 40), ...range(80, 100)]))
  await write(TOPICS.events, [
    checkpoint(
      'checked',
      1,
      [
        [0, 40],
        [80, 100],
      ],
      120,
    ),
  ])
  expect(await proof('checked')).toMatchObject({ proven: 60, waiting: 60, missing: 0, contradictions: [] })
  await write(TOPICS.events, [
    checkpoint(
      'checked',
      2,
      [
        [0, 45],
        [80, 100],
      ],
      120,
    ),
  ])
  expect(await proof('checked')).toMatchObject({ waiting: 55, missing: 5 })
})

test('checkpoints that take something back, or come in the wrong order, are contradictions', async () => {
  await write(TOPICS.telemetry, messages('liar', range(0, 30)))
  await write(TOPICS.events, [
    checkpoint('liar', 5, [[0, 30]], 30),
    checkpoint('liar', 6, [[0, 20]], 30),
    checkpoint('liar', 6, [[0, 30]], 30),
  ])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'liar' })
  expect(report.ok).toBe(false)
  expect(report.streams[0]?.contradictions).toHaveLength(2)
})

test('aborted transactions are not seen, at the tail neither, and end nowhere in waiting', async () => {
  const mine = client.producer({
    transactionalId: 'tails',
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await mine.connect()
  for (let round = 0; round < 6; round++) {
    const transaction = await mine.transaction()
    await transaction.send({
      topic: TOPICS.telemetry,
      messages: messages('tails', range(round * 100, round * 100 + 100)),
      compression: kafkajs.CompressionTypes.ZSTD,
    })
    // Rounds 1, 3 and 5 come to nothing, the last one at the very end of the partitions.
    if (round % 2 === 0) await transaction.commit()
    else await transaction.abort()
  }
  await mine.disconnect()
  const progress: number[] = []
  const report = await verifyTopics({
    brokers: [broker.bootstrap],
    device: 'tails',
    onProgress: (it) => progress.push(it.records / (it.of ?? 1)),
  })
  expect(report.streams[0]).toMatchObject({ records: 300, proven: 300, missing: 200, doubled: 0 })
  expect(report.streams[0]?.holes).toEqual([
    { from: 100, to: 200 },
    { from: 300, to: 400 },
  ])
  expect(progress.at(-1)).toBe(1)
})

test('aggregates stand for what gap records name as aggregated: too few once drained, or too many at any time, contradict', async () => {
  const device = 'reduced'
  await write(TOPICS.gaps, [gap(device, 0, 0, 100), gap(device, 1, 200, 260, { count: 50, exact: false })])
  await write(TOPICS.aggregates, [aggregate(device, 0, 0, 60), aggregate(device, 1, 60, 90), aggregate(device, 2, 200, 260, 50)])
  // Nobody says yet that all of it is there.
  expect(await contradictions(device)).toEqual([])
  await write(TOPICS.events, [drained(device, 260, 3, 2)])
  const text = (found: number) =>
    `gap records name 100 readings of 0 to 99 as aggregated, the aggregates there stand for ${found}`
  expect(await contradictions(device)).toEqual([text(90)])
  await write(TOPICS.aggregates, [aggregate(device, 3, 40, 100, 10)])
  expect(await contradictions(device)).toEqual([])
  // The same once more, marked: it counts once.
  const again = aggregate(device, 3, 40, 100, 10)
  await write(TOPICS.aggregates, [{ ...again, headers: { ...again.headers, 'holdfast-maybe-duplicate': 'true' } }])
  expect(await contradictions(device)).toEqual([])
  await write(TOPICS.aggregates, [aggregate(device, 4, 10, 12)])
  expect(await contradictions(device)).toEqual([text(102)])
})

test('aggregates that were given up, or gave way to coarser ones', async () => {
  const device = 'coarser'
  const coarse = (sequence: number, from: number, to: number, action: string) =>
    gap(device, sequence, from, to, { form: 'aggregate', action })
  await write(TOPICS.gaps, [gap(device, 0, 0, 100), coarse(1, 0, 2, 'aggregated')])
  await write(TOPICS.aggregates, [aggregate(device, 2, 0, 100)])
  await write(TOPICS.events, [drained(device, 100, 3, 2)])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device })
  expect(report).toMatchObject({ ok: true, totals: { proven: 3, named: 102, missing: 0 } })

  const other = 'given-up'
  const dropped = gap(other, 1, 0, 1, { form: 'aggregate', action: 'dropped' })
  await write(TOPICS.gaps, [gap(other, 0, 0, 100), dropped])
  await write(TOPICS.aggregates, [aggregate(other, 1, 50, 100)])
  await write(TOPICS.events, [drained(other, 100, 2, 2)])
  expect(await contradictions(other)).toEqual([])
  await write(TOPICS.aggregates, [aggregate(other, 2, 0, 60)])
  expect(await contradictions(other)).toHaveLength(1)
})

test('an aggregate of readings that nobody names as aggregated, and lines that aggregates share', async () => {
  const device = 'strange'
  await write(TOPICS.gaps, [gap(device, 0, 0, 50), gap(device, 1, 50, 100), gap(device, 2, 300, 310, { action: 'dropped' })])
  await write(TOPICS.aggregates, [aggregate(device, 0, 0, 80), aggregate(device, 1, 80, 100), aggregate(device, 2, 300, 310)])
  expect(await contradictions(device)).toEqual([])
  await write(TOPICS.events, [drained(device, 310, 3, 3)])
  const found = (await verifyTopics({ brokers: [broker.bootstrap], device })).streams.find((it) => it.stream.form === 'raw')
  expect(found?.contradictions).toEqual(['aggregate 2 stands for readings of 300 to 309, which no gap record names so'])
})

test('a span of merged lines: what is there of it is no error, what is not is named', async () => {
  const device = 'merged'
  await write(TOPICS.telemetry, messages(device, [...range(0, 10), ...range(15, 20), ...range(30, 40)]))
  await write(TOPICS.gaps, [gap(device, 0, 10, 30, { count: 15, exact: false, action: 'dropped' })])
  await write(TOPICS.events, [drained(device, 40, 0, 1)])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device })
  expect(report.ok).toBe(true)
  expect(report.streams.find((it) => it.stream.form === 'raw')).toMatchObject({ proven: 25, named: 15, missing: 0, doubled: 0 })
})

test('a line that many have become: its record goes with their places; with one of them beside it, what both name counts once', async () => {
  const device = 'become-one'
  const as = (claims: string, it: kafkajs.Message) => ({
    ...it,
    headers: { ce_id: `${streamKey(form(device, 'gap'))}:${claims}` },
  })
  await write(TOPICS.gaps, [as('0-4', gap(device, 4, 0, 100)), as('5-6', gap(device, 6, 100, 160))])
  await write(TOPICS.aggregates, [aggregate(device, 0, 0, 60), aggregate(device, 1, 60, 160)])
  await write(TOPICS.events, [drained(device, 160, 2, 7)])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device })
  expect(report).toMatchObject({ ok: true, totals: { proven: 9, named: 160, missing: 0, doubled: 0, waiting: 0 } })
  const other = 'forgot'
  await write(TOPICS.gaps, [gap(other, 0, 0, 50), gap(other, 1, 0, 100)])
  await write(TOPICS.aggregates, [aggregate(other, 0, 0, 50), aggregate(other, 1, 50, 100)])
  await write(TOPICS.events, [drained(other, 100, 2, 2, { lost: 100 })])
  expect(await contradictions(other)).toEqual([])
  await write(TOPICS.aggregates, [aggregate(other, 2, 60, 70)])
  expect(await contradictions(other)).toHaveLength(1)
})

test('a checkpoint of an epoch that nobody has seen, and one that counts less in its ledger than is named, fail', async () => {
  await write(TOPICS.telemetry, messages('forged', range(0, 20)))
  await write(TOPICS.events, [
    checkpoint('forged', 1, [[0, 20]], 20),
    checkpoint('forged', 2, [[0, 30]], 30, { epoch: 'f'.repeat(32) }),
  ])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'forged' })
  expect(report).toMatchObject({ ok: false, totals: { proven: 20, missing: 30, doubled: 0 } })
  expect(report.streams.map((it) => [it.stream.epoch.slice(0, 2), it.missing])).toEqual([
    ['01', 0],
    ['ff', 30],
  ])

  const device = 'fewer'
  const [raw, gaps] = [streamKey(rawStream(device)), streamKey(form(device, 'gap'))]
  const ledger = (transaction: number, lost: number) => {
    const streams = { [raw]: { delivered: [[0, 20]], next: 50, lost }, [gaps]: { delivered: [[0, 1]], next: 1 } }
    return checkpoint(device, transaction, [], 0, { streams })
  }
  await write(TOPICS.telemetry, messages(device, range(0, 20)))
  await write(TOPICS.gaps, [gap(device, 0, 20, 50, { action: 'dropped' })])
  await write(TOPICS.events, [ledger(1, 30)])
  expect(await contradictions(device)).toEqual([])
  await write(TOPICS.events, [ledger(2, 29)])
  expect(await contradictions(device)).toEqual(['gap records name 30 readings, the newest checkpoint counts 29 in the ledger'])
})

test('what another destination has is elsewhere; a topic that was made anew contradicts; a topic that was not read is named', async () => {
  const device = 'moved'
  await write(TOPICS.telemetry, messages(device, range(0, 20)))
  await write(TOPICS.gaps, [gap(device, 0, 20, 50, { action: 'elsewhere' }), gap(device, 1, 60, 65, { action: 'dropped' })])
  const topics = { [TOPICS.telemetry]: 4, 'of.a.class': 6 }
  await write(TOPICS.events, [checkpoint(device, 1, [[0, 65]], 70, { topics })])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device })
  expect(report).toMatchObject({ ok: false, unread: ['of.a.class'], contradictions: [] })
  const raw = report.streams.find((it) => it.stream.form === 'raw')
  expect(raw).toMatchObject({ proven: 20, elsewhere: 30, named: 5, missing: 10, waiting: 5 })

  await write(TOPICS.events, [checkpoint(device, 2, [[0, 65]], 70, { topics: { [TOPICS.telemetry]: 5 } })])
  const text = `${TOPICS.telemetry} has 4 partitions, and a checkpoint says 5: it was made anew`
  expect((await verifyTopics({ brokers: [broker.bootstrap], device })).contradictions).toEqual([text])
})

test('records that were replayed prove nothing and double nothing', async () => {
  const device = 'again'
  await write(TOPICS.telemetry, messages(device, range(0, 10)))
  await write(TOPICS.telemetry, messages(device, range(5, 15), { 'holdfast-replayed': 'true' }))
  await write(TOPICS.telemetry, messages(device, range(10, 12), { 'holdfast-replayed': 'false' }))
  expect(await proof(device)).toMatchObject({ records: 12, proven: 12, replayed: 10, doubled: 0, missing: 0 })
})

/** The product's topics once more, as a cluster of its own. */
async function createAll(prefix: string): Promise<void> {
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const names = Object.values(TOPICS).map((it) => `${prefix}${it}`)
  await createLed(
    admin,
    names.map((topic) => ({ topic, numPartitions: 1 })),
  )
  // A plain producer that finds no leader yet sends twice.
  for (const it of names) await vi.waitFor(() => admin.fetchTopicOffsets(it), { timeout: 30_000, interval: 100 })
  await admin.disconnect()
}

test('two clusters: what is elsewhere must be at the other one; each has its own verdict', async () => {
  const device = 'two'
  await createAll('a.')
  await createAll('b.')
  const elsewhere = (transaction: number, from: number, to: number): kafkajs.Message => ({
    ...gap(device, 0, from, to, { action: 'elsewhere', seq: null, uplink: 'a', transaction }),
    headers: { ce_id: `${device}:a:elsewhere:${transaction}-0` },
  })
  await write(`a.${TOPICS.telemetry}`, messages(device, [...range(0, 40), ...range(60, 100)]))
  await write(`a.${TOPICS.gaps}`, [elsewhere(7, 40, 60)])
  await write(`a.${TOPICS.events}`, [checkpoint(device, 7, [[0, 100]], 100, { uplink: 'a' })])
  await write(`b.${TOPICS.telemetry}`, messages(device, range(38, 60)))
  await write(`b.${TOPICS.events}`, [checkpoint(device, 3, [[38, 60]], 100, { uplink: 'b' })])
  const { bootstrap } = broker
  const both = () => verifyTopics({ brokers: [bootstrap], prefix: 'a.', and: [{ brokers: [bootstrap], prefix: 'b.' }], device })
  const report = await both()
  expect(report).toMatchObject({ ok: true, totals: { proven: 100, missing: 0, doubled: 0, waiting: 0, elsewhere: 0 } })
  expect(report.clusters?.map((it) => it.report.totals)).toMatchObject([
    { proven: 80, elsewhere: 20, missing: 0 },
    { proven: 22, elsewhere: 0, waiting: 78, missing: 0 },
  ])
  // A says that B has more than it has; B says so itself.
  await write(`a.${TOPICS.gaps}`, [elsewhere(8, 100, 105)])
  await write(`a.${TOPICS.events}`, [checkpoint(device, 8, [[0, 105]], 105, { uplink: 'a' })])
  const second = await both()
  expect(second).toMatchObject({ ok: false, totals: { missing: 5 } })
  expect(second.streams[0]?.holes).toEqual([{ from: 100, to: 105 }])
  expect(second.clusters?.map((it) => it.report.ok)).toEqual([true, true])
  await write(`b.${TOPICS.telemetry}`, messages(device, range(100, 106)))
  await write(`b.${TOPICS.telemetry}`, messages(device, [105]))
  const third = await both()
  expect(third).toMatchObject({ ok: false, totals: { missing: 0, doubled: 1, proven: 106 } })
  expect(third.clusters?.map((it) => it.report.ok)).toEqual([true, false])
})

test('records that carry many: their ids say which; the same readings as records of their own are no doubles', async () => {
  const device = 'packed'
  await createAll('c.')
  const many = (from: number, to: number): kafkajs.Message => ({
    key: `${device}/process`,
    value: Buffer.of(0x48, 0x42, 1, 0),
    headers: { ce_id: `${streamKey(rawStream(device))}:${from}-${to - 1}` },
  })
  await write(`c.${TOPICS.blocks}`, [many(0, 70_000), many(70_000, 70_001), many(80_000, 90_000)])
  await write(`c.${TOPICS.events}`, [checkpoint(device, 1, [[0, 90_000]], 90_000)])
  await write(`c.${TOPICS.telemetry}`, messages(device, range(0, 100)))
  const options = { brokers: [broker.bootstrap], prefix: 'c.', device }
  const report = await verifyTopics(options)
  expect(report).toMatchObject({ ok: false, totals: { proven: 80_001, missing: 9_999, doubled: 0 }, foreign: 0 })
  expect(report.streams[0]?.holes).toEqual([{ from: 70_001, to: 80_000 }])
  await write(`c.${TOPICS.blocks}`, [many(70_000, 80_010)])
  expect((await verifyTopics(options)).totals).toMatchObject({ proven: 90_000, missing: 0, doubled: 11 })
})

test('topics by template: all classes that are there, and a prefix that a mirror puts before them', async () => {
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const names = ['up.site.alarm.v1', 'up.site.process.v1', 'up.site.v1', 'up.holdfast.events.v1']
  await createLed(
    admin,
    names.map((topic) => ({ topic, numPartitions: 2 })),
  )
  for (const it of names) await vi.waitFor(() => admin.fetchTopicOffsets(it), { timeout: 30_000, interval: 100 })
  await admin.disconnect()
  const device = 'templates'
  await write('up.site.alarm.v1', messages(device, range(0, 5)))
  await write('up.site.process.v1', messages(device, range(5, 12)))
  await write('up.holdfast.events.v1', [checkpoint(device, 1, [[0, 12]], 12, { topics: { 'site.alarm.v1': 2 } })])
  const topics = { telemetry: 'site.{class}.v1', gaps: '{class}.gaps' }
  const report = await verifyTopics({ brokers: [broker.bootstrap], device, topics, prefix: 'up.' })
  expect(report).toMatchObject({ ok: true, totals: { proven: 12, missing: 0 }, unread: [], checkpoints: 1 })
  expect(report.topics.map((it) => it.topic)).toEqual(['up.holdfast.events.v1', 'up.site.alarm.v1', 'up.site.process.v1'])
  expect(report.absent).toEqual(['up.holdfast.aggregates.v1', 'up.{class}.gaps'])
})

/** Every partition of the telemetry topic keeps the newest `left` of its records. */
async function keepNewest(left: number): Promise<void> {
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(TOPICS.telemetry)
  await admin.deleteTopicRecords({
    topic: TOPICS.telemetry,
    partitions: ends.map(({ partition, high }) => ({ partition, offset: String(Math.max(0, Number(high) - left)) })),
  })
  await admin.disconnect()
}

test('records that the topic has deleted are expired, not missing', async () => {
  await write(TOPICS.telemetry, messages('aged', range(0, 700)))
  await write(TOPICS.events, [checkpoint('aged', 1, [[0, 700]], 700)])
  await keepNewest(20)
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'aged' })
  expect(report.ok).toBe(true)
  expect(report.streams[0]).toMatchObject({ missing: 0, doubled: 0 })
  expect((report.streams[0]?.expired ?? 0) + (report.streams[0]?.proven ?? 0)).toBe(700)
  expect(report.totals.expired).toBeGreaterThan(500)
})

test('newest first and then deleted: only what came before a checkpoint that nothing is deleted after can be expired', async () => {
  const device = 'newest-first'
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const describe = async (cluster?: string) => ({
    cluster: cluster ?? (await admin.describeCluster()).clusterId,
    ends: Object.fromEntries(
      (await admin.fetchTopicOffsets(TOPICS.telemetry)).map((it) => [`${TOPICS.telemetry}/${it.partition}`, it.high]),
    ),
  })
  // Live first, then the backlog before it, then live again, of which 3 never came.
  await write(TOPICS.telemetry, messages(device, range(1_000, 1_100)))
  const before = await describe()
  await write(TOPICS.events, [checkpoint(device, 1, [[1_000, 1_100]], 1_100, before)])
  await keepNewest(0)
  await write(TOPICS.telemetry, messages(device, [...range(0, 500), ...range(503, 1_000), ...range(1_100, 1_200)]))
  const last = (more: object) => checkpoint(device, 2, [[0, 1_200]], 1_200, { ...more })
  await write(TOPICS.events, [last(await describe())])
  const options = { brokers: [broker.bootstrap], device }
  const report = await verifyTopics(options)
  expect(report.ok).toBe(false)
  expect(report.streams[0]).toMatchObject({ proven: 1_097, expired: 100, missing: 3, holes: [{ from: 500, to: 503 }] })
  // Of that epoch's first checkpoint deleted too, or from another cluster: then nobody can say.
  await keepNewest(150)
  const later = await verifyTopics(options)
  expect(later.ok).toBe(true)
  expect(later.totals.expired + later.totals.proven).toBe(1_200)

  const mirrored = 'mirrored'
  await write(TOPICS.events, [checkpoint(mirrored, 1, [[0, 10]], 10, await describe('another'))])
  await write(TOPICS.telemetry, messages(mirrored, range(12, 20)))
  await write(TOPICS.events, [checkpoint(mirrored, 2, [[0, 20]], 20, await describe('another'))])
  const other = await verifyTopics({ brokers: [broker.bootstrap], device: mirrored })
  expect(other).toMatchObject({ ok: true, totals: { proven: 8, expired: 12, missing: 0 } })
  await admin.disconnect()
})

test('what others write is counted as foreign and hurts nothing', async () => {
  await write(TOPICS.telemetry, [
    { value: 'not json' },
    { value: null },
    { key: 'x', value: '{"a":1}', headers: { ce_id: 'of-somebody-else' } },
  ])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'nobody' })
  expect(report).toMatchObject({ ok: true, streams: [] })
  expect(report.foreign).toBeGreaterThanOrEqual(3)
})

test('a topic that does not exist is named, a cluster that is not there is Unreachable', async () => {
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'nobody', topics: { aggregates: 'nowhere' } })
  expect(report.absent).toEqual(['nowhere'])
  await expect(verifyTopics({ brokers: ['127.0.0.1:24999'] })).rejects.toMatchObject({ code: 'refused' })
})

test('a class that the settings send nowhere waits for nothing: it stays, until they say otherwise', async () => {
  const device = 'keeper'
  await write(TOPICS.telemetry, messages(device, range(0, 10)))
  await write(TOPICS.events, [checkpoint(device, 1, [[0, 10]], 30, { detail: { stays: 'debug,process' } })])
  expect(await proof(device)).toMatchObject({ proven: 10, waiting: 0, stays: 20, missing: 0 })
  await write(TOPICS.events, [checkpoint(device, 2, [[0, 10]], 40)])
  expect(await proof(device)).toMatchObject({ proven: 10, waiting: 30, stays: 0, missing: 0 })
})
