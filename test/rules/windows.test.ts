// Windows against the plainest thing that could be right: every reading kept for ever, every window looked up anew.
import fc from '../prove/fast-check.ts'
import { expect, test } from 'vitest'
import type { RuleWindow } from '../../src/core/rule.ts'
import { createWindows } from '../../src/rules/windows.ts'

interface Told {
  readonly start: number
  readonly end: number
  readonly values: readonly number[]
}

interface Outcome {
  readonly told: readonly Told[]
  readonly late: number
}

const MS = 1000

/** Times in ms, the value of each its place. `savedAt`: there the state is saved, and another goes on from it. */
function run(rule: RuleWindow, times: readonly number[], savedAt = -1): Outcome {
  let windows = createWindows(rule, false)
  const told: Told[] = []
  let late = 0
  times.forEach((time, value) => {
    if (value === savedAt) windows = createWindows(rule, true, structuredClone(windows.save()))
    late += windows.add(time * MS, value, 0)
    for (const { start, end, from, to } of windows.closed()) {
      const values = Array.from({ length: to - from }, (_, i) => windows.held.value(from + i))
      told.push({ start: start / MS, end: end / MS, values })
    }
  })
  return { told, late }
}

/** Of each reading, in the order of arrival: the greatest time up to it. */
const nows = (times: readonly number[]) => times.map((_, i) => Math.max(...times.slice(0, i + 1)))
const byTime = (times: readonly number[], places: readonly number[]) =>
  places.toSorted((a, b) => (times[a] as number) - (times[b] as number) || a - b)

function tumbling({ lengthMs, graceMs }: RuleWindow, times: readonly number[]): Outcome {
  const now = nows(times)
  const startOf = (i: number) => Math.floor((times[i] as number) / lengthMs) * lengthMs
  const places = times.map((_, i) => i)
  const taken = places.filter((i) => startOf(i) + lengthMs + graceMs > (now[i] as number))
  const closed = [...new Set(taken.map(startOf))].filter((it) => it + lengthMs + graceMs <= (now.at(-1) ?? 0))
  const told = closed
    .toSorted((a, b) => a - b)
    .map((start) => ({
      start,
      end: start + lengthMs,
      values: byTime(
        times,
        taken.filter((i) => startOf(i) === start),
      ),
    }))
  return { told, late: times.length - taken.length }
}

function sliding({ lengthMs, graceMs }: RuleWindow, times: readonly number[]): Outcome {
  const now = nows(times)
  const places = times.map((_, i) => i)
  const taken = places.filter((i) => (times[i] as number) + lengthMs + graceMs >= (now[i] as number))
  const inTime = taken.filter((i) => i === 0 || (times[i] as number) > (now[i - 1] as number) - graceMs)
  const told = [...new Set(inTime.map((i) => times[i] as number))]
    .toSorted((a, b) => a - b)
    .flatMap((end) => {
      const at = now.findIndex((it) => it >= end + graceMs)
      if (at < 0) return []
      const inside = taken.filter((i) => i <= at && (times[i] as number) >= end - lengthMs && (times[i] as number) <= end)
      return [{ start: end - lengthMs, end, values: byTime(times, inside) }]
    })
  return { told, late: times.length - taken.length }
}

/** As Kafka Streams has them: sessions that are merged. */
function session({ lengthMs, graceMs }: RuleWindow, times: readonly number[]): Outcome {
  let open: (Told & { places: number[] })[] = []
  const told: Told[] = []
  let late = 0
  let now = -Infinity
  times.forEach((time, i) => {
    now = Math.max(now, time)
    const joined = open.filter((it) => time - lengthMs <= it.end && time + lengthMs >= it.start)
    const start = Math.min(time, ...joined.map((it) => it.start))
    const end = Math.max(time, ...joined.map((it) => it.end))
    if (end + lengthMs + graceMs < now) late++
    else
      open = [
        ...open.filter((it) => !joined.includes(it)),
        { start, end, values: [], places: [i, ...joined.flatMap((it) => it.places)] },
      ]
    const closed = open.filter((it) => it.end + lengthMs + graceMs < now).toSorted((a, b) => a.start - b.start)
    open = open.filter((it) => !closed.includes(it))
    for (const { places, ...it } of closed) told.push({ start: it.start, end: it.end, values: byTime(times, places) })
  })
  return { told, late }
}

const MODELS = { tumbling, sliding, session }

/** Mostly on, now and then back, now and then a long silence. */
const times = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 5 }) },
      { weight: 2, arbitrary: fc.integer({ min: -25, max: 0 }) },
      { weight: 1, arbitrary: fc.integer({ min: 10, max: 60 }) },
    ),
    { minLength: 1, maxLength: 60 },
  )
  .map((steps) => {
    let at = 1_000
    return steps.map((step) => (at = Math.max(0, at + step)))
  })

test.each(['tumbling', 'sliding', 'session'] as const)('%s windows, in order and late, are what each reading says', (kind) => {
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 20 }), (all, lengthMs, graceMs) => {
      const rule = { kind, lengthMs, graceMs }
      const expected = MODELS[kind](rule, all)
      const found = run(rule, all)
      // Windows that close at once come by their ends; those of another time, in the order of time.
      const sorted = (told: readonly Told[]) => told.toSorted((a, b) => a.end - b.end || a.start - b.start)
      expect({ late: found.late, told: sorted(found.told) }).toEqual({ late: expected.late, told: sorted(expected.told) })
    }),
    { numRuns: 1_500 },
  )
})

test.each(['tumbling', 'sliding', 'session'] as const)('%s windows go on from what was saved at any place', (kind) => {
  fc.assert(
    fc.property(times, fc.nat(), fc.integer({ min: 0, max: 10 }), (all, place, graceMs) => {
      const rule = { kind, lengthMs: 7, graceMs }
      expect(run(rule, all, place % all.length)).toEqual(run(rule, all))
    }),
    { numRuns: 500 },
  )
})

test('a window that is full gives up its oldest readings and counts them', () => {
  const windows = createWindows({ kind: 'session', lengthMs: 10, graceMs: 0 }, false)
  for (let i = 0; i < 20_003; i++) windows.add(i * MS, i, 0)
  expect([windows.held.count, windows.held.value(0), windows.overflowed(), windows.overflowed()]).toEqual([20_000, 3, 3, 0])
})

test.each([
  // Two windows of ten: the second one is open.
  ['tumbling', 5],
  // Each was in its own window.
  ['sliding', 0],
  ['session', 15],
] as const)(
  'a tag whose time goes back: what came late and what waited in %s windows is counted, far beyond a hundred',
  (kind, waited) => {
    const day = 86_400_000
    const times = Array.from({ length: 15 }, (_, n) => day + n)
    const late = Array.from({ length: 350 }, (_, n) => n)
    const { told, late: count } = run({ kind, lengthMs: 10, graceMs: 0 }, [...times, ...late])
    expect(count).toBe(99 + waited)
    expect(told.flatMap((it) => it.values).filter((it) => it >= 15 && it < 15 + 99)).toEqual([])
    // One from time to time that is in time: the tag's time stays, and each that is late is counted.
    const mixed = late.flatMap((it) => (it % 50 === 0 ? [day + 14, it] : [it]))
    expect(run({ kind, lengthMs: 10, graceMs: 0 }, [...times, ...mixed]).late).toBe(350)
  },
)
