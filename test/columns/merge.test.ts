import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { DecodedBlock, Merged } from '../../src/columns/index.ts'
import {
  createCutter,
  createMerger,
  DamagedBlock,
  decodeBlock,
  decodeColumns,
  encodeBlock,
  lengthOf,
  readHeader,
  sequenceAt,
} from '../../src/columns/index.ts'
import type { Row } from './helpers.ts'
import { bitsOf, inBlockOrder, kindOf, row, toInput, toRows } from './helpers.ts'
import { anyRow, run } from './rows.ts'

const STREAM = 3
const BOUNDS = { level: 3, readingsMax: 131_072, bytesMax: 4_000_000, kindOf }

/** Blocks of these readings, one after another from `first` on. */
function blocksOf(groups: readonly (readonly Row[])[], first: number): Uint8Array[] {
  let next = first
  return groups.map((rows) => {
    const { block } = encodeBlock(toInput(rows), { stream: STREAM, first: next })
    next += rows.length
    return block
  })
}

function numbered(blocks: readonly DecodedBlock[]): (Row & { sequence: number })[] {
  return blocks.flatMap((block) => toRows(block).map((it, i) => ({ ...it, sequence: sequenceAt(block, i) })))
}

function checkHeads(merged: readonly Merged[], first: number, count: number): void {
  let next = first
  for (const it of merged) {
    const { block, seriesIds, ...head } = it
    const decoded = decodeBlock(block)
    expect(decoded).toMatchObject(head)
    expect(readHeader(block)).toMatchObject(head)
    expect(lengthOf(block.subarray(0, 68))).toBe(block.length)
    expect(decoded.seriesIds).toEqual(seriesIds)
    expect([Math.min(...decoded.time), Math.max(...decoded.time)]).toEqual([it.timeFrom, it.timeTo])
    expect([Math.min(...decoded.received), Math.max(...decoded.received)]).toEqual([it.receivedFrom, it.receivedTo])
    expect(it.first).toBe(next)
    next += it.count
  }
  expect(next).toBe(first + count)
}

const groups = fc.array(fc.oneof(fc.array(anyRow, { minLength: 1, maxLength: 40 }), run), { minLength: 1, maxLength: 8 })
const limits = fc.record({ readingsMax: fc.constantFrom(1, 7, 50, 131_072), bytesMax: fc.constantFrom(10, 100, 4_000_000) })

