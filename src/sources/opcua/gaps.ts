// Holes: between the last reading of a tag before something went wrong and the first after it.
//
//   openHole ─► what comes meanwhile is remembered by its time, the newest of it is the hole's end ─► freeze ─► history.ts reads what is between
//
// What the server sends again after a cut comes before and after what is new: the first that comes is no end.
// A hole that only may be one (a message that is late) is opened too, so that what comes meanwhile is known, and closed when all came.
import type { Micros } from '../../core/reading.ts'

/** A link that breaks again and again makes no more holes than this in one tag: then the last one grows. */
const HOLES_MAX = 100

/** Values that are remembered by their time while a hole is open. */
const ARRIVED_MAX = 1_000

export interface Hole {
  readonly from: Micros
  /** Undefined: nothing came since. */
  to: Micros | undefined
  /** What comes now is not part of it any more. */
  isFrozen: boolean
  /** Times of what came by itself. */
  readonly arrived: Set<Micros>
  /** Something is missing, or it is not known that nothing is. */
  sure: boolean
}

/** The part of a tag's state that holes are about. */
export interface Holed {
  /** Oldest first; the last one may be open. */
  readonly holes: Hole[]
  /** The greatest source time so far; NaN: none. */
  newest: Micros
}

/** What is known of a source's gaps, from one session to the next. */
export interface Gaps {
  /** There is something to look after. */
  isDue: boolean
  /** Notes that are made if history does not have it all: so many, by reason. */
  readonly pending: Map<string, number>
  /** When the oldest gap that waits here began, µs of the box's clock. */
  lostAt: Micros | undefined
  /** Readings that came from history. */
  filled: number
}

export function newGaps(): Gaps {
  return { isDue: false, pending: new Map(), lostAt: undefined, filled: 0 }
}

/** From the last reading on something may be missing. */
export function openHole(state: Holed, sure: boolean): void {
  if (Number.isNaN(state.newest)) return
  const last = state.holes.at(-1)
  if (last && (!last.isFrozen || state.holes.length >= HOLES_MAX)) last.sure ||= sure
  else state.holes.push({ from: state.newest, to: undefined, isFrozen: false, arrived: new Set(), sure })
}

/** The server says that values before this one were dropped. */
export function holeBefore(state: Holed, time: Micros): void {
  if (Number.isNaN(state.newest) || time <= state.newest) return
  openHole(state, true)
}

/** A value came. True: with it a hole that is sure has an end. */
export function cameIn(state: Holed, time: Micros): boolean {
  let hasEnd = false
  for (const hole of state.holes) {
    if (time <= hole.from || (hole.isFrozen && time >= (hole.to ?? time))) continue
    hole.arrived.add(time)
    if (hole.isFrozen) continue
    hasEnd ||= hole.sure && hole.to === undefined
    hole.to = Math.max(hole.to ?? time, time)
    hole.isFrozen = hole.arrived.size >= ARRIVED_MAX
  }
  return hasEnd
}

/** The present value is the one that we had: nothing came between. */
export function nothingBetween(state: Holed): void {
  const last = state.holes.at(-1)
  if (last && !last.isFrozen && last.arrived.size === 0) state.holes.pop()
}

/** What may be missing is missing, or nobody can say that it is not. Yields whether a hole has both ends. */
export function makeSure(states: readonly Holed[]): boolean {
  let hasEnds = false
  for (const { holes } of states)
    for (const it of holes) {
      it.sure = true
      hasEnds ||= it.to !== undefined
    }
  return hasEnds
}

/** All that was late came. */
export function closeUnsure(states: readonly Holed[]): void {
  for (const { holes } of states) for (let at = holes.length; at-- > 0; ) if (holes[at]?.sure === false) holes.splice(at, 1)
}

/** Adds to what is noted if history does not have it all. */
export function pend(gaps: Gaps, reason: string, lostAt: Micros, count = 1): void {
  gaps.lostAt = Math.min(gaps.lostAt ?? lostAt, lostAt)
  gaps.isDue = true
  // A link that is taken up, and then given up for a new session, is one gap.
  const before = reason === 'session-gap' ? 0 : (gaps.pending.get(reason) ?? 0)
  gaps.pending.set(reason, before + count)
}
