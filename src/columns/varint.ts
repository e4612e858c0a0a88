// LEB128 varints and zigzag. Numbers up to 2^53 as doubles, int64 as two words: no BigInt.
import { DamagedBlock } from './header.ts'

/** What is written so far: bytes [0, at). */
export interface Writer {
  bytes: Uint8Array<ArrayBuffer>
  at: number
}

/** What is read next: bytes[at]. */
export interface Reader {
  readonly bytes: Uint8Array
  at: number
}

/** The longest varint: an int64. */
export const VARINT_BYTES_MAX = 10
/** Signed numbers, and the differences that become them, are within ± this: exact before and after zigzag. */
const SIGNED_MAX = 2 ** 52 - 1
const WORD = 0x1_0000_0000
const FOUR_GROUPS = 0x1000_0000

/** Makes room, so that hot loops need not look. */
export function reserve(writer: Writer, more: number): void {
  const needed = writer.at + more
  if (needed <= writer.bytes.length) return
  const bytes = new Uint8Array(Math.max(needed, writer.bytes.length * 2))
  bytes.set(writer.bytes.subarray(0, writer.at))
  writer.bytes = bytes
}

/** Writes 0 ≤ n < 2^53 and returns the place after it. */
export function varintAt(bytes: Uint8Array, at: number, n: number): number {
  let to = at
  if (n >= FOUR_GROUPS) {
    const high = Math.floor(n / FOUR_GROUPS)
    const low = n - high * FOUR_GROUPS
    bytes[to++] = low | 0x80
    bytes[to++] = (low >>> 7) | 0x80
    bytes[to++] = (low >>> 14) | 0x80
    bytes[to++] = (low >>> 21) | 0x80
    return varintAt(bytes, to, high)
  }
  let rest = n | 0
  while (rest > 0x7f) {
    bytes[to++] = rest | 0x80
    rest >>>= 7
  }
  bytes[to++] = rest
  return to
}

/** Whether `n` can be written as signed. */
export function isSignedRange(n: number): boolean {
  return n <= SIGNED_MAX && n >= -SIGNED_MAX
}

/** Writes −2^52 < n < 2^52 as zigzag. */
export function signedAt(bytes: Uint8Array, at: number, n: number): number {
  return varintAt(bytes, at, n < 0 ? -2 * n - 1 : 2 * n)
}

/** Writes an int64, given as its words, as zigzag. */
export function signed64At(bytes: Uint8Array, at: number, low: number, high: number): number {
  const sign = high >> 31
  let zigHigh = ((high << 1) | (low >>> 31)) ^ sign
  let zigLow = (low << 1) ^ sign
  let to = at
  while (zigHigh !== 0 || zigLow < 0 || zigLow > 0x7f) {
    bytes[to++] = zigLow | 0x80
    zigLow = (zigLow >>> 7) | (zigHigh << 25)
    zigHigh >>>= 7
  }
  bytes[to++] = zigLow
  return to
}

export function putByte(writer: Writer, byte: number): void {
  reserve(writer, 1)
  writer.bytes[writer.at++] = byte
}

export function putVarint(writer: Writer, n: number): void {
  reserve(writer, VARINT_BYTES_MAX)
  writer.at = varintAt(writer.bytes, writer.at, n)
}

export function putSigned(writer: Writer, n: number): void {
  reserve(writer, VARINT_BYTES_MAX)
  writer.at = signedAt(writer.bytes, writer.at, n)
}

export function readByte(reader: Reader): number {
  if (reader.at >= reader.bytes.length) throw new DamagedBlock('header', 'a column ends before its time')
  return reader.bytes[reader.at++] as number
}

/** 0 ≤ n < 2^53. */
export function readVarint(reader: Reader): number {
  const first = reader.bytes[reader.at] as number
  // Also false where the bytes have ended: undefined is not less than anything.
  if (first < 0x80) {
    reader.at++
    return first
  }
  return readLongVarint(reader)
}

function readLongVarint(reader: Reader): number {
  let low = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = readByte(reader)
    low |= (byte & 0x7f) << shift
    if (byte < 0x80) return low
  }
  let high = 0
  for (let scale = 1; scale < FOUR_GROUPS; scale *= 0x80) {
    const byte = readByte(reader)
    high += (byte & 0x7f) * scale
    if (byte < 0x80) return exact(high * FOUR_GROUPS + low)
  }
  throw new DamagedBlock('header', 'a number is too long')
}

function exact(n: number): number {
  if (n > Number.MAX_SAFE_INTEGER) throw new DamagedBlock('header', 'a number is too large')
  return n
}

export function readSigned(reader: Reader): number {
  const n = readVarint(reader)
  if (n < WORD) return (n >>> 1) ^ -(n & 1)
  const half = Math.floor(n / 2)
  return n === half * 2 ? half : -half - 1
}

/** Reads an int64 into words[at] (low) and words[at + 1] (high). */
export function readSigned64(reader: Reader, words: Int32Array, at: number): void {
  let low = 0
  let high = 0
  let shift = 0
  for (let byte = 0x80; byte >= 0x80; shift += 7) {
    if (shift >= VARINT_BYTES_MAX * 7) throw new DamagedBlock('header', 'a number is too long')
    byte = readByte(reader)
    const group = byte & 0x7f
    if (shift < 32) low |= group << shift
    if (shift > 32) high |= group << (shift - 32)
    else if (shift === 28) high |= group >>> 4
  }
  const sign = -(low & 1)
  words[at] = ((low >>> 1) | (high << 31)) ^ sign
  words[at + 1] = (high >>> 1) ^ sign
}
