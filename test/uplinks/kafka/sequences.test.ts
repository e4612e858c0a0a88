import fc from 'fast-check'
import { expect, test } from 'vitest'
import { difference } from '../../../src/core/intervals.ts'
import { merged, sequenceSet, without } from '../../../src/uplinks/kafka/verify/sequences.ts'

test('sequences in any order become intervals, and a second one is noticed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200_000 })), (list) => {
      const set = sequenceSet()
      const known = new Set<number>()
      for (const it of list) {
        expect(set.add(it)).toBe(!known.has(it))
        known.add(it)
      }
      expect(set.count).toBe(known.size)
      const found = set.intervals().flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))
      expect(found).toEqual([...known].sort((a, b) => a - b))
    }),
  )
})

test('a chunk that is full still knows what it has', () => {
  const set = sequenceSet()
  for (let i = 200_000; i-- > 0; ) set.add(i)
  expect(set.intervals()).toEqual([{ from: 0, to: 200_000 }])
  expect(set.add(70_000)).toBe(false)
  expect(set.has(70_000)).toBe(true)
  expect(set.has(200_000)).toBe(false)
})

const intervals = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 20 })))
  .map((list) => merged(list.map(([from, length]) => ({ from, to: from + length }))))

test('what is left of one set without another is what the core says', () => {
  fc.assert(
    fc.property(intervals, intervals, (a, b) => {
      expect(without(a, b)).toEqual(difference(a, b))
    }),
  )
})
