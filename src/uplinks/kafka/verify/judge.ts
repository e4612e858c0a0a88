// The verdict over what was collected. A hole is what is neither seen nor named:
//   elsewhere  a gap record says that another destination has it
//   missing    where the newest checkpoint says that it is delivered; without any checkpoint, below the highest sequence seen
//   expired    the same, where the topic may have deleted it: nobody can prove it any more
//   stays      all other holes, where the newest checkpoints say that the settings do not send this class here
//   waiting    all other holes: the box has them still, or the next checkpoint will tell
import type { Interval } from '../../../core/intervals.ts'
import { countOf } from '../../../core/intervals.ts'
import { streamKey } from '../../../core/stream.ts'
import type { VerifiedStream, VerifyCounts } from '../../../core/verify.ts'
import { aggregatedSpans, completeOf } from './aggregated.ts'
import type { Claim } from './checkpoints.ts'
import type { Collected, StreamRecords } from './collect.ts'
import type { Runs } from './runs.ts'
import { countRuns, either, tally, within, without } from './runs.ts'
import { sequenceSet } from './sequences.ts'
import type { TopicRole } from './topics.ts'
import { ROLES_OF } from './topics.ts'

const HOLES_SHOWN_MAX = 20
const COUNTS = [
  'records',
  'proven',
  'named',
  'elsewhere',
  'waiting',
  'stays',
  'expired',
  'missing',
  'doubled',
  'maybeDuplicate',
  'replayed',
] as const satisfies readonly (keyof VerifyCounts)[]

/** `cut`: the roles whose topics have deleted records; `moving`: those that did while they were read. */
export interface Deleted {
  readonly cut: ReadonlySet<TopicRole>
  readonly moving: ReadonlySet<TopicRole>
}

/** What one cluster holds of a stream. */
interface Part {
  readonly records: StreamRecords
  readonly claims: readonly Claim[]
  readonly collected: Collected
  readonly deleted: Deleted
}

export interface Cluster {
  readonly collected: Collected
  readonly deleted: Deleted
}

export function judge(cluster: Cluster): VerifiedStream[] {
  return streamsOf([cluster]).map((part) => ({ ...weigh(part, false), contradictions: contradictionsOf(part[0] as Part) }))
}

/** Of several clusters together: there in any of them is there. What each of them has twice, or says wrongly, its own verdict tells. */
export function judgeTogether(clusters: readonly Cluster[]): VerifiedStream[] {
  return streamsOf(clusters).map((parts) => ({ ...weigh(parts, true), contradictions: [] }))
}

export function totalsOf(streams: readonly VerifyCounts[]): VerifyCounts {
  const sum = (key: keyof VerifyCounts) => streams.reduce((total, it) => total + it[key], 0)
  return Object.fromEntries(COUNTS.map((it) => [it, sum(it)])) as Record<(typeof COUNTS)[number], number>
}

/** Streams that anything is known of, in their order, each with its parts. */
function streamsOf(clusters: readonly Cluster[]): Part[][] {
  const found = new Map<string, Part[]>()
  for (const { collected, deleted } of clusters)
    for (const [key, records] of collected.streams) {
      const claims = collected.claims.get(key) ?? []
      const counts = [records.records, records.replayed, records.named.count, records.elsewhere.count, claims.length]
      if (counts.every((it) => it === 0)) continue
      found.set(key, [...(found.get(key) ?? []), { records, claims, collected, deleted }])
    }
  return [...found.keys()].toSorted().map((key) => found.get(key) as Part[])
}

/** `together`: what is elsewhere must be in one of the parts. */
function weigh(parts: readonly Part[], together: boolean): Omit<VerifiedStream, 'contradictions'> {
  const all = (of: (part: Part) => Runs) => parts.map(of).reduce((runs, it) => either(runs, it), [])
  const sum = (of: (it: StreamRecords) => number) => parts.reduce((total, it) => total + of(it.records), 0)
  const end = Math.max(
    ...parts.flatMap(({ records, claims }) => [records.seen.end, records.inBlocks.end, ...claims.map((it) => it.next)]),
  )
  const seen = () => all(({ records: it }) => either(it.seen.runs(), it.inBlocks.runs()))
  const named = () => all((it) => it.records.named.runs())
  const elsewhere = () => all((it) => it.records.elsewhere.runs())
  const nowhere = () => without(without([{ from: 0, to: end }], seen()), named())
  const holes = () => (together ? nowhere() : without(nowhere(), elsewhere()))
  const certain = () =>
    either(
      all((it) => certainOf(it, end)),
      together ? elsewhere() : [],
    )
  const gone = () => within(holes(), certain())
  const missing = tally(without(gone(), all(unprovable)), HOLES_SHOWN_MAX)
  const claims = parts.flatMap((it) => it.claims)
  const stays = claims.length > 0 && claims.every((it) => it.stays)
  const [holeCount, goneCount] = [countRuns(holes()), countRuns(gone())]
  return {
    stream: (parts[0] as Part).records.stream,
    records: sum((it) => it.records),
    proven: countRuns(seen()),
    named: countRuns(without(named(), seen())),
    elsewhere: together ? 0 : countRuns(without(without(elsewhere(), seen()), named())),
    waiting: stays ? 0 : holeCount - goneCount,
    stays: stays ? holeCount - goneCount : 0,
    expired: goneCount - missing.count,
    missing: missing.count,
    doubled: sum((it) => it.doubled),
    maybeDuplicate: sum((it) => it.maybeDuplicate),
    replayed: sum((it) => it.replayed),
    holes: missing.first,
  }
}

