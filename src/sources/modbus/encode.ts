// From a value to the bytes that are written: the way back of decode.ts. Each type that can be written gives bytes that decode to what was meant, an
// integer rounded to the nearest one that there is. Throws BadInput where there are none.
import { BadInput } from '../../core/errors.ts'
import type { Value } from '../../core/reading.ts'
import type { NumberType, Order, Point } from './registers.ts'
import { widthOf } from './registers.ts'

type Written = Pick<Point, 'tag' | 'type' | 'order' | 'scale' | 'offset'>

/** Of a coil: one byte, 0 or 1. */
export function encode(point: Written, value: Value): Buffer {
  const { type } = point
  switch (type.name) {
    case 'bool':
      return Buffer.from([boolOf(point, value) ? 1 : 0])
    case 'bit':
      throw refused(point, 'one bit of a register cannot be written without the others')
    case 'string':
      return turned(stringBytes(point, type.bytes, value), point.order)
    default:
      return turned(numberBytes(point, type.name, value), point.order)
  }
}

function boolOf(point: Written, value: Value): boolean {
  if (typeof value === 'boolean') return value
  if (value === 0 || value === 1) return value === 1
  throw refused(point, 'takes true or false')
}

/** Filled up with zero bytes. */
function stringBytes(point: Written, bytes: number, value: Value): Buffer {
  if (typeof value !== 'string') throw refused(point, 'takes a text')
  const text = Buffer.from(value, 'utf8')
  if (text.length > bytes) throw refused(point, `takes a text of at most ${bytes} bytes`)
  return Buffer.concat([text], bytes + (bytes & 1))
}

type Write = (to: Buffer, value: number) => unknown
const WRITE_NUMBER: Readonly<Partial<Record<NumberType, Write>>> = {
  int16: (to, value) => to.writeInt16BE(value),
  uint16: (to, value) => to.writeUInt16BE(value),
  int32: (to, value) => to.writeInt32BE(value),
  uint32: (to, value) => to.writeUInt32BE(value),
  bcd16: (to, value) => to.write(bcdText(value, 4), 'hex'),
  bcd32: (to, value) => to.write(bcdText(value, 8), 'hex'),
}

function bcdText(value: number, digits: number): string {
  const text = String(value).padStart(digits, '0')
  if (value < 0 || text.length > digits) throw new RangeError('out of range')
  return text
}

function numberBytes(point: Written, name: NumberType, value: Value): Buffer {
  const bytes = Buffer.alloc(widthOf(point.type) * 2)
  try {
    if (name === 'float32') bytes.writeFloatBE(finiteFloat(unscaled(point, value)))
    else if (name === 'float64') bytes.writeDoubleBE(unscaled(point, value))
    else if (name === 'int64') bytes.writeBigInt64BE(wholeOf(point, value))
    else if (name === 'uint64') bytes.writeBigUInt64BE(wholeOf(point, value))
    else WRITE_NUMBER[name]?.(bytes, Math.round(unscaled(point, value)))
    return bytes
  } catch (error) {
    if (error instanceof RangeError) throw refused(point, `${value} does not fit into ${name}`)
    throw error
  }
}

function finiteFloat(value: number): number {
  if (!Number.isFinite(Math.fround(value))) throw new RangeError('out of range')
  return value
}

function unscaled(point: Written, value: Value): number {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw refused(point, 'takes a number')
  const number = (Number(value) - (point.offset ?? 0)) / (point.scale ?? 1)
  if (!Number.isFinite(number)) throw refused(point, 'takes a finite number')
  return number
}

/** All digits of 64 bits, where nothing is scaled. */
function wholeOf(point: Written, value: Value): bigint {
  if (typeof value === 'bigint' && point.scale === undefined && point.offset === undefined) return value
  return BigInt(Math.round(unscaled(point, value)))
}

/** From ABCD… to the order on the wire. */
function turned(bytes: Buffer, order: Order): Buffer {
  if (order === 'ABCD') return bytes
  if (order === 'BADC') return bytes.swap16()
  if (order === 'DCBA') return bytes.reverse()
  return bytes.reverse().swap16()
}

function refused({ tag }: Pick<Point, 'tag'>, text: string): BadInput {
  return new BadInput([{ where: tag, text }])
}
