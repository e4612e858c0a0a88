// What stands in a JSON payload, as what a reading needs. Pure; each function says how it shows what it cannot read.
import type { QualityCode } from '../../core/reading.ts'
import { BAD, GOOD, UNCERTAIN } from '../../core/reading.ts'

/** The value at a dotted path; undefined where there is none. `$` is the item itself. */
export function pathReader(path: string): (item: unknown) => unknown {
  const keys = path
    .replace(/^\$\.?/, '')
    .split('.')
    .filter((key) => key !== '')
  const [first, second] = keys
  if (first === undefined) return (item) => item
  if (second === undefined) return (item) => fieldOf(item, first)
  return (item) => keys.reduce(fieldOf, item)
}

export function fieldOf(item: unknown, key: string): unknown {
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined
}

// 1e11 s is the year 5138, 1e11 ms 1973; nanoseconds begin where µs would be past 2255, which is what times here reach to.
const SECONDS_BELOW = 1e11
const MS_BELOW = 1e14
const MICROS_BELOW = 9e15
const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,](\d+))?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?)?$/

/** Micros of epoch seconds, ms, µs or ns (by magnitude), the same as text, or ISO 8601 (UTC where it names no zone). NaN when it is none of these. */
export function timeOf(given: unknown): number {
  const time = typeof given === 'number' ? timeOfNumber(given) : typeof given === 'string' ? timeOfText(given) : Number.NaN
  return Math.abs(time) < MICROS_BELOW ? time : Number.NaN
}

function timeOfText(given: string): number {
  if (/^-?\d+(\.\d+)?$/.test(given)) return timeOfNumber(Number(given))
  const [whole, fraction = '', zone] = ISO.exec(given) ?? []
  if (whole === undefined) return Number.NaN
  const isDate = whole.length === 10
  const ms = Date.parse(zone === undefined && !isDate ? `${whole.replace(' ', 'T').replace(',', '.')}Z` : whole.replace(',', '.'))
  // Date keeps milliseconds; what is finer stands in the text.
  return ms * 1000 + Number(fraction.slice(3, 6).padEnd(3, '0'))
}

function timeOfNumber(given: number): number {
  const size = Math.abs(given)
  if (size < SECONDS_BELOW) return Math.round(given * 1e6)
  if (size < MS_BELOW) return Math.round(given * 1000)
  // What is finer than µs is cut off.
  if (size < MICROS_BELOW) return Math.floor(given)
  return size < MICROS_BELOW * 1000 ? Math.floor(given / 1000) : Number.NaN
}

const QUALITY_BY_TEXT: Readonly<Record<string, QualityCode>> = {
  good: GOOD,
  ok: GOOD,
  uncertain: UNCERTAIN,
  stale: UNCERTAIN,
  bad: BAD,
}
/** From here on it is an OPC UA status code, whose two highest bits are the severity; below, OPC's older quality (192 good, 64 uncertain). */
const STATUS_CODE_FROM = 0x4000_0000
const CLASSIC_UNCERTAIN_FROM = 64
const CLASSIC_GOOD_FROM = 192

/** Words, true and false, OPC's 0 to 255, OPC UA status codes. Missing is good; what nobody knows is uncertain. */
export function qualityOf(given: unknown): QualityCode {
  if (given === undefined || given === null) return GOOD
  if (typeof given === 'boolean') return given ? GOOD : BAD
  if (typeof given === 'string') return QUALITY_BY_TEXT[given.toLowerCase()] ?? UNCERTAIN
  if (typeof given !== 'number') return UNCERTAIN
  if (given >= STATUS_CODE_FROM) return given >= 2 * STATUS_CODE_FROM ? BAD : UNCERTAIN
  if (given > 255) return UNCERTAIN
  if (given >= CLASSIC_GOOD_FROM) return GOOD
  return given >= CLASSIC_UNCERTAIN_FROM ? UNCERTAIN : BAD
}

/** The payload's JSON; undefined when it is none (JSON itself has no undefined). */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown

const keepLongs: Reviver = (_key, value, { source = '' }) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value

/** As `jsonOf`, but integers that a double cannot hold are bigint. Slow: only where a mapping asks for long and a number is that large. */
export function exactJsonOf(text: string): unknown {
  return JSON.parse(text, keepLongs as Parameters<typeof JSON.parse>[1])
}

const DOUBLE_BY_TEXT: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity: Infinity, '-Infinity': -Infinity }

/** A number, a number as text, or JSON's way to say NaN and Infinity. Undefined when it is none. */
export function doubleOf(given: unknown): number | undefined {
  if (typeof given === 'number') return given
  if (typeof given === 'bigint') return Number(given)
  if (typeof given !== 'string') return undefined
  if (Object.hasOwn(DOUBLE_BY_TEXT, given)) return DOUBLE_BY_TEXT[given]
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(given) ? Number(given) : undefined
}

/** A whole number within 64 bits, as number, bigint or text. Undefined when it is none. */
export function longOf(given: unknown): bigint | undefined {
  const isText = typeof given === 'string' && /^[+-]?\d{1,20}$/.test(given)
  if (!isText && typeof given !== 'bigint' && !(typeof given === 'number' && Number.isSafeInteger(given))) return undefined
  const long = BigInt(isText ? given.replace('+', '') : given)
  return BigInt.asIntN(64, long) === long ? long : undefined
}

/** true, false, 1, 0, also as text. Undefined when it is none. */
export function boolOf(given: unknown): boolean | undefined {
  if (typeof given === 'boolean') return given
  if (given === 1 || given === '1' || given === 'true') return true
  return given === 0 || given === '0' || given === 'false' ? false : undefined
}