/** What must be there or be named: what the newest checkpoints have; without any, all. While gap records wait on the box, one of them may name it. */
function certainOf({ records, claims, collected }: Part, end: number): Runs {
  if (!gapsAreComplete(records, collected)) return []
  if (claims.length === 0) return [{ from: 0, to: end }]
  return claims.reduce<Runs>((all, it) => either(all, it.delivered), [])
}

/** What retention may have deleted. */
function unprovable({ records: { stream }, claims, deleted: { cut, moving } }: Part): Runs {
  const roles: readonly TopicRole[] = ROLES_OF[stream.form]
  const isMoving = roles.some((it) => moving.has(it))
  if (!isMoving && !roles.some((it) => cut.has(it))) return []
  const all: readonly Interval[] = [{ from: 0, to: Number.MAX_SAFE_INTEGER }]
  if (claims.length === 0 || isMoving) return all
  return claims.reduce<Runs>((found, it) => either(found, it.base ?? it.delivered), [])
}

function contradictionsOf({ records, claims, collected }: Part): string[] {
  return [
    ...claims.flatMap((it) => it.contradictions),
    ...ledgerContradictions(records, collected),
    ...aggregatedContradictions(records, collected),
  ]
}

/** Where a raw stream's gap records and the aggregates disagree; said of the raw stream. */
function aggregatedContradictions(records: StreamRecords, { streams, claims }: Collected): string[] {
  const { stream } = records
  if (stream.form !== 'raw') return []
  const [gap, aggregate] = [streamKey({ ...stream, form: 'gap' }), streamKey({ ...stream, form: 'aggregate' })]
  const own = { gap: claims.get(gap) ?? [], aggregate: claims.get(aggregate) ?? [] }
  // What blocks of aggregates stand for is not read.
  if ((streams.get(aggregate)?.inBlocks.count ?? 0) > 0) return []
  const spans = records.aggregated ?? aggregatedSpans(records.lines)
  return spans.contradictions(completeOf(streams.get(aggregate), own))
}

/**
 * Gap records that a checkpoint says are all there cannot name more than the box's ledger had. Only of a box with one epoch: when a ledger is lost,
 * a new one begins, and what is left of the old one is less.
 */
function ledgerContradictions({ stream, lines }: StreamRecords, { claims }: Collected): string[] {
  if (stream.form === 'gap' || stream.form === 'event') return []
  const epochs = new Set([...claims.keys()].filter((it) => it.startsWith(`${stream.device}:`)).map((it) => it.split(':')[1]))
  if (epochs.size !== 1) return []
  const gaps = claims.get(streamKey({ ...stream, form: 'gap' })) ?? []
  return (claims.get(streamKey(stream)) ?? []).flatMap(({ uplink, lost }) => {
    const gap = gaps.find((it) => it.uplink === uplink)
    if (lost === undefined || !gap || countOf(gap.delivered) < gap.next) return []
    const told = namedBefore(lines, gap.next)
    return told > lost ? [`gap records name ${told} readings, the newest checkpoint counts ${lost} in the ledger`] : []
  })
}

/** Readings that lines before a place of the gap stream name: a merged one and a part of it, told before, name the same. */
function namedBefore(lines: StreamRecords['lines'], place: number): number {
  const named = sequenceSet()
  let told = 0
  for (const it of lines.each()) {
    if (it.sequence >= place || it.action === 'elsewhere') continue
    told += it.count === it.to - it.from ? named.addRange(it.from, it.to) : it.count
  }
  return told
}

function gapsAreComplete({ stream }: StreamRecords, { claims }: Collected): boolean {
  if (stream.form !== 'raw' && stream.form !== 'aggregate') return true
  const gaps = claims.get(streamKey({ ...stream, form: 'gap' })) ?? []
  return gaps.every((it) => countOf(it.delivered) >= it.next)
}

export function isProven(streams: readonly VerifiedStream[]): boolean {
  return streams.every((it) => it.missing === 0 && it.doubled === 0 && it.contradictions.length === 0)
}
