import type { PreparedBatch } from '../../clients/kafka/records.ts'

/** The batches of a partition one after the other, of all partitions at a time. */
export function roundsOf<T extends { readonly batch: PreparedBatch; readonly topic: string }>(all: readonly T[]): T[][] {
  const rounds: T[][] = []
  const placed = new Map<string, number>()
  for (const it of all) {
    const key = `${it.topic}/${it.batch.partition}`
    const round = placed.get(key) ?? 0
    placed.set(key, round + 1)
    ;(rounds[round] ??= []).push(it)
  }
  return rounds
}
