// Readings as the log gives them, one by one, as an expression sees them.
import type { ReadingColumns } from '../core/aggregate.ts'
import type { LogSeries } from '../core/log.ts'
import { slotValue } from '../core/query.ts'
import { NO_VALUE, QUALITIES } from '../core/reading.ts'
import type { Names } from './expression.ts'

export interface RuleSlice {
  /** `streamKey`. */
  readonly stream: string
  readonly from: number
  readonly to: number
  readonly columns: ReadingColumns
  readonly series: ReadonlyMap<number, LogSeries>
  /** What to add to the times of a series. */
  readonly shiftOf: (series: LogSeries) => number
}

export function namesOf({ columns, shiftOf }: RuleSlice, i: number, series: LogSeries): Names {
  const quality = columns.quality[i] as number
  const isNone = (quality & NO_VALUE) !== 0
  return {
    tag: series.tag,
    class: series.class,
    unit: series.unit ?? '',
    quality: QUALITIES[quality & 3] as string,
    // No number is less, greater or the same: an expression need not ask first.
    value: isNone ? Number.NaN : figure(slotValue(series.kind, columns.value as Float64Array, columns.bytes, i)),
    time: (columns.time[i] as number) + shiftOf(series),
  }
}

export const qualityOf = ({ columns }: RuleSlice, i: number) => (columns.quality[i] as number) & 3

export function seriesByRow({ count, seriesIds, runs }: ReadingColumns): Uint32Array {
  const series = new Uint32Array(count)
  let at = 0
  runs.forEach((length, run) => {
    series.fill(seriesIds[run] as number, at, at + length)
    at += length
  })
  return series
}

/** Rows and numbers of [from, to) by number: blocks of readings that keep their numbers are in another order. */
export function* inOrder(
  { count, first, sequence }: ReadingColumns,
  from: number,
  to: number,
): Iterable<readonly [number, number]> {
  if (!sequence) {
    for (let number = Math.max(from, first); number < Math.min(to, first + count); number++) yield [number - first, number]
    return
  }
  const rows = new Uint32Array(count).map((_, i) => i).sort((a, b) => (sequence[a] as number) - (sequence[b] as number))
  for (const row of rows) {
    const number = sequence[row] as number
    if (number >= from && number < to) yield [row, number]
  }
}

/** All figures are doubles; a whole number that none can hold stays as it is. */
const figure = (it: unknown): unknown => (typeof it === 'bigint' && Number.isSafeInteger(Number(it)) ? Number(it) : it)
