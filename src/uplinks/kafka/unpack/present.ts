// What the destination has already, where no position is stored: it is the first time, or the position has expired (after 7 days without a
// transaction, as brokers are set by default). Then the destination itself says which sequences it has; read once, from its beginning.
import { forEachHeader, forEachRecord } from '../../../clients/kafka/batches.ts'
import type { PartitionReader } from '../../../clients/kafka/fetch.ts'
import type { Interval } from '../../../core/intervals.ts'
import { topicsLike } from '../verify/topics.ts'
import type { SequenceSet } from '../verify/sequences.ts'
import { sequenceSet } from '../verify/sequences.ts'

/** By `streamKey`. */
export type Present = ReadonlyMap<string, SequenceSet>

const ID = 'ce_id'

/** `topics` may be templates. Rejects as reading does. A topic that is not there has nothing. */
export async function presentIn(reader: PartitionReader, topics: readonly string[]): Promise<Present> {
  const present = new Map<string, SequenceSet>()
  const add = (id: string) => {
    const colon = id.lastIndexOf(':')
    const sequence = Number(id.slice(colon + 1))
    const key = id.slice(0, colon)
    if (key.split(':').length !== 4 || !Number.isSafeInteger(sequence)) return
    let own = present.get(key)
    if (!own) present.set(key, (own = sequenceSet()))
    own.add(sequence)
  }
  const there = (await reader.about()).topics
  for (const topic of new Set(topics.flatMap((it) => topicsLike(it, there)))) {
    const spans = (await reader.spans(topic)) ?? []
    await reader.read({
      spans,
      onBatch: (_topic, _partition, batch) =>
        forEachRecord(batch, (it) =>
          forEachHeader(it, (nameAt, nameLength, valueAt, valueLength) => {
            if (it.bytes.toString('latin1', nameAt, nameAt + nameLength) !== ID) return false
            add(it.bytes.toString('utf8', valueAt, valueAt + valueLength))
            return true
          }),
        ),
      onProgress: () => undefined,
    })
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
