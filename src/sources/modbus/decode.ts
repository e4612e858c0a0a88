// From the bytes of an answer to values. A decoder is made once for each point; reading with it allocates nothing but bigints and strings.
// The kind of value follows registers.ts: bool, long, double or string. `undefined` is a value that the type does not have:
// digits over 9 in BCD, a uint64 beyond what a signed 64-bit integer holds. NaN and the infinities are values like any other.
import type { DataType, NumberType, Order, Point } from './registers.ts'
import { valueKindOf } from './registers.ts'

/** `place`: how many registers (for coils and discrete inputs: bits) behind the block's first the value begins. */
export type Decoder =
  | { readonly kind: 'bool'; read(data: Buffer, place: number): number }
  | { readonly kind: 'double'; read(data: Buffer, place: number): number | undefined }
  | { readonly kind: 'long'; read(data: Buffer, place: number): bigint | undefined }
  | { readonly kind: 'string'; read(data: Buffer, place: number): string }

/** The notes' words for what `undefined` stands for. */
export function undecodableWord(type: DataType): string {
  return type.name === 'uint64' ? 'out-of-range' : 'invalid-bcd'
}

export function decoderOf(point: Pick<Point, 'type' | 'order' | 'scale' | 'offset'>): Decoder {
  const { type, order } = point
  switch (type.name) {
    case 'bool':
      return { kind: 'bool', read: (data, place) => ((data[place >> 3] as number) >> (place & 7)) & 1 }
    case 'bit':
      return { kind: 'bool', read: bitReader(type.bit, order) }
    case 'string':
      return { kind: 'string', read: stringReader(type.bytes, order) }
    default:
      return numberDecoder(type.name, order, point.scale, point.offset)
  }
}

function bitReader(bit: number, order: Order): (data: Buffer, place: number) => number {
  // Bits 0 to 7 are in the low byte, which is the second one unless the bytes are turned round.
  const isSecondByte = bit < 8 === (order === 'ABCD')
  return (data, place) => ((data[place * 2 + (isSecondByte ? 1 : 0)] as number) >> (bit & 7)) & 1
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Ends before the first zero byte; blanks that fill it up are cut off. UTF-8 if it is that, else Latin-1, which cannot fail. */
function stringReader(bytes: number, order: Order): (data: Buffer, place: number) => string {
  return (data, place) => {
    let raw = data.subarray(place * 2, place * 2 + bytes + (bytes & 1))
    if (order === 'BADC') raw = Buffer.from(raw).swap16()
    raw = raw.subarray(0, bytes)
    const end = raw.indexOf(0)
    if (end >= 0) raw = raw.subarray(0, end)
    return textOf(raw).replace(/ +$/, '')
  }
}

function textOf(raw: Buffer): string {
  try {
    return utf8.decode(raw)
  } catch {
    return raw.toString('latin1')
  }
}

type Read<T> = (data: Buffer, at: number) => T

/** By type, from bytes in the order ABCD. `at` counts bytes. */
const READ_NUMBER: Readonly<Partial<Record<NumberType, Read<number | undefined>>>> = {
  int16: (data, at) => data.readInt16BE(at),
  uint16: (data, at) => data.readUInt16BE(at),
  int32: (data, at) => data.readInt32BE(at),
  uint32: (data, at) => data.readUInt32BE(at),
  float32: (data, at) => data.readFloatBE(at),
  float64: (data, at) => data.readDoubleBE(at),
  bcd16: (data, at) => bcd(data, at, 2),
  bcd32: (data, at) => bcd(data, at, 4),
}

const INT64_MAX = 2n ** 63n - 1n
const READ_BIG: Readonly<Partial<Record<NumberType, Read<bigint | undefined>>>> = {
  int64: (data, at) => data.readBigInt64BE(at),
  uint64: (data, at) => {
    const value = data.readBigUInt64BE(at)
    return value > INT64_MAX ? undefined : value
  },
}

function bcd(data: Buffer, at: number, bytes: number): number | undefined {
  let value = 0
  for (let i = at; i < at + bytes; i++) {
    const high = (data[i] as number) >> 4
    const low = (data[i] as number) & 15
    if (high > 9 || low > 9) return undefined
    value = value * 100 + high * 10 + low
  }
  return value
}

function numberDecoder(type: NumberType, order: Order, scale: number | undefined, offset: number | undefined): Decoder {
  const isScaled = scale !== undefined || offset !== undefined
  const bytes = type.endsWith('64') ? 8 : type.endsWith('32') ? 4 : 2
  const number = READ_NUMBER[type]
  const big = READ_BIG[type]
  if (valueKindOf({ name: type }, isScaled) === 'long') {
    const whole: Read<bigint | undefined> = big ?? longOf(number as Read<number | undefined>)
    return { kind: 'long', read: ordered(whole, order, bytes) }
  }
  // An integer of 64 bits loses its last digits here: whoever scales it wants a double.
  const plain: Read<number | undefined> = number ?? doubleOf(big as Read<bigint | undefined>)
  const read = ordered(plain, order, bytes)
  if (!isScaled) return { kind: 'double', read }
  return { kind: 'double', read: scaled(read, scale ?? 1, offset) }
}

function longOf(read: Read<number | undefined>): Read<bigint | undefined> {
  return (data, at) => {
    const value = read(data, at)
    return value === undefined ? undefined : BigInt(value)
  }
}

function doubleOf(read: Read<bigint | undefined>): Read<number | undefined> {
  return (data, at) => {
    const value = read(data, at)
    return value === undefined ? undefined : Number(value)
  }
}

/** An offset that is not there is not added: −0 + 0 would be 0. */
function scaled(read: Read<number | undefined>, scale: number, offset: number | undefined): Read<number | undefined> {
  return (data, place) => {
    const value = read(data, place)
    if (value === undefined) return undefined
    return offset === undefined ? value * scale : value * scale + offset
  }
}

/** From places (registers) to bytes, and from `order` to ABCD by way of eight bytes of its own. */
function ordered<T>(read: Read<T>, order: Order, bytes: number): Read<T> {
  if (order === 'ABCD') return (data, place) => read(data, place * 2)
  const turned = Buffer.alloc(bytes)
  const from = Array.from({ length: bytes }, (_, i) => sourceByte(i, order, bytes))
  return (data, place) => {
    const at = place * 2
    for (let i = 0; i < bytes; i++) turned[i] = data[at + (from[i] as number)] as number
    return read(turned, 0)
  }
}

/** Where byte `i` of ABCD… stands on the wire. */
function sourceByte(i: number, order: Order, bytes: number): number {
  if (order === 'BADC') return i ^ 1
  if (order === 'DCBA') return bytes - 1 - i
  return bytes - 2 - (i & ~1) + (i & 1)
}
