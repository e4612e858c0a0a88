// What a metric says, as values for readings.
//
//   Int8 … Int64, UInt8 … UInt64, DateTime (µs since 1970) → long · UInt64 from 2^63 on → string of its digits
//   Float, Double → double · Boolean → bool · String, Text, UUID → string · Bytes, File → bytes · arrays → string of JSON
//   DataSet → one value for each cell, at ROW/COLUMN · Template → one for each member and parameter, at its name
import type { ValueKind } from '../../core/reading.ts'
import { arrayText, isArrayType } from './arrays.ts'
import type { Carrier, DataSet, Template } from './wire.ts'

export const TYPES = [
  'Unknown',
  'Int8',
  'Int16',
  'Int32',
  'Int64',
  'UInt8',
  'UInt16',
  'UInt32',
  'UInt64',
  'Float',
  'Double',
  'Boolean',
  'String',
  'DateTime',
  'Text',
  'UUID',
  'DataSet',
  'Bytes',
  'File',
  'Template',
  'PropertySet',
  'PropertySetList',
  'Int8Array',
  'Int16Array',
  'Int32Array',
  'Int64Array',
  'UInt8Array',
  'UInt16Array',
  'UInt32Array',
  'UInt64Array',
  'FloatArray',
  'DoubleArray',
  'BooleanArray',
  'StringArray',
  'DateTimeArray',
] as const
export type TypeName = (typeof TYPES)[number]

export type Problem = 'no-datatype' | 'type-mismatch' | 'out-of-range' | 'unreadable' | 'not-read'

/** One value, below its metric's own name where `path` says so. */
export interface Said {
  readonly path: string
  readonly type: TypeName
  readonly kind: ValueKind
  /** Undefined: it is null, or `problem` says why it cannot be had. */
  readonly value: number | bigint | string | Uint8Array | undefined
  readonly problem?: Problem
}

const INT64_MAX = 2n ** 63n - 1n
/** Of one metric: cells of a data set, members of a template. */
const PARTS_MAX = 10_000
const DEPTH_MAX = 8

/** `typeOf` knows a member's type from the birth, by its path: data may leave it out. */
export function valuesOf(carrier: Carrier, datatype: number | undefined, typeOf: (path: string) => number | undefined): Said[] {
  const out: Said[] = []
  collect(carrier, datatype, '', typeOf, out, 0)
  return out
}

function collect(
  carrier: Carrier,
  datatype: number | undefined,
  path: string,
  typeOf: (path: string) => number | undefined,
  out: Said[],
  depth: number,
): void {
  const type = TYPES[datatype ?? 0] ?? 'Unknown'
  if (depth > DEPTH_MAX || out.length >= PARTS_MAX)
    out.push({ path, type, kind: 'string', value: undefined, problem: 'not-read' })
  else if (carrier.isNull) out.push({ path, type, kind: kindOf(type), value: undefined })
  else if (type === 'DataSet') cells(carrier.datasetValue, path, out)
  else if (type === 'Template') members(carrier.templateValue, path, typeOf, out, depth)
  else out.push({ path, type, ...valueOf(carrier, type) })
}

const below = (path: string, name: string) => (path === '' ? name : `${path}/${name}`)

function cells(dataset: DataSet | undefined, path: string, out: Said[]): void {
  const { columns = [], types = [], rows = [] } = dataset ?? {}
  if (!dataset || columns.length !== types.length)
    return void out.push({ path, type: 'DataSet', kind: 'string', value: undefined, problem: 'unreadable' })
  for (const [row, { elements = [] }] of rows.entries()) {
    if (out.length + elements.length > PARTS_MAX)
      return void out.push({ path, type: 'DataSet', kind: 'string', value: undefined, problem: 'not-read' })
    for (const [at, cell] of elements.entries()) {
      const type = TYPES[types[at] ?? 0] ?? 'Unknown'
      const where = below(path, `${row}/${columns[at] ?? at}`)
      const isEmpty = Object.keys(cell).length === 0
      out.push({ path: where, type, ...(isEmpty ? { kind: kindOf(type), value: undefined } : valueOf(cell, type)) })
    }
  }
}

