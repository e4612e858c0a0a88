// A ladder as a picture over time offline: what is kept of a reading that comes in, from when to when.
import type { Keep, LadderStep } from '../../../core/retention.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** What is kept of what comes in between two moments of an outage. */
export interface Rung {
  readonly fromMs: number
  readonly toMs: number
  readonly keep: Keep
  /** In the ladder: the step that holds; undefined: none, all is raw. */
  readonly step: number | undefined
}

/** 0 for raw, the window, infinite for nothing. */
function coarseness(keep: Keep): number {
  if (keep === 'raw') return 0
  return keep === 'nothing' ? Number.POSITIVE_INFINITY : keep.windowMs
}

/** By time alone: steps of fill are left out. Of the steps in force the coarsest holds. */
export function rungsOf(ladder: readonly LadderStep[], spanMs: number): Rung[] {
  const moments = [0, ...ladder.flatMap((it) => (it.offlineForMs === undefined ? [] : [it.offlineForMs]))]
  const begins = [...new Set(moments)].filter((it) => it < spanMs).toSorted((a, b) => a - b)
  const rungs = begins.map((fromMs, at) => ({ fromMs, toMs: begins[at + 1] ?? spanMs, ...inForceAt(ladder, fromMs) }))
  // A step that is no coarser than the one before it changes nothing.
  const first = rungs.filter((it, at) => at === 0 || coarseness(rungs[at - 1]?.keep ?? 'raw') !== coarseness(it.keep))
  return first.map((it, at) => ({ ...it, toMs: first[at + 1]?.fromMs ?? spanMs }))
}

function inForceAt(ladder: readonly LadderStep[], atMs: number): Pick<Rung, 'keep' | 'step'> {
  return ladder.reduce<Pick<Rung, 'keep' | 'step'>>(
    (best, { offlineForMs, keep }, step) =>
      offlineForMs !== undefined && offlineForMs <= atMs && coarseness(keep) > coarseness(best.keep) ? { keep, step } : best,
    { keep: 'raw', step: undefined },
  )
}

/** The first hours are as wide as the last weeks: 0 to 1. */
export function shareOf(ms: number, spanMs: number): number {
  return Math.min(1, Math.log1p(Math.max(0, ms) / HOUR_MS) / Math.log1p(spanMs / HOUR_MS))
}

export function msOf(share: number, spanMs: number): number {
  return Math.expm1(Math.min(1, Math.max(0, share)) * Math.log1p(spanMs / HOUR_MS)) * HOUR_MS
}

const HOURS = [0, 1, 2, 3, 4, 6, 9, 12, 18]
const DAYS = [1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365]
/** Moments that a handle stops at. */
const STOPS_MS: readonly number[] = [...HOURS.map((it) => it * HOUR_MS), ...DAYS.map((it) => it * DAY_MS)]

export function nearestStop(ms: number): number {
  return STOPS_MS.reduce((best, it) => (Math.abs(it - ms) < Math.abs(best - ms) ? it : best))
}

/** The stop after this moment, or before it where `by` is -1. */
export function nextStop(ms: number, by: 1 | -1): number {
  return (by === 1 ? STOPS_MS.find((it) => it > ms) : STOPS_MS.findLast((it) => it < ms)) ?? ms
}

/** The picture reaches half as far again as the last step, a month at least, a year at most. */
export function spanOf(ladders: readonly (readonly LadderStep[])[]): number {
  const last = Math.max(0, ...ladders.flat().map((it) => it.offlineForMs ?? 0))
  const wanted = Math.max(30 * DAY_MS, last * 1.5)
  return STOPS_MS.find((it) => it >= wanted) ?? Math.max(365 * DAY_MS, last)
}

/** Moments with a mark on the axis. */
export function marksOf(spanMs: number): number[] {
  const wanted = [1, 9, 24, 3 * 24, 7 * 24, 30 * 24, 90 * 24, 365 * 24].map((it) => it * HOUR_MS)
  return [0, ...wanted.filter((it) => it <= spanMs)]
}
