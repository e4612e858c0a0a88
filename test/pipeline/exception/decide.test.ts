import fc from '../../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import { NO_VALUE } from '../../../src/core/reading.ts'
import type { Sample, SeriesRule } from '../../../src/pipeline/exception/decide.ts'
import { decide, newState, release } from '../../../src/pipeline/exception/decide.ts'

const RULE: SeriesRule = { deadband: undefined, swingingDoor: undefined, atMost: 0, atLeast: Infinity }

function sample(time: number, value: Sample['value'], quality = 0, status = 0): Sample {
  return { time, value, quality, status }
}

/** What is reported of samples, in order; with `end`, what is held at the end too. */
function reportsOf(rule: Partial<SeriesRule>, samples: readonly Sample[], end = true): Sample[] {
  const state = newState<Sample>({ ...RULE, ...rule })
  const reported = samples.flatMap((it) => {
    const { held } = state
    const decision = decide(state, it)
    return [...(decision.held && held ? [held] : []), ...(decision.now ? [it] : [])]
  })
  const last = end ? release(state) : undefined
  return last ? [...reported, last] : reported
}

const number = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -20, max: 20 }).map((it) => it / 4) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, 1e300, -1e300, -0) },
)
const long = fc.oneof(
  fc.bigInt({ min: -9n, max: 9n }),
  fc.bigInt({ min: 0n, max: 9n }).map((it) => 2n ** 62n + it),
  fc.bigInt({ min: 0n, max: 9n }).map((it) => it - 2n ** 63n),
)
const state = fc.oneof(
  { weight: 12, arbitrary: fc.constant([0, 0]) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 7)) },
)

/** Readings in the order of time, some at the same time. */
function walk(value: fc.Arbitrary<number | bigint>): fc.Arbitrary<Sample[]> {
  const one = fc.record({ step: fc.constantFrom(0, 1, 1, 2, 5, 30), value, state })
  return fc.array(one, { minLength: 1, maxLength: 60 }).map((steps) => {
    let time = 1_000
    return steps.map((it) => sample((time += it.step), it.value, it.state[0], it.state[1]))
  })
}

function isNear(a: Sample['value'], b: Sample['value'], band: number): boolean {
  if (Object.is(a, b) || a === b) return true
  if (typeof a === 'bigint' && typeof b === 'bigint') return (a > b ? a - b : b - a) <= BigInt(Math.floor(band))
  return Math.abs(Number(a) - Number(b)) <= band
}

const isLike = (a: Sample, b: Sample) => a.quality === b.quality && a.status === b.status

describe.each([
  ['doubles', number],
  ['longs', long],
])('%s', (_, value) => {
  test('deadband: every withheld reading is within it of the last report, which has its quality and status', () => {
    fc.assert(
      fc.property(walk(value), fc.constantFrom(0, 1, 2.5), (samples, deadband) => {
        const reports = new Set(reportsOf({ deadband }, samples))
        let last = samples[0] as Sample
        for (const it of samples) {
          if (reports.has(it)) last = it
          else expect([isNear(it.value, last.value, deadband), isLike(it, last)]).toEqual([true, true])
        }
      }),
    )
  })

  test('swinging door: the line between two reports passes within the deviation of every reading withheld between them', () => {
    fc.assert(
      fc.property(walk(value), fc.constantFrom(0.5, 1, 3), (samples, swingingDoor) => {
        const reports = reportsOf({ swingingDoor }, samples)
        const isReport = new Set(reports)
        let at = 0
        for (const it of samples) {
          if (isReport.has(it)) at = reports.indexOf(it)
          else expectOnLine(it, reports[at] as Sample, reports[at + 1], swingingDoor)
        }
      }),
      { numRuns: 400 },
    )
  })

  test('both: all is reported in order and once; no reading comes atLeast after the last report and is not reported', () => {
    const band = fc.constantFrom({ deadband: 1 }, { swingingDoor: 1 }, { deadband: 1, atMost: 7 })
    fc.assert(
      fc.property(walk(value), band, fc.constantFrom(8, 20), (samples, rule, atLeast) => {
        const reports = reportsOf({ ...rule, atLeast }, samples)
        const places = reports.map((it) => samples.indexOf(it))
        expect(places).toEqual([...new Set(places)].toSorted((a, b) => a - b))
        for (const [at, it] of samples.entries()) {
          const before = reports.findLast((_, n) => (places[n] as number) <= at) as Sample
          expect(it.time - before.time).toBeLessThan(atLeast)
        }
      }),
    )
  })

  test('every change of quality or status is reported, with what was held before it', () => {
    const rules = fc.constantFrom({ deadband: 100 }, { swingingDoor: 100 }, { deadband: 100, atMost: 1_000 })
    fc.assert(
      fc.property(walk(value), rules, (samples, rule) => {
        const reports = new Set(reportsOf(rule, samples))
        for (const [at, it] of samples.entries())
          if (at > 0 && !isLike(it, samples[at - 1] as Sample)) expect(reports).toContain(it)
      }),
    )
  })

  test('at most: two reports are so far apart, unless the quality changed or the earlier one stood so long', () => {
    fc.assert(
      fc.property(walk(value), fc.constantFrom(undefined, 0, 1), fc.constantFrom(4, 12), (samples, deadband, atMost) => {
        const reports = reportsOf({ deadband, atMost }, samples, false)
        for (const [at, it] of reports.entries()) {
          const before = reports[at - 1]
          if (!before || !isLike(it, before) || it.time - before.time >= atMost) continue
          // A change of quality may follow at once upon what was held.
          const next = samples[samples.indexOf(it) + 1] as Sample
          const changed = samples.slice(samples.indexOf(it) + 1).find((one) => !isLike(one, it))
          const stood = next.time - it.time >= atMost
          expect(stood || (changed !== undefined && reports[at + 1] === changed)).toBe(true)
        }
      }),
    )
  })
})

