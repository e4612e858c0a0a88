// Times are microseconds since 1970 UTC; shown in the browser's zone.
import { locale } from '../state/preferences.ts'
import { number } from './number.ts'

const DAY_MS = 86_400_000

export function time(micros: number, isWithDate?: boolean): string {
  const at = new Date(micros / 1000)
  const withDate = isWithDate ?? Math.abs(Date.now() - at.getTime()) > DAY_MS / 2
  return at.toLocaleString(locale(), {
    ...(withDate && { year: 'numeric', month: '2-digit', day: '2-digit' }),
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
}

export function utc(micros: number): string {
  return `${new Date(micros / 1000).toISOString().replace('T', ' ').replace('Z', '')} UTC`
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** `3 d 4 h`, `12 min 5 s`, `0.4 s`: the two greatest units. */
export function duration(seconds: number): string {
  const all = Math.abs(seconds)
  if (all < 10) return `${number(all, all < 1 ? 2 : 1)} s`
  const whole = Math.round(all)
  const first = UNITS.findIndex(([, size]) => whole >= size)
  const parts = UNITS.slice(first, first + 2).map(([unit, size], at) => {
    const before = at === 0 ? whole : whole % (UNITS[first]?.[1] ?? 1)
    return [Math.floor(before / size), unit] as const
  })
  return parts
    .filter(([count], at) => at === 0 || count > 0)
    .map(([count, unit]) => `${number(count)} ${unit}`)
    .join(' ')
}
