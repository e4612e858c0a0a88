// What is usual at an hour: by samples kept in one list and sorted anew each time, over any readings, and over any restart.
import { deserialize, serialize } from 'node:v8'
import { describe, expect, test } from 'vitest'
import type { LogSeries } from '../../src/core/log.ts'
import type { RuleSettings } from '../../src/core/rule.ts'
import type { Baseline, Cycle, SavedBaseline } from '../../src/rules/baseline.ts'
import { BASELINES, createBaseline } from '../../src/rules/baseline.ts'
import type { SavedRules } from '../../src/rules/engine.ts'
import { createEngine } from '../../src/rules/engine.ts'
import { expressionProblem } from '../../src/rules/expression.ts'
import { createTesting } from '../../src/rules/testing.ts'
import fc from '../prove/fast-check.ts'

const HOUR = 3_600_000_000
const DAY = 24 * HOUR
const T0 = 20_000 * DAY

/** As the description says it. */
function plain(cycle: Cycle) {
  const [hours, most] = cycle === 'hourOfDay' ? [24, 32] : [168, 16]
  const samples: { hour: number; value: number }[] = []
  let last = -Infinity
  let back = 0
  const hourOf = (time: number) => Math.floor(time / HOUR) % hours
  const middle = (list: readonly number[]) => {
    const sorted = list.toSorted((a, b) => a - b)
    return ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2
  }
  return {
    at(time: number, value: number) {
      const values = samples
        .filter((it) => it.hour === hourOf(time))
        .slice(-most)
        .map((it) => it.value)
      if (values.length === 0) return { count: 0, median: Number.NaN, mad: Number.NaN, robustZ: 0 }
      const median = middle(values)
      const mad = middle(values.map((it) => Math.abs(it - median)))
      const robustZ = values.length < 8 || value === median ? 0 : (value - median) / (1.4826 * mad)
      return { count: values.length, median, mad, robustZ }
    },
    learn(time: number, value: number) {
      const quarter = Math.floor(time / (HOUR / 4))
      back = quarter <= last - 96 ? back + 1 : 0
      if (quarter <= last && back < 100) return
      back = 0
      last = quarter
      samples.push({ hour: hourOf(time), value })
    },
  }
}

const shown = ({ count, median, mad, robustZ }: ReturnType<Baseline['at']>) => ({ count, median, mad, robustZ })
const again = (cycle: Cycle, it: Baseline) => createBaseline(cycle, deserialize(serialize(it.save())) as SavedBaseline)

describe.each(BASELINES)('%s', (cycle) => {
  test('any readings, saved and read again at any time', () => {
    // Mostly on, by minutes to days; now and then late, now and then a clock that goes back for good.
    const step = fc.record({
      onMs: fc.oneof(fc.integer({ min: 0, max: 3_000_000 }), fc.integer({ min: 0, max: 2 * 86_400_000 })),
      backMs: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 2 * 86_400_000 })),
      setBackDays: fc.oneof({ weight: 100, arbitrary: fc.constant(0) }, fc.constant(400)),
      value: fc.integer({ min: -5, max: 5 }),
      restarts: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 400 }), (steps) => {
        let real = createBaseline(cycle)
        const reference = plain(cycle)
        let now = T0
        for (const { onMs, backMs, setBackDays, value, restarts } of steps) {
          now += onMs * 1000 - setBackDays * DAY
          const time = now - backMs * 1000
          if (restarts) real = again(cycle, real)
          expect(shown(real.at(time, value))).toEqual(reference.at(time, value))
          expect(real.learn(time, value)).toBe(true)
          reference.learn(time, value)
        }
      }),
      { numRuns: 20 },
    )
  })

  test('an old backlog between newer readings wipes nothing; a clock that was set back is found out', () => {
    let it = createBaseline(cycle)
    const old = T0 - 28 * DAY
    it.learn(T0, 1)
    // Of the same hour, a quarter of an hour each: 300 in all, never a hundred in a row.
    for (let n = 0; n < 300; n++) {
      it.learn(old + (n % 4) * (HOUR / 4), 7)
      if (n % 10 === 0) it = again(cycle, it)
      if (n % 90 === 89) it.learn(T0 + 1, 5)
    }
    expect(shown(it.at(T0, 1))).toMatchObject({ count: 1, median: 1 })
    for (let n = 0; n < 100; n++) it.learn(old + n, 7)
    expect(shown(it.at(T0, 1))).toMatchObject({ count: 2, median: 4 })
  })

  test('what there is no room for is not learnt, and is told; the oldest of an hour leaves its place', () => {
    const room = { left: 3 }
    const it = createBaseline(cycle, undefined, room)
    const learnt = Array.from({ length: 5 }, (_, n) => it.learn(T0 + n * HOUR, n))
    expect(learnt).toEqual([true, true, true, false, false])
    expect(room.left).toBe(0)
    const full = { left: 3 }
    again(cycle, it)
    createBaseline(cycle, it.save(), full)
    expect(full.left).toBe(0)
  })

  test('no number is not learnt', () => {
    const it = createBaseline(cycle)
    for (const value of [Number.NaN, Infinity, -Infinity]) it.learn(T0, value)
    expect(it.at(T0, 1).count).toBe(0)
  })
})

