// The field's nouns: kinds of registers, types of values, orders of bytes, and the points that a source's tags stand for. Pure.
import type { ValueKind } from '../../core/reading.ts'

/** Zero-based tables of a device. Coils and discrete inputs hold bits, the others registers of 16 bits. */
export const REGISTER_KINDS = ['coil', 'discrete', 'input', 'holding'] as const
export type RegisterKind = (typeof REGISTER_KINDS)[number]

export function isBitKind(kind: RegisterKind): boolean {
  return kind === 'coil' || kind === 'discrete'
}

/** The four function codes that a source reads with. */
export const FUNCTION_CODES = { coil: 1, discrete: 2, holding: 3, input: 4 } as const satisfies Record<RegisterKind, number>

/**
 * How a value's bytes lie in its registers; A is the most significant byte.
 * ABCD  the standard: high word first, high byte first
 * CDAB  words turned round
 * BADC  bytes of each word turned round
 * DCBA  both
 * For 64 bits the same rule over four words: ABCDEFGH, GHEFCDAB, BADCFEHG, HGFEDCBA. For 16 bits and strings only the bytes of a word can turn.
 */
export const ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const
export type Order = (typeof ORDERS)[number]

export type NumberType = 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'float32' | 'float64' | 'bcd16' | 'bcd32'

export type DataType =
  | { readonly name: 'bool' }
  /** Bit 0 is the least significant of the register. */
  | { readonly name: 'bit'; readonly bit: number }
  | { readonly name: 'string'; readonly bytes: number }
  | { readonly name: NumberType }

export const TYPES_ALLOWED =
  'bool, bit:0 to bit:15, int16, uint16, int32, uint32, int64, uint64, float32, float64, bcd16, bcd32, string:1 to string:250'
const STRING_BYTES_MAX = 250

const WIDTHS: Readonly<Record<NumberType, number>> = {
  int16: 1,
  uint16: 1,
  bcd16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  bcd32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
}

/** The type that a text of the settings means; undefined when it means none. */
export function parseType(text: string): DataType | undefined {
  if (text === 'bool') return { name: 'bool' }
  if (Object.hasOwn(WIDTHS, text)) return { name: text as NumberType }
  const [, name, digits] = /^(bit|string):(\d{1,3})$/.exec(text) ?? []
  const size = Number(digits)
  if (name === 'bit' && size <= 15) return { name: 'bit', bit: size }
  if (name === 'string' && size >= 1 && size <= STRING_BYTES_MAX) return { name: 'string', bytes: size }
  return undefined
}

/** Registers that a value takes (for a coil or a discrete input: bits). */
export function widthOf(type: DataType): number {
  if (type.name === 'bool' || type.name === 'bit') return 1
  if (type.name === 'string') return Math.ceil(type.bytes / 2)
  return WIDTHS[type.name]
}

/** What kind of value a type gives; with a scale or an offset always a double. */
export function valueKindOf(type: DataType, isScaled: boolean): ValueKind {
  if (type.name === 'bool' || type.name === 'bit') return 'bool'
  if (type.name === 'string') return 'string'
  return isScaled || type.name === 'float32' || type.name === 'float64' ? 'double' : 'long'
}

/** One tag and where its value lies: registers (or bits) [address, address + width). */
export interface Point {
  readonly tag: string
  readonly class: string
  readonly unit: string | undefined
  readonly kind: RegisterKind
  readonly address: number
  readonly width: number
  readonly type: DataType
  readonly order: Order
  readonly scale: number | undefined
  readonly offset: number | undefined
}

/** What a line under `tags` says, as the schema yields it. */
export interface TagLine {
  readonly tag: string
  readonly register: { readonly kind: RegisterKind; readonly address: number }
  readonly type: DataType
  readonly order: Order
  readonly scale?: number | undefined
  readonly offset?: number | undefined
  readonly unit?: string | undefined
  readonly class: string
  readonly count: number
}

/** A line with `count` stands for so many points one behind the other; `{n}` in its tag counts them from 0, `{unit}` is the unit's number. */
export function pointsOf(lines: readonly TagLine[], unit: number): Point[] {
  return lines.flatMap((line) => {
    const width = widthOf(line.type)
    return Array.from({ length: line.count }, (_, n) => ({
      tag: tagOf(line.tag, unit, n),
      class: line.class,
      unit: line.unit,
      kind: line.register.kind,
      address: line.register.address + n * width,
      width,
      type: line.type,
      order: line.order,
      scale: line.scale,
      offset: line.offset,
    }))
  })
}

export function tagOf(pattern: string, unit: number, n: number): string {
  return pattern.replaceAll('{n}', String(n)).replaceAll('{unit}', String(unit))
}
