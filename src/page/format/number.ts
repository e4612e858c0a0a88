import { locale } from '../state/preferences.ts'

const formats = new Map<string, Intl.NumberFormat>()

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale() + JSON.stringify(options)
  const known = formats.get(key)
  if (known) return known
  const made = new Intl.NumberFormat(locale(), options)
  formats.set(key, made)
  return made
}

/** Whole where it is whole, else at most `digits` after the point. */
export function number(value: number | bigint, digits = 2): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return format({ maximumFractionDigits: digits }).format(value)
}

/** As it was measured: up to seven significant digits. */
export function measured(value: number | bigint): string {
  if (typeof value === 'bigint' || !Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e9 || size < 1e-4))
    return format({ notation: 'scientific', maximumSignificantDigits: 7 }).format(value)
  return format({ maximumSignificantDigits: 7 }).format(value)
}

export function percent(share: number, digits = 0): string {
  return format({ style: 'percent', maximumFractionDigits: digits }).format(share)
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB']

/** In powers of ten, as the settings have it. */
export function bytes(value: number): string {
  let size = value
  let at = 0
  while (size >= 999.5 && at < SIZES.length - 1) {
    size /= 1000
    at++
  }
  return `${number(size, size < 10 && at > 0 ? 1 : 0)} ${SIZES[at]}`
}

/** Values per second. */
export function rate(value: number): string {
  return number(value, value < 10 ? 1 : 0)
}
