import { describe, expect, test } from 'vitest'
import { decoderOf } from '../../../src/sources/modbus/decode.ts'
import type { Order } from '../../../src/sources/modbus/registers.ts'
import { ORDERS, parseType } from '../../../src/sources/modbus/registers.ts'

function decode(
  typeText: string,
  hex: string,
  more: { order?: Order; scale?: number; offset?: number; place?: number } = {},
): unknown {
  const type = parseType(typeText)
  if (!type) throw new Error(typeText)
  const { order = 'ABCD', scale, offset, place = 0 } = more
  return decoderOf({ type, order, scale, offset }).read(Buffer.from(hex.replaceAll(' ', ''), 'hex'), place)
}

/** Written out by hand from the definition of the orders, byte by byte. */
const ON_THE_WIRE: Record<2 | 4 | 8, Record<Order, readonly number[]>> = {
  2: { ABCD: [0, 1], BADC: [1, 0], CDAB: [0, 1], DCBA: [1, 0] },
  4: { ABCD: [0, 1, 2, 3], CDAB: [2, 3, 0, 1], BADC: [1, 0, 3, 2], DCBA: [3, 2, 1, 0] },
  8: {
    ABCD: [0, 1, 2, 3, 4, 5, 6, 7],
    CDAB: [6, 7, 4, 5, 2, 3, 0, 1],
    BADC: [1, 0, 3, 2, 5, 4, 7, 6],
    DCBA: [7, 6, 5, 4, 3, 2, 1, 0],
  },
}

const CASES: readonly (readonly [type: string, hex: string, value: unknown])[] = [
  ['int16', '8000', -32_768n],
  ['int16', '7fff', 32_767n],
  ['uint16', 'ffff', 65_535n],
  ['uint16', '1234', 0x1234n],
  ['int32', '80000000', -2_147_483_648n],
  ['int32', '12345678', 0x12345678n],
  ['uint32', 'ffffffff', 4_294_967_295n],
  ['int64', '8000000000000000', -(2n ** 63n)],
  ['int64', '0102030405060708', 0x0102030405060708n],
  ['uint64', '7fffffffffffffff', 2n ** 63n - 1n],
  ['uint64', '8000000000000000', undefined],
  ['uint64', 'ffffffffffffffff', undefined],
  ['float32', '42f6e979', Math.fround(123.456)],
  ['float32', '7fc00000', Number.NaN],
  ['float32', '80000000', -0],
  ['float32', '7f800000', Number.POSITIVE_INFINITY],
  ['float32', '00000001', 2 ** -149],
  ['float64', '3ff0000000000001', 1 + Number.EPSILON],
  ['float64', '8000000000000000', -0],
  ['float64', 'fff0000000000000', Number.NEGATIVE_INFINITY],
  ['float64', '7fefffffffffffff', Number.MAX_VALUE],
  ['bcd16', '1234', 1_234n],
  ['bcd16', '9999', 9_999n],
  ['bcd16', '12a4', undefined],
  ['bcd16', 'f000', undefined],
  ['bcd32', '12345678', 12_345_678n],
  ['bcd32', '1234567a', undefined],
]

describe('numbers', () => {
  const table = CASES.flatMap(([type, hex, value]) => ORDERS.map((order) => [type, order, hex, value] as const))
  test.each(table)('%s %s of %s', (type, order, hex, value) => {
    const plain = Buffer.from(hex, 'hex')
    const wire = Buffer.from(ON_THE_WIRE[plain.length as 2 | 4 | 8][order].map((i) => plain[i] as number))
    // Between other registers, so that a wrong place shows.
    const around = `a5a5${wire.toString('hex')}5a5a`
    if (plain.length === 2 && (order === 'CDAB' || order === 'DCBA')) return
    expect(Object.is(decode(type, around, { order, place: 1 }), value)).toBe(true)
  })

  test('with scale or offset a double, whatever the type', () => {
    expect(decode('int16', 'ff9c', { scale: 0.5 })).toBe(-50)
    expect(decode('uint16', '0064', { offset: -273.15 })).toBeCloseTo(-173.15, 10)
    expect(decode('int64', 'ffffffffffffffff', { scale: 2, offset: 1 })).toBe(-1)
    expect(decode('bcd16', '0150', { scale: 0.1 })).toBeCloseTo(15, 10)
    expect(Object.is(decode('float32', '80000000', { scale: 1 }), -0)).toBe(true)
    expect(decode('float32', '7fc00000', { scale: 3, offset: 1 })).toBeNaN()
    expect(decode('uint64', 'ffffffffffffffff', { scale: 2 })).toBeUndefined()
    expect(decode('bcd32', '0000000f', { offset: 2 })).toBeUndefined()
  })
})

describe('bits', () => {
  test('of coils, packed eight to a byte, lowest first', () => {
    const values = Array.from({ length: 19 }, (_, i) => decode('bool', 'cd 6b 05', { place: i }))
    expect(values).toEqual([1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1])
  })

  test('of a register, in either order of its bytes', () => {
    const bits = (hex: string, order: Order) =>
      Array.from({ length: 16 }, (_, i) => decode(`bit:${i}`, `ffff${hex}`, { order, place: 1 }))
    const expected = Array.from({ length: 16 }, (_, i) => (0x8005 >> i) & 1)
    expect(bits('8005', 'ABCD')).toEqual(expected)
    expect(bits('0580', 'BADC')).toEqual(expected)
  })
})

describe('strings', () => {
  test.each<[string, string, Order, string]>([
    ['string:6', '505245535333', 'ABCD', 'PRESS3'],
    ['string:6', '525053453353', 'BADC', 'PRESS3'],
    ['string:5', '505245535333', 'ABCD', 'PRESS'],
    ['string:5', '525053453353', 'BADC', 'PRESS'],
    ['string:6', '505200535333', 'ABCD', 'PR'],
    ['string:6', '505220202020', 'ABCD', 'PR'],
    ['string:6', '000000000000', 'ABCD', ''],
    ['string:4', '32c2b043', 'ABCD', '2°C'],
    ['string:4', '32b04300', 'ABCD', '2°C'],
  ])('%s of %s %s', (type, hex, order, value) => {
    expect(decode(type, `0000${hex}4141`, { order, place: 1 })).toBe(value)
  })
})
