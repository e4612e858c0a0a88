// Values as JSON, exact. Texts are binary strings: one character a byte.
import type { ValueKind } from '../core/reading.ts'

/** JSON has no NaN and no infinities: they are texts. −0 keeps its sign. */
export function writeDouble(value: number): string {
  if (Number.isFinite(value)) return value === 0 && 1 / value < 0 ? '-0' : String(value)
  return `"${value}"`
}

/** A number while it is safe, beyond that a text. `low` and `high` are the halves of `longs[at]`. */
function writeLong(low: number, high: number, longs: BigInt64Array, at: number): string {
  const value = (high | 0) * 0x1_0000_0000 + low
  return Number.isSafeInteger(value) ? String(value) : `"${longs[at]}"`
}

/** UTF-8 in, JSON as a binary string out: what JSON escapes is ASCII, and the bytes of all else stay as they are. */
function writeString(utf8: Buffer): string {
  return JSON.stringify(utf8.toString('latin1'))
}

/** Of what stands in a record as it is: a name, a unit. */
export function jsonText(value: string): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('latin1')
}

/** Views of a column of value slots. */
export interface ValueViews {
  readonly doubles: Float64Array
  readonly halves: Uint32Array
  readonly longs: BigInt64Array
  /** What strings and bytes point into. */
  readonly bytes: Buffer
}

export function viewsOf(value: Float64Array, bytes: Uint8Array): ValueViews {
  return {
    doubles: value,
    halves: new Uint32Array(value.buffer, value.byteOffset, value.length * 2),
    longs: new BigInt64Array(value.buffer, value.byteOffset, value.length),
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  }
}

/** The JSON of the slot in row `at`; bools as numbers. */
export function slotText(kind: ValueKind, views: ValueViews, at: number): string {
  if (kind === 'double' || kind === 'bool') return writeDouble(views.doubles[at] as number)
  if (kind === 'long') return writeLong(views.halves[at * 2] as number, views.halves[at * 2 + 1] as number, views.longs, at)
  const from = views.halves[at * 2] as number
  const bytes = views.bytes.subarray(from, from + (views.halves[at * 2 + 1] as number))
  return kind === 'string' ? writeString(bytes) : `"${bytes.toString('base64')}"`
}
