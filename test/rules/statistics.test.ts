// A window's figures are those of the log's own aggregates over the same readings; medians are those of a plain sort.
import fc from '../prove/fast-check.ts'
import { expect, test } from 'vitest'
import { madOf, medianOf, robustZ, sortedOf } from '../../src/rules/anomaly.ts'
import { Held } from '../../src/rules/held.ts'
import { statisticsOf } from '../../src/rules/statistics.ts'
import { WindowView } from '../../src/rules/view.ts'
import { reduceReadings } from '../../src/retention/reduce.ts'

const WINDOW_US = 1_000_000
const value = fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(0, -0, 1, 5e15, Number.NaN, Infinity))
const reading = fc.record({ time: fc.integer({ min: 0, max: WINDOW_US - 1 }), value, quality: fc.constantFrom(0, 0, 0, 1, 2) })

test('count, qualities, least, greatest, first, last, sum, mean and deviation', () => {
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 80 }), (readings) => {
      const held = new Held(false)
      for (const it of readings) held.add(it.time, it.value, it.quality)
      const count = readings.length
      const rows = reduceReadings(
        [
          {
            count,
            first: 0,
            seriesIds: new Uint32Array([1]),
            runs: new Uint32Array([count]),
            time: Float64Array.from(readings, (it) => it.time),
            value: Float64Array.from(readings, (it) => it.value),
            quality: Uint8Array.from(readings, (it) => it.quality),
            status: new Uint32Array(count),
            received: new Float64Array(count),
            bytes: new Uint8Array(0),
          },
        ],
        WINDOW_US,
        () => 'double',
      )
      const found = statisticsOf(held, 0, held.count)
      const of = (column: ArrayLike<number>) => column[0] as number
      expect([found.count, found.good, found.uncertain, found.bad, found.valued]).toEqual([
        count,
        ...[rows.good, rows.uncertain, rows.bad, rows.valued].map(of),
      ])
      if (found.valued === 0) {
        expect([found.mean, found.std, found.min, found.last]).toEqual([NaN, NaN, NaN, NaN])
        return
      }
      const plain = (it: number) => (it === 0 ? 0 : it)
      expect([
        plain(found.min),
        plain(found.max),
        plain(found.first),
        plain(found.last),
        found.firstTime,
        found.lastTime,
      ]).toEqual([
        ...[rows.min, rows.max, rows.first, rows.last].map((it) => plain(of(it))),
        of(rows.firstTime),
        of(rows.lastTime),
      ])
      const size = readings.reduce((sum, it) => sum + (Number.isFinite(it.value) ? Math.abs(it.value) : 0), 1)
      expect(Math.abs(found.sum - of(rows.sum)) / size).toBeLessThan(1e-12)
      expect(Math.abs(found.mean - of(rows.sum) / found.valued) / size).toBeLessThan(1e-12)
      expect(Math.abs(found.std - Math.sqrt(of(rows.m2) / found.valued)) / size).toBeLessThan(1e-6)
    }),
    { numRuns: 1_000 },
  )
})

const median = (values: readonly number[]) => {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2
}

test('median and MAD, kept up while readings come and go, are those of a sort', () => {
  const numbers = fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ min: -1e3, max: 1e3, noNaN: true })), {
    minLength: 1,
    maxLength: 60,
  })
  fc.assert(
    fc.property(numbers, fc.nat(), (all, some) => {
      const held = new Held(true)
      all.forEach((it, i) => held.add(i, it, 0))
      const gone = some % all.length
      held.drop(gone)
      const left = all.slice(gone)
      const sorted = sortedOf(held, 0, held.count)
      const middle = median(left)
      // + 0: of -0 and 0, which are equal, either may stand in the middle.
      expect(medianOf({ count: sorted.count, at: (i) => sorted.at(i) }) + 0).toBe(middle + 0)
      expect(madOf(sorted, middle)).toBeCloseTo(median(left.map((it) => Math.abs(it - middle))), 9)
      expect(madOf(sortedOf(held, 0, held.count - 1), 0) >= 0 || held.count === 1).toBe(true)
    }),
    { numRuns: 1_000 },
  )
})

test('robust z-score: what is usual has a small one, what is not a large one, and too little says nothing', () => {
  const held = new Held(true)
  for (let i = 0; i < 100; i++) held.add(i, 50 + (i % 7), 0)
  expect(Math.abs(robustZ(sortedOf(held, 0, 100), held.value(99)))).toBeLessThan(2)
  held.add(100, 90, 0)
  const view = new WindowView(held, { start: 0, end: 100, from: 0, to: 101 })
  expect(view.robustZ).toBeGreaterThan(10)
  expect(view.z).toBeCloseTo((view.last - view.mean) / view.std, 12)
  expect(view.z).toBeGreaterThan(3)
  expect([view.median, view.change, view.rate]).toEqual([53, 40, 400_000])
  const few = new Held(true)
  for (const it of [1, 1, 1, 900]) few.add(it, it, 0)
  expect(robustZ(sortedOf(few, 0, 4), 900)).toBe(0)
})
