// Aggregates: what a ladder step keeps of the readings of one series in one window. Columns, as readings are.
//
// An aggregate stands for exactly the readings of one line of the ledger. Several may share (series, window): they merge, so every
// field can be merged. Statistics are over good values, and over uncertain ones where there is no good one.
import type { Micros } from './reading.ts'

/** Row i is one (series, window). Rows are ordered by series, then by window start. */
export interface AggregateColumns {
  readonly count: number
  /** All windows of one set are as long. Microseconds. */
  readonly windowUs: number
  /** The log's own number of the series. */
  readonly series: Uint32Array<ArrayBuffer>
  readonly windowStart: Float64Array<ArrayBuffer>
  /** Readings by quality; their sum is the record's `count`. */
  readonly good: Uint32Array<ArrayBuffer>
  readonly uncertain: Uint32Array<ArrayBuffer>
  readonly bad: Uint32Array<ArrayBuffer>
  /** Values that the statistics are over; 0: the value columns of this row mean nothing. */
  readonly valued: Uint32Array<ArrayBuffer>
  /** Of what the statistics are over, as doubles (bools as 0 and 1); 0 for strings and bytes. `m2`: sum of squared distances to the mean. */
  readonly sum: Float64Array<ArrayBuffer>
  readonly m2: Float64Array<ArrayBuffer>
  /** Value slots as in core/batch.ts (int64 exact); for strings and bytes `min` and `max` are 0, `first` and `last` point into `bytes`. */
  readonly min: Float64Array<ArrayBuffer>
  readonly max: Float64Array<ArrayBuffer>
  readonly first: Float64Array<ArrayBuffer>
  readonly last: Float64Array<ArrayBuffer>
  readonly firstTime: Float64Array<ArrayBuffer>
  readonly lastTime: Float64Array<ArrayBuffer>
  /** Strings and bytes: how often the value differed from the one before it; 0 for numbers. */
  readonly changes: Uint32Array<ArrayBuffer>
  /** Least and greatest sequence of the raw readings it stands for, both inclusive. */
  readonly sequenceFrom: Float64Array<ArrayBuffer>
  readonly sequenceTo: Float64Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Readings as columns in block order, as `columns` decodes them: series ascending, `runs[i]` readings of `seriesIds[i]`. */
export interface ReadingColumns {
  readonly count: number
  readonly first: number
  readonly seriesIds: Uint32Array
  readonly runs: Uint32Array
  readonly time: Float64Array
  readonly value: Float64Array
  readonly quality: Uint8Array
  readonly status: Uint32Array
  readonly received: Float64Array
  readonly bytes: Uint8Array
  /** Sequence by reading, where it is not `first` + i: a sealed block of readings that somebody had seen keeps their numbers. */
  readonly sequence?: Float64Array
}

/** A window's start for a time. */
export function windowStartOf(time: Micros, windowUs: number): Micros {
  return Math.floor(time / windowUs) * windowUs
}