function expectOnLine(it: Sample, from: Sample, to: Sample | undefined, deviation: number): void {
  expect(isLike(it, from)).toBe(true)
  if (isNear(it.value, from.value, deviation) && (it.time === from.time || !Number.isFinite(Number(it.value)))) return
  expect(to).toBeDefined()
  const end = to as Sample
  const share = (it.time - from.time) / (end.time - from.time)
  const rise = (of: Sample) =>
    typeof of.value === 'bigint' ? Number(of.value - (from.value as bigint)) : Number(of.value) - Number(from.value)
  const rounding = 1e-12 * Math.max(Math.abs(rise(it)), Math.abs(rise(end)), 1)
  expect(Math.abs(rise(it) - share * rise(end))).toBeLessThanOrEqual(deviation + rounding)
}

describe('by example', () => {
  const values = (rule: Partial<SeriesRule>, list: readonly Sample['value'][]) =>
    reportsOf(
      rule,
      list.map((it, at) => sample(at, it)),
    ).map((it) => it.value)

  test('no band: everything', () => expect(values({}, [1, 1, 1])).toEqual([1, 1, 1]))
  test('deadband 0: what changes', () => expect(values({ deadband: 0 }, [1, 1, 2, 2, 1])).toEqual([1, 2, 1]))
  test('a slow drift is not lost', () => expect(values({ deadband: 1 }, [0, 0.6, 1.2, 1.8, 2.4])).toEqual([0, 1.2, 2.4]))
  test('a ramp is two reports', () => expect(values({ swingingDoor: 0.1 }, [0, 1, 2, 3, 4, 5])).toEqual([0, 5]))
  test('a corner is one more', () => expect(values({ swingingDoor: 0.1 }, [0, 1, 2, 1, 0])).toEqual([0, 2, 0]))
  test('neighbours beyond 2^53 are two values', () => {
    const big = 2n ** 53n
    expect(values({ deadband: 0 }, [big, big + 1n, big + 1n])).toEqual([big, big + 1n])
    expect(values({ swingingDoor: 0.5 }, [big, big + 1n, big + 4n])).toEqual([big, big + 1n, big + 4n])
  })
  test('NaN is as good as NaN, and never near a number', () => {
    expect(values({ deadband: 5 }, [Number.NaN, Number.NaN, 1, Number.NaN])).toEqual([Number.NaN, 1, Number.NaN])
    expect(values({ swingingDoor: 5 }, [Number.NaN, Number.NaN, 1])).toEqual([Number.NaN, 1])
  })
  test('no value is as good as no value', () => {
    const none = (time: number) => sample(time, undefined, 2 | NO_VALUE, 5)
    const list = [sample(0, 1), none(1), none(2), sample(3, 1)]
    for (const rule of [{ deadband: 5 }, { swingingDoor: 5 }]) expect(reportsOf(rule, list)).toEqual([list[0], list[1], list[3]])
  })
  test('bytes by what is in them', () => {
    const [a, b] = [new Uint8Array([1, 2]), new Uint8Array([1, 3])]
    expect(values({ deadband: 0 }, [a, new Uint8Array([1, 2]), b])).toEqual([a, b])
  })
  test('at most: the newest of those between is reported when it has stood', () => {
    const list = [sample(0, 10), sample(4, 20), sample(5, 30), sample(100, 10)]
    expect(reportsOf({ deadband: 0, atMost: 10 }, list).map((it) => it.time)).toEqual([0, 5, 100])
  })
  test('what comes late is reported as it is and changes nothing', () => {
    const list = [sample(10, 1), sample(11, 1), sample(4, 1), sample(12, 1)]
    expect(reportsOf({ deadband: 5 }, list).map((it) => it.time)).toEqual([10, 4])
  })
})
