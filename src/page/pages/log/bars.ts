// Days of the log as bars, and lines of the ledger as groups: pure.
import type { LedgerLine, LogDay } from '../../../core/operator.ts'

export interface DayBar {
  /** Its begin, UTC, µs. */
  readonly day: number
  readonly readings: number
  readonly bytes: number
  readonly byClass: readonly { readonly name: string; readonly readings: number; readonly bytes: number }[]
  readonly aggregated: number
  /** Everything that is given up and not in an aggregate. */
  readonly lost: number
}

const DAY_US = 86_400_000_000

/** Each day from the first to the last, those without anything too; the youngest `daysMax`. */
export function daysOf(days: readonly LogDay[], daysMax: number): DayBar[] {
  if (days.length === 0) return []
  const last = days.reduce((most, it) => Math.max(most, it.day), 0)
  const first = Math.max(
    days.reduce((least, it) => Math.min(least, it.day), Infinity),
    last - (daysMax - 1) * DAY_US,
  )
  const count = Math.round((last - first) / DAY_US) + 1
  return Array.from({ length: count }, (_, n) => barOf(first + n * DAY_US, days))
}

function barOf(day: number, days: readonly LogDay[]): DayBar {
  const own = days.filter((it) => it.day === day)
  const given = (isCounted: (action: string) => boolean) =>
    own.flatMap((it) => Object.entries(it.givenUp)).reduce((sum, [action, count]) => (isCounted(action) ? sum + count : sum), 0)
  return {
    day,
    readings: own.reduce((sum, it) => sum + it.readings, 0),
    bytes: own.reduce((sum, it) => sum + it.bytes, 0),
    byClass: own.map(({ class: name, readings, bytes }) => ({ name, readings, bytes })),
    aggregated: given((it) => it === 'aggregated'),
    lost: given((it) => it !== 'aggregated' && it !== 'elsewhere'),
  }
}

export interface LossGroup {
  readonly class: string
  readonly action: string
  readonly reason: string
  readonly readings: number
  /** Least and greatest time of the readings. */
  readonly from: number
  readonly to: number
  /** The youngest first. */
  readonly lines: readonly LedgerLine[]
}

/** By class, action and reason; most readings first. */
export function groupsOf(lines: readonly LedgerLine[]): LossGroup[] {
  const groups = Map.groupBy(lines, (it) => `${it.class} ${it.action} ${it.reason}`)
  return [...groups.values()]
    .map((own) => {
      const { class: name, action, reason } = own[0] as LedgerLine
      return {
        class: name,
        action,
        reason,
        readings: own.reduce((sum, it) => sum + it.count, 0),
        from: own.reduce((least, it) => Math.min(least, it.timeFrom), Infinity),
        to: own.reduce((most, it) => Math.max(most, it.timeTo), -Infinity),
        lines: own,
      }
    })
    .toSorted((a, b) => b.readings - a.readings)
}

/** Bytes done by when, to bytes left: seconds; undefined while nobody can tell. */
export function secondsLeft(done: number, all: number, elapsedMs: number): number | undefined {
  if (done <= 0 || elapsedMs < 500 || all <= 0) return undefined
  return ((all - done) / done) * (elapsedMs / 1000)
}
