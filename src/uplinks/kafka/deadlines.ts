// How long the calls of a transaction may take. All of it ends before the broker aborts the transaction by itself.

/** The broker aborts what takes longer; a reader of others' records waits for at most so long. Every deadline of ours is below it. */
export const TRANSACTION_MS_MAX = 30_000
export const OPEN_MS_MAX = 15_000
export const BEGIN_MS_MAX = 15_000
export const ABORT_MS_MAX = 6_000
const DEADLINE_MS_MIN = 15_000
const DEADLINE_MS_MAX = 27_000
/** Smaller ones tell more of the way there and back than of the rate. */
const MEASURED_BYTES_MIN = 10_000

export interface Pace {
  /** Milliseconds left for a transaction of so many bytes that begins now, from call to call; at least 1. */
  begin(bytes: number): () => number
  committed(bytes: number, tookMs: number): void
}

export function newPace(): Pace {
  /** Bytes a millisecond; undefined until the first large transaction. */
  let rate: number | undefined
  return {
    begin(bytes) {
      const forBytes = rate === undefined ? DEADLINE_MS_MAX : DEADLINE_MS_MIN + (bytes / rate) * 2
      const ends = performance.now() + Math.min(DEADLINE_MS_MAX, forBytes)
      return () => Math.max(1, ends - performance.now())
    },
    committed(bytes, tookMs) {
      if (bytes > MEASURED_BYTES_MIN) rate = bytes / tookMs
    },
  }
}
