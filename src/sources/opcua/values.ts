// The value of one variant as one of ours.
//
//   Boolean → bool · Float, Double → double · every integer, enumeration, StatusCode → long · DateTime → long (µs since 1970)
//   String, LocalizedText, Guid, XmlElement, NodeId, QualifiedName → string · ByteString → bytes
//   arrays, matrices, structures → string of JSON (json-text.ts)
import { DataType, type Variant, VariantArrayType } from 'node-opcua-client'
import { VALUE_BYTES_MAX } from '../../core/bounds.ts'
import type { ValueKind } from '../../core/reading.ts'
import { jsonText } from './json-text.ts'
import { dateTimeMicros, int64, uint64 } from './numbers.ts'

const INT64_MAX = 2n ** 63n - 1n

/** `kind` undefined: there is no value. `problem`: there is one that cannot be kept. */
export interface Decoded {
  readonly kind?: ValueKind
  readonly value?: number | bigint | string | Uint8Array
  readonly problem?: 'uint64-range' | 'too-large' | 'type-mismatch' | 'unreadable'
}

export const NOTHING: Decoded = {}

export function decode(variant: Variant | null | undefined, wanted: ValueKind | undefined): Decoded {
  if (!variant || variant.dataType === DataType.Null || variant.value === null || variant.value === undefined) return NOTHING
  const natural = bounded(variant.arrayType === VariantArrayType.Scalar ? scalar(variant) : asJson(variant))
  return wanted === undefined || natural.kind === wanted || natural.kind === undefined
    ? natural
    : bounded(converted(natural, wanted))
}

function scalar(variant: Variant): Decoded {
  const value = variant.value
  switch (variant.dataType) {
    case DataType.Boolean:
      return { kind: 'bool', value: value ? 1 : 0 }
    case DataType.SByte:
    case DataType.Byte:
    case DataType.Int16:
    case DataType.UInt16:
    case DataType.Int32:
    case DataType.UInt32:
      return { kind: 'long', value: BigInt(value) }
    case DataType.Int64:
      return { kind: 'long', value: int64(value) }
    case DataType.UInt64:
      return unsigned(uint64(value))
    case DataType.Float:
    case DataType.Double:
      return { kind: 'double', value }
    case DataType.DateTime:
      return { kind: 'long', value: BigInt(dateTimeMicros(value)) }
    case DataType.StatusCode:
      return { kind: 'long', value: BigInt(value.value >>> 0) }
    case DataType.ByteString:
      return { kind: 'bytes', value }
    case DataType.LocalizedText:
      return value.text === null || value.text === undefined ? NOTHING : { kind: 'string', value: String(value.text) }
    case DataType.String:
    case DataType.Guid:
    case DataType.XmlElement:
    case DataType.NodeId:
    case DataType.ExpandedNodeId:
    case DataType.QualifiedName:
      return { kind: 'string', value: String(value) }
    default:
      return asJson(variant)
  }
}

function unsigned(value: bigint): Decoded {
  return value > INT64_MAX ? { kind: 'long', problem: 'uint64-range' } : { kind: 'long', value }
}

function asJson(variant: Variant): Decoded {
  try {
    return { kind: 'string', value: jsonText(variant) }
  } catch {
    // A server is free to send a structure that contradicts its own description.
    return { kind: 'string', problem: 'unreadable' }
  }
}

function bounded(decoded: Decoded): Decoded {
  const { value } = decoded
  const tooLarge =
    typeof value === 'string'
      ? value.length > VALUE_BYTES_MAX || (value.length * 3 > VALUE_BYTES_MAX && Buffer.byteLength(value) > VALUE_BYTES_MAX)
      : value instanceof Uint8Array && value.length > VALUE_BYTES_MAX
  return tooLarge ? { problem: 'too-large' } : decoded
}

/** To the kind that the settings ask for, where nothing is lost by it. */
function converted(decoded: Decoded, kind: ValueKind): Decoded {
  const { value } = decoded
  if (value === undefined) return decoded
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  if (kind === 'string' && isNumber) return { kind, value: decoded.kind === 'bool' ? String(value === 1) : String(value) }
  if (kind === 'double' && isNumber && (typeof value === 'number' || BigInt(Number(value)) === value))
    return { kind, value: Number(value) }
  if (kind === 'long' && typeof value === 'number' && Number.isSafeInteger(value)) return { kind, value: BigInt(value) }
  if (kind === 'bool' && isNumber && (Number(value) === 0 || Number(value) === 1)) return { kind, value: Number(value) }
  if (kind === 'bytes' && typeof value === 'string') return { kind, value: Buffer.from(value) }
  return { kind, problem: 'type-mismatch' }
}
