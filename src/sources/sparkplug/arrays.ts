// Arrays come packed as bytes, little-endian. As text of JSON: 64-bit integers as strings, NaN and Infinity as strings, times as ISO 8601.
import type { TypeName } from './values.ts'

type Read = (view: DataView, at: number) => unknown

const finite = (it: number) => (Number.isFinite(it) ? it : String(it))
const isoTime = (ms: bigint) =>
  ms >= -8_640_000_000_000_000n && ms <= 8_640_000_000_000_000n ? new Date(Number(ms)).toISOString() : String(ms)

const ELEMENTS: Readonly<Record<string, readonly [size: number, read: Read]>> = {
  Int8Array: [1, (view, at) => view.getInt8(at)],
  Int16Array: [2, (view, at) => view.getInt16(at, true)],
  Int32Array: [4, (view, at) => view.getInt32(at, true)],
  Int64Array: [8, (view, at) => String(view.getBigInt64(at, true))],
  UInt8Array: [1, (view, at) => view.getUint8(at)],
  UInt16Array: [2, (view, at) => view.getUint16(at, true)],
  UInt32Array: [4, (view, at) => view.getUint32(at, true)],
  UInt64Array: [8, (view, at) => String(view.getBigUint64(at, true))],
  FloatArray: [4, (view, at) => finite(view.getFloat32(at, true))],
  DoubleArray: [8, (view, at) => finite(view.getFloat64(at, true))],
  DateTimeArray: [8, (view, at) => isoTime(view.getBigInt64(at, true))],
}

export function isArrayType(type: TypeName): boolean {
  return Object.hasOwn(ELEMENTS, type) || type === 'BooleanArray' || type === 'StringArray'
}

/** Undefined when the bytes are no such array. */
export function arrayText(type: TypeName, bytes: Uint8Array): string | undefined {
  const list =
    type === 'BooleanArray' ? booleans(bytes) : type === 'StringArray' ? strings(bytes) : elements(ELEMENTS[type], bytes)
  return list === undefined ? undefined : JSON.stringify(list)
}

function elements(element: readonly [number, Read] | undefined, bytes: Uint8Array): unknown[] | undefined {
  if (!element || bytes.length % element[0] !== 0) return undefined
  const [size, read] = element
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / size }, (_, at) => read(view, at * size))
}

/** Their number in four bytes, then eight to a byte, the first in the highest bit. */
function booleans(bytes: Uint8Array): boolean[] | undefined {
  if (bytes.length < 4) return undefined
  const count = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
  if (bytes.length - 4 !== Math.ceil(count / 8)) return undefined
  return Array.from({ length: count }, (_, at) => ((bytes[4 + (at >> 3)] as number) & (0x80 >> (at & 7))) !== 0)
}

/** Each ends with a zero byte. */
function strings(bytes: Uint8Array): string[] | undefined {
  if (bytes.length === 0) return []
  if (bytes.at(-1) !== 0) return undefined
  return Buffer.from(bytes).toString().split('\0').slice(0, -1)
}
