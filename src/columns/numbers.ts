// Runs of doubles, longs and bools. Doubles as decimals where every one of the run is, else as byte planes: always bit by bit.
import { DamagedBlock } from './header.ts'
import type { Reader, Writer } from './varint.ts'
import { readSigned, readSigned64, signed64At, signedAt } from './varint.ts'

export const POWERS_OF_TEN = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9] as const
/** As doubles all of them, which reads faster than a list that begins with small integers. */
const POWERS = Float64Array.from(POWERS_OF_TEN)
const DECIMALS_MAX = POWERS_OF_TEN.length - 1
/** Adding and taking it away rounds to an integer, several times faster than Math.round; right for |x| < 2^51. */
export const ROUNDER = 1.5 * 2 ** 52
/** What float32 can tell apart; a value that needs more digits is no decimal, and its planes are smaller. */
const SINGLE_INTEGER_MAX = 2 ** 24
const INTEGER_MAX = 2 ** 51 - 1

/** Views on the same 8-byte slots. */
export interface Slots {
  readonly value: Float64Array
  readonly words: Int32Array
  readonly bytes: Uint8Array
}

export function slotsOf(value: Float64Array): Slots {
  return {
    value,
    words: new Int32Array(value.buffer, value.byteOffset, value.length * 2),
    bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
  }
}

export function isDecimal(value: number, decimals: number, single: boolean): boolean {
  const power = POWERS_OF_TEN[decimals] as number
  const k = value * power + ROUNDER - ROUNDER
  const max = single ? SINGLE_INTEGER_MAX : INTEGER_MAX
  const back = single ? Math.fround(k / power) : k / power
  return back === value && k <= max && k >= -max && !Object.is(value, -0)
}

/** The fewest decimals, from `least` on, that hold `value` exactly; −1 where none do. */
function decimalsOf(value: number, least: number, single: boolean): number {
  for (let decimals = least; decimals <= DECIMALS_MAX; decimals++) if (isDecimal(value, decimals, single)) return decimals
  return -1
}

function firstDecimals(value: number, hint: number, single: boolean): number {
  if (isDecimal(value, hint, single) && (hint === 0 || !isDecimal(value, hint - 1, single))) return hint
  return decimalsOf(value, 0, single)
}

/**
 * The fewest decimals that hold all of value[from … to) exactly, and k = value × 10^decimals in `scaled`; −1 where none do.
 * `hint`: what the run before needed. `single`: exactly after rounding to float32.
 */
export function scale(
  value: Float64Array,
  from: number,
  to: number,
  hint: number,
  single: boolean,
  scaled: Float64Array,
): number {
  let decimals = firstDecimals(value[from] as number, hint, single)
  while (decimals >= 0) {
    const end = single ? scaleSingles(value, from, to, decimals, scaled) : scaleDoubles(value, from, to, decimals, scaled)
    if (end === to) return decimals
    decimals = decimalsOf(value[end] as number, decimals + 1, single)
  }
  return -1
}

/** Up to the first that does not hold; returns where that is. */
function scaleDoubles(value: Float64Array, from: number, to: number, decimals: number, scaled: Float64Array): number {
  const power = POWERS_OF_TEN[decimals] as number
  for (let i = from; i < to; i++) {
    const it = value[i] as number
    const k = it * power + ROUNDER - ROUNDER
    if (k / power !== it || k > INTEGER_MAX || k < -INTEGER_MAX || (k === 0 && Object.is(it, -0))) return i
    scaled[i - from] = k
  }
  return to
}

function scaleSingles(value: Float64Array, from: number, to: number, decimals: number, scaled: Float64Array): number {
  const power = POWERS_OF_TEN[decimals] as number
  for (let i = from; i < to; i++) {
    const it = value[i] as number
    const k = it * power + ROUNDER - ROUNDER
    if (Math.fround(k / power) !== it || k > SINGLE_INTEGER_MAX || k < -SINGLE_INTEGER_MAX || (k === 0 && Object.is(it, -0)))
      return i
    scaled[i - from] = k
  }
  return to
}

