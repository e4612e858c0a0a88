import fc from '../../prove/fast-check.ts'
import { expect, test } from 'vitest'
import type { Intervals } from '../../../src/core/intervals.ts'
import { countOf, difference, intersection, union } from '../../../src/core/intervals.ts'
import { either, tally, within, without } from '../../../src/uplinks/kafka/verify/runs.ts'
import { sequenceSet } from '../../../src/uplinks/kafka/verify/sequences.ts'

test('sequences and ranges in any order become runs, and what was there already is noticed', () => {
  const near = (at: number) => fc.integer({ min: Math.max(0, at - 150), max: at + 150 })
  const from = fc.oneof(near(0), near(65_536), near(131_072))
  const length = fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 150 }), fc.integer({ min: 60_000, max: 70_000 }))
  fc.assert(
    fc.property(fc.array(fc.tuple(from, length), { maxLength: 60 }), (list) => {
      const set = sequenceSet()
      let known: Intervals = []
      for (const [from, length] of list) {
        const range = [{ from, to: from + length }]
        const added = length - countOf(intersection(known, range))
        if (length === 1) expect(set.add(from)).toBe(added === 1)
        else expect(set.addRange(from, from + length)).toBe(added)
        known = union(known, range)
      }
      expect(set.count).toBe(countOf(known))
      expect(set.end).toBe(known.at(-1)?.to ?? 0)
      expect([...set.runs()]).toEqual(known)
      for (const it of known) expect([set.has(it.from), set.has(it.to - 1), set.has(it.to)]).toEqual([true, true, false])
    }),
  )
})

test('a chunk that is full still knows what it has', () => {
  const set = sequenceSet()
  for (let i = 200_000; i-- > 0; ) set.add(i)
  expect([...set.runs()]).toEqual([{ from: 0, to: 200_000 }])
  expect(set.add(70_000)).toBe(false)
  expect(set.has(70_000)).toBe(true)
  expect(set.has(200_000)).toBe(false)
})

test('what stays incomplete is kept as runs, and takes what comes late', () => {
  const set = sequenceSet()
  const holes = Array.from({ length: 1_500 }, (_, i) => i * 65_536 + (i % 60_000))
  for (const [i, it] of holes.entries()) set.addRange((holes[i - 1] ?? -1) + 1, it)
  expect(set.bytes).toBeLessThan(12_000_000)
  expect([...set.runs()]).toHaveLength(1_500 - 1)
  for (const it of holes) expect(set.add(it)).toBe(true)
  for (const it of holes) expect(set.add(it)).toBe(false)
  expect([...set.runs()]).toEqual([{ from: 0, to: (holes.at(-1) as number) + 1 }])
})

test('a number far away costs its chunk alone', () => {
  const set = sequenceSet()
  for (let i = 0; i < 6_000; i++) set.add(i * 1_000_003 * 4_001)
  expect(set.bytes).toBeLessThan(16_500_000)
  expect(set.count).toBe(6_000)
})

const intervals: fc.Arbitrary<Intervals> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 20 })))
  .map((list) => list.reduce<Intervals>((set, [from, length]) => union(set, [{ from, to: from + length }]), []))

test('what runs make of each other is what the core says of intervals', () => {
  fc.assert(
    fc.property(intervals, intervals, (a, b) => {
      expect([...without(a, b)]).toEqual(difference(a, b))
      expect([...within(a, b)]).toEqual(intersection(a, b))
      expect([...either(a, b)]).toEqual(union(a, b))
      expect(tally(a, 3)).toEqual({ count: countOf(a), first: a.slice(0, 3) })
    }),
  )
})
