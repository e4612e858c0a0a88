import { crc32, zstdDecompressSync } from 'node:zlib'
import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import { AGGREGATES_MAX, createAggregateEncoder, decodeAggregates, splitAggregates } from '../../src/columns/aggregates/index.ts'
import { DamagedBlock, decodeBlock, encodeBlock, readHeader } from '../../src/columns/index.ts'
import type { AggregateRow } from './aggregates-rows.ts'
import { aggregates, anyAggregate, fromColumns, stored, toColumns } from './aggregates-rows.ts'
import { kindOf, row, toInput } from './helpers.ts'

const PLACE = { stream: 3, first: 1_000, receivedFrom: 5, receivedTo: 9 }
const WINDOW = 10_000_000
const HEADER_BYTES = 68
const encode = createAggregateEncoder(1)

const inOrder = (rows: readonly AggregateRow[]) => rows.toSorted((a, b) => a.series - b.series)

function roundTrip(rows: readonly AggregateRow[]): Uint8Array {
  const ordered = inOrder(rows)
  const { block } = encode(toColumns(ordered, WINDOW), PLACE, kindOf)
  expect(fromColumns(decodeAggregates(block))).toEqual(ordered.map(stored))
  return block
}

describe('every aggregate comes back, bit by bit', () => {
  test('any rows', () => {
    fc.assert(
      fc.property(fc.array(anyAggregate, { minLength: 1, maxLength: 40 }), (rows) => {
        roundTrip(rows)
      }),
      { numRuns: 1_500 },
    )
  })
  test('one row of each kind alone, and rows without any value', () => {
    for (const series of [0, 1, 2, 3, 4]) {
      const content = series > 2 ? { first: 'a', last: 'b', min: 0n, max: 0n } : {}
      roundTrip(aggregates(series, 1, content))
      roundTrip(aggregates(series, 3, { ...content, good: 0, bad: 10, valued: 0 }))
    }
    roundTrip([...aggregates(0, 2), ...aggregates(0, 2, { valued: 0 }), ...aggregates(5, 3, { valued: 0 }), ...aggregates(10, 2)])
  })
  test('sums and squares that decimals do not explain', () => {
    for (const it of [Infinity, 1e300, 5e-324, 0, -0, 0.1 + 0.2, 1 / 3, 2 ** 53, Number.MAX_VALUE])
      roundTrip([...aggregates(0, 3), ...aggregates(5, 3, { sum: it, m2: Math.abs(it) })])
    roundTrip(aggregates(0, 3, { sum: -Infinity }))
    // Far beyond what whole numbers hold, of longs.
    roundTrip(aggregates(1, 4, { min: 2n ** 63n, max: 2n ** 63n - 1n, first: 2n ** 51n, last: 0n, sum: -1e20, m2: 1e40 }))
    roundTrip(aggregates(1, 4, { min: 2n ** 51n - 1n, max: 2n ** 51n - 1n, valued: 4e9, good: 4e9, sum: 9e24, m2: 0 }))
  })
})

test('the header has the windows as times, the given receive times, and the version', () => {
  const { block, timeFrom, timeTo } = encode(toColumns(aggregates(0, 6), WINDOW), PLACE, kindOf)
  expect([timeFrom, timeTo]).toEqual([1_700_000_000_000_000, 1_700_000_000_000_000 + 6 * WINDOW - 1])
  expect(readHeader(block)).toMatchObject({ ...PLACE, version: 3, count: 6, timeFrom, timeTo })
  expect(decodeAggregates(block)).toMatchObject({ version: 3, firstSequence: 1_000, windowUs: WINDOW, count: 6 })
})

test('plant-like aggregates take few bytes', () => {
  const rows = [0, 5, 10, 15].flatMap((series) => aggregates(series, 500))
  expect(roundTrip(rows).length / rows.length).toBeLessThan(10)
})

