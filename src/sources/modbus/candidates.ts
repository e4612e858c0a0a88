// What the bytes of registers may mean. Pure.
import type { BrowseEntry, BrowseValue } from '../../core/source.ts'
import { decoderOf } from './decode.ts'
import type { DataType, Order, RegisterKind } from './registers.ts'
import { isBitKind, widthOf } from './registers.ts'

/** Numbers that people measure; outside of it two registers are hardly a float. */
const FLOAT_MIN = 1e-4
const FLOAT_MAX = 1e7

interface Candidate {
  readonly type: DataType
  readonly order: Order
  readonly isLikely: (value: number | bigint | string) => boolean
}

const BITS: readonly Candidate[] = [{ type: { name: 'bool' }, order: 'ABCD', isLikely: () => true }]
const isLikelyFloat = (value: number | bigint | string) =>
  typeof value === 'number' && Math.abs(value) >= FLOAT_MIN && Math.abs(value) <= FLOAT_MAX
const WORDS: readonly Candidate[] = [
  { type: { name: 'uint16' }, order: 'ABCD', isLikely: () => true },
  { type: { name: 'int16' }, order: 'ABCD', isLikely: (value) => (value as bigint) < 0n },
  { type: { name: 'float32' }, order: 'ABCD', isLikely: isLikelyFloat },
  { type: { name: 'float32' }, order: 'CDAB', isLikely: isLikelyFloat },
]

/** Each register as uint16, and as int16 and float32 (with the one behind it) where that looks like a value. */
export function* candidatesOf(
  prefix: string,
  tagPrefix: string,
  kind: RegisterKind,
  from: number,
  to: number,
  data: Buffer,
): Generator<BrowseEntry> {
  for (let address = from; address < to; address++) {
    for (const { type, order, isLikely } of isBitKind(kind) ? BITS : WORDS) {
      if (address + widthOf(type) > to) continue
      const decoder = decoderOf({ type, order, scale: undefined, offset: undefined })
      const value = decoder.read(data, address - from)
      if (value === undefined || !isLikely(value)) continue
      yield entryOf(prefix, tagPrefix, `${kind}:${address}`, type, order, {
        kind: decoder.kind,
        text: decoder.kind === 'bool' ? String(value === 1) : String(value),
        quality: 'good',
        type: type.name,
      })
    }
  }
}

function entryOf(
  prefix: string,
  tagPrefix: string,
  register: string,
  type: DataType,
  order: Order,
  value: BrowseValue,
): BrowseEntry {
  const turned = order === 'ABCD' ? {} : { order }
  const line = { tag: `${tagPrefix}${register.replace(':', '-')}`, register, type: type.name, ...turned }
  const name = [register, type.name, ...Object.values(turned)].join(' ')
  return { node: `${prefix}${register}`, name, isFolder: false, value, line }
}
