// Windows of one tag by event time. Time moves on with the tag's own readings alone: no clock is asked, so the same readings in the same order
// make the same windows.
//
//   tumbling   [k·length, (k+1)·length), from 1970 on, as the log's aggregates are cut
//   sliding    [t − length, t], both ends in it, for each time t of a reading
//   session    readings at most `length` apart; a silence longer than that ends it
//
// A window closes once the tag's greatest time is `grace` past its end (a session: past its silence). It is told once, when it closes. What comes
// for windows that have all closed is late: counted and left out.
import { WINDOW_READINGS_MAX } from '../core/bounds.ts'
import type { RuleWindow } from '../core/rule.ts'
import type { HeldColumns } from './held.ts'
import { Held } from './held.ts'

/** A window that has closed: readings [from, to) of what is held. Good until the next is asked for. */
export interface Closed {
  readonly start: number
  readonly end: number
  readonly from: number
  readonly to: number
}

export interface Windows {
  readonly held: Held
  /**
   * Takes a reading, then `closed` says which windows that closes. Says how many readings are in no window for it: one, where it is late; where time has
   * gone back, those that waited in windows that are not told any more.
   */
  add(time: number, value: number, quality: number): number
  closed(): Iterable<Closed>
  /** Readings that found no room since the last question. */
  overflowed(): number
  save(): SavedWindows
}

export interface SavedWindows extends HeldColumns {
  /** The greatest time so far. */
  readonly now: number
  /** Windows that end up to here are told, or are not told any more. */
  readonly told: number
  /** The last so many readings were all late. */
  readonly late: number
}

/** For readings, over all windows that share it. */
export interface Room {
  left: number
}

interface Kind {
  /** Whether any window that a reading of this time belongs to is open. */
  isOpen(time: number, now: number, held: Held): boolean
  /** The next one to be told; undefined: none has closed. */
  next(held: Held, now: number, told: number): Closed | undefined
  /** How many of the oldest nobody needs after that one. */
  spent(held: Held, window: Closed): number
  /** How many of those that are held are in no window that was told, where the last ended at `told`. */
  untold(held: Held, told: number): number
}

/** So many late ones in a row: the tag's time has gone back for good, a clock was mended. */
const LATE_IN_A_ROW_MAX = 100

export function createWindows(
  rule: RuleWindow,
  isSorted: boolean,
  saved?: SavedWindows,
  room: Room = { left: Infinity },
): Windows {
  const kind = KINDS[rule.kind](rule.lengthMs * 1000, rule.graceMs * 1000)
  const held = new Held(isSorted, saved)
  room.left -= held.count
  const drop = (count: number) => {
    held.drop(count)
    room.left += count
  }
  let now = saved?.now ?? -Infinity
  let told = saved?.told ?? -Infinity
  let late = saved?.late ?? 0
  let lost = 0

  return {
    held,
    add(time, value, quality) {
      let leftOut = 0
      now = Math.max(now, time)
      if (!kind.isOpen(time, now, held)) {
        if (++late < LATE_IN_A_ROW_MAX) return 1
        leftOut = kind.untold(held, told)
        drop(held.count)
        now = time
        told = -Infinity
      }
      late = 0
      held.add(time, value, quality)
      room.left--
      if (held.count > WINDOW_READINGS_MAX || room.left < 0) {
        drop(1)
        lost++
      }
      return leftOut
    },
    *closed() {
      for (let window = kind.next(held, now, told); window; window = kind.next(held, now, told)) {
        yield window
        drop(kind.spent(held, window))
        told = window.end
      }
      told = now - rule.graceMs * 1000
    },
    overflowed() {
      const count = lost
      lost = 0
      return count
    },
    save: () => ({ ...held.save(), now, told, late }),
  }
}

type KindOf = (lengthUs: number, graceUs: number) => Kind

const tumbling: KindOf = (lengthUs, graceUs) => {
  const startOf = (time: number) => Math.floor(time / lengthUs) * lengthUs
  const hasClosed = (end: number, now: number) => end + graceUs <= now
  return {
    isOpen: (time, now) => !hasClosed(startOf(time) + lengthUs, now),
    next(held, now) {
      if (held.count === 0) return undefined
      const start = startOf(held.time(0))
      const end = start + lengthUs
      return hasClosed(end, now) ? { start, end, from: 0, to: held.firstAt(end) } : undefined
    },
    spent: (_held, window) => window.to,
    untold: (held) => held.count,
  }
}

const sliding: KindOf = (lengthUs, graceUs) => ({
  // A later reading's window may still reach back to it.
  isOpen: (time, now) => time + lengthUs + graceUs >= now,
  next(held, now, told) {
    const at = held.firstAfter(told)
    if (at >= held.count) return undefined
    const end = held.time(at)
    if (end + graceUs > now) return undefined
    const start = end - lengthUs
    return { start, end, from: held.firstAt(start), to: held.firstAfter(end) }
  },
  spent: (held, window) => held.firstAt(window.start),
  // Held for later windows, they were in their own.
  untold: (held, told) => held.count - held.firstAfter(told),
})

const session: KindOf = (lengthUs, graceUs) => {
  const NONE = { to: 1, count: 0, shuffles: 0 }
  const hasClosed = (end: number, now: number) => end + lengthUs + graceUs < now
  let known = NONE

  /** Where the first session ends. A long one is not gone through anew for each reading that came behind all others. */
  function endOfFirst(held: Held): number {
    const { count } = held
    if (count === 0) return 0
    if (known.count !== count - 1 || known.shuffles !== held.shuffles) known = NONE
    let { to } = known
    while (to < count && held.time(to) - held.time(to - 1) <= lengthUs) to++
    known = { to, count, shuffles: held.shuffles }
    return to
  }

  return {
    isOpen(time, now, held) {
      if (!hasClosed(time, now)) return true
      // It joins one that is open: whatever is held is of such.
      const after = held.firstAt(time)
      const before = after - 1
      return (after < held.count && held.time(after) - time <= lengthUs) || (before >= 0 && time - held.time(before) <= lengthUs)
    },
    next(held, now) {
      const to = endOfFirst(held)
      if (to === 0) return undefined
      const end = held.time(to - 1)
      if (!hasClosed(end, now)) return undefined
      known = NONE
      return { start: held.time(0), end, from: 0, to }
    },
    spent: (_held, window) => window.to,
    untold: (held) => held.count,
  }
}

const KINDS: Readonly<Record<RuleWindow['kind'], KindOf>> = { tumbling, sliding, session }
