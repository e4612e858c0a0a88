// Sparkplug payloads field by field, as protobuf has them, right or bent: wrong wire types, lengths that lie, values of another type, nests.
import type { Dice } from '../dice.ts'

const varint = (value: bigint): Buffer => {
  const out: number[] = []
  let rest = BigInt.asUintN(64, value)
  do {
    out.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(out)
}
const key = (field: number, wire: number) => varint(BigInt((field << 3) | wire))
const number = (field: number, value: bigint) => Buffer.concat([key(field, 0), varint(value)])
const bytes = (field: number, body: Buffer, length = body.length) => Buffer.concat([key(field, 2), varint(BigInt(length)), body])
const fixed = (field: number, size: 4 | 8, value: number) => {
  const body = Buffer.alloc(size)
  if (size === 4) body.writeFloatLE(value)
  else body.writeDoubleLE(value)
  return Buffer.concat([key(field, size === 4 ? 5 : 1), body])
}

const INTEGERS = [
  0n,
  1n,
  127n,
  128n,
  255n,
  65_535n,
  4_294_967_295n,
  9_007_199_254_740_993n,
  2n ** 63n,
  2n ** 64n - 1n,
  1_790_000_000_000n,
]
const NAMES = ['a', 'tank/level', '', 'bdSeq', 'Node Control/Rebirth', '__proto__', 'ü', 'x'.repeat(2_000), '../..', '\0']
const DOUBLES = [0, -0, NaN, Infinity, 1.5, 5e-324]

/** A value in one of its fields, from the number of the first on: the right one for its type, or any. */
function valueFields(first: number, dice: Dice): Buffer {
  switch (dice.below(6)) {
    case 0:
      return number(first, dice.oneOf(INTEGERS))
    case 1:
      return number(first + 1, dice.oneOf(INTEGERS))
    case 2:
      return fixed(first + 2, 4, dice.oneOf(DOUBLES))
    case 3:
      return fixed(first + 3, 8, dice.oneOf(DOUBLES))
    case 4:
      return number(first + 4, BigInt(dice.below(3)))
    default:
      return bytes(first + 5, Buffer.from(dice.oneOf(NAMES)))
  }
}

const some = (dice: Dice, most: number, one: (n: number) => Buffer) =>
  Array.from({ length: dice.below(most + 1) }, (_, n) => one(n))

function dataset(dice: Dice): Buffer {
  const columns = dice.below(4)
  const types = dice.once(6) ? dice.below(4) : columns
  const row = () => Buffer.concat(some(dice, 4, () => bytes(1, dice.once(5) ? Buffer.alloc(0) : valueFields(1, dice))))
  return Buffer.concat([
    number(1, BigInt(columns)),
    ...Array.from({ length: columns }, (_, n) => bytes(2, Buffer.from(`c${n}`))),
    ...Array.from({ length: types }, () => number(3, BigInt(dice.below(20)))),
    ...some(dice, 3, () => bytes(4, row())),
  ])
}

function template(dice: Dice, depth: number): Buffer {
  return Buffer.concat([
    ...some(dice, 3, () => bytes(2, metric(dice, depth + 1))),
    ...some(dice, 2, () =>
      bytes(
        3,
        Buffer.concat([bytes(1, Buffer.from(dice.oneOf(NAMES))), number(2, BigInt(dice.below(20))), valueFields(3, dice)]),
      ),
    ),
    ...(dice.once(3) ? [number(5, 1n)] : []),
  ])
}

function properties(dice: Dice): Buffer {
  return Buffer.concat([
    ...some(dice, 3, () => bytes(1, Buffer.from(dice.oneOf(['engUnit', 'Quality', 'other'])))),
    ...some(dice, 3, () => bytes(2, Buffer.concat([number(1, BigInt(dice.below(15))), valueFields(3, dice)]))),
  ])
}

function metric(dice: Dice, depth: number): Buffer {
  const parts = [
    ...(dice.once(3) ? [] : [bytes(1, Buffer.from(dice.oneOf(NAMES)))]),
    ...(dice.once(3) ? [] : [number(2, BigInt(dice.below(8)))]),
    ...(dice.once(3) ? [] : [number(3, dice.oneOf(INTEGERS))]),
    ...(dice.once(3) ? [] : [number(4, BigInt(dice.below(40)))]),
    ...(dice.once(8) ? [number(5, 1n)] : []),
    ...(dice.once(8) ? [number(7, 1n)] : []),
    ...(dice.once(4) ? [bytes(9, properties(dice))] : []),
    dice.once(6) && depth < 6
      ? bytes(18, template(dice, depth))
      : dice.once(5)
        ? bytes(17, dataset(dice))
        : valueFields(10, dice),
    ...(dice.once(5) ? [bytes(16, Buffer.from(Array.from({ length: dice.below(20) }, () => dice.below(256))))] : []),
  ]
  return Buffer.concat(parts)
}

function bend(payload: Buffer, dice: Dice): Buffer {
  const bent = Buffer.from(payload)
  if (bent.length === 0) return bent
  for (let n = dice.below(3); n >= 0; n--) bent[dice.below(bent.length)] = dice.below(256)
  if (dice.once(3)) return bent.subarray(0, dice.below(bent.length))
  const at = dice.below(bent.length)
  if (dice.once(3))
    return Buffer.concat([
      bent.subarray(0, at),
      bytes(dice.below(20), Buffer.alloc(2), dice.oneOf([0, 5, 2 ** 31])),
      bent.subarray(at),
    ])
  return bent
}

export function sparkplugPayload(seq: number | undefined, bdSeq: number | undefined, dice: Dice): Buffer {
  if (dice.once(100)) return Buffer.from(Array.from({ length: dice.below(64) }, () => dice.below(256)))
  if (dice.once(2_000)) return Buffer.concat(Array.from({ length: dice.below(150_000) }, () => Buffer.from([0x12, 0])))
  const payload = Buffer.concat([
    ...(dice.once(5) ? [] : [number(1, dice.oneOf(INTEGERS))]),
    ...(bdSeq === undefined
      ? []
      : [bytes(2, Buffer.concat([bytes(1, Buffer.from('bdSeq')), number(4, 4n), number(11, BigInt(bdSeq))]))]),
    ...some(dice, 8, () => bytes(2, metric(dice, 0))),
    ...(seq === undefined ? [] : [number(3, BigInt(seq))]),
  ])
  return dice.once(4) ? bend(payload, dice) : payload
}
