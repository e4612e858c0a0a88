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

export function settingsOf(bootstrap: string, more: Partial<KafkaSettings> = {}): KafkaSettings {
  return { brokers: [bootstrap], topics: TOPICS, headers: 'all', insecure: 'loopback of a test', ...more }
}

export async function openFor(bootstrap: string, device: string, more: Partial<KafkaSettings> = {}): Promise<Uplink> {
  return kafka.open(settingsOf(bootstrap, more), contextOf(device))
}

/**
 * Resolves once a cluster that was just started takes transactions and positions: its own topics for these are made with the first use, and have
 * leaders in the metadata before the brokers themselves know it. The agent tries again then; a test of one send must not begin before.
 */
export async function settled(bootstrap: string): Promise<void> {
  await untilItWorks(async () => {
    const uplink = await openFor(bootstrap, 'first-of-all')
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

export interface ReadRecord {
  readonly partition: number
  readonly key: string
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
  readonly value: Record<string, unknown>
}

/** The library's own consumer and decoder, read_committed, from the beginning, until `enough`. */
export async function readTopic(
  bootstrap: string,
  topic: string,
  enough: (records: ReadRecord[]) => boolean,
): Promise<ReadRecord[]> {
  registerZstd()
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `test-${randomUUID()}`, maxWaitTimeInMs: 100 })
  const records: ReadRecord[] = []
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
            value: JSON.parse(String(message.value)),
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
