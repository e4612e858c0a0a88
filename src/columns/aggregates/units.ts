// Doubles as what they would be had they been computed exactly, and how many units of the last place they are away from it.
import { DamagedBlock } from '../header.ts'
import type { Reader, Writer } from '../varint.ts'
import { isSignedRange, readSigned, reserve, signedAt, VARINT_BYTES_MAX } from '../varint.ts'

const WORD = 0x1_0000_0000

/** From `expected` to `actual`, taken as int64; NaN where they are too far apart. `probe` is room for two. */
export function unitsBetween(expected: number, actual: number, probe: { doubles: Float64Array; words: Int32Array }): number {
  const { doubles, words } = probe
  doubles[0] = expected
  doubles[1] = actual
  const high = (words[3] as number) - (words[1] as number)
  const units = high * WORD + ((words[2] as number) >>> 0) - ((words[0] as number) >>> 0)
  return isSignedRange(units) ? units : NaN
}

/** Adds units to the double in `words[at]`, `words[at + 1]`. */
function move(words: Int32Array, at: number, units: number): void {
  const low = ((words[at] as number) >>> 0) + units
  const carry = Math.floor(low / WORD)
  words[at] = low - carry * WORD
  words[at + 1] = (words[at + 1] as number) + carry
}

export function probeOf(): { doubles: Float64Array; words: Int32Array } {
  const doubles = new Float64Array(2)
  return { doubles, words: new Int32Array(doubles.buffer) }
}

export function writeSignedAll(writer: Writer, numbers: Float64Array): void {
  reserve(writer, numbers.length * VARINT_BYTES_MAX)
  for (const it of numbers) writer.at = signedAt(writer.bytes, writer.at, it)
}

/** Units of the slots [from, to) of `words`' doubles. */
export function readUnits(reader: Reader, words: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const units = readSigned(reader)
    if (!isSignedRange(units)) throw new DamagedBlock('header', 'a value is too far from its decimal')
    if (units !== 0) move(words, i * 2, units)
  }
}
