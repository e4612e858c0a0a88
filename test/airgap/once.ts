// What stands in the topics of one box, read by the library's own consumer at read_committed: ids alone, so that large runs can be read too.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { expect } from 'vitest'
import { registerZstd } from '../../src/clients/kafka/zstd.ts'

/** So long without a record: all has been read. Where too few came, so much longer. */
const QUIET_MS = 2_000
const SILENCE_MS_MAX = 60_000

/** Sequences of each stream, in order; a number that is there twice is there twice. Waits for `count` records, and then for more that come. */
export async function sequencesIn(
  bootstrap: string,
  topics: readonly string[],
  device: string,
  count: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  registerZstd()
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `airgap-${randomUUID()}`, maxWaitTimeInMs: 200, maxBytesPerPartition: 4_000_000 })
  const places = new Set<string>()
  const streams = new Map<string, number[]>()
  let found = 0
  let lastAt = performance.now()
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await consumer.run({
      eachBatch: async ({ batch }) => {
        lastAt = performance.now()
        for (const { offset, headers } of batch.messages) {
          const id = String(headers?.['ce_id'])
          if (!id.startsWith(`${device}:`)) continue
          // A group that is formed anew may be handed a batch again.
          const place = `${batch.topic}/${batch.partition}/${offset}`
          if (places.size === places.add(place).size) continue
          const colon = id.lastIndexOf(':')
          const key = id.slice(0, colon)
          const all = streams.get(key) ?? []
          if (all.push(Number(id.slice(colon + 1))) === 1) streams.set(key, all)
          found++
        }
      },
    })
    const silence = () => performance.now() - lastAt
    while (silence() < (found < count ? SILENCE_MS_MAX : QUIET_MS)) await sleep(100)
  } finally {
    await consumer.disconnect()
  }
  for (const all of streams.values()) all.sort((a, b) => a - b)
  return streams
}

/** 0, 1, 2 … of each raw stream, each once, `count` in all. */
export function isOnce(streams: ReadonlyMap<string, readonly number[]>, count: number): void {
  const raw = [...streams].filter(([key]) => key.endsWith(':raw'))
  for (const [, all] of raw) expect(all).toEqual(Array.from({ length: all.length }, (_, n) => n))
  expect(raw.reduce((sum, [, all]) => sum + all.length, 0)).toBe(count)
}
