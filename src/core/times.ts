// When a window is open: `always`, hours of the day as "22:00-06:00", or the minutes that a cron line names. By the clock on the wall of
// a zone: an hour that a clock change swallows is not open, one that comes twice is open twice.
import type { Micros } from './reading.ts'
import type { Wall, Zone } from './zone.ts'
import { MINUTE_US } from './zone.ts'

/** Minutes of the day that are open, on days of which all is open. */
export interface Times {
  readonly text: string
  isMinute(minute: number): boolean
  isDay(wall: Wall): boolean
}

const DAY_MINUTES = 1_440
/** 29 February on a certain weekday comes every 28 years, or 40 at the turn of some centuries. */
const DAYS_LOOKED_MAX = 366 * 41
/** What is open for longer than that is open, for all that anybody wants to know. */
const DAYS_OPEN_MAX = 366

/** Times of a text; or what is wrong with it, for a person. */
export function parseTimes(text: string): Times | string {
  if (text === 'always') return { text, isMinute: () => true, isDay: () => true }
  const hours = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text)
  if (hours) return hoursOf(text, hours[1] as string, hours[2] as string)
  const fields = text.trim().split(/\s+/)
  if (fields.length === 5) return cronOf(text, fields)
  return 'must be always, hours as "22:00-06:00", or the five fields of a cron line ("* 22-23 * * 1-5": every minute that it names)'
}

function hoursOf(text: string, fromText: string, toText: string): Times | string {
  const [from, to] = [minuteOf(fromText), toText === '24:00' ? DAY_MINUTES : minuteOf(toText)]
  if (from === undefined || to === undefined) return 'hours go from 00:00 to 24:00'
  if (from === to) return `from ${fromText} to ${toText} is no time at all; for all day write always`
  const isMinute = from < to ? (it: number) => it >= from && it < to : (it: number) => it >= from || it < to
  return { text, isMinute, isDay: () => true }
}

function minuteOf(text: string): number | undefined {
  const [hour = 24, minute = 60] = text.split(':').map(Number)
  return hour < 24 && minute < 60 ? hour * 60 + minute : undefined
}

interface Field {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly names?: readonly string[]
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const FIELDS: readonly Field[] = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of the month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, names: MONTHS },
  { name: 'day of the week', from: 0, to: 7, names: DAYS },
]

function cronOf(text: string, fields: readonly string[]): Times | string {
  const sets: ReadonlySet<number>[] = []
  for (const [at, field] of FIELDS.entries()) {
    const set = valuesOf(fields[at] as string, field)
    if (typeof set === 'string') return set
    sets.push(set)
  }
  const [minutes, hours, dates, months, weekdays] = sets as [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>]
  if (weekdays.has(7)) weekdays.add(0)
  // As cron has it: where neither is `*`, either is enough.
  const isEither = fields[2] !== '*' && fields[4] !== '*'
  const isDay = ({ date, month, weekday }: Wall) => {
    if (!months.has(month)) return false
    return isEither ? dates.has(date) || weekdays.has(weekday) : dates.has(date) && weekdays.has(weekday)
  }
  const times = { text, isMinute: (it: number) => hours.has(Math.floor(it / 60)) && minutes.has(it % 60), isDay }
  const isEver = [...months].some((month) => [...dates].some((date) => date <= LONGEST[month - 1]!)) || isEither
  return isEver ? times : `no month of it has a day ${Math.min(...dates)}`
}

const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** `*`, `5`, `1-5`, `mon-fri`, each with `/2`, several with commas. */
function valuesOf(text: string, field: Field): Set<number> | string {
  const { name, from, to } = field
  const wrong = `"${text}" is no ${name}: * or numbers from ${from} to ${to}, as 1, 1-5, */2, or several with commas`
  const set = new Set<number>()
  for (const part of text.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(part) ?? []
    const [first, last, more] =
      range === '*' ? [from, name === 'day of the week' ? 6 : to] : range.split('-').map((it) => valueOf(it, field))
    const end = last ?? (step === undefined ? first : to)
    if (first === undefined || end === undefined || more !== undefined) return wrong
    const isWhole = first >= from && end <= to && first <= end && (range.includes('-') ? last !== undefined : true)
    const every = Number(step ?? 1)
    if (!isWhole || every < 1) return wrong
    for (let it = first; it <= end; it += every) set.add(it)
  }
  return set
}

function valueOf(text: string, { names, from }: Field): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  if (named >= 0) return named + (from === 1 ? 1 : 0)
  return /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
}

export function isOpen(times: Times, zone: Zone, at: Micros): boolean {
  const wall = zone.wall(at)
  return times.isMinute(wall.minute) && times.isDay(wall)
}

/** The first moment at or after `at` at which it is open, or is not (`wanted` false). Undefined: never, or not within a year. */
export function nextMinute(times: Times, zone: Zone, at: Micros, wanted: boolean): Micros | undefined {
  if (isOpen(times, zone, at) === wanted) return at
  let minute = (Math.floor(at / MINUTE_US) + 1) * MINUTE_US
  for (let days = 0; days < (wanted ? DAYS_LOOKED_MAX : DAYS_OPEN_MAX); days++) {
    const wall = zone.wall(minute)
    const left = DAY_MINUTES - wall.minute
    // On a day on which the clock is changed, minute by minute.
    const isPlain = zone.offset(minute) === zone.offset(minute + left * MINUTE_US)
    const found = isPlain ? onPlainDay(times, wall, wanted) : onAnyDay(times, zone, minute, left, wanted)
    if (found !== undefined) return minute + found * MINUTE_US
    minute += left * MINUTE_US
  }
  return undefined
}

/** Minutes from now; undefined when not on this day. */
function onPlainDay(times: Times, wall: Wall, wanted: boolean): number | undefined {
  const isDay = times.isDay(wall)
  if (!isDay) return wanted ? undefined : 0
  for (let it = wall.minute; it < DAY_MINUTES; it++) if (times.isMinute(it) === wanted) return it - wall.minute
  return undefined
}

function onAnyDay(times: Times, zone: Zone, from: Micros, minutes: number, wanted: boolean): number | undefined {
  for (let it = 0; it < minutes; it++) if (isOpen(times, zone, from + it * MINUTE_US) === wanted) return it
  return undefined
}