describe('merging', () => {
  test('cuts: any run of the numbers of blocks that follow one another, and no others', () => {
    const range = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
    fc.assert(
      fc.property(groups, limits, range, fc.boolean(), (rows, bounds, [a, b], sealed) => {
        const fresh = blocksOf(rows, 1_000)
        const blocks = sealed ? createMerger(BOUNDS)(fresh, { stream: STREAM, first: 'kept' }).map((it) => it.block) : fresh
        const count = rows.reduce((sum, it) => sum + it.length, 0)
        const from = 1_000 + Math.min(Math.floor(Math.min(a, b) * count), count - 1)
        const to = Math.max(from + 1, 1_000 + Math.ceil(Math.max(a, b) * count))
        const parts = blocks.map(decodeColumns).flatMap((columns) => {
          const [start, end] = [Math.max(from, columns.first), Math.min(to, columns.first + columns.count)]
          return start < end ? [{ columns, from: start, to: end }] : []
        })
        const cut = createCutter({ ...BOUNDS, ...bounds })(parts, STREAM)
        checkHeads(cut, from, to - from)
        const expected = numbered(blocks.map(decodeBlock)).filter((it) => it.sequence >= from && it.sequence < to)
        const order = (list: ReturnType<typeof numbered>) => list.toSorted((x, y) => x.sequence - y.sequence)
        expect(order(numbered(cut.map((it) => decodeBlock(it.block))))).toEqual(order(expected))
      }),
      { numRuns: 200 },
    )
  })
  test('keeps every number, where that is asked for', () => {
    fc.assert(
      fc.property(groups, limits, fc.nat(), (rows, bounds, first) => {
        const blocks = blocksOf(rows, first)
        const expected = numbered(blocks.map(decodeBlock))
        const merge = createMerger({ ...BOUNDS, ...bounds })
        const once = merge(blocks, { stream: STREAM, first: 'kept' })
        checkHeads(once, first, expected.length)
        const again = merge(
          once.map((it) => it.block),
          { stream: STREAM, first: 'kept' },
        )
        for (const merged of [once, again]) {
          const rows = numbered(merged.map((it) => decodeBlock(it.block)))
          expect(rows.toSorted((a, b) => a.sequence - b.sequence)).toEqual(expected)
        }
        for (const { block, count } of once) {
          expect(readHeader(block).version).toBe(2)
          expect(count).toBeLessThanOrEqual(bounds.readingsMax)
        }
      }),
      { numRuns: 200 },
    )
  })
  test('numbers anew from a number on, and keeps the order of each series', () => {
    fc.assert(
      fc.property(groups, limits, fc.nat(), (rows, bounds, first) => {
        const merge = createMerger({ ...BOUNDS, ...bounds })
        const merged = merge(blocksOf(rows, 1_000), { stream: 9, first })
        const all = numbered(merged.map((it) => decodeBlock(it.block)))
        checkHeads(merged, first, all.length)
        expect(all.map((it) => it.sequence)).toEqual(all.map((_, i) => first + i))
        const plain = merged.flatMap((it) => toRows(decodeBlock(it.block)))
        expect(inBlockOrder(plain)).toEqual(inBlockOrder(rows.flatMap((it) => inBlockOrder(it))))
        for (const { block } of merged) expect(readHeader(block)).toMatchObject({ version: 1, stream: 9 })
      }),
      { numRuns: 200 },
    )
  })
  test('takes blocks that were numbered, kept and split before, together', () => {
    const rows = Array.from({ length: 500 }, (_, i) => row({ series: (i * 7) % 15, time: i, value: i % 2, content: `${i % 9}` }))
    const fresh = blocksOf([rows.slice(0, 200), rows.slice(200, 300)], 50)
    const kept = createMerger({ ...BOUNDS, readingsMax: 90 })(fresh, { stream: STREAM, first: 'kept' }).map((it) => it.block)
    const more = blocksOf([rows.slice(300)], 350)
    const merged = createMerger(BOUNDS)([...kept, ...more], { stream: STREAM, first: 'kept' })
    expect(merged).toHaveLength(1)
    const expected = numbered([...fresh, ...more].map(decodeBlock))
    const all = numbered(merged.map((it) => decodeBlock(it.block)))
    expect(all.toSorted((a, b) => a.sequence - b.sequence)).toEqual(expected)
  })
  test('more than 65,535 receive times', () => {
    const rows = Array.from({ length: 70_000 }, (_, i) =>
      row({ series: 5 * (i % 3), time: 1e15 + i * 1_000, received: 1e15 + i * 1_000 + ((i * 7919) % 997), value: i % 10 }),
    )
    const blocks = blocksOf(
      Array.from({ length: 70 }, (_, i) => rows.slice(i * 1_000, (i + 1) * 1_000)),
      0,
    )
    for (const first of ['kept', 0] as const) {
      const [merged] = createMerger(BOUNDS)(blocks, { stream: STREAM, first })
      const decoded = decodeBlock((merged as Merged).block)
      expect(toRows(decoded)).toEqual(inBlockOrder(rows))
    }
  })
  test('holes, damage and aggregates are refused', () => {
    const merge = createMerger(BOUNDS)
    const [a, b, c] = blocksOf([[row()], [row()], [row()]], 0) as [Uint8Array, Uint8Array, Uint8Array]
    expect(() => merge([a, c], { stream: STREAM, first: 'kept' })).toThrow(RangeError)
    expect(() => merge([b, a], { stream: STREAM, first: 'kept' })).toThrow(RangeError)
    expect(merge([a, c], { stream: STREAM, first: 0 })).toHaveLength(1)
    expect(() => merge([a, b.subarray(1)], { stream: STREAM, first: 0 })).toThrow(DamagedBlock)
  })
})

