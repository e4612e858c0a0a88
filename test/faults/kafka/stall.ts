// A read_committed reader that measures how long it sees nothing of certain boxes in a partition while there is more to come.
import { randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'
import { registerZstd } from '../../../src/clients/kafka/zstd.ts'
import { TOPICS } from '../../kafka/broker.ts'
import { until } from './shared.ts'

export interface StallReader {
  /** The longest time without anything new in a partition. */
  longestMs(): number
  /** Rejects when it has not seen so many readings in time. */
  caughtUp(readings: number, ms: number): Promise<void>
  close(): Promise<void>
}

export async function stallReader(bootstrap: string, devices: ReadonlySet<string>): Promise<StallReader> {
  registerZstd()
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 50 })
  const last = new Map<number, number>()
  let longest = 0
  let seen = 0
  await consumer.connect()
  await consumer.subscribe({ topic: TOPICS.telemetry, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      if (!devices.has(String(message.key).split('/')[0] ?? '')) return
      const now = performance.now()
      longest = Math.max(longest, now - (last.get(partition) ?? now))
      last.set(partition, now)
      seen++
    },
  })
  return {
    longestMs: () => longest,
    caughtUp: (readings, ms) =>
      until(
        () => seen >= readings,
        ms,
        () => `the reader saw ${seen} of ${readings}`,
      ),
    close: () => consumer.disconnect(),
  }
}
