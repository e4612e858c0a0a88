// A rate as a bucket of tokens: it fills at the rate, and what is sent takes out of it, below zero if need be. Over any time T no more than
// rate × T + capacity + one transaction goes.

export interface Bucket {
  readonly bytesPerSecond: number
  /** What may go at once; none or less: wait. */
  tokens(): number
  /** Milliseconds until there is some again. */
  waitMs(): number
  take(bytes: number): void
}

const CAPACITY_SECONDS = 2

/** `atLeast`: bytes that are worth a transaction. */
export function createBucket(bytesPerSecond: number, atLeast: number, monotonic: () => number): Bucket {
  const capacity = Math.max(bytesPerSecond * CAPACITY_SECONDS, atLeast)
  let tokens = capacity
  let at = monotonic()
  function fill(): number {
    const now = monotonic()
    tokens = Math.min(capacity, tokens + ((now - at) / 1000) * bytesPerSecond)
    at = now
    return tokens
  }
  return {
    bytesPerSecond,
    tokens: fill,
    waitMs: () => Math.max(0, (-fill() / bytesPerSecond) * 1000),
    take(bytes) {
      fill()
      tokens -= bytes
    },
  }
}
