import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { AggregateColumns } from '../../src/core/aggregate.ts'
import { coarsen, reduceReadings } from '../../src/retention/reduce.ts'
import type { Numbered, PlainAggregate, PlainReading } from './reduce-reference.ts'
import { anyReading, blockOf, kindOf, plainRows, reference } from './reduce-reference.ts'

const SECOND = 1_000_000
/** A full minute. */
const T0 = 1_700_000_040_000_000

/** As reduce.ts states it, for so many parts. */
function expectEqual(result: AggregateColumns, expected: readonly PlainAggregate[], parts: number, changes: boolean): void {
  const rows = plainRows(result)
  const inexact = { sum: 0, m2: 0, magnitude: 0, square: 0, ...(changes ? {} : { changes: 0 }) }
  expect(rows.map((it) => ({ ...it, ...inexact }))).toEqual(expected.map((it) => ({ ...it, ...inexact })))
  expected.forEach(({ sum, m2, magnitude, square }, i) => {
    expect(Math.abs((rows[i]?.sum ?? NaN) - sum)).toBeLessThanOrEqual((parts + 1) * 2 ** -53 * magnitude)
    expect(Math.abs((rows[i]?.m2 ?? NaN) - m2)).toBeLessThanOrEqual(1e-12 * m2 + (parts + 8) * 2 ** -50 * square)
  })
}

/** Cut into blocks of the sequences that follow each other. */
function cut(readings: readonly PlainReading[], sizes: readonly number[], kept: boolean) {
  const parts: ReturnType<typeof blockOf>[] = []
  for (let from = 0, i = 0; from < readings.length; i++) {
    const to = from + (sizes[i % sizes.length] as number)
    parts.push(blockOf(readings.slice(from, to), 100 + from, kept))
    from = to
  }
  return { blocks: parts.map((it) => it.block), rows: parts.flatMap((it) => it.rows) }
}

const readings = fc.array(anyReading, { minLength: 1, maxLength: 60 })
const sizes = fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 4 })

describe('a reduction is what a plain one comes to', () => {
  test('readings in any order, cut into blocks in any way', () => {
    const windows = fc.constantFrom(SECOND, 3 * SECOND, 60 * SECOND)
    fc.assert(
      fc.property(readings, sizes, fc.boolean(), windows, (list, parts, kept, windowUs) => {
        const { blocks, rows } = cut(list, parts, kept)
        expectEqual(reduceReadings(blocks, windowUs, kindOf), reference(rows, windowUs), list.length, false)
      }),
      { numRuns: 1_000 },
    )
  })
  test('in the order of time, the changes too', () => {
    fc.assert(
      fc.property(readings, sizes, (list, parts) => {
        const { blocks, rows } = cut(
          list.toSorted((a, b) => a.time - b.time),
          parts,
          false,
        )
        // Within a block, readings of a series keep their order; across series the numbers are others.
        expectEqual(reduceReadings(blocks, 2 * SECOND, kindOf), reference(rows, 2 * SECOND), list.length, true)
      }),
      { numRuns: 500 },
    )
  })
})

describe('coarser aggregates are what the readings would have come to', () => {
  const coarse = fc.constantFrom(SECOND, 2 * SECOND, 10 * SECOND)
  test('of parts in any order of time', () => {
    fc.assert(
      fc.property(readings, sizes, coarse, (list, parts, windowUs) => {
        const { blocks, rows } = cut(list, parts, false)
        const sets = blocks.map((it) => reduceReadings([it], SECOND, kindOf))
        expectEqual(coarsen(sets, windowUs, kindOf), reference(rows, windowUs), list.length, false)
      }),
      { numRuns: 1_000 },
    )
  })
  test('step by step, changes too where parts follow each other in time', () => {
    fc.assert(
      fc.property(readings, sizes, (list, parts) => {
        const distinct = list.toSorted((a, b) => a.time - b.time).map((it, i) => ({ ...it, time: it.time + i }))
        const { blocks, rows } = cut(distinct, parts, false)
        const sets = blocks.map((it) => coarsen([reduceReadings([it], SECOND, kindOf)], 2 * SECOND, kindOf))
        // Uncertain ones drop out once a good one is there: then the changes between them are those of the part that has it.
        const certain = rows.every((it) => it.quality !== 1)
        expectEqual(coarsen(sets, 10 * SECOND, kindOf), reference(rows, 10 * SECOND), list.length, certain)
      }),
      { numRuns: 500 },
    )
  })
  test('a window that is no multiple is refused', () => {
    const set = reduceReadings([blockOf([one(0, 0, 1)], 0, false).block], 2 * SECOND, kindOf)
    expect(() => coarsen([set], 3 * SECOND, kindOf)).toThrow(RangeError)
    expect(() => reduceReadings([], 0, kindOf)).toThrow(RangeError)
    expect(coarsen([], SECOND, kindOf).count).toBe(0)
  })
})