function members(
  template: Template | undefined,
  path: string,
  typeOf: (path: string) => number | undefined,
  out: Said[],
  depth: number,
): void {
  if (!template) return void out.push({ path, type: 'Template', kind: 'string', value: undefined, problem: 'unreadable' })
  // A definition says what its instances look like; it has no values of its own.
  if (template.isDefinition) return
  for (const member of [...(template.parameters ?? []), ...(template.metrics ?? [])]) {
    const where = below(path, member.name ?? '')
    if (member.name === undefined || member.name === '')
      out.push({ path: where, type: 'Unknown', kind: 'string', value: undefined, problem: 'unreadable' })
    else collect(member, member.datatype ?? typeOf(where), where, typeOf, out, depth + 1)
  }
}

function kindOf(type: TypeName): ValueKind {
  if (/^U?Int\d+$|^DateTime$/.test(type)) return 'long'
  if (type === 'Float' || type === 'Double') return 'double'
  if (type === 'Boolean') return 'bool'
  return type === 'Bytes' || type === 'File' ? 'bytes' : 'string'
}

type Outcome = Pick<Said, 'kind' | 'value' | 'problem'>

function valueOf(carrier: Carrier, type: TypeName): Outcome {
  const kind = kindOf(type)
  const failed = (problem: Problem): Outcome => ({ kind, value: undefined, problem })
  if (type === 'Unknown') return failed('no-datatype')
  if (type.startsWith('PropertySet')) return failed('not-read')
  if (isArrayType(type)) {
    const text = carrier.bytesValue && arrayText(type, carrier.bytesValue)
    return text === undefined ? failed(carrier.bytesValue ? 'unreadable' : 'type-mismatch') : { kind, value: text }
  }
  const value = kind === 'long' ? wholeOf(carrier, type) : plainOf(carrier, kind)
  if (value === undefined) return failed('type-mismatch')
  if (value === 'out-of-range' && kind === 'long') return failed('out-of-range')
  return typeof value === 'bigint' && value > INT64_MAX ? { kind: 'string', value: String(value) } : { kind, value }
}

function plainOf(carrier: Carrier, kind: ValueKind): number | string | Uint8Array | undefined {
  if (kind === 'double') return carrier.doubleValue ?? carrier.floatValue
  if (kind === 'bool') return carrier.booleanValue === undefined ? undefined : Number(carrier.booleanValue)
  return kind === 'bytes' ? carrier.bytesValue : carrier.stringValue
}

/** Small integers belong into the 32-bit field, as two's complement of their own size or of 32 bits; some nodes take the 64-bit one. */
function wholeOf({ intValue, longValue }: Carrier, type: TypeName): bigint | 'out-of-range' | undefined {
  if (type === 'DateTime') {
    const ms = longValue === undefined ? undefined : BigInt.asIntN(64, longValue)
    if (ms === undefined) return undefined
    const us = ms * 1000n
    return BigInt.asIntN(64, us) === us ? us : 'out-of-range'
  }
  const bits = Number(/\d+$/.exec(type)?.[0])
  const isSigned = type.startsWith('I')
  // A negative Int64 does not fit the 32-bit field, and a positive one there could be a cut-off one.
  if (longValue === undefined && isSigned && bits === 64) return undefined
  const raw = longValue ?? (intValue === undefined ? undefined : BigInt(intValue))
  if (raw === undefined) return undefined
  if (!isSigned) return raw < 1n << BigInt(bits) ? raw : 'out-of-range'
  const value = BigInt.asIntN(bits, raw)
  const fits = [bits, 32, 64].some((size) => size >= bits && BigInt.asUintN(size, value) === raw)
  return fits ? value : 'out-of-range'
}
