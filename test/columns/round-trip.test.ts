import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { BlockInput } from '../../src/columns/index.ts'
import { createEncoder, decodeBlock, encodeBlock, READINGS_MAX, readHeader } from '../../src/columns/index.ts'
import { BLOCK_READINGS_MAX, VALUE_BYTES_MAX } from '../../src/core/bounds.ts'
import type { Row } from './helpers.ts'
import { bitsOf, inBlockOrder, kindOf, row, toInput, toRows } from './helpers.ts'
import { anyRow, run } from './rows.ts'

const PLACE = { stream: 3, first: 1_000 }
const YEAR_2255 = 2 ** 53 - 1

function roundTrip(rows: readonly Row[]): void {
  const { block } = encodeBlock(toInput(rows), PLACE)
  expect(toRows(decodeBlock(block))).toEqual(inBlockOrder(rows))
}

describe('every reading comes back, bit by bit', () => {
  test('any readings in any order', () => {
    fc.assert(fc.property(fc.array(anyRow, { minLength: 1, maxLength: 80 }), roundTrip), { numRuns: 1_500 })
  })
  test('long runs of one series', () => {
    fc.assert(fc.property(run, roundTrip), { numRuns: 1_000 })
  })
  test('an encoder that is used again and again', () => {
    const encode = createEncoder()
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 80 }), (rows) => {
        expect(toRows(decodeBlock(encode(toInput(rows), PLACE).block))).toEqual(inBlockOrder(rows))
      }),
      { numRuns: 500 },
    )
  })
  test('one reading of each kind alone', () => {
    for (const series of [0, 1, 2, 3, 4])
      roundTrip([row({ series, bits: kindOf(series) === 'long' ? 2n ** 63n : bitsOf(1), content: 'x' })])
  })
  test('doubles beside decimals, as near as a distance holds and farther', () => {
    for (const ulps of [1n, 64n, 65n, 126n, 127n, 128n, 150n, 199n, 200n, 201n, 300n])
      for (const sign of [1n, -1n])
        roundTrip(
          Array.from({ length: 300 }, (_, i) => row({ bits: bitsOf((2_000 + ((i * 7_919) % 1_009)) / 100) + sign * ulps })),
        )
  })
  test('doubles that are no ordinary numbers', () => {
    const signalling = 0x7ff0_0000_0000_0001n
    const payload = 0xfff8_dead_beef_cafen
    for (const it of [bitsOf(-0), bitsOf(Infinity), bitsOf(-Infinity), bitsOf(NaN), signalling, payload, bitsOf(5e-324)]) {
      roundTrip([row({ bits: it })])
      roundTrip([row({ value: 1.5 }), row({ bits: it }), row({ value: 2.25 })])
      // Out of order, so that the slots are moved.
      roundTrip([row({ series: 10, bits: it }), row({ series: 5, bits: it })])
    }
  })
  test('almost decimals, across zero and powers of two', () => {
    const values = [0.1 + 0.2, 0.3, -(0.1 + 0.2), 0, 1 - 2 ** -53, 1, 1 + 2 ** -52, 2 - 2 ** -52, 4 - 2 ** -51, 74.93588199999998]
    roundTrip(values.map((value) => row({ value })))
    for (const value of [-0, NaN, 5e-324, 1e300, Infinity]) roundTrip([...values, value].map((it) => row({ value: it })))
    // Where the lower word of the bits runs over.
    const edge = bitsOf(1.5)
    roundTrip([edge, edge - 1n, edge - 64n, edge + 64n, bitsOf(1.25)].map((bits) => row({ bits })))
  })
  test('a NaN among float32 values', () => {
    roundTrip([row({ value: Math.fround(0.1) }), row({ bits: 0x7ff4_0000_0000_0123n })])
  })
  test('bools that are not 0 or 1', () => {
    for (const value of [-0, 7, 0.5, NaN]) roundTrip([row({ series: 2, value: 1 }), row({ series: 2, value })])
  })
  test('int64 from end to end', () => {
    const ends = [2n ** 63n, 2n ** 63n - 1n, 0n, 2n ** 64n - 1n, 2n ** 63n, 1n, 2n ** 32n, 2n ** 32n - 1n]
    roundTrip(ends.map((it) => row({ series: 1, bits: it })))
  })
  test('times back and forth between 1970 and 2255', () => {
    roundTrip([0, YEAR_2255, 1, YEAR_2255 - 1, 0, 0, -YEAR_2255, YEAR_2255].map((it) => row({ time: it })))
    roundTrip([0, 1_000_000, 500_000, 2_000_000].map((it) => row({ time: it })))
  })
  test('strings: empty, the longest, many different ones, and ones with equal ends', () => {
    roundTrip([row({ series: 3, content: '' }), row({ series: 4, content: '' })])
    roundTrip([row({ series: 3, content: 'x'.repeat(VALUE_BYTES_MAX) })])
    roundTrip(Array.from({ length: 3_000 }, (_, i) => row({ series: 3, content: `state ${i % 1_700}` })))
    const ends = 'e'.repeat(40)
    roundTrip(Array.from({ length: 100 }, (_, i) => row({ series: 4, content: `${ends}${i % 50}`.padEnd(45, '-') + ends })))
  })
  test('strings of several series share a dictionary', () => {
    const rows = Array.from({ length: 200 }, (_, i) =>
      row({ series: 3 + 5 * (i % 4), content: i % 3 === 0 ? 'running' : `only once ${i}` }),
    )
    roundTrip(rows)
    expect(
      Buffer.from(decodeBlock(encodeBlock(toInput(rows), PLACE).block).bytes)
        .toString()
        .split('running'),
    ).toHaveLength(2)
  })
})

