// Sets of sequences against a plain Set.
import fc from '../prove/fast-check.ts'
import { expect, test } from 'vitest'
import type { Intervals } from '../../src/core/intervals.ts'
import { contains, countOf, difference, intersection, overlaps, union, withInterval } from '../../src/core/intervals.ts'

const UP_TO = 40
const pair = fc.tuple(fc.nat(UP_TO), fc.nat(UP_TO))
const pairs = fc.array(pair, { maxLength: 8 })

const build = (list: readonly (readonly [number, number])[]): Intervals =>
  list.reduce<Intervals>((set, [from, to]) => withInterval(set, from, to), [])
const model = (list: readonly (readonly [number, number])[]) =>
  new Set(list.flatMap(([from, to]) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)))
const numbers = (set: Intervals) => set.flatMap((it) => Array.from({ length: it.to - it.from }, (_, i) => it.from + i))
const sorted = (set: Iterable<number>) => [...set].sort((a, b) => a - b)

function isCanonical(set: Intervals): boolean {
  return set.every((it, i) => it.from < it.to && (i === 0 || (set[i - 1]?.to ?? 0) < it.from))
}

const both = (what: (a: (readonly [number, number])[], b: (readonly [number, number])[]) => void) =>
  fc.assert(fc.property(pairs, pairs, what), { numRuns: 500, seed: 7 })

test('withInterval: what a Set holds, sorted, disjoint, joined where they touch', () => {
  both((a) => {
    expect(numbers(build(a))).toEqual(sorted(model(a)))
    expect(isCanonical(build(a))).toBe(true)
    expect(countOf(build(a))).toBe(model(a).size)
  })
})

test('union, intersection and difference', () => {
  both((a, b) => {
    const [x, y] = [model(a), model(b)]
    for (const [got, want] of [
      [union(build(a), build(b)), [...new Set([...x, ...y])]],
      [intersection(build(a), build(b)), [...x].filter((it) => y.has(it))],
      [difference(build(a), build(b)), [...x].filter((it) => !y.has(it))],
    ] as const) {
      expect(numbers(got)).toEqual(sorted(want))
      expect(isCanonical(got)).toBe(true)
    }
  })
})

test('contains and overlaps', () => {
  fc.assert(
    fc.property(pairs, pair, (a, [from, to]) => {
      fc.pre(from < to)
      const set = model(a)
      const wanted = Array.from({ length: to - from }, (_, i) => from + i)
      expect(contains(build(a), from, to)).toBe(wanted.every((it) => set.has(it)))
      expect(overlaps(build(a), from, to)).toBe(wanted.some((it) => set.has(it)))
    }),
    { numRuns: 500, seed: 7 },
  )
})
