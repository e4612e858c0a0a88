// Counts and rates for status: how much came, when last, how fast over the last seconds.

export interface Tally {
  add(count: number, at: number): void
  readonly total: number
  /** Of the last one, µs; null when none came. */
  readonly last: number | null
  /** A second, over about the last five seconds. */
  perSecond(): number
}

const SMOOTHING_MS = 5000
const STEP_MS = 1000

/** `monotonic` in ms. */
export function createTally(monotonic: () => number): Tally {
  let total = 0
  let last: number | null = null
  let since = monotonic()
  let atStep = 0
  let rate = 0
  const step = () => {
    const elapsed = monotonic() - since
    if (elapsed < STEP_MS) return
    const now = ((total - atStep) * 1000) / elapsed
    rate += (now - rate) * (1 - Math.exp(-elapsed / SMOOTHING_MS))
    atStep = total
    since = monotonic()
  }
  return {
    add(count, at) {
      step()
      total += count
      last = at
    },
    get total() {
      return total
    },
    get last() {
      return last
    },
    perSecond() {
      step()
      return rate
    },
  }
}
