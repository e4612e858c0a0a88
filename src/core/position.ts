import type { StreamIntervals, StreamRange } from './stream.ts'

/** What is stored at the destination in the same transaction. `transaction` only ever grows over the life of the device. */
export interface Position {
  readonly transaction: number
  readonly delivered: StreamIntervals
}

/** What of a transaction that failed is at the destination all the same, or was refused for good. */
export interface Arrived {
  readonly ranges: readonly StreamRange[]
  /** All within the ranges. */
  readonly refused: readonly Refusal[]
}

/** A reading that no setting can mend (too large by itself): parked, counted as stored. */
export interface Refusal {
  readonly stream: string
  readonly sequence: number
  readonly code: string
}
