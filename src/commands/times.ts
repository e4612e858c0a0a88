// Points in time as arguments and as text. All of them microseconds since 1970 UTC.
import { BadInput } from '../core/errors.ts'
import { parseDurationMs } from '../core/units.ts'

const ALLOWED = 'a time: now, -10m, 2026-11-24T08:00:00Z, 2026-11-24, or milliseconds or microseconds since 1970'
const ISO = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?)?$/
/** Smaller numbers are milliseconds (up to the year 5138), larger ones microseconds (from 1973 on). */
const MICROS_FROM = 1e14

/** Throws BadInput that names the option. Without a zone a time is UTC; what is finer than a microsecond is cut off. */
export function parseTime(text: string, option: string, now: number): number {
  const micros = text === 'now' ? now : (relative(text, now) ?? epoch(text) ?? iso(text))
  if (micros !== undefined && Number.isSafeInteger(micros)) return micros
  throw new BadInput([{ where: option, text: `"${text}" is not ${ALLOWED}` }])
}

function relative(text: string, now: number): number | undefined {
  if (!text.startsWith('-')) return undefined
  const ms = parseDurationMs(text.slice(1))
  return ms === undefined ? undefined : now - Math.round(ms * 1000)
}

function epoch(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined
  const number = Number(text)
  return number < MICROS_FROM ? number * 1000 : number
}

function iso(text: string): number | undefined {
  const [, date, minutes = '00:00', seconds = '00', fraction = '', zone = 'Z'] = ISO.exec(text) ?? []
  if (date === undefined) return undefined
  const ms = Date.parse(`${date}T${minutes}:${seconds}${zone}`)
  // Date.parse turns 30 February into 2 March.
  const sameDay = Number.isFinite(ms) && new Date(Date.parse(`${date}T00:00:00Z`)).toISOString().startsWith(date)
  return sameDay ? ms * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6)) : undefined
}

/** `2026-11-24T08:00:00.123456Z` */
export function formatTime(micros: number): string {
  const seconds = Math.floor(micros / 1e6)
  const date = new Date(seconds * 1000)
  if (Number.isNaN(date.getTime())) return String(micros)
  return `${date.toISOString().slice(0, -5)}.${String(micros - seconds * 1e6).padStart(6, '0')}Z`
}

export function nowMicros(): number {
  return Date.now() * 1000
}
