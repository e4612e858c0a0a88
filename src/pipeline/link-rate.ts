// What the link carries: how long a transaction takes that carries nothing, readings a second beyond that, and the largest transaction that is
// dared: one that failed may have been too long for its deadlines, so the next is half of it; each that arrives doubles the dare.
//
// While a backlog drains no transaction is empty: were the shortest of them taken for the way there and back, each would be longer than the one
// before. So their sizes differ by turns, and the line through them says what none would have taken.

export interface LinkRate {
  readonly perSecond: number
  readonly overheadSeconds: number
  readonly readingsMax: number
  /** Transactions that carried much; absent: none did. */
  readonly seen?: Seen
  /** The next one is a little shorter than the one before. */
  readonly isShort?: boolean
}

/** Of the latest transactions, the older the less. */
interface Seen {
  /** Means. */
  readonly readings: number
  readonly seconds: number
  readonly variance: number
  readonly covariance: number
}

export const READINGS_MAX = 80_000
/** Where they go as they stand in the log: a reading takes a few bytes and hardly any work. */
export const BLOCK_READINGS_MAX = 400_000
const READINGS_AT_FIRST = 2_000
/** A connection that took longer to open is by a long or a slow way: its first transaction is the smaller for it. */
const OPENING_SECONDS = 2
const READINGS_LEAST = 100
/** A small transaction says little of what the link can carry. */
const TELLING_READINGS_MIN = 500
const SMOOTHING = 0.2
/** The least overhead seen lately; it is forgotten slowly, so that a link that became longer is noticed. */
const FORGETTING = 1.02
/** Weight of the newest transaction. */
const SEEN_SMOOTHING = 0.1
/** Of their mean: where sizes differ by less, what they took says nothing of what is not in them. */
const SPREAD_MIN = 0.1
const SECONDS_MIN = 0.001

export const UNKNOWN_LINK: LinkRate = { perSecond: 0, overheadSeconds: 0, readingsMax: READINGS_AT_FIRST }

/** Of a link that has carried nothing yet, what opening the connection took is all that is known. */
export function opened(link: LinkRate, seconds: number): LinkRate {
  if (link.perSecond > 0 || seconds <= OPENING_SECONDS) return link
  const first = Math.max(READINGS_LEAST, Math.floor((READINGS_AT_FIRST * OPENING_SECONDS) / seconds))
  return { ...link, readingsMax: Math.min(link.readingsMax, first) }
}

export function carried(link: LinkRate, readings: number, seconds: number, most = READINGS_MAX): LinkRate {
  const least = link.overheadSeconds === 0 ? seconds : Math.min(seconds, link.overheadSeconds * FORGETTING)
  const readingsMax = Math.min(most, Math.max(link.readingsMax, readings * 2))
  if (readings < TELLING_READINGS_MIN) return { ...link, overheadSeconds: least, readingsMax }
  const seen = withOne(link.seen, readings, seconds)
  const overheadSeconds = Math.min(seconds, emptyOf(seen) ?? least)
  // Where all of it looks like overhead, half of it counts: the next, larger one tells more.
  const now = readings / Math.max(SECONDS_MIN, seconds - Math.min(overheadSeconds, seconds / 2))
  const perSecond = link.perSecond + (now - link.perSecond) * (link.perSecond === 0 ? 1 : SMOOTHING)
  return { perSecond, overheadSeconds, readingsMax, seen, isShort: !link.isShort }
}

function withOne(seen: Seen | undefined, readings: number, seconds: number): Seen {
  if (!seen) return { readings, seconds, variance: 0, covariance: 0 }
  const more = readings - seen.readings
  const longer = seconds - seen.seconds
  const old = 1 - SEEN_SMOOTHING
  return {
    readings: seen.readings + SEEN_SMOOTHING * more,
    seconds: seen.seconds + SEEN_SMOOTHING * longer,
    variance: old * (seen.variance + SEEN_SMOOTHING * more * more),
    covariance: old * (seen.covariance + SEEN_SMOOTHING * more * longer),
  }
}

/** Seconds of a transaction without readings, by the line through those that were seen; undefined where they were too much alike. */
function emptyOf({ readings, seconds, variance, covariance }: Seen): number | undefined {
  if (variance <= (SPREAD_MIN * readings) ** 2 || covariance <= 0) return undefined
  return Math.max(0, seconds - (covariance / variance) * readings)
}

/** `readings` were under way when it failed: they may have been more than was dared, as the backlog goes on top of what live has. */
export function failed(link: LinkRate, readings: number): LinkRate {
  if (readings === 0) return link
  return { ...link, readingsMax: Math.max(READINGS_LEAST, Math.floor(Math.min(link.readingsMax, readings) / 2)) }
}