const rule = (more: Partial<RuleSettings> = {}): RuleSettings => ({
  name: 'odd',
  reads: { tags: ['*'] },
  when: 'hourOfDay.count >= 16.0 && abs(hourOfDay.robustZ) > 6.0',
  yields: { class: 'alarm', on: 'rise' },
  ...more,
})

/** Every five minutes: 20 by night and 60 by day, with some noise. */
const usual = (time: number) => {
  const hour = Math.floor(time / HOUR) % 24
  return (hour >= 6 && hour < 18 ? 60 : 20) + (Math.floor(time / 300_000_000) % 7) / 2
}

function engineOf(settings: RuleSettings, saved?: SavedRules) {
  const parts = { rules: [settings], marks: {}, eventsBytesMax: 400_000 }
  const engine = createEngine(saved ? { ...parts, saved } : parts)
  const series = new Map<number, LogSeries>([[1, { id: 1, tag: 'hall/t', class: 'process', kind: 'double' }]])
  let next = 0
  return {
    ...engine,
    /** Times of the events that it brings. */
    take(time: number, value: number, quality = 0): number[] {
      const first = next++
      const columns = {
        count: 1,
        first,
        seriesIds: Uint32Array.of(1),
        runs: Uint32Array.of(1),
        bytes: new Uint8Array(0),
        time: Float64Array.of(time),
        value: Float64Array.of(value),
        quality: Uint8Array.of(quality),
        status: new Uint32Array(1),
        received: Float64Array.of(time),
      }
      const slice = { stream: `box:${'a'.repeat(32)}:process:raw`, from: first, to: first + 1, columns, series, shiftOf: () => 0 }
      return engine.take(slice, first).events.map((it) => it.time)
    },
  }
}

describe('in a rule', () => {
  test('a value that is usual by day is an alarm by night, and none by day', () => {
    let engine = engineOf(rule())
    const events: number[] = []
    for (let time = T0; time < T0 + 9 * DAY; time += HOUR / 12) {
      // A restart every 13 hours or so.
      if (time % (13 * HOUR) === 0) engine = engineOf(rule(), deserialize(serialize(engine.save())) as SavedRules)
      const isOdd = time >= T0 + 8 * DAY + 2 * HOUR && time < T0 + 8 * DAY + 3 * HOUR
      events.push(...engine.take(time, isOdd ? 60 : usual(time)))
    }
    expect(events).toEqual([T0 + 8 * DAY + 2 * HOUR])
  })

  test('with a window it is about the window’s last value', () => {
    const engine = engineOf(rule({ window: { kind: 'tumbling', lengthMs: 900_000, graceMs: 0 } }))
    const events: number[] = []
    for (let time = T0; time < T0 + 9 * DAY; time += HOUR / 12)
      events.push(...engine.take(time, time === T0 + 8 * DAY + HOUR - HOUR / 12 ? 60 : usual(time)))
    expect(events).toEqual([T0 + 8 * DAY + HOUR])
  })

  test('what is not good is asked about and not learnt', () => {
    const engine = engineOf(rule({ when: 'hourOfDay.count > 0.0', yields: { class: 'alarm', on: 'each' } }))
    expect([engine.take(T0, 1, 1), engine.take(T0 + 1, 1, 2), engine.take(T0 + 2, 1, 0)]).toEqual([[], [], []])
    expect(engine.take(T0 + 3, 1, 2)).toEqual([T0 + 3])
  })

  test('a state from before the rule had one begins empty', () => {
    const { baselines: _, ...tag } = engineOf(rule()).save()['odd']?.tags[0] ?? {
      tag: `box hall/t`,
      held: false,
      windows: undefined,
    }
    const engine = engineOf(rule(), { odd: { of: JSON.stringify(rule()), tags: [tag] } })
    expect(engine.take(T0, 1)).toEqual([])
  })

  test('a test of it reads the days before', () => {
    const asked = (when: string) => T0 - createTesting(rule({ when }), { from: T0, to: T0 + DAY, limit: 1 }).asks.from
    expect(asked('hourOfDay.robustZ > 8.0')).toBe(8 * DAY)
    expect(asked('hourOfWeek.robustZ > 8.0')).toBe(28 * DAY)
    expect(asked('value > 8.0')).toBe(HOUR / 6)
  })
})

test.each([
  ['hourOfDay.robustZ > 1.0 || hourOfWeek.count < 2.0', undefined],
  ['hourOfDay', /must be true or false/],
  ['hourOfDay.mean > 1.0', /^no such key: mean at character 11; hourOfDay has: count, median, mad, robustZ$/],
  ['hourOfYear.mad > 1.0', /unknown variable: hourOfYear at .*hourOfDay, hourOfWeek/],
  ['hourOfDay.median + 1 > 2.0', /write 1\.0 for 1/],
])('%s', (when, said) => {
  const problem = expressionProblem(when, { hasWindow: false })
  if (said === undefined) expect(problem).toBeUndefined()
  else expect(problem).toMatch(said)
})
