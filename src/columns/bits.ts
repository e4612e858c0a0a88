// Numbers of a few bits one after another, least significant bit first, each column filled up to whole bytes.
import { DamagedBlock } from './header.ts'
import type { Reader, Writer } from './varint.ts'
import { reserve } from './varint.ts'

/** At most so many bits fit beside the rest of a byte in one 32-bit integer. */
const STEP_BITS = 24
const STEP = 2 ** STEP_BITS

/** The low `width` bits of each of values[0 … count), integers below 2^53. `width` is 1 to 48. */
export function writeLowBits(writer: Writer, values: Float64Array, count: number, width: number): void {
  reserve(writer, Math.ceil((count * width) / 8) + 8)
  if (width > STEP_BITS) writeWide(writer, values, count, width)
  else writeNarrow(writer, values, count, width)
}

function writeNarrow(writer: Writer, values: Float64Array, count: number, width: number): void {
  const { bytes } = writer
  const mask = 2 ** width - 1
  let at = writer.at
  let rest = 0
  let used = 0
  for (let i = 0; i < count; i++) {
    rest |= ((values[i] as number) & mask) << used
    used += width
    while (used >= 8) {
      bytes[at++] = rest
      rest >>>= 8
      used -= 8
    }
  }
  if (used > 0) bytes[at++] = rest
  writer.at = at
}

function writeWide(writer: Writer, values: Float64Array, count: number, width: number): void {
  const { bytes } = writer
  const widths = [STEP_BITS, width - STEP_BITS]
  let at = writer.at
  let rest = 0
  let used = 0
  for (let i = 0; i < count; i++) {
    let value = values[i] as number
    for (const step of widths) {
      const high = Math.floor(value / 2 ** step)
      rest |= (value - high * 2 ** step) << used
      value = high
      used += step
      while (used >= 8) {
        bytes[at++] = rest
        rest >>>= 8
        used -= 8
      }
    }
  }
  if (used > 0) bytes[at++] = rest
  writer.at = at
}

/** Puts `width` bits below what is in values[0 … count): value × 2^width + bits. */
export function readLowBits(reader: Reader, values: Float64Array, count: number, width: number): void {
  const end = reader.at + Math.ceil((count * width) / 8)
  if (end > reader.bytes.length) throw new DamagedBlock('header', 'a column ends before its time')
  const { bytes } = reader
  const lower = Math.min(width, STEP_BITS)
  const upper = width - lower
  const scale = 2 ** width
  let at = reader.at
  let rest = 0
  let used = 0
  for (let i = 0; i < count; i++) {
    while (used < lower) {
      rest |= (bytes[at++] as number) << used
      used += 8
    }
    let low = rest & (2 ** lower - 1)
    rest >>>= lower
    used -= lower
    if (upper > 0) {
      while (used < upper) {
        rest |= (bytes[at++] as number) << used
        used += 8
      }
      low += (rest & (2 ** upper - 1)) * STEP
      rest >>>= upper
      used -= upper
    }
    values[i] = (values[i] as number) * scale + low
  }
  reader.at = end
}
