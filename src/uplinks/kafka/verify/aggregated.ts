// Whether aggregates stand for as many readings as the gap records say that were aggregated. An aggregate belongs to the line of the ledger
// that its sequences lie inside of; lines that overlap (a merged one and a part of it, told before), and those that one aggregate spans, are weighed
// together, and what two of them name counts once.
import type { Interval } from '../../../core/intervals.ts'
import { countOf } from '../../../core/intervals.ts'
import type { Claim } from './checkpoints.ts'
import type { StreamRecords } from './collect.ts'
import type { Line, Lines } from './lines.ts'
import { either, isEmpty, without } from './runs.ts'
import { sequenceSet } from './sequences.ts'

export interface AggregatedSpans {
  add(aggregate: StandsFor): void
  contradictions(complete: Complete): string[]
}

/** Aggregate `sequence` stands for `count` readings of `from` to `to`, both inclusive. */
export interface StandsFor extends Interval {
  readonly sequence: number
  readonly count: number
}

/** What must be here: everything that lines of the ledger before `rows` in the gap stream brought; gap records for all aggregates before `aggregates`. */
export interface Complete {
  readonly rows: number
  readonly aggregates: number
}

/** Lines of the ledger that were aggregated, those that overlap as one, and what is there of them: columns in the order of their sequences. */
interface Spans {
  readonly length: number
  readonly from: Float64Array
  readonly to: Float64Array
  readonly count: Float64Array
  /** The highest place in the gap stream. */
  readonly sequence: Float64Array
  /** Readings that aggregates inside of it stand for. */
  readonly found: Float64Array
  /** Index of the last span that an aggregate shares with it. */
  readonly sharedTo: Float64Array
}

const SHOWN_MAX = 20
const STRANGERS_MAX = 1_000

export function aggregatedSpans(lines: Lines): AggregatedSpans {
  const spans = spansOf(lines)
  /** Aggregates that stand for what no gap record names. */
  const strangers: StandsFor[] = []

  /** Index of the span that has a sequence; −1: none. */
  function indexOf(sequence: number): number {
    let [low, high] = [0, spans.length - 1]
    while (low <= high) {
      const middle = (low + high) >>> 1
      if ((spans.to[middle] as number) <= sequence) low = middle + 1
      else if ((spans.from[middle] as number) > sequence) high = middle - 1
      else return middle
    }
    return -1
  }

  return {
    add(aggregate) {
      const [first, last] = [indexOf(aggregate.from), indexOf(aggregate.to)]
      if (first < 0 || last < 0) {
        if (strangers.length < STRANGERS_MAX) strangers.push(aggregate)
        return
      }
      spans.found[first] = (spans.found[first] as number) + aggregate.count
      spans.sharedTo[first] = Math.max(spans.sharedTo[first] as number, last)
    },
    contradictions(complete) {
      const found = strangers
        .filter((it) => it.sequence < complete.aggregates)
        .map((it) => `aggregate ${it.sequence} stands for readings of ${it.from} to ${it.to}, which no gap record names so`)
      for (let at = 0; at < spans.length && found.length < SHOWN_MAX; ) {
        const end = sharedEnd(spans, at)
        const text = judge(spans, at, end, complete.rows)
        if (text) found.push(text)
        at = end
      }
      return found.slice(0, SHOWN_MAX)
    },
  }
}

