// What of the last week's readings rules would have given up: how many there were is what the log's own days say, which share goes is the forecast of
// a week without a link.
import type { LogDay } from '../../../core/operator.ts'
import { DAY_MS } from './ladder.ts'
import type { ClassLeft } from './what-if.ts'
import { leftAt } from './what-if.ts'

const WEEK_MS = 7 * DAY_MS

export interface WeekRow {
  readonly name: string
  /** Readings of the week that the log knows of, held or given up. */
  readonly known: number
  /** Of those, really: aggregated, and lost by whatever reason. */
  readonly aggregated: number
  readonly lost: number
  /** Had there been no link all week. Undefined: it is being asked. */
  readonly would: { readonly aggregated: number; readonly lost: number } | undefined
}

/** Rows of the classes of `left`, in their order. `nowMs` since 1970. */
export function weekRows(days: readonly LogDay[], left: readonly ClassLeft[], nowMs: number): WeekRow[] {
  // Whole days of UTC: today and the six before.
  const from = (Math.floor(nowMs / DAY_MS) - 6) * DAY_MS * 1000
  return left.map(({ name, left: own }) => {
    const its = days.filter((it) => it.class === name && it.day >= from)
    const sum = (of: (it: LogDay) => number) => its.reduce((total, it) => total + of(it), 0)
    const aggregated = sum((it) => it.givenUp['aggregated'] ?? 0)
    const lost = sum(lostOf)
    const known = sum((it) => it.readings) + aggregated + lost
    const share = leftAt(own, WEEK_MS)
    const would = share && { aggregated: Math.round(known * share.aggregated), lost: Math.round(known * share.lost) }
    return { name, known, aggregated, lost, would }
  })
}

/** What another uplink has is not lost. */
function lostOf({ givenUp }: LogDay): number {
  return Object.entries(givenUp).reduce(
    (total, [action, count]) => (action === 'aggregated' || action === 'elsewhere' ? total : total + count),
    0,
  )
}
