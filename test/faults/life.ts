// What the parent of log.main.ts tells it, as JSON in its one argument.
import type { Frame } from './options.ts'

export interface Life extends Frame {
  readonly seed: number
  /** The first reading's number. */
  readonly from: number
  /** Refused readings so far, of all lives. */
  readonly refused: number
  /** What the destination says of itself; null: nothing yet. */
  readonly position: { readonly transaction: number; readonly delivered: readonly (readonly [string, Intervals])[] } | null
  /** Ends by itself after so many rounds of appends. */
  readonly rounds: number
  /** Bytes of a reading of class debug. */
  readonly bytes: number
  /** Classes that are not forwarded; undefined: nothing is. */
  readonly except?: readonly string[] | undefined
  /** How it ends when all is done: by a clean stop, as a program that just ends, as one that is killed. */
  readonly end: 'close' | 'exit' | 'kill'
}

type Intervals = readonly { readonly from: number; readonly to: number }[]

/** Exit codes. */
export const EXIT_FAILED = 74
export const EXIT_UNOPENED = 75
