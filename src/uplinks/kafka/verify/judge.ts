// The verdict over what was collected. A hole is what is neither seen nor named:
//   missing   where the newest checkpoint says that it is delivered; without any checkpoint, below the highest sequence seen
//   expired   the same, where the topic has deleted records that old
//   waiting   all other holes: the box has them still, or the next checkpoint will tell
import { countOf, intersection } from '../../../core/intervals.ts'
import { streamKey } from '../../../core/stream.ts'
import type { VerifiedStream, VerifyCounts } from '../../../core/verify.ts'
import { aggregatedSpans, completeOf } from './aggregated.ts'
import type { Collected, StreamRecords } from './collect.ts'
import { merged, without } from './sequences.ts'

const HOLES_SHOWN_MAX = 20

/** `expired`: the partitions of the topics of a form (`topic/partition`) whose oldest records are deleted. */
export function judge(
  collected: Collected,
  expired: (form: StreamRecords['stream']['form']) => readonly string[],
): VerifiedStream[] {
  return [...collected.streams.values()]
    .filter((it) => it.records > 0 || it.named.length > 0 || collected.claims.has(streamKey(it.stream)))
    .sort((a, b) => (streamKey(a.stream) < streamKey(b.stream) ? -1 : 1))
    .map((it) => judgeStream(it, collected, expired(it.stream.form)))
}

export function totalsOf(streams: readonly VerifyCounts[]): VerifyCounts {
  const sum = (key: keyof VerifyCounts) => streams.reduce((total, it) => total + it[key], 0)
  return {
    records: sum('records'),
    proven: sum('proven'),
    named: sum('named'),
    waiting: sum('waiting'),
    expired: sum('expired'),
    missing: sum('missing'),
    doubled: sum('doubled'),
    maybeDuplicate: sum('maybeDuplicate'),
  }
}

function judgeStream(records: StreamRecords, collected: Collected, expired: readonly string[]): VerifiedStream {
  const { stream, doubled, maybeDuplicate } = records
  const claims = collected.claims.get(streamKey(stream)) ?? []
  const delivered = merged(claims.flatMap((it) => it.delivered))
  const seen = records.seen.intervals()
  const named = merged(records.named)
  const end = Math.max(seen.at(-1)?.to ?? 0, ...claims.map((it) => it.next))
  const holes = without(without([{ from: 0, to: end }], seen), named)
  const certain = gapsAreComplete(records, collected) ? (claims.length > 0 ? delivered : holes) : []
  const gone = intersection(holes, certain)
  const bound = expiredBelow(records, expired)
  const missing = without(gone, [{ from: 0, to: bound }])
  return {
    stream,
    records: records.records,
    proven: records.seen.count,
    named: countOf(without(named, seen)),
    waiting: countOf(holes) - countOf(gone),
    expired: countOf(gone) - countOf(missing),
    missing: countOf(missing),
    doubled,
    maybeDuplicate,
    holes: missing.slice(0, HOLES_SHOWN_MAX),
    contradictions: [...claims.flatMap((it) => it.contradictions), ...aggregatedContradictions(records, collected)],
  }
}

/** Where a raw stream's gap records and the aggregates disagree; said of the raw stream. */
function aggregatedContradictions(records: StreamRecords, { streams, claims }: Collected): string[] {
  const { stream } = records
  if (stream.form !== 'raw') return []
  const [gap, aggregate] = [streamKey({ ...stream, form: 'gap' }), streamKey({ ...stream, form: 'aggregate' })]
  const own = { gap: claims.get(gap) ?? [], aggregate: claims.get(aggregate) ?? [] }
  const spans = records.aggregated ?? aggregatedSpans(records.rows.values())
  return spans.contradictions(completeOf(streams.get(aggregate), own))
}

/** While gap records wait on the box, a hole may be named by one of them. */
function gapsAreComplete({ stream }: StreamRecords, { claims }: Collected): boolean {
  if (stream.form !== 'raw' && stream.form !== 'aggregate') return true
  const gaps = claims.get(streamKey({ ...stream, form: 'gap' })) ?? []
  return gaps.every((it) => countOf(it.delivered) >= it.next)
}

/** A key's records stand in one partition in about their order: what is older than the oldest that is left there may have been deleted. */
function expiredBelow({ leastLeft }: StreamRecords, expired: readonly string[]): number {
  return expired.reduce((bound, where) => Math.max(bound, leastLeft.get(where) ?? Infinity), 0)
}

export function isProven(streams: readonly VerifiedStream[]): boolean {
  return streams.every((it) => it.missing === 0 && it.doubled === 0 && it.contradictions.length === 0)
}
