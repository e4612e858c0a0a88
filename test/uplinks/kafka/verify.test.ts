// `verify` finds what is wrong, on records that a plain producer wrote: holes, doubles, aborted tails, checkpoints that say otherwise.
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registerZstd } from '../../../src/clients/kafka/zstd.ts'
import { streamKey } from '../../../src/core/stream.ts'
import { verifyTopics } from '../../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import { rawStream } from './slices.ts'

let broker: Broker
let client: kafkajs.Kafka
let producer: kafkajs.Producer
beforeAll(async () => {
  registerZstd()
  broker = await startBroker({ portFrom: 24_700 })
  await createTopics(broker.bootstrap, 4)
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

function checkpoint(device: string, transaction: number, delivered: [number, number][], next: number): kafkajs.Message {
  const streams = { [streamKey(rawStream(device))]: { delivered, next } }
  return {
    key: `${device}/checkpoint`,
    value: JSON.stringify({ type: 'checkpoint', device, uplink: 'cloud', transaction, streams }),
    headers: { ce_id: `${device}:cloud:checkpoint:${transaction}` },
  }
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

test('records that the topic has deleted are expired, not missing', async () => {
  await write(TOPICS.telemetry, messages('aged', range(0, 700)))
  await write(TOPICS.events, [checkpoint('aged', 1, [[0, 700]], 700)])
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(TOPICS.telemetry)
  await admin.deleteTopicRecords({
    topic: TOPICS.telemetry,
    partitions: ends.map(({ partition, high }) => ({ partition, offset: String(Math.max(0, Number(high) - 20)) })),
  })
  await admin.disconnect()
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'aged' })
  expect(report.ok).toBe(true)
  expect(report.streams[0]).toMatchObject({ missing: 0, doubled: 0 })
  expect((report.streams[0]?.expired ?? 0) + (report.streams[0]?.proven ?? 0)).toBe(700)
})

test('what others write is counted as foreign and hurts nothing', async () => {
  await write(TOPICS.telemetry, [
    { value: 'not json' },
    { value: null },
    { key: 'x', value: '{"a":1}', headers: { ce_id: 'of-somebody-else' } },
  ])
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'nobody' })
  expect(report).toMatchObject({ ok: true, foreign: 3, streams: [] })
})

test('a topic that does not exist is named, a cluster that is not there is Unreachable', async () => {
  const report = await verifyTopics({ brokers: [broker.bootstrap], device: 'nobody', topics: { aggregates: 'nowhere' } })
  expect(report.absent).toEqual(['nowhere'])
  await expect(verifyTopics({ brokers: ['127.0.0.1:24999'] })).rejects.toMatchObject({ code: 'refused' })
})
