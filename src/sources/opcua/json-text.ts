// Arrays, matrices and structures as JSON, exact: 64-bit integers as strings, NaN and Infinity as strings, byte strings as base64, times as ISO 8601.
import { DataType, type Variant, VariantArrayType } from 'node-opcua-client'
import { dateTimeMicros, int64, uint64 } from './numbers.ts'

/** How deep a structure may nest: a server decides what it sends. */
const DEPTH_MAX = 32

/** The value of a variant as JSON text; a matrix as nested arrays. */
export function jsonText(variant: Variant): string {
  const type = DataType[variant.dataType] as string
  if (variant.arrayType === VariantArrayType.Scalar) return JSON.stringify(plain(variant.value, type, 0))
  const flat = Array.from(variant.value ?? [], (it) => plain(it, type, 0))
  return JSON.stringify(variant.arrayType === VariantArrayType.Matrix ? nest(flat, variant.dimensions ?? []) : flat)
}

function nest(flat: unknown[], dimensions: readonly number[]): unknown[] {
  const inner = dimensions.slice(1)
  if (inner.length === 0) return flat
  const size = inner.reduce((product, it) => product * it, 1)
  return Array.from({ length: dimensions[0] ?? 0 }, (_, row) => nest(flat.slice(row * size, (row + 1) * size), inner))
}

/** ISO 8601 with microseconds where there are any. */
function isoTime(micros: number): string {
  const ms = Math.floor(micros / 1000)
  const rest = micros - ms * 1000
  if (Math.abs(ms) > 8.64e15) return String(micros)
  const text = new Date(ms).toISOString()
  return rest === 0 ? text : text.replace('Z', `${String(rest).padStart(3, '0')}Z`)
}

export interface Field {
  readonly name: string
  /** As the server spells it: the library begins each name with a small letter. */
  readonly originalName?: string
  readonly fieldType: string
  readonly isArray?: boolean
  readonly category?: string
  readonly schema?: { readonly subType?: string }
}

export interface Structure {
  readonly schema: {
    readonly fields: readonly Field[]
    readonly baseType?: string
    readonly getBaseSchema?: () => Structure['schema'] | null
  }
  readonly [field: string]: unknown
}

function plain(value: unknown, type: string, depth: number): unknown {
  if (value === null || value === undefined) return null
  if (depth > DEPTH_MAX) return '…'
  switch (type) {
    case 'Int64':
      return String(int64(value as number[]))
    case 'UInt64':
      return String(uint64(value as number[]))
    case 'DateTime':
      return isoTime(dateTimeMicros(value as Date))
    case 'LocalizedText':
      return (value as { text: string | null }).text
    case 'Variant': {
      const inner = value as Variant
      return JSON.parse(jsonText(inner))
    }
    case 'StatusCode':
      return (value as { value: number }).value
  }
  return plainByShape(value, depth)
}

function plainByShape(value: unknown, depth: number): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value !== 'object' || value === null) return value
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (value instanceof Date) return isoTime(dateTimeMicros(value))
  if (isStructure(value)) return structure(value, depth)
  if (Array.isArray(value) || ArrayBuffer.isView(value))
    return Array.from(value as ArrayLike<unknown>, (it) => plainByShape(it, depth + 1))
  return String(value)
}

export function isStructure(value: unknown): value is Structure {
  return typeof value === 'object' && value !== null && Array.isArray((value as Partial<Structure>).schema?.fields)
}

function structure(value: Structure, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const { name, originalName = name, fieldType, isArray } of fieldsOf(value.schema)) {
    const field = value[name]
    if (field === undefined) continue
    out[originalName] =
      isArray && field !== null
        ? Array.from(field as ArrayLike<unknown>, (it) => plain(it, fieldType, depth + 1))
        : plain(field, fieldType, depth + 1)
  }
  return out
}

export function fieldsOf(schema: Structure['schema'], depth = 0): readonly Field[] {
  const base = depth < DEPTH_MAX ? schema.getBaseSchema?.() : null
  return base ? [...fieldsOf(base, depth + 1), ...schema.fields] : schema.fields
}