describe('sizes', () => {
  const filled = (count: number, series: number): BlockInput => ({
    count,
    series: Uint32Array.from({ length: count }, (_, i) => (i * 7919) % series),
    time: Float64Array.from({ length: count }, (_, i) => i * 1_000_003),
    value: Float64Array.from({ length: count }, (_, i) => Math.sin(i)),
    quality: Uint8Array.from({ length: count }, (_, i) => i % 3),
    status: Uint32Array.from({ length: count }, (_, i) => i),
    batch: Uint16Array.from({ length: count }, (_, i) => i % 60_000),
    received: Float64Array.from({ length: 60_000 }, (_, i) => 1e15 + i * 7),
    bytes: new Uint8Array(0),
    kindOf: () => 'double',
  })
  test.each([
    [BLOCK_READINGS_MAX, 1],
    [BLOCK_READINGS_MAX, BLOCK_READINGS_MAX],
    [READINGS_MAX, 1_000],
  ])('%i readings of %i series', (count, series) => {
    const input = filled(count, series)
    const decoded = decodeBlock(encodeBlock(input, PLACE).block)
    expect(decoded.count).toBe(count)
    const order = Uint32Array.from({ length: count }, (_, i) => i)
    const expected = [...order].sort((a, b) => (input.series[a] as number) - (input.series[b] as number) || a - b)
    const differs = expected.findIndex(
      (from, i) =>
        decoded.value[i] !== input.value[from] ||
        decoded.time[i] !== input.time[from] ||
        decoded.quality[i] !== input.quality[from] ||
        decoded.status[i] !== input.status[from] ||
        decoded.received[i] !== input.received[input.batch[from] as number],
    )
    expect(differs).toBe(-1)
  })
  test('nothing, too much, and columns that are too short are refused', () => {
    const input = toInput([row()])
    expect(() => encodeBlock({ ...input, count: 0 }, PLACE)).toThrow(RangeError)
    expect(() => encodeBlock({ ...input, count: 2 }, PLACE)).toThrow(RangeError)
    expect(() => encodeBlock({ ...input, count: READINGS_MAX + 1 }, PLACE)).toThrow(RangeError)
    expect(() => encodeBlock({ ...input, received: new Float64Array(0) }, PLACE)).toThrow(RangeError)
    expect(() =>
      encodeBlock({ ...input, batch: Uint16Array.of(1), received: Float64Array.of(1, 2).subarray(0, 1) }, PLACE),
    ).toThrow(RangeError)
    expect(() => encodeBlock({ ...toInput([row({ series: 3, content: 'abc' })]), bytes: new Uint8Array(2) }, PLACE)).toThrow(
      RangeError,
    )
    expect(() => encodeBlock(input, { stream: -1, first: 0 })).toThrow(RangeError)
    expect(() => encodeBlock(input, { stream: 0, first: 0.5 })).toThrow(RangeError)
    expect(() => encodeBlock(input, { stream: 0, first: 2 ** 53 - 1 })).toThrow(RangeError)
  })
  test('arrays longer than the block and views into larger buffers', () => {
    const rows = [row({ series: 10, value: 1.5, time: 7 }), row({ series: 5, value: 2.5, time: 9 })]
    const input = toInput(rows)
    const wide = new Float64Array(6)
    wide.set(input.value, 2)
    const decoded = decodeBlock(
      encodeBlock({ ...input, value: wide.subarray(2), time: Float64Array.of(...input.time, 1, 2) }, PLACE).block,
    )
    expect(toRows(decoded)).toEqual(inBlockOrder(rows))
  })
})

