// What the log holds and has given up, by day and line by line: for people who look.
import type { LedgerLine, LedgerRequest, LogDay } from '../core/operator.ts'
import type { Journal } from './journal.ts'

const DAY_US = 86_400_000_000
/** Days since 1970 UTC. */
export const dayOf = (us: number) => Math.floor(us / DAY_US)
/** Days that are told apart; what is older counts to the first of them. */
const DAYS_MAX = 400

/** The youngest first. */
export function ledgerLines(db: Journal, request: LedgerRequest): LedgerLine[] {
  return db
    .prepare(
      `SELECT s.device, s.epoch, s.class, s.form, l.first AS "from", l.end - 1 AS "to", l.count, l.time_from AS timeFrom, l.time_to AS timeTo,
        l.action, l.reason, l.at FROM ledger l JOIN stream s ON s.id = l.stream
        WHERE (:class IS NULL OR s.class = :class) AND (:from IS NULL OR l.time_to >= :from) AND (:to IS NULL OR l.time_from < :to)
        ORDER BY l.id DESC LIMIT :limit`,
    )
    .all({
      class: request.class ?? null,
      from: request.from ?? null,
      to: request.to ?? null,
      limit: request.limit,
    }) as LedgerLine[]
}

/** Blocks count to the day of their last receipt, lines to the day that they were written. The oldest day first. */
export function logDays(db: Journal): LogDay[] {
  const blocks = db
    .prepare(
      `SELECT CAST(b.received_to / ${DAY_US} AS INTEGER) AS day, s.class, sum(b.readings) AS readings, sum(b.bytes) AS bytes
        FROM block b JOIN stream s ON s.id = b.stream WHERE s.form IN ('raw', 'aggregate') GROUP BY 1, 2`,
    )
    .all() as { day: number; class: string; readings: number; bytes: number }[]
  const lines = db
    .prepare(
      `SELECT CAST(l.at / ${DAY_US} AS INTEGER) AS day, s.class, l.action, sum(l.count) AS count
        FROM ledger l JOIN stream s ON s.id = l.stream WHERE s.form = 'raw' GROUP BY 1, 2, 3`,
    )
    .all() as { day: number; class: string; action: string; count: number }[]
  const days = [...new Set([...blocks, ...lines].map((it) => it.day))].toSorted((a, b) => a - b)
  const first = days.at(-DAYS_MAX) ?? 0
  const made = new Map<string, { day: number; class: string; readings: number; bytes: number; givenUp: Record<string, number> }>()
  const at = (day: number, name: string) => {
    const counted = Math.max(day, first)
    const key = `${counted} ${name}`
    const found = made.get(key) ?? { day: counted * DAY_US, class: name, readings: 0, bytes: 0, givenUp: {} }
    made.set(key, found)
    return found
  }
  for (const it of blocks) {
    const day = at(it.day, it.class)
    day.readings += it.readings
    day.bytes += it.bytes
  }
  for (const it of lines) {
    const { givenUp } = at(it.day, it.class)
    givenUp[it.action] = (givenUp[it.action] ?? 0) + it.count
  }
  return [...made.values()].toSorted((a, b) => a.day - b.day)
}
