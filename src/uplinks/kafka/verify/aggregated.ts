// Whether aggregates stand for as many readings as the gap records say that were aggregated. An aggregate belongs to the line of the ledger
// that its sequences lie inside of; lines that overlap (merged ones do), and those that one aggregate spans, are weighed together.
import type { Interval } from '../../../core/intervals.ts'
import { countOf } from '../../../core/intervals.ts'
import type { Claim, StreamRecords } from './collect.ts'
import { merged, without } from './sequences.ts'

/** A gap record: a line of the ledger. `sequence` is its place in the class's gap stream. */
export interface GapRow extends Interval {
  readonly sequence: number
  readonly count: number
  readonly action: string
}

/** Lines of the ledger that were aggregated, and what is there of them. */
interface Span extends Interval {
  readonly count: number
  /** The highest place in the gap stream. */
  readonly sequence: number
  /** Readings that aggregates inside of it stand for. */
  found: number
  /** Index of the last span that an aggregate shares with it. */
  sharedTo: number
}

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

const SHOWN_MAX = 20
const STRANGERS_MAX = 1_000

export function aggregatedSpans(rows: Iterable<GapRow>): AggregatedSpans {
  const spans = spansOf([...rows].filter((it) => it.action === 'aggregated'))
  /** Aggregates that stand for what no gap record names. */
  const strangers: StandsFor[] = []

  /** Index of the span that has a sequence; −1: none. */
  function indexOf(sequence: number): number {
    let [low, high] = [0, spans.length - 1]
    while (low <= high) {
      const middle = (low + high) >>> 1
      const it = spans[middle] as Span
      if (it.to <= sequence) low = middle + 1
      else if (it.from > sequence) high = middle - 1
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
      const span = spans[first] as Span
      span.found += aggregate.count
      span.sharedTo = Math.max(span.sharedTo, last)
    },
    contradictions(complete) {
      const found = strangers
        .filter((it) => it.sequence < complete.aggregates)
        .map((it) => `aggregate ${it.sequence} stands for readings of ${it.from} to ${it.to}, which no gap record names so`)
      for (let at = 0; at < spans.length; ) {
        const end = sharedEnd(spans, at)
        const text = judge(spans.slice(at, end), complete.rows)
        if (text) found.push(text)
        at = end
      }
      return found.slice(0, SHOWN_MAX)
    },
  }
}

function spansOf(rows: readonly GapRow[]): Span[] {
  const spans: Span[] = []
  for (const { from, to, count, sequence } of rows.toSorted((a, b) => a.from - b.from)) {
    const before = spans.at(-1)
    const overlaps = before !== undefined && from < before.to
    const span = overlaps
      ? {
          from: before.from,
          to: Math.max(before.to, to),
          count: before.count + count,
          sequence: Math.max(before.sequence, sequence),
        }
      : { from, to, count, sequence }
    spans.splice(overlaps ? -1 : spans.length, overlaps ? 1 : 0, { ...span, found: 0, sharedTo: 0 })
  }
  return spans
}

/** Behind the spans that are weighed together with the one at `at`. */
function sharedEnd(spans: readonly Span[], at: number): number {
  let end = at + 1
  for (let i = at; i < end; i++) end = Math.max(end, (spans[i] as Span).sharedTo + 1)
  return end
}

function judge(spans: readonly Span[], completeRows: number): string | undefined {
  const [named, found] = [spans.reduce((sum, it) => sum + it.count, 0), spans.reduce((sum, it) => sum + it.found, 0)]
  const mayGrow = spans.some((it) => it.sequence >= completeRows)
  if (found === named || (found < named && mayGrow)) return undefined
  const where = `${spans[0]?.from} to ${(spans.at(-1)?.to ?? 1) - 1}`
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
  const seen = aggregates?.seen.intervals() ?? []
  const rows = [...(aggregates?.rows.values() ?? [])]
  const givenUp = [...(aggregates?.refused ?? []), ...rows.filter((it) => it.action !== 'aggregated')]
  const isWhole = without(merged(givenUp), seen).length === 0
  let complete = NOTHING
  for (const gap of claims.gap) {
    const next = claims.aggregate.find((it) => it.uplink === gap.uplink)?.next ?? 0
    const replaced = merged(rows.filter((it) => it.sequence < gap.next))
    const isThere = without(without([{ from: 0, to: next }], seen), replaced).length === 0
    complete = {
      rows: isWhole && isThere ? Math.max(complete.rows, gap.next) : complete.rows,
      aggregates: countOf(gap.delivered) >= gap.next ? Math.max(complete.aggregates, next) : complete.aggregates,
    }
  }
  return complete
}