describe('the header', () => {
  test('says what is inside, without the payload', () => {
    const rows = [row({ time: 30, received: 200 }), row({ time: 10, received: 100 }), row({ time: 20, received: 300 })]
    const made = encodeBlock(toInput(rows), { stream: 2 ** 32 - 1, first: 2 ** 53 - 1 - 3 })
    expect(made).toMatchObject({ timeFrom: 10, timeTo: 30 })
    const header = readHeader(made.block.slice(0, 68))
    expect(header).toEqual({
      version: 1,
      stream: 2 ** 32 - 1,
      first: 2 ** 53 - 1 - 3,
      count: 3,
      timeFrom: 10,
      timeTo: 30,
      receivedFrom: 100,
      receivedTo: 300,
      rawBytes: header.rawBytes,
    })
    expect(decodeBlock(made.block)).toMatchObject(header)
  })
  test('receive times that no reading uses do not count', () => {
    const input = toInput([row({ received: 100 })])
    const { block } = encodeBlock({ ...input, batch: Uint16Array.of(1), received: Float64Array.of(5, 100, 900) }, PLACE)
    expect(readHeader(block)).toMatchObject({ receivedFrom: 100, receivedTo: 100 })
    expect(decodeBlock(block).received).toEqual(Float64Array.of(100))
  })
})

describe('what is small', () => {
  const many = (count: number, make: (i: number) => Partial<Row> & { value?: number }): number => {
    const rows = Array.from({ length: count }, (_, i) => row(make(i)))
    return encodeBlock(toInput(rows), PLACE).block.length
  }
  test('quality, status and receive time that do not change cost next to nothing', () => {
    const varied = (i: number): { value: number; time: number } => ({ value: (i * 7919) % 1_000, time: i * 1_000_000 })
    const plain = many(4_000, varied)
    expect(many(4_000, (i) => ({ ...varied(i), quality: 2, status: 0x8034_0000 })) - plain).toBeLessThan(20)
  })
  test('series with equal times store them once', () => {
    const jitter = (i: number): number => i * 1_000_000 + ((i * i * 7919) % 99_991)
    const one = many(500, (i) => ({ series: 5, time: jitter(i) }))
    const ten = many(5_000, (i) => ({ series: 5 * (1 + (i % 10)), time: jitter(Math.floor(i / 10)) }))
    expect(ten - one).toBeLessThan(150)
  })
  test('almost decimals cost little more than decimals', () => {
    const tenths = (i: number): number => (i * i * 7919) % 1_009
    const exact = many(4_000, (i) => ({ value: Number((tenths(i) / 100).toFixed(2)) }))
    const nearly = many(4_000, (i) => ({ value: tenths(i) * 0.01 }))
    expect(nearly - exact).toBeLessThan(0.25 * 4_000)
  })
  test('decimals that went through float32 cost as much as decimals', () => {
    const noise = (i: number): number => 20 + ((i * i * 7919) % 1_009) / 100
    const doubles = many(4_000, (i) => ({ value: Number(noise(i).toFixed(2)) }))
    const singles = many(4_000, (i) => ({ value: Math.fround(Number(noise(i).toFixed(2))) }))
    expect(Math.abs(singles - doubles)).toBeLessThan(20)
  })
})
