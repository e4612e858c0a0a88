// What the tests of the Kafka uplink need of a cluster: settings, and a reader that is not ours.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { registerZstd } from '../../../src/clients/kafka/zstd.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import type { KafkaSettings } from '../../../src/uplinks/kafka/settings.ts'
import { adminOf, TOPICS } from '../../kafka/broker.ts'
import { contextOf } from './slices.ts'

const SETTLED_MS_MAX = 90_000
export const NEVER = new AbortController().signal

export type Client = KafkaSettings['client']

/** Every client has to pass what follows here: the same tests, on a broker of its own for each. */
export const CLIENTS: readonly Client[] = ['direct', 'kafkajs']

/** The direct one also where the cluster has the old transaction protocol, which kafkajs speaks everywhere. */
export const PROTOCOLS: readonly { readonly name: string; readonly client: Client; readonly features: readonly string[] }[] = [
  { name: 'direct', client: 'direct', features: [] },
  { name: 'direct, old protocol', client: 'direct', features: ['transaction.version=1'] },
  { name: 'kafkajs', client: 'kafkajs', features: [] },
]

export function settingsOf(bootstrap: string, more: Partial<KafkaSettings> = {}): KafkaSettings {
  return {
    brokers: [bootstrap],
    topics: TOPICS,
    headers: 'all',
    client: 'direct',
    guarantee: 'exactly-once',
    insecure: 'loopback of a test',
    ...more,
  }
}

export async function openFor(
  bootstrap: string,
  device: string,
  more: Partial<KafkaSettings> = {},
  name = 'cloud',
): Promise<Uplink> {
  return kafka.open(settingsOf(bootstrap, more), contextOf(device, name))
}

/**
 * Resolves once a cluster that was just started takes transactions and positions: its own topics for these are made with the first use, and have
 * leaders in the metadata before the brokers themselves know it. The agent tries again then; a test of one send must not begin before.
 */
export async function settled(bootstrap: string, client: Client = 'direct'): Promise<void> {
  await untilItWorks(async () => {
    const uplink = await openFor(bootstrap, 'first-of-all', { client })
    await uplink.position(NEVER).finally(() => uplink.close())
  })
  const admin = adminOf(bootstrap)
  await admin.connect()
  for (const it of ['__transaction_state', '__consumer_offsets', ...Object.values(TOPICS)])
    await untilItWorks(() => admin.fetchTopicOffsets(it))
  await admin.disconnect()
}

export async function untilItWorks(what: () => Promise<unknown>): Promise<void> {
  for (const end = performance.now() + SETTLED_MS_MAX; ; await sleep(200)) {
    try {
      return void (await what())
    } catch (error) {
      if (performance.now() > end) throw error
    }
  }
}

/** Resolves once they can be written to. */
export async function newTopics(bootstrap: string, topics: readonly string[], partitions: number): Promise<void> {
  const admin = adminOf(bootstrap)
  await admin.connect()
  // The library's own wait gives up where the broker does not know a new topic at once.
  await admin.createTopics({ waitForLeaders: false, topics: topics.map((topic) => ({ topic, numPartitions: partitions })) })
  for (const it of topics) await untilItWorks(() => admin.fetchTopicOffsets(it))
  await admin.disconnect()
}

export interface ReadRecord {
  readonly partition: number
  readonly key: string
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
  readonly value: Record<string, unknown>
}

export interface RawRecord extends Omit<ReadRecord, 'value'> {
  readonly value: Buffer
}

/** The library's own consumer and decoder, read_committed, from the beginning, until `enough`. */
export async function readTopic(
  bootstrap: string,
  topic: string,
  enough: (records: ReadRecord[]) => boolean,
): Promise<ReadRecord[]> {
  const parsed: ReadRecord[] = []
  await readRaw(bootstrap, topic, (records) => {
    for (const it of records.slice(parsed.length)) parsed.push({ ...it, value: JSON.parse(String(it.value)) })
    return enough(parsed)
  })
  return parsed
}

/** The same with values as bytes. */
export async function readRaw(bootstrap: string, topic: string, enough: (records: RawRecord[]) => boolean): Promise<RawRecord[]> {
  registerZstd()
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `test-${randomUUID()}`, maxWaitTimeInMs: 100 })
  const records: RawRecord[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  try {
    await new Promise<void>((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`${records.length} records of ${topic} only`)), 40_000)
      const run = consumer.run({
        eachMessage: async ({ partition, message }) => {
          records.push({
            partition,
            key: String(message.key),
            timestamp: Number(message.timestamp),
            headers: Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)])),
            value: message.value ?? Buffer.alloc(0),
          })
          if (!enough(records)) return
          clearTimeout(timer)
          done()
        },
      })
      run.catch(fail)
    })
  } finally {
    await consumer.disconnect()
  }
  return records
}

export function ofDevice(records: readonly ReadRecord[], device: string): ReadRecord[] {
  return records.filter((it) => it.value['device'] === device)
}