function spansOf(lines: Lines): Spans {
  const { from, to, count, sequence, order } = columnsOf(lines)
  let length = 0
  const spans = { from: new Float64Array(order.length), to: new Float64Array(order.length) }
  const counts = new Float64Array(order.length)
  /** What lines that name all of their range have named up to here. */
  let namedTo = 0
  const sequences = new Float64Array(order.length)
  for (const at of order) {
    const isNew = length === 0 || (from[at] as number) >= (spans.to[length - 1] as number)
    if (isNew) spans.from[length++] = from[at] as number
    const i = length - 1
    spans.to[i] = Math.max(spans.to[i] as number, to[at] as number)
    const isExact = count[at] === (to[at] as number) - (from[at] as number)
    const known = isExact ? Math.max(0, Math.min(to[at] as number, namedTo) - (from[at] as number)) : 0
    if (isExact) namedTo = Math.max(namedTo, to[at] as number)
    counts[i] = (counts[i] as number) + (count[at] as number) - known
    sequences[i] = Math.max(sequences[i] as number, sequence[at] as number)
  }
  const found = new Float64Array(length)
  const sharedTo = new Float64Array(length)
  return { length, ...spans, count: counts, sequence: sequences, found, sharedTo }
}

/** Of the lines that were aggregated, and their indexes in the order of `from`. */
function columnsOf(lines: Lines) {
  const [from, to, count, sequence] = Array.from({ length: 4 }, () => new Float64Array(lines.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  let length = 0
  for (const it of lines.each()) {
    if (it.action !== 'aggregated') continue
    from[length] = it.from
    to[length] = it.to
    count[length] = it.count
    sequence[length++] = it.sequence
  }
  const order = Uint32Array.from({ length }, (_, i) => i).sort((a, b) => (from[a] as number) - (from[b] as number))
  return { from, to, count, sequence, order }
}

/** Behind the spans that are weighed together with the one at `at`. */
function sharedEnd(spans: Spans, at: number): number {
  let end = at + 1
  for (let i = at; i < end; i++) end = Math.max(end, (spans.sharedTo[i] as number) + 1)
  return end
}

function judge(spans: Spans, at: number, end: number, completeRows: number): string | undefined {
  let [named, found, mayGrow] = [0, 0, false]
  for (let i = at; i < end; i++) {
    named += spans.count[i] as number
    found += spans.found[i] as number
    mayGrow ||= (spans.sequence[i] as number) >= completeRows
  }
  if (found === named || (found < named && mayGrow)) return undefined
  const where = `${spans.from[at]} to ${(spans.to[end - 1] as number) - 1}`
  return `gap records name ${named} readings of ${where} as aggregated, the aggregates there stand for ${found}`
}

const NOTHING: Complete = { rows: 0, aggregates: 0 }

/**
 * By the checkpoints of the gap and of the aggregate stream; without any, nothing must be here. Aggregates are here when they are seen, or gave
 * way to coarser ones. Where some were given up, how many readings those stood for is not known, and no line need be met in full.
 */
export function completeOf(
  aggregates: StreamRecords | undefined,
  claims: { readonly gap: readonly Claim[]; readonly aggregate: readonly Claim[] },
): Complete {
  const seen = aggregates?.seen.runs() ?? []
  const isWhole = isEmpty(
    without(
      either(
        namedBy(aggregates, (it) => it.action !== 'aggregated'),
        refusedOf(aggregates),
      ),
      seen,
    ),
  )
  let complete = NOTHING
  for (const gap of claims.gap) {
    const next = claims.aggregate.find((it) => it.uplink === gap.uplink)?.next ?? 0
    const replaced = namedBy(aggregates, (it) => it.sequence < gap.next)
    const isThere = isEmpty(without(without([{ from: 0, to: next }], aggregates?.seen.runs() ?? []), replaced))
    complete = {
      rows: isWhole && isThere ? Math.max(complete.rows, gap.next) : complete.rows,
      aggregates: countOf(gap.delivered) >= gap.next ? Math.max(complete.aggregates, next) : complete.aggregates,
    }
  }
  return complete
}

const refusedOf = (records: StreamRecords | undefined) => records?.refused.runs() ?? []

/** What the lines of a stream name, of those that are wanted. */
function namedBy(records: StreamRecords | undefined, isWanted: (line: Readonly<Line>) => boolean): Iterable<Interval> {
  const named = sequenceSet()
  for (const it of records?.lines.each() ?? []) if (isWanted(it)) named.addRange(it.from, it.to)
  return named.runs()
}
