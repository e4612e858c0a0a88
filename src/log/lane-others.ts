// What other uplinks have of a stream, or may have.
import { isByHand } from '../core/airgap.ts'
import type { Interval, Intervals } from '../core/intervals.ts'
import { difference, intersection, union, withInterval } from '../core/intervals.ts'
import type { HandedOut } from './lanes.ts'
import type { Journal } from './journal.ts'
import type { Stored, StoredStream } from './stored.ts'

export interface Others {
  /** Of `uplinks` but for this one. `mayHave`: handed out, or in the doubt of an earlier run, and not known to be there. */
  of(row: StoredStream, uplink: string, uplinks: readonly string[]): { had: Intervals; mayHave: Intervals }
  /** What of `holes` any other uplink has; what the ledger names is not in here. */
  elsewhere(row: StoredStream, holes: Intervals, uplink: string): Intervals
  within(set: Intervals, range: Interval): Intervals
}

export function createOthers(db: Journal, stored: Stored, handedOut: (stream: string) => readonly HandedOut[]): Others {
  const lines = db.prepare(
    'SELECT first AS "from", "end" AS "to" FROM ledger WHERE stream = ? AND first < ? AND "end" > ? ORDER BY first',
  )
  const refusedBy = db
    .prepare('SELECT sequence FROM parked WHERE uplink = ? AND stream = ? AND sequence < ? ORDER BY sequence')
    .pluck()
  /** Numbers below are of an earlier run: what an intent says of those may have been sent. Of later ones the lanes know it. */
  const nextAtOpen = new Map(stored.streams().map((it) => [it.key, it.next]))

  /** Less what it refused: that stays in the log for others. */
  function hadBy(row: StoredStream, it: { readonly uplink: string; readonly had: Intervals }): Intervals {
    const refused = refusedBy.all(it.uplink, row.id, row.next) as number[]
    return difference(
      it.had,
      refused.map((sequence) => ({ from: sequence, to: sequence + 1 })),
    )
  }

  return {
    of(row, uplink, uplinks) {
      const isOther = (it: { readonly uplink: string }) => it.uplink !== uplink && uplinks.includes(it.uplink)
      const positions = stored.positionsOf(row.key).filter(isOther)
      const had = positions.map((it) => hadBy(row, it)).reduce<Intervals>(union, [])
      const earlier = [{ from: 0, to: nextAtOpen.get(row.key) ?? 0 }]
      const pinned = positions.map((it) => intersection(it.pinned, earlier))
      const handed = handedOut(row.key)
        .filter(isOther)
        .map((it) => it.ranges)
      const known = positions.map((it) => it.had).reduce<Intervals>(union, [])
      return { had, mayHave: difference([...pinned, ...handed].reduce<Intervals>(union, []), known) }
    },
    elsewhere(row, holes, uplink) {
      // Of what left by hand nobody knows where it is.
      const others = stored.positionsOf(row.key).filter((it) => it.uplink !== uplink && !isByHand(it.uplink) && it.had.length > 0)
      const had = others.map((it) => intersection(hadBy(row, it), holes)).reduce<Intervals>(union, [])
      return had.flatMap((it) =>
        difference(
          [it],
          (lines.all(row.id, it.to, it.from) as Interval[]).reduce<Intervals>(
            (set, line) => withInterval(set, line.from, line.to),
            [],
          ),
        ),
      )
    },
    within: (set, range) => intersection(set, [range]),
  }
}
