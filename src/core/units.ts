// Durations, sizes and shares as they stand in settings and arguments, and as people read them.
// The parsers yield undefined for what is not one: the caller says where it stood, and with the texts below what is allowed.

export const DURATION_ALLOWED = 'a duration: a number and ms, s, m, h or d (250ms, 1s, 5m, 7d)'
export const BYTES_ALLOWED = 'a size: a number and B, kB, MB, GB, TB, or KiB, MiB, GiB, TiB (64kB, 2GB, 64KiB)'
export const PERCENT_ALLOWED = 'a share from 0% to 100% (30%, 2.5%)'

const MS_BY_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES_BY_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

const QUANTITY = /^(\d{1,15}(?:\.\d{1,6})?)([A-Za-z]{1,3})$/

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit] = QUANTITY.exec(text) ?? []
  if (number === undefined || unit === undefined || !Object.hasOwn(units, unit)) return undefined
  const value = Number(number) * (units[unit] as number)
  return Number.isSafeInteger(Math.round(value)) ? value : undefined
}

/** Milliseconds of `250ms`, `1s`, `1.5h`, `7d`, `0s`; may have a fraction (`0.5ms`). Undefined when it is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  return parseQuantity(text, MS_BY_UNIT)
}

/** Whole bytes of `64kB`, `2GB` (powers of ten), `64KiB` (powers of two). Undefined when it is not a size. */
export function parseBytes(text: string): number | undefined {
  const bytes = parseQuantity(text, BYTES_BY_UNIT)
  return bytes === undefined ? undefined : Math.round(bytes)
}

/** 0 to 1 of `30%`. Undefined when it is not a share between 0 % and 100 %. */
export function parsePercent(text: string): number | undefined {
  const [, number] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text) ?? []
  if (number === undefined || Number(number) > 100) return undefined
  return Number(number) / 100
}

const STEPS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
]

/** For people, two units at most: `250 ms`, `3 s`, `2 h 14 min`, `7 d`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 999.95) return `${Math.round(ms * 10) / 10} ms`
  if (ms < 9_950) return `${Math.round(ms / 100) / 10} s`
  const seconds = Math.round(ms / 1_000) * 1_000
  const at = STEPS.findIndex(([, unitMs]) => seconds >= unitMs)
  const [unit, unitMs] = STEPS[at] as readonly [string, number]
  const whole = Math.floor(seconds / unitMs)
  const next = STEPS[at + 1]
  const rest = next ? Math.floor((seconds - whole * unitMs) / next[1]) : 0
  return next && rest > 0 ? `${whole} ${unit} ${rest} ${next[0]}` : `${whole} ${unit}`
}

const SIZES: readonly (readonly [unit: string, bytes: number])[] = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
]

/** For people, powers of ten, three digits: `512 B`, `64 kB`, `1.93 GB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–'
  // 999,500 B would round to "1000 kB".
  const size = SIZES.find(([, unitBytes]) => Math.abs(bytes) >= unitBytes * 0.9995)
  if (!size) return `${Math.round(bytes)} B`
  return `${Number((bytes / size[1]).toPrecision(3))} ${size[0]}`
}

/** For people, grouped: `1,234,567`; at most one digit after the point below 100. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return '–'
  return count.toLocaleString('en-US', { maximumFractionDigits: Math.abs(count) < 100 ? 1 : 0 })
}
