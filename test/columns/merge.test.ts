import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DecodedBlock, Merged } from '../../src/columns/index.ts'
import {
  createMerger,
  DamagedBlock,
  decodeBlock,
  encodeBlock,
  lengthOf,
  readHeader,
  sequenceAt,
} from '../../src/columns/index.ts'
import type { Row } from './helpers.ts'
import { inBlockOrder, kindOf, row, toInput, toRows } from './helpers.ts'
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
  test('keeps every number, where that is asked for', () => {
    fc.assert(
      fc.property(groups, limits, fc.nat(), (rows, bounds, first) => {
        const blocks = blocksOf(rows, first)
        const expected = numbered(blocks.map(decodeBlock))
        const merge = createMerger({ ...BOUNDS, ...bounds })
        const once = merge(blocks, { stream: STREAM, first: 'kept' })
        checkHeads(once, first, expected.length)
        const again = merge(once.map((it) => it.block), { stream: STREAM, first: 'kept' }) // biome-ignore format: short
        for (const merged of [once, again]) {
          const rows = numbered(merged.map((it) => decodeBlock(it.block)))
          expect(rows.toSorted((a, b) => a.sequence - b.sequence)).toEqual(expected)
        }
        for (const { block, count } of once) {
          expect(readHeader(block).version).toBe(2)
          expect(count).toBeLessThanOrEqual(bounds.readingsMax)
        }
      }),
      { numRuns: 300 },
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
        const plain = all.map(({ sequence: _, ...it }) => it)
        expect(inBlockOrder(plain)).toEqual(inBlockOrder(rows.flatMap((it) => inBlockOrder(it))))
        for (const { block } of merged) expect(readHeader(block)).toMatchObject({ version: 1, stream: 9 })
      }),
      { numRuns: 300 },
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
    const blocks = blocksOf(Array.from({ length: 70 }, (_, i) => rows.slice(i * 1_000, (i + 1) * 1_000)), 0)
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