/** Whether all are float32 (no NaN: its payload may not survive the conversion). */
export function areSingles(value: Float64Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (Math.fround(value[i] as number) !== value[i]) return false
  return true
}

/** Room for `count` varints must be reserved. */
export function writeScaled(writer: Writer, scaled: Float64Array, count: number): void {
  const { bytes } = writer
  let at = writer.at
  let before = 0
  for (let i = 0; i < count; i++) {
    const k = scaled[i] as number
    at = signedAt(bytes, at, k - before)
    before = k
  }
  writer.at = at
}

export function powerOf(decimals: number): number {
  if (decimals > DECIMALS_MAX) throw new DamagedBlock('header', 'too many decimals')
  return POWERS[decimals] as number
}

export function readScaled(
  reader: Reader,
  value: Float64Array,
  from: number,
  to: number,
  decimals: number,
  single: boolean,
): void {
  const power = powerOf(decimals)
  let k = 0
  for (let i = from; i < to; i++) {
    k += readSigned(reader)
    value[i] = single ? Math.fround(k / power) : k / power
  }
}

/** `width` bytes each, XOR with the one before, plane by plane. Room must be reserved. */
export function writePlanes(writer: Writer, bytes: Uint8Array, from: number, to: number, width: number): void {
  const out = writer.bytes
  let at = writer.at
  for (let plane = 0; plane < width; plane++) {
    let before = 0
    for (let i = from * width + plane; i < to * width; i += width) {
      const it = bytes[i] as number
      out[at++] = it ^ before
      before = it
    }
  }
  writer.at = at
}

export function readPlanes(reader: Reader, bytes: Uint8Array, from: number, to: number, width: number): void {
  if (reader.at + (to - from) * width > reader.bytes.length) throw new DamagedBlock('header', 'a column ends before its time')
  const source = reader.bytes
  let at = reader.at
  for (let plane = 0; plane < width; plane++) {
    let before = 0
    for (let i = from * width + plane; i < to * width; i += width) {
      before ^= source[at++] as number
      bytes[i] = before
    }
  }
  reader.at = at
}

/** Room for `to − from` varints must be reserved. */
export function writeLongs(writer: Writer, words: Int32Array, from: number, to: number): void {
  const { bytes } = writer
  let at = writer.at
  let lowBefore = 0
  let highBefore = 0
  for (let i = from * 2; i < to * 2; i += 2) {
    const low = words[i] as number
    const high = words[i + 1] as number
    const borrow = low >>> 0 < lowBefore >>> 0 ? 1 : 0
    at = signed64At(bytes, at, (low - lowBefore) | 0, (high - highBefore - borrow) | 0)
    lowBefore = low
    highBefore = high
  }
  writer.at = at
}

export function readLongs(reader: Reader, words: Int32Array, from: number, to: number): void {
  let low = 0
  let high = 0
  for (let i = from * 2; i < to * 2; i += 2) {
    readSigned64(reader, words, i)
    const sum = (low >>> 0) + ((words[i] as number) >>> 0)
    low = sum | 0
    high = (high + (words[i + 1] as number) + (sum > 0xffff_ffff ? 1 : 0)) | 0
    words[i] = low
    words[i + 1] = high
  }
}

/** Whether all are exactly 0 or 1, as bits. */
export function areBools(value: Float64Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const it = value[i] as number
    if (it !== 1 && !Object.is(it, 0)) return false
  }
  return true
}

export function writeBools(writer: Writer, value: Float64Array, from: number, to: number): void {
  for (let i = from; i < to; i += 8) {
    let byte = 0
    for (let bit = 0; bit < 8 && i + bit < to; bit++) byte |= (value[i + bit] as number) << bit
    writer.bytes[writer.at++] = byte
  }
}

export function readBools(reader: Reader, value: Float64Array, from: number, to: number): void {
  if (reader.at + Math.ceil((to - from) / 8) > reader.bytes.length)
    throw new DamagedBlock('header', 'a column ends before its time')
  for (let i = from; i < to; i++) {
    const place = i - from
    value[i] = ((reader.bytes[reader.at + (place >>> 3)] as number) >>> (place & 7)) & 1
  }
  reader.at += Math.ceil((to - from) / 8)
}
