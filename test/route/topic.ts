// What stands in the topics, read by the library's own consumer at read_committed: none of our fetching, none of our decoding.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { registerZstd } from '../../src/clients/kafka/zstd.ts'
import { until } from './until.ts'

export interface Kept {
  readonly topic: string
  readonly key: string
  readonly timestamp: number
  readonly id: string
  readonly value: Record<string, unknown>
}

/** After so long without a record, what is there has been read; where readings go on coming, after so long at most. */
const QUIET_MS = 1_500
const QUIET_WAIT_MS_MAX = 4_000
const READ_MS_MAX = 90_000

/** Every committed record of the topics from the beginning: reads until `enough` and then on until nothing more comes. */
export async function readTopics(
  bootstrap: string,
  topics: readonly string[],
  enough: (records: readonly Kept[]) => boolean,
): Promise<readonly Kept[]> {
  registerZstd()
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `route-${randomUUID()}`, maxWaitTimeInMs: 200, maxBytesPerPartition: 4_000_000 })
  const places = new Set<string>()
  const records: Kept[] = []
  let lastAt = performance.now()
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await consumer.run({
      eachBatch: async ({ batch }) => {
        lastAt = performance.now()
        for (const message of batch.messages) {
          // A group that is formed anew may be handed a batch again.
          const place = `${batch.topic}/${batch.partition}/${message.offset}`
          if (places.size === places.add(place).size) continue
          records.push({
            topic: batch.topic,
            key: String(message.key),
            timestamp: Number(message.timestamp),
            id: String(message.headers?.['ce_id']),
            value: JSON.parse(String(message.value)),
          })
        }
      },
    })
    await until(`enough records of ${topics.join(', ')}`, () => enough(records), READ_MS_MAX).catch((error: Error) => {
      throw new Error(`${error.message}; ${records.length} are there`)
    })
    const end = performance.now() + QUIET_WAIT_MS_MAX
    while (performance.now() - lastAt < QUIET_MS && performance.now() < end) await sleep(100)
  } finally {
    await consumer.disconnect()
  }
  return records
}

/** Sequences of each stream, as `device:epoch:class:form`, in order; a number that is there twice is there twice. */
export function sequencesOf(records: readonly Kept[]): ReadonlyMap<string, readonly number[]> {
  const streams = Map.groupBy(records, (it) => it.id.slice(0, it.id.lastIndexOf(':')))
  const sequence = (it: Kept) => Number(it.id.slice(it.id.lastIndexOf(':') + 1))
  return new Map([...streams].map(([stream, list]) => [stream, list.map(sequence).sort((a, b) => a - b)]))
}

/** How often each number of a counter came. */
export function countsOf(records: readonly Kept[], tag: string): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const { value } of records) {
    if (value['tag'] !== tag) continue
    const number = value['value_double'] as number
    counts.set(number, (counts.get(number) ?? 0) + 1)
  }
  return counts
}
