// Times as legacy systems write them, into microseconds since 1970 UTC. A time without a zone is what a clock on the wall of `zone` says:
// where a change of clocks makes it twice, the first is meant; where it never was, the clock had not been put forward yet.
import type { Micros } from '../../core/reading.ts'
import { MINUTE_US, timeZone } from '../../core/zone.ts'

/** Undefined: it cannot be read. */
export type ParseTime = (text: string) => Micros | undefined

/** Exact as a double; what a batch can carry. */
const TIME_MAX: Micros = 9_000_000_000_000_000
const DAY_MINUTES = 1_440

const UNITS: Readonly<Record<string, number>> = { seconds: 1e6, milliseconds: 1e3, microseconds: 1 }
const TOKENS: Readonly<Record<string, string>> = {
  YYYY: '(?<year>\\d{4})',
  YY: '(?<year2>\\d{2})',
  MM: '(?<month>\\d{2})',
  M: '(?<month>\\d{1,2})',
  DD: '(?<day>\\d{2})',
  D: '(?<day>\\d{1,2})',
  HH: '(?<hour>\\d{2})',
  H: '(?<hour>\\d{1,2})',
  mm: '(?<minute>\\d{2})',
  ss: '(?<second>\\d{2})',
}
const TOKEN = /YYYY|YY|MM|M|DD|D|HH|H|mm|ss|S+/g
const ISO =
  /^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})(?:[T ](?<hour>\d{2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?)?(?: ?(?<zone>Z|[+-]\d{2}:?\d{2}))?$/

const ALLOWED =
  'must be iso, seconds, milliseconds, microseconds, or made of YYYY YY MM M DD D HH H mm ss S (DD.MM.YYYY HH:mm:ss)'

/** What is wrong with a format; undefined: nothing. */
export function formatProblem(format: string): string | undefined {
  if (format === 'iso' || Object.hasOwn(UNITS, format)) return undefined
  const tokens = (format.match(TOKEN) ?? []).map((it) => it[0])
  const isOnce = new Set(tokens).size === tokens.length
  const isWhole = ['Y', 'M', 'D'].every((it) => tokens.includes(it))
  const hasOthers = /[A-Za-z]/.test(format.replaceAll(TOKEN, '').replaceAll('T', ''))
  return isOnce && isWhole && !hasOthers && format.length <= 64 ? undefined : ALLOWED
}

/** Of a format without a problem. */
export function timeParser(format: string, zoneName: string): ParseTime {
  const unit = UNITS[format]
  if (unit !== undefined) return (text) => epoch(text, unit)
  const pattern = format === 'iso' ? ISO : compiled(format)
  const toUtc = wallClock(zoneName)
  return (text) => {
    const groups = pattern.exec(text.trim())?.groups
    return groups && fromParts(groups, toUtc)
  }
}

function compiled(format: string): RegExp {
  const parts = format.split(/(YYYY|YY|MM|M|DD|D|HH|H|mm|ss|S+)/)
  const texts = parts.map((it) => {
    if (/^S+$/.test(it)) return '(?<fraction>\\d{1,9})'
    return TOKENS[it] ?? it.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  })
  return new RegExp(`^${texts.join('')}$`)
}

function epoch(text: string, unit: number): Micros | undefined {
  const found = /^(\d{1,17})(?:[.,](\d{1,9}))?$/.exec(text.trim())
  if (!found) return undefined
  const fraction = Number(`0.${found[2] ?? '0'}`)
  const time = Number(found[1]) * unit + Math.floor(fraction * unit + 1e-6)
  return time <= TIME_MAX ? time : undefined
}

type Groups = Readonly<Record<string, string | undefined>>

function fromParts(groups: Groups, toUtc: (localMinute: number) => number): Micros | undefined {
  const number = (key: string, otherwise = 0) => (groups[key] === undefined ? otherwise : Number(groups[key]))
  const short = number('year2')
  const year = number('year', short + (short < 70 ? 2000 : 1900))
  const [month, day, hour, minute, second] = [
    number('month', 1),
    number('day', 1),
    number('hour'),
    number('minute'),
    number('second'),
  ]
  const date = new Date(Date.UTC(year, month - 1, day))
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return undefined
  const local = date.getTime() / 60_000 + hour * 60 + minute
  const utc = groups.zone === undefined ? toUtc(local) : local - offsetMinutes(groups.zone)
  const micros = Number((groups.fraction ?? '').padEnd(6, '0').slice(0, 6))
  const time = utc * MINUTE_US + second * 1e6 + micros
  return time >= 0 && time <= TIME_MAX ? time : undefined
}

function offsetMinutes(zone: string): number {
  if (zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return zone.startsWith('-') ? -minutes : minutes
}

function wallClock(zoneName: string): (localMinute: number) => number {
  if (zoneName === 'UTC') return (local) => local
  const zone = timeZone(zoneName)
  let last: { readonly local: number; readonly utc: number } | undefined
  return (local) => {
    if (last?.local !== local) last = { local, utc: toUtc(local) }
    return last.utc
  }

  function toUtc(local: number): number {
    const offsetAt = (minute: number) => zone.offset(minute * MINUTE_US)
    const [before, after] = [offsetAt(local - DAY_MINUTES), offsetAt(local + DAY_MINUTES)]
    const found = [local - before, local - after].filter((it) => it + offsetAt(it) === local)
    return found.length > 0 ? Math.min(...found) : local - before
  }
}
