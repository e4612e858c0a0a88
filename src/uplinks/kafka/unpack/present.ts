// What the destination has already, where no position is stored: it is the first time, or the position has expired (after 7 days without a
// transaction, as brokers are set by default). Then the destination itself says which sequences it has; read once, from its beginning.
import type { RecordCursor } from '../../../clients/kafka/batches.ts'
import { forEachRecord } from '../../../clients/kafka/batches.ts'
import type { PartitionReader } from '../../../clients/kafka/fetch.ts'
import type { Interval } from '../../../core/intervals.ts'
import { newTold, readClaim, readTold } from '../verify/records.ts'
import { topicsLike } from '../verify/topics.ts'
import type { SequenceSet } from '../verify/sequences.ts'
import { sequenceSet } from '../verify/sequences.ts'

/** By `streamKey`. */
export type Present = ReadonlyMap<string, SequenceSet>

const STREAM_PARTS = 4

/** `topics` may be templates. Rejects as reading does. A topic that is not there has nothing. */
export async function presentIn(reader: PartitionReader, topics: readonly string[]): Promise<Present> {
  const present = new Map<string, SequenceSet>()
  const told = newTold()
  const add = (it: RecordCursor) => {
    readTold(it, told)
    if (told.idAt < 0 || !readClaim(it.bytes, told)) return
    const key = it.bytes.toString('utf8', told.idAt, told.stemEnd)
    if (key.split(':').length !== STREAM_PARTS) return
    let own = present.get(key)
    if (!own) present.set(key, (own = sequenceSet()))
    own.addRange(told.from, told.to)
  }
  const there = (await reader.about()).topics
  for (const topic of new Set(topics.flatMap((it) => topicsLike(it, there)))) {
    const spans = (await reader.spans(topic)) ?? []
    await reader.read({ spans, onBatch: (_, __, batch) => forEachRecord(batch, add), onProgress: () => undefined })
  }
  return present
}

/** What of [from, to) is not there. */
export function absentOf(present: SequenceSet | undefined, from: number, to: number): Interval[] {
  if (!present) return [{ from, to }]
  const absent: Interval[] = []
  for (let at = from; at < to; at++) {
    if (present.has(at)) continue
    const start = at
    while (at < to && !present.has(at)) at++
    absent.push({ from: start, to: at })
  }
  return absent
}
