// A structure taken apart: each of its scalars by the names that lead to it. Arrays within stay whole, as JSON.
import { DataType, Variant, VariantArrayType } from 'node-opcua-client'
import type { ValueKind } from '../../core/reading.ts'
import { type Field, fieldsOf, isStructure, type Structure } from './json-text.ts'
import { KIND_BY_TYPE } from './nodes.ts'
import { type Decoded, decode } from './values.ts'

/** Structures that hold their own kind can go on for long. */
const DEPTH_MAX = 32
const LEAVES_MAX = 1_000

export interface Leaf {
  /** Names as the server spells them. */
  readonly path: string
  /** What its type says, also where there is no value now. */
  readonly kind: ValueKind | undefined
  readonly decoded: Decoded
}

/** Undefined: it is no structure. */
export function leavesOf(variant: Variant): readonly Leaf[] | undefined | 'too-many' {
  if (variant?.arrayType !== VariantArrayType.Scalar || !isStructure(variant.value)) return undefined
  const leaves: Leaf[] = []
  const isWhole = walk(variant.value, [], leaves)
  return isWhole ? leaves : 'too-many'
}

function walk(structure: Structure, above: readonly string[], leaves: Leaf[]): boolean {
  if (above.length >= DEPTH_MAX) return false
  return fieldsOf(structure.schema).every((field) => {
    const value = structure[field.name]
    // Of a field that may be left out.
    if (value === undefined) return true
    const path = [...above, field.originalName ?? field.name]
    const inner = value instanceof Variant ? value : variantOf(field, value)
    if (inner.arrayType === VariantArrayType.Scalar && isStructure(inner.value)) return walk(inner.value, path, leaves)
    const isArray = inner.arrayType !== VariantArrayType.Scalar
    const kind = isArray ? 'string' : KIND_BY_TYPE.get(inner.dataType)
    leaves.push({ path: path.join('/'), kind, decoded: decode(inner as Variant, undefined) })
    return leaves.length <= LEAVES_MAX
  })
}

type Inner = Pick<Variant, 'dataType' | 'arrayType' | 'value'>

function variantOf(field: Field, value: unknown): Inner {
  const arrayType = field.isArray ? VariantArrayType.Array : VariantArrayType.Scalar
  return { dataType: typeOf(field, value), arrayType, value }
}

function typeOf({ fieldType, category, schema }: Field, value: unknown): DataType {
  const named = typeNamed(fieldType) ?? typeNamed(schema?.subType)
  if (named !== undefined) return named
  if (typeof value === 'number') return category === 'enumeration' ? DataType.Int32 : DataType.Double
  if (typeof value === 'boolean') return DataType.Boolean
  if (typeof value === 'string') return DataType.String
  if (Buffer.isBuffer(value)) return DataType.ByteString
  return value instanceof Date ? DataType.DateTime : DataType.ExtensionObject
}

function typeNamed(name: string | undefined): DataType | undefined {
  const type = name === undefined ? undefined : DataType[name as keyof typeof DataType]
  return typeof type === 'number' ? type : undefined
}