test('sets are split in order, and each part is a block', () => {
  const columns = toColumns(
    [...aggregates(0, 50), ...aggregates(3, 51, { first: 'ab', last: 'c', min: 0n, max: 0n, sum: 0, m2: 0 })],
    WINDOW,
  )
  const parts = splitAggregates(columns, 30)
  expect(parts.map((it) => it.count)).toEqual([30, 30, 30, 11])
  const back = parts.flatMap((it) => fromColumns(decodeAggregates(encode(it, PLACE, kindOf).block)))
  expect(back).toEqual(fromColumns(columns))
  expect(splitAggregates(columns, 101)).toEqual([columns])
})

describe('what cannot be a block is refused', () => {
  test('input', () => {
    const bad = (columns: ReturnType<typeof toColumns>, place = PLACE) => expect(() => encode(columns, place, kindOf))
    bad(toColumns([], WINDOW)).toThrow(RangeError)
    bad(toColumns([...aggregates(5, 1), ...aggregates(0, 1)], WINDOW)).toThrow(RangeError)
    bad(toColumns(aggregates(0, 1, { valued: 11 }), WINDOW)).toThrow(RangeError)
    bad(toColumns(aggregates(0, 1, { sequenceTo: 2 ** 60 }), WINDOW)).toThrow(RangeError)
    bad(toColumns(aggregates(0, 1), WINDOW), { ...PLACE, first: -1 }).toThrow(RangeError)
    bad(toColumns(aggregates(0, AGGREGATES_MAX + 1), WINDOW)).toThrow(RangeError)
  })
  test('readings where aggregates are expected, and the other way round', () => {
    const readings = encodeBlock(toInput([row()]), { stream: 1, first: 0 }).block
    expect(() => decodeAggregates(readings)).toThrow(DamagedBlock)
    expect(() => decodeBlock(roundTrip(aggregates(0, 3)))).toThrow(DamagedBlock)
  })
  test('any flipped bit, any cut', () => {
    const block = roundTrip([...aggregates(0, 5), ...aggregates(3, 5, { first: 'ab', last: 'c', min: 0n, max: 0n })])
    for (let bit = 0; bit < block.length * 8; bit++) {
      const flipped = block.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(() => decodeAggregates(flipped)).toThrow(DamagedBlock)
    }
    for (let length = 0; length < block.length; length++)
      expect(() => decodeAggregates(block.subarray(0, length))).toThrow(DamagedBlock)
  })
})

/** A block with another payload and both CRCs right again: what no accident makes, but a bug or somebody could. */
function withPayload(block: Uint8Array, payload: Uint8Array): Uint8Array {
  const copy = Buffer.concat([block.subarray(0, HEADER_BYTES), payload])
  copy[3] = 0
  copy.writeUInt32LE(payload.length, 20)
  copy.writeUInt32LE(payload.length, 24)
  copy.writeUInt32LE(crc32(payload), 60)
  copy.writeUInt32LE(crc32(copy.subarray(0, 64)), 64)
  return copy
}

test('whatever a payload holds, what comes out is aggregates or DamagedBlock', () => {
  const sets = fc.array(anyAggregate, { minLength: 1, maxLength: 12 })
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(sets, changes, fc.integer({ min: -3, max: 3 }), (rows, places, longer) => {
      const { block } = encode(toColumns(inOrder(rows), WINDOW), PLACE, kindOf)
      const stored = block.subarray(HEADER_BYTES)
      const payload = block[3] === 1 ? zstdDecompressSync(stored) : Buffer.from(stored)
      for (const [place, byte] of places) payload[place % payload.length] = byte
      const cut = longer < 0 ? payload.subarray(0, longer) : Buffer.concat([payload, Buffer.alloc(longer)])
      try {
        const columns = decodeAggregates(withPayload(block, cut))
        expect(columns.count).toBe(rows.length)
        expect(columns.last).toHaveLength(rows.length)
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedBlock)
      }
    }),
    { numRuns: 3_000 },
  )
})
