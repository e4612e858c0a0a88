// Wall clocks of time zones, as far as windows and budgets need them: whole minutes.
import type { Micros } from './reading.ts'

/** What a clock on the wall says. `minute` of the day: 0 to 1439. */
export interface Wall {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** 1 to 31. */
  readonly date: number
  /** 0 is Sunday. */
  readonly weekday: number
  readonly minute: number
}

export interface Zone {
  readonly name: string
  wall(at: Micros): Wall
  /** Minutes that the wall is ahead of UTC. */
  offset(at: Micros): number
  /** The first moment, at or after midnight, of a date: where a clock change swallows midnight, the first that there is. */
  startOf(year: number, month: number, date: number): Micros
}

export const MINUTE_US = 60_000_000
const DAY_MINUTES = 1_440

export function isZone(name: string): boolean {
  try {
    return timeZone(name).name === name
  } catch {
    return false
  }
}

/** A zone of the IANA list. Throws RangeError for any other name. */
export function timeZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  let last: { readonly at: number; readonly offset: number } | undefined

  function offsetOf(minuteOfEpoch: number): number {
    if (last?.at === minuteOfEpoch) return last.offset
    const parts: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(minuteOfEpoch * 60_000)) parts[type] = Number(value)
    const local = Date.UTC(parts.year ?? 0, (parts.month ?? 1) - 1, parts.day, parts.hour, parts.minute) / 60_000
    last = { at: minuteOfEpoch, offset: local - minuteOfEpoch }
    return last.offset
  }

  const minuteOf = (at: Micros) => Math.floor(at / MINUTE_US)

  return {
    name,
    offset: (at) => offsetOf(minuteOf(at)),
    wall(at) {
      const minute = minuteOf(at) + offsetOf(minuteOf(at))
      const day = Math.floor(minute / DAY_MINUTES)
      const date = new Date(day * 86_400_000)
      return {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        date: date.getUTCDate(),
        weekday: date.getUTCDay(),
        minute: minute - day * DAY_MINUTES,
      }
    },
    startOf(year, month, date) {
      const local = Date.UTC(year, month - 1, date) / 60_000
      // Offsets of the day before and of the day itself: the one that yields midnight holds, the earlier where both do.
      const offsets = [offsetOf(local - DAY_MINUTES), offsetOf(local + DAY_MINUTES)]
      const found = offsets.map((it) => local - it).filter((it) => it + offsetOf(it) === local)
      if (found.length > 0) return Math.min(...found) * MINUTE_US
      // Midnight is swallowed: the moment of the change is midnight by the old clock.
      return (local - (offsets[0] as number)) * MINUTE_US
    },
  }
}

/** For people: `2026-11-29 22:00 Europe/Berlin`. */
export function wallText(zone: Zone, at: Micros): string {
  const { year, month, date, minute } = zone.wall(at)
  const two = (it: number) => String(it).padStart(2, '0')
  return `${year}-${two(month)}-${two(date)} ${two(Math.floor(minute / 60))}:${two(minute % 60)} ${zone.name}`
}
