// Readings to aggregates, and aggregates to coarser ones (core/aggregate.ts says what they are). Pure: no clock, no I/O, no objects per row.
//
// Statistics are over the good readings of a window where there is one, else over the uncertain ones; bad ones are only counted.
// NaN and infinities are no values: such a reading is counted by its quality alone, as one without a value, so that `valued` may be
// less than `good`. Sums, minima and maxima stay numbers that way and can be merged. Only a sum that doubles do not hold becomes an
// infinity; m2 then is Infinity for good.
//
// How exact: counts, min, max, first, last, their times and sequences exactly, however the readings are cut into blocks and sets
// (`min` and `max` of doubles have no −0: it is 0; of equal first or last times, that of the lower or higher sequence, for which the
// sequences of coarsened sets must not interleave: ledger rows never do). `changes` exactly where parts do not overlap in time.
// `sum` within (parts + 1) × 2^−53 of the sum of magnitudes; `m2` within 1e−12 of itself plus (parts + 8) × 2^−50 of the sum of squares.
import type { AggregateColumns, ReadingColumns } from '../core/aggregate.ts'
import { windowStartOf } from '../core/aggregate.ts'
import type { ValueKind } from '../core/reading.ts'
import type { Part } from './reduce-merge.ts'
import { copySlot, createPart, merge } from './reduce-merge.ts'
import type { Rows } from './reduce-rows.ts'
import { createRows, finish, FIRST, isSpanKind, LAST, MAX, MIN, rowOf } from './reduce-rows.ts'
import type { Readings, Scan } from './reduce-scan.ts'
import { readingsOf, scanDoubles, scanLongs, scanQualities, scanSpans } from './reduce-scan.ts'

/**
 * Readings of one stream by series and window of `windowUs` µs of source time. The blocks may come in any order and cut windows
 * anywhere; each is looked at once and not kept. Throws RangeError where `windowUs` is no whole number above 0.
 */
export function reduceReadings(
  blocks: Iterable<ReadingColumns>,
  windowUs: number,
  kindOf: (series: number) => ValueKind,
): AggregateColumns {
  const rows = createRows(windowUs)
  const part = createPart()
  for (const block of blocks) {
    const readings = readingsOf(block)
    let from = 0
    for (let run = 0; run < block.runs.length; run++) {
      const to = from + (block.runs[run] as number)
      const series = block.seriesIds[run] as number
      reduceRun(rows, part, readings, { series, from, to, kind: kindOf(series) })
      from = to
    }
  }
  return finish(rows, kindOf)
}

interface Run {
  readonly series: number
  readonly from: number
  readonly to: number
  readonly kind: ValueKind
}

function reduceRun(rows: Rows, part: Part, block: Readings, { series, from, to, kind }: Run): void {
  const { time } = block
  const scan = scanOf(kind)
  for (let at = from; at < to; ) {
    const start = windowStartOf(time[at] as number, rows.windowUs)
    const end = start + rows.windowUs
    let next = at + 1
    while (next < to && (time[next] as number) >= start && (time[next] as number) < end) next++
    scanQualities(block, at, next, part)
    scan(block, at, next, part)
    merge(rows, rowOf(rows, series, start), part, kind)
    at = next
  }
}

function scanOf(kind: ValueKind): Scan {
  if (kind === 'long') return scanLongs
  return isSpanKind(kind) ? scanSpans : scanDoubles
}

/**
 * Aggregates of one stream in windows of `windowUs`, which must be a multiple of each set's; as long is allowed: then it merges.
 * Throws RangeError where it is none.
 */
export function coarsen(
  sets: Iterable<AggregateColumns>,
  windowUs: number,
  kindOf: (series: number) => ValueKind,
): AggregateColumns {
  const rows = createRows(windowUs)
  const part = createPart()
  for (const set of sets) {
    if (windowUs % set.windowUs !== 0) throw new RangeError(`windows of ${windowUs} µs out of ${set.windowUs} µs`)
    const words = [set.min, set.max, set.first, set.last].map((it) => new Int32Array(it.buffer, it.byteOffset, it.length * 2))
    let kind: ValueKind = 'double'
    for (let i = 0; i < set.count; i++) {
      const series = set.series[i] as number
      if (i === 0 || series !== set.series[i - 1]) kind = kindOf(series)
      load(part, set, words, i)
      merge(rows, rowOf(rows, series, windowStartOf(set.windowStart[i] as number, windowUs)), part, kind)
    }
  }
  return finish(rows, kindOf)
}

function load(part: Part, set: AggregateColumns, words: readonly Int32Array[], i: number): void {
  part.good = set.good[i] as number
  part.uncertain = set.uncertain[i] as number
  part.bad = set.bad[i] as number
  part.valued = set.valued[i] as number
  part.sum = set.sum[i] as number
  part.m2 = set.m2[i] as number
  for (const which of [MIN, MAX, FIRST, LAST]) copySlot(words[which] as Int32Array, i, part.words, which)
  part.firstTime = set.firstTime[i] as number
  part.lastTime = set.lastTime[i] as number
  part.sequenceFrom = set.sequenceFrom[i] as number
  part.sequenceTo = set.sequenceTo[i] as number
  // Which reading was first is not known; of sets that do not interleave, its order is that of the sets.
  part.firstSequence = part.sequenceFrom
  part.lastSequence = part.sequenceTo
  part.changes = set.changes[i] as number
  part.bytes = set.bytes
}