function one(series: number, second: number, value: PlainReading['value'], quality: 0 | 1 | 2 = 0): PlainReading {
  return { series, time: T0 + second * SECOND, value, quality }
}

const reduced = (list: readonly PlainReading[], windowUs = 60 * SECOND) =>
  plainRows(reduceReadings([blockOf(list, 0, false).block], windowUs, kindOf))[0]

describe('odd values', () => {
  test('NaN and infinities are counted and are no values', () => {
    const list = [NaN, 1, Infinity, 2, -Infinity].map((it, i) => one(0, i, it))
    expect(reduced(list)).toMatchObject({ good: 5, valued: 2, sum: 3, min: 1, max: 2, first: 1, last: 2, m2: 0.5 })
    expect(reduced([one(0, 3, NaN)])).toMatchObject({ good: 1, valued: 0, sum: 0, m2: 0, firstTime: T0 })
  })
  test('good readings count even where they have no value: uncertain ones do not stand in for them', () => {
    expect(reduced([one(0, 0, null), one(0, 1, 5, 1)])).toMatchObject({ good: 1, uncertain: 1, valued: 0 })
    expect(reduced([one(0, 0, 4, 2), one(0, 1, 5, 1)])).toMatchObject({ bad: 1, uncertain: 1, valued: 1, sum: 5 })
  })
  test('zeros: first and last keep the sign, min and max have none', () => {
    const row = reduced([one(0, 0, -0), one(0, 1, 0), one(0, 2, -0)])
    expect([row?.first, row?.last, row?.min, row?.max]).toEqual([-0, -0, 0, 0])
  })
  test('sums beyond what doubles hold become infinite and stay', () => {
    const huge = [one(0, 0, 1.7e308), one(0, 1, 1.7e308), one(0, 2, -1)]
    expect(reduced(huge)).toMatchObject({ sum: Infinity, m2: Infinity, min: -1, max: 1.7e308, valued: 3 })
    const set = reduceReadings([blockOf(huge, 0, false).block], SECOND, kindOf)
    expect(plainRows(coarsen([set, set], 60 * SECOND, kindOf))[0]).toMatchObject({ sum: Infinity, m2: Infinity, valued: 6 })
  })
  test('what does not vary has no spread at all, merged or not', () => {
    const list = Array.from({ length: 50 }, (_, i) => one(0, i, 0.1))
    expect(reduced(list)).toMatchObject({ m2: 0, sum: 5, valued: 50 })
    const sets = reduceReadings([blockOf(list, 0, false).block], 7 * SECOND, kindOf)
    expect(plainRows(coarsen([sets], 70 * SECOND, kindOf)).filter((it) => it.m2 !== 0)).toEqual([])
  })
  test('sums of decimals are the decimals', () => {
    const list = Array.from({ length: 600 }, (_, i) => one(0, i, Math.round(7_000 + 100 * Math.sin(i)) / 100))
    const k = list.reduce((sum, it) => sum + Math.round((it.value as number) * 100), 0)
    expect(reduced(list, 1_000 * SECOND)?.sum).toBe(k / 100)
  })
})

test('many series and windows, in many blocks, come out in order', () => {
  const list: PlainReading[] = []
  for (let i = 0; i < 6_000; i++) list.push(one((i * 7) % 300, 5_000 - i, (i * 7) % 5 > 2 ? 'a' : (i * 7) % 5 === 1 ? 5n : i % 2))
  const numbered: Numbered[] = []
  const blocks = [0, 2_000, 4_000].map((from) => {
    const { block, rows } = blockOf(list.slice(from, from + 2_000), from, true)
    numbered.push(...rows)
    return block
  })
  expectEqual(reduceReadings(blocks, 10 * SECOND, kindOf), reference(numbered, 10 * SECOND), 3, false)
})
