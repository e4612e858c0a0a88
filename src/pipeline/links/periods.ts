import type { Micros } from '../../core/reading.ts'
import type { Zone } from '../../core/zone.ts'

export type Per = 'day' | 'week' | 'month'

/** The day, the week (from Monday) or the month that a moment is in, [start, end), by the wall of a zone. */
export function periodOf(per: Per, zone: Zone, at: Micros): { readonly start: Micros; readonly end: Micros } {
  const { year, month, date, weekday } = zone.wall(at)
  if (per === 'month') return { start: zone.startOf(year, month, 1), end: zone.startOf(year, month + 1, 1) }
  const days = per === 'day' ? 1 : 7
  const first = per === 'day' ? date : date - ((weekday + 6) % 7)
  return { start: zone.startOf(year, month, first), end: zone.startOf(year, month, first + days) }
}
