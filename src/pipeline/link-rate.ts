// What the link carries: how long a transaction takes that carries nothing, readings a second beyond that, and the largest transaction that is
// dared: one that failed may have been too long for its deadlines, so the next is half of it; each that arrives doubles the dare.

export interface LinkRate {
  readonly perSecond: number
  readonly overheadSeconds: number
  readonly readingsMax: number
}

export const READINGS_MAX = 80_000
const READINGS_AT_FIRST = 2_000
const READINGS_LEAST = 100
/** A small transaction says little of what the link can carry. */
const TELLING_READINGS_MIN = 500
const SMOOTHING = 0.2
/** The least overhead seen lately; it is forgotten slowly, so that a link that became longer is noticed. */
const FORGETTING = 1.02
const SECONDS_MIN = 0.001

export const UNKNOWN_LINK: LinkRate = { perSecond: 0, overheadSeconds: 0, readingsMax: READINGS_AT_FIRST }

export function carried(link: LinkRate, readings: number, seconds: number): LinkRate {
  const overheadSeconds = link.overheadSeconds === 0 ? seconds : Math.min(seconds, link.overheadSeconds * FORGETTING)
  const readingsMax = Math.min(READINGS_MAX, Math.max(link.readingsMax, readings * 2))
  if (readings < TELLING_READINGS_MIN) return { ...link, overheadSeconds, readingsMax }
  // Where all of it looks like overhead, half of it counts: the next, larger one tells more.
  const now = readings / Math.max(SECONDS_MIN, seconds - Math.min(overheadSeconds, seconds / 2))
  const perSecond = link.perSecond + (now - link.perSecond) * (link.perSecond === 0 ? 1 : SMOOTHING)
  return { perSecond, overheadSeconds, readingsMax }
}

/** `readings` were under way when it failed. */
export function failed(link: LinkRate, readings: number): LinkRate {
  if (readings === 0) return link
  return { ...link, readingsMax: Math.max(READINGS_LEAST, Math.min(link.readingsMax, Math.floor(readings / 2))) }
}