describe('what is small when it is sealed', () => {
  /** Bytes of `count` readings of `series` series, that arrive in blocks of 1,000. */
  const sealedBytes = (
    count: number,
    series: number,
    make: (i: number, nth: number) => Partial<Row> & { value?: number },
    first: 0 | 'kept' = 0,
  ): number => {
    const rows = Array.from({ length: count }, (_, i) =>
      row({ series: 5 * (i % series), ...make(Math.floor(i / series), i % series) }),
    )
    const parts = Array.from({ length: Math.ceil(count / 1_000) }, (_, n) => rows.slice(n * 1_000, (n + 1) * 1_000))
    const merged = createMerger(BOUNDS)(blocksOf(parts, 0), { stream: STREAM, first })
    expect(merged).toHaveLength(1)
    expect(toRows(decodeBlock((merged[0] as Merged).block))).toEqual(inBlockOrder(rows))
    return merged.reduce((sum, it) => sum + it.block.length, 0)
  }
  const steps = (i: number, nth: number): number => (((i * 4 + nth) ** 2 * 7_919) % 1_000_003) % 1_009
  const noise = (i: number, nth: number): number => Number((20 + steps(i, nth) / 100).toFixed(2))
  const second = (i: number): number => 1_700_000_000_000_000 + i * 1_000_000

  test('decimals with a few NaN, −0, missing values and outliers', () => {
    const plain = sealedBytes(8_000, 4, (i, nth) => ({ value: noise(i, nth), time: second(i) }))
    const odd = [bitsOf(NaN), bitsOf(-0), bitsOf(Math.PI), 0x7ff4_0000_0000_0123n]
    const mixed = sealedBytes(8_000, 4, (i, nth) => ({
      ...(i % 100 === nth ? { bits: odd[nth] as bigint, quality: 2 } : { value: noise(i, nth) }),
      time: second(i),
    }))
    // 80 of them: a place, 8 bytes and two changes of quality each.
    expect(mixed - plain).toBeLessThan(80 * 16)
    const missing = sealedBytes(8_000, 4, (i, nth) => ({
      ...(i % 100 === 7 ? { bits: 0n, quality: 6 } : { value: noise(i, nth) }),
      time: second(i),
    }))
    expect(missing - plain).toBeLessThan(80 * 8)
  })
  test('decimals that went through arithmetic, and float32', () => {
    const plain = sealedBytes(8_000, 4, (i, nth) => ({ value: noise(i, nth), time: second(i) }))
    const near = sealedBytes(8_000, 4, (i, nth) => ({ value: steps(i, nth) * 0.01, time: second(i) }))
    expect(near - plain).toBeLessThan(0.25 * 8_000)
    const single = sealedBytes(8_000, 4, (i, nth) => ({ value: Math.fround(20 + Math.sin(i * 0.3 + nth)), time: second(i) }))
    expect(single).toBeLessThan(3 * 8_000)
  })
  test('numbers that are kept', () => {
    const make = (i: number, nth: number): Partial<Row> & { value: number } => ({ value: noise(i, nth), time: second(i) })
    expect(sealedBytes(8_000, 40, make, 'kept') - sealedBytes(8_000, 40, make)).toBeLessThan(0.01 * 8_000)
  })
  test('receive times of readings that come one by one: their jitter and no more', () => {
    const plain = sealedBytes(8_000, 4, (i, nth) => ({ value: noise(i, nth), time: second(i) + nth * 250_000 }))
    const jitter = (i: number): number => (i * i * 7_919) % 1_021
    const single = sealedBytes(8_000, 4, (i, nth) => ({
      value: noise(i, nth),
      time: second(i) + nth * 250_000,
      received: second(i) + nth * 250_000 + 20_000 + jitter(i * 4 + nth),
    }))
    // 10 bits each.
    expect(single - plain).toBeLessThan(1.4 * 8_000)
    const byRow = sealedBytes(8_000, 4, (i, nth) => ({
      value: noise(i, nth),
      time: second(i),
      received: second(i) + 20_000 + jitter(i),
    }))
    expect(byRow - plain).toBeLessThan((1.4 * 8_000) / 4)
  })
  test('times that are the same for all series, and receive times that are the source times', () => {
    const jitter = (i: number): number => second(i) + ((i * i * 7_919) % 99_991)
    const one = sealedBytes(1_000, 1, (i) => ({ time: jitter(i) }))
    const ten = sealedBytes(10_000, 10, (i) => ({ time: jitter(i) }))
    expect(ten - one).toBeLessThan(200)
    const received = sealedBytes(10_000, 10, (i) => ({ time: jitter(i), received: jitter(i) }))
    expect(received - ten).toBeLessThan(200)
  })
  test('integers, states and bools', () => {
    const counter = sealedBytes(8_000, 1, (i) => ({ series: 1, bits: BigInt(1_000_000 + i * 17), time: second(i) }))
    expect(counter).toBeLessThan(200)
    const state = sealedBytes(8_000, 1, (i) => ({ series: 3, content: i % 500 < 250 ? 'running' : 'stopped', time: second(i) }))
    expect(state).toBeLessThan(350)
    const bool = sealedBytes(8_000, 1, (i) => ({ series: 2, value: i % 500 < 250 ? 1 : 0, time: second(i) }))
    expect(bool).toBeLessThan(350)
  })
})
