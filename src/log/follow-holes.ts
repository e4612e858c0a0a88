// What became of numbers of which the log has no reading: the ledger names them, or an uplink has them and they were not kept.
import type { FollowHole } from '../core/follow.ts'
import type { LineRow } from './ledger-merge.ts'
import type { Journal } from './journal.ts'

export interface Hole extends FollowHole {
  readonly from: number
  readonly to: number
}

type Line = Pick<LineRow, 'first' | 'end' | 'count' | 'time_from' | 'time_to' | 'action' | 'reason'>

/** Of [from, to) of a stream, in their order; at most about so many, then the rest is asked for anew. */
export function holeReader(db: Journal): (stream: number, from: number, to: number, max: number) => Hole[] {
  // Lines of a stream do not overlap: one at most begins before `from` and reaches into it.
  const lines = db.prepare<{ stream: number; from: number; to: number; max: number }, Line>(
    'SELECT first, "end", count, time_from, time_to, action, reason FROM ledger WHERE stream = :stream AND first < :to AND first >= coalesce((SELECT max(first) FROM ledger WHERE stream = :stream AND first <= :from), 0) ORDER BY first LIMIT :max',
  )
  return (stream, from, to, max) => {
    const found = lines.all({ stream, from, to, max })
    const holes: Hole[] = []
    let at = from
    for (const line of found) {
      if (line.end <= at) continue
      if (line.first > at) holes.push(delivered(at, line.first))
      at = Math.max(at, line.first)
      const end = Math.min(to, line.end)
      holes.push(named(line, at, end))
      at = end
    }
    if (found.length < max && at < to) holes.push(delivered(at, to))
    return holes
  }
}

function named({ first, end, count, action, reason, time_from, time_to }: Line, from: number, to: number): Hole {
  const isWhole = from === first && to === end
  return { from, to, count: isWhole ? count : Math.min(count, to - from), action, reason, timeFrom: time_from, timeTo: time_to }
}

function delivered(from: number, to: number): Hole {
  const reason = 'not kept here after its delivery (log.keepDelivered)'
  return { from, to, count: to - from, action: 'delivered', reason, timeFrom: null, timeTo: null }
}
