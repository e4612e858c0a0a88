import { performance } from 'node:perf_hooks'
import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { Band, ClassRetention, LadderStep, Plan, PlanRequest, PlanStep } from '../../src/core/retention.ts'
import { plan } from '../../src/retention/plan.ts'

const HOUR_US = 3_600_000_000
const TEN = { windowMs: 10_000 } as const
const MINUTE = { windowMs: 60_000 } as const
const FIVE = { windowMs: 300_000 } as const

function classOf(name: string, over: Partial<ClassRetention> = {}): ClassRetention {
  return { name, floorBytes: 0, whenFull: 'reduce', ladder: [], offlineForMs: 0, delivering: false, ...over }
}

/** An hour of ten series at 10 Hz: 360,000 readings in 540 kB. */
function bandOf(id: number, name: string, over: Partial<Band> = {}): Band {
  const raw = { form: 'raw', windowMs: 0, bytes: 540_000, readings: 360_000, rows: 360_000, series: 10 } as const
  const at = { receivedFrom: id * HOUR_US, receivedTo: (id + 1) * HOUR_US - 1, age: id }
  return { id, class: name, delivered: false, pinned: false, ...raw, ...at, ...over }
}

const ladder: readonly LadderStep[] = [
  { filledTo: 0.8, keep: MINUTE },
  { offlineForMs: 1, keep: TEN },
]
const shown = ({ steps }: Plan) => steps.map(({ band, keep, reason }) => [band, keep === 'nothing' ? 0 : keep.windowMs, reason])

describe('in order', () => {
  const classes = [classOf('alarm'), classOf('process', { ladder }), classOf('debug')]
  const bands = [
    bandOf(1, 'alarm'),
    bandOf(2, 'process'),
    bandOf(4, 'debug'),
    bandOf(3, 'debug'),
    bandOf(5, 'process', { delivered: true }),
    bandOf(6, 'gone'),
    bandOf(7, 'process'),
    bandOf(8, 'alarm', { delivered: true }),
    bandOf(9, 'debug', { pinned: true }),
  ]

  test('history, what has no class, then the lowest class down its steps, at last the highest', () => {
    expect(shown(plan({ bands, classes, bytesToFree: 1e12 }))).toEqual([
      [5, 0, 'history'],
      [8, 0, 'history'],
      [6, 0, 'full'],
      [3, 0, 'full'],
      [4, 0, 'full'],
      [2, 0, 'full'],
      [7, 0, 'full'],
      [1, 0, 'full'],
    ])
  })

  test('what is raised goes the same way, when nothing else of its class is left, and before a higher class', () => {
    const some = [
      bandOf(1, 'process', { raised: true }),
      bandOf(2, 'process'),
      bandOf(3, 'debug', { raised: true }),
      bandOf(4, 'debug'),
      bandOf(5, 'alarm'),
      bandOf(6, 'process', { raised: true, delivered: true }),
    ]
    const of = (bytesToFree: number) => shown(plan({ bands: some, classes, bytesToFree }))
    expect(of(1e12)).toEqual([
      [6, 0, 'history'],
      [4, 0, 'full'],
      [3, 0, 'full'],
      [2, 0, 'full'],
      [1, 0, 'full'],
      [5, 0, 'full'],
    ])
    // 540 kB each: the third of process comes to its first step once the other has none left.
    expect(of(540_000 * 4 + 1)).toEqual([
      [6, 0, 'history'],
      [4, 0, 'full'],
      [3, 0, 'full'],
      [2, 0, 'full'],
      [1, 10_000, 'full'],
    ])
  })

  test('all bands of a class go one step down before any goes the next', () => {
    const process = [bandOf(1, 'process'), bandOf(2, 'process'), bandOf(3, 'process')]
    const of = (bytesToFree: number) => shown(plan({ bands: process, classes, bytesToFree }))
    // 1.5 B a reading, 15 B an aggregate. 10 s: 3,600 of them, 54 kB, frees 486 kB. 1 min: 600, 9 kB, frees 531 kB.
    expect(of(1)).toEqual([[1, 10_000, 'full']])
    expect(of(486_001)).toEqual([
      [1, 10_000, 'full'],
      [2, 10_000, 'full'],
    ])
    expect(of(3 * 486_000 + 1)).toEqual([
      [2, 10_000, 'full'],
      [3, 10_000, 'full'],
      [1, 60_000, 'full'],
    ])
    expect(of(3 * 531_000 + 1)).toEqual([
      [2, 60_000, 'full'],
      [3, 60_000, 'full'],
      [1, 0, 'full'],
    ])
  })

  test('raw bands come up to the others before these go further', () => {
    const aggregates = bandOf(1, 'process', { form: 'aggregate', windowMs: 10_000, rows: 3_600, bytes: 72_000 })
    const mixed = [aggregates, bandOf(2, 'process')]
    expect(shown(plan({ bands: mixed, classes, bytesToFree: 468_000 }))).toEqual([[2, 10_000, 'full']])
    expect(shown(plan({ bands: mixed, classes, bytesToFree: 468_001 }))).toEqual([
      [2, 10_000, 'full'],
      [1, 60_000, 'full'],
    ])
  })

  test('a step that frees next to nothing is left out', () => {
    // One reading a minute and series: 600 rows; 10 s and 1 min make no fewer.
    const slow = bandOf(1, 'process', { bytes: 9_000, readings: 600, rows: 600 })
    expect(shown(plan({ bands: [slow], classes, bytesToFree: 1 }))).toEqual([[1, 0, 'full']])
  })

  test('a step that frees a twentieth is left out, one that frees a tenth is not', () => {
    const few = { readings: 800, rows: 800, series: 1 }
    const of = (bytes: number) => shown(plan({ bands: [bandOf(1, 'process', { ...few, bytes })], classes, bytesToFree: 1 }))
    // 360 aggregates in an hour, of 20 B: too few rows to know better.
    expect(of(7_200 / 0.95)).toEqual([[1, 60_000, 'full']])
    expect(of(7_200 / 0.9)).toEqual([[1, 10_000, 'full']])
  })

  test('windows are counted as they lie', () => {
    const over = { receivedFrom: 9_000_000, receivedTo: 11_000_000, bytes: 1_000, readings: 600, rows: 600 }
    const { steps } = plan({ bands: [bandOf(1, 'process', over)], classes, bytesToFree: 1 })
    expect(steps).toEqual([{ band: 1, keep: TEN, reason: 'full', freesBytes: 1_000 - 2 * 10 * 20 }])
  })

  test('windows that do not fit into each other are left out', () => {
    const odd = bandOf(1, 'process', { form: 'aggregate', windowMs: 7_000, rows: 5_150, bytes: 103_000 })
    expect(shown(plan({ bands: [odd], classes, bytesToFree: 1 }))).toEqual([[1, 0, 'full']])
  })

  test.each([
    [1.5, 15],
    [0.05, 2],
    [30, 48],
  ])('readings of %d B make aggregates of %d B', (reading, aggregate) => {
    const bytes = 360_000 * reading
    const { steps } = plan({ bands: [bandOf(2, 'process', { bytes })], classes, bytesToFree: 1 })
    expect(steps).toEqual([{ band: 2, keep: TEN, reason: 'full', freesBytes: bytes - 3_600 * aggregate }])
  })

  test('what an aggregate takes is taken from those that are there', () => {
    const aggregates = bandOf(1, 'process', { form: 'aggregate', windowMs: 60_000, rows: 3_600, bytes: 144_000 })
    const { steps } = plan({ bands: [aggregates, bandOf(2, 'process')], classes, bytesToFree: 1 })
    expect(steps).toEqual([{ band: 2, keep: TEN, reason: 'full', freesBytes: 540_000 - 3_600 * 40 }])
  })
})

describe('floors', () => {
  const classes = [classOf('alarm', { floorBytes: 1_000_000 }), classOf('process', { floorBytes: 600_000 })]
  const alarm = [bandOf(1, 'alarm'), bandOf(2, 'alarm'), bandOf(3, 'alarm')]
  const process = [bandOf(4, 'process'), bandOf(5, 'process'), bandOf(6, 'process')]
  const dropped = (bytesToFree: number, bands = [...alarm, ...process]) =>
    plan({ bands, classes, bytesToFree }).steps.map((it) => it.band)

  test('hold while a class has anything above its own', () => {
    expect(dropped(540_000)).toEqual([4])
    expect(dropped(540_001)).toEqual([4, 1])
  })
  test('go from the lowest class when nothing else is left, the highest last', () => {
    expect(dropped(1_080_001)).toEqual([4, 1, 5])
    expect(dropped(1e9)).toEqual([4, 1, 5, 6, 2, 3])
  })
  test('are no floor for history', () => {
    const kept = alarm.map((it) => ({ ...it, delivered: true }))
    expect(dropped(1e9, kept)).toEqual([1, 2, 3])
  })
  test('a small young band does not go in place of the oldest, which would not fit', () => {
    expect(dropped(1, [bandOf(1, 'alarm'), bandOf(4, 'process'), bandOf(5, 'process', { bytes: 70_000 })])).toEqual([4])
    expect(dropped(1, [...alarm, bandOf(4, 'process'), bandOf(5, 'process', { bytes: 70_000 })])).toEqual([1])
  })
})

describe('a class that waits', () => {
  const classes = [classOf('sale', { whenFull: 'wait' }), classOf('alarm')]
  test('gives up history alone, and the plan says that it is not enough', () => {
    const bands = [bandOf(1, 'sale'), bandOf(2, 'sale', { delivered: true }), bandOf(3, 'alarm')]
    const made = plan({ bands, classes, bytesToFree: 1e9 })
    expect(shown(made)).toEqual([
      [2, 0, 'history'],
      [3, 0, 'full'],
    ])
    expect([made.freesBytes, made.enough]).toEqual([1_080_000, false])
  })
})

test('nothing asked, nothing given up', () => {
  const nothing = { steps: [], freesBytes: 0, enough: true }
  expect(plan({ bands: [bandOf(1, 'a')], classes: [], bytesToFree: 0 })).toEqual(nothing)
  expect(plan({ bands: [bandOf(1, 'a')], classes: [], bytesToFree: -5 })).toEqual(nothing)
  expect(plan({ bands: [], classes: [], bytesToFree: 1 })).toEqual({ ...nothing, enough: false })
})

// From here on: what must hold of any log.

const NAMES = ['alarm', 'process', 'debug', 'trace'] as const
const keeps = fc.constantFrom('nothing' as const, 'raw' as const, TEN, MINUTE, FIVE)
const anyClass = (name: string) =>
  fc.record({
    name: fc.constant(name),
    floorBytes: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(3_000) }),
    whenFull: fc.oneof(
      { weight: 5, arbitrary: fc.constant('reduce' as const) },
      { weight: 1, arbitrary: fc.constant('wait' as const) },
    ),
    ladder: fc.array(
      keeps.map((keep) => ({ filledTo: 0.5, keep })),
      { maxLength: 4 },
    ),
    offlineForMs: fc.constant(0),
    delivering: fc.boolean(),
  })
const anyBand = fc
  .record({
    class: fc.constantFrom(...NAMES, 'gone'),
    windowMs: fc.constantFrom(0, 0, 10_000, 60_000, 7_000),
    delivered: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    pinned: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    bytes: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 2_000 }) }, { weight: 1, arbitrary: fc.constant(0) }),
    rows: fc.integer({ min: 1, max: 40 }),
    series: fc.integer({ min: 1, max: 5 }),
    receivedFrom: fc.nat(2_000_000_000),
    spanUs: fc.nat(1_200_000_000),
  })
  .map(
    ({ spanUs, ...it }): Omit<Band, 'id' | 'age'> => ({
      ...it,
      form: it.windowMs === 0 ? 'raw' : 'aggregate',
      readings: it.rows,
      receivedTo: it.receivedFrom + spanUs,
    }),
  )
const anyRequest: fc.Arbitrary<PlanRequest> = fc.record({
  classes: fc.tuple(...NAMES.map(anyClass)),
  // Ids and ages in another order than the list's.
  bands: fc
    .tuple(fc.array(anyBand, { maxLength: 24 }), fc.nat(23))
    .map(([list, turn]) => list.map((it, at): Band => ({ ...it, id: 100 + at, age: (at * 7 + turn) % 29 }))),
  bytesToFree: fc.oneof(fc.nat(2_000), fc.nat(30_000), fc.constant(1e9)),
})

const RUNS = 2_000
function holds(property: (request: PlanRequest, made: Plan) => void): void {
  fc.assert(
    fc.property(anyRequest, (request) => property(request, plan(request))),
    { numRuns: RUNS },
  )
}

const coarseness = (keep: PlanStep['keep']) => (keep === 'nothing' ? Number.POSITIVE_INFINITY : keep.windowMs)
const bandsOf = ({ bands }: PlanRequest, name: string) => bands.filter((it) => it.class === name && !it.delivered)
/** What may be given up and is not delivered. */
const movableOf = (request: PlanRequest, name: string) => bandsOf(request, name).filter((it) => !it.pinned && it.bytes > 0)
const stepOf = (made: Plan, band: Band) => made.steps.find((it) => it.band === band.id)
const leftOf = (made: Plan, band: Band) => band.bytes - (stepOf(made, band)?.freesBytes ?? 0)
const sum = (numbers: readonly number[]) => numbers.reduce((total, it) => total + it, 0)
const classLeft = (request: PlanRequest, made: Plan, name: string) => sum(bandsOf(request, name).map((it) => leftOf(made, it)))
const isDropped = (made: Plan, band: Band) => stepOf(made, band)?.keep === 'nothing'

/** A class gave what it could without its floor: all that can move is gone, or one band more might take it below. */
function hasGiven(request: PlanRequest, made: Plan, { name, floorBytes }: ClassRetention): boolean {
  const held = movableOf(request, name).filter((it) => !isDropped(made, it))
  if (held.length === 0) return true
  return classLeft(request, made, name) - Math.max(...held.map((it) => leftOf(made, it))) < floorBytes
}

describe('of any log', () => {
  test('each band takes one step at most, none under way, none that waits; sums are right', () =>
    holds((request, made) => {
      expect(new Set(made.steps.map((it) => it.band)).size).toBe(made.steps.length)
      const waiting = new Set(request.classes.filter((it) => it.whenFull === 'wait').map((it) => it.name))
      for (const step of made.steps) {
        const band = request.bands.find((it) => it.id === step.band) as Band
        expect(band.pinned).toBe(false)
        if (!band.delivered) expect(waiting).not.toContain(band.class)
        expect(step.freesBytes).toBeGreaterThan(0)
        expect(step.freesBytes).toBeLessThanOrEqual(band.bytes)
        expect(coarseness(step.keep)).toBeGreaterThan(band.windowMs)
        expect(step.reason).toBe(band.delivered ? 'history' : 'full')
      }
      expect(made.freesBytes).toBeCloseTo(sum(made.steps.map((it) => it.freesBytes)), 6)
    }))

  test('it frees enough, or has given up all that may be and says so', () =>
    holds((request, made) => {
      expect(made.enough).toBe(made.freesBytes >= request.bytesToFree)
      if (made.enough) return
      const waiting = new Set(request.classes.filter((it) => it.whenFull === 'wait').map((it) => it.name))
      const left = request.bands.filter((it) => !it.pinned && it.bytes > 0 && (it.delivered || !waiting.has(it.class)))
      expect(left.filter((it) => !isDropped(made, it))).toEqual([])
    }))

  test('it stops as soon as there is enough', () =>
    holds((request, made) => {
      const last = made.steps.at(-1)
      if (last) expect(made.freesBytes - last.freesBytes).toBeLessThan(request.bytesToFree)
    }))

  test('who asks for more gets all of the smaller plan, each band at least as coarse, in its order', () =>
    fc.assert(
      fc.property(anyRequest, fc.nat(10_000), (request, more) => {
        const small = plan(request)
        const large = plan({ ...request, bytesToFree: request.bytesToFree + more })
        expect(large.freesBytes).toBeGreaterThanOrEqual(small.freesBytes)
        for (const step of small.steps) {
          const again = large.steps.find((it) => it.band === step.band) as PlanStep
          expect(coarseness(again.keep)).toBeGreaterThanOrEqual(coarseness(step.keep))
        }
        const same = (it: PlanStep, of: Plan) =>
          of.steps.some((other) => other.band === it.band && other.freesBytes === it.freesBytes)
        const common = small.steps.filter((it) => same(it, large)).map((it) => it.band)
        expect(large.steps.filter((it) => same(it, small)).map((it) => it.band)).toEqual(common)
      }),
      { numRuns: RUNS },
    ))

  test('history goes first, then what has no class', () =>
    holds((request, made) => {
      const known = (name: string) => name !== 'gone'
      const rank = (band: Band) => (band.delivered ? 0 : known(band.class) ? 2 : 1)
      const ranks = made.steps.map((it) => rank(request.bands.find((band) => band.id === it.band) as Band))
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b))
      const reached = ranks.at(-1) ?? 0
      const before = request.bands.filter((it) => rank(it) < reached && !it.pinned && it.bytes > 0)
      expect(before.filter((it) => !isDropped(made, it))).toEqual([])
    }))

  test('a class gives only when every lower one has given what it may', () =>
    holds((request, made) => {
      const giving = request.classes.findIndex(({ name }) => movableOf(request, name).some((it) => stepOf(made, it)))
      if (giving === -1) return
      const lower = request.classes.slice(giving + 1).filter((it) => it.whenFull === 'reduce')
      expect(lower.filter((it) => !hasGiven(request, made, it))).toEqual([])
    }))

  test('a floor holds while any class has something above its own; then the lowest goes first', () =>
    holds((request, made) => {
      const reducing = request.classes.filter((it) => it.whenFull === 'reduce')
      const isBroken = ({ name, floorBytes }: ClassRetention) => {
        const bytes = sum(bandsOf(request, name).map((it) => it.bytes))
        const left = classLeft(request, made, name)
        return left < floorBytes && left < bytes
      }
      const broken = reducing.findIndex(isBroken)
      if (broken === -1) return
      expect(reducing.filter((it) => !hasGiven(request, made, it))).toEqual([])
      const lower = reducing.slice(broken + 1).flatMap((it) => movableOf(request, it.name))
      expect(lower.filter((it) => !isDropped(made, it))).toEqual([])
    }))

  test('of a class the oldest goes first', () =>
    holds((request, made) => {
      for (const { name } of request.classes) {
        const movable = movableOf(request, name).toSorted((a, b) => a.age - b.age)
        const dropped = movable.map((it) => isDropped(made, it))
        expect(dropped).toEqual(dropped.toSorted((a, b) => Number(b) - Number(a)))
        for (const step of made.steps) {
          const alike = made.steps.filter((it) => coarseness(it.keep) === coarseness(step.keep))
          const ages = alike.flatMap((it) => movable.filter((band) => band.id === it.band && band.windowMs === 0))
          expect(ages).toEqual(ages.toSorted((a, b) => a.age - b.age))
        }
      }
    }))

  test('no band takes a step before the others of its class took the one before', () =>
    holds((request, made) => {
      for (const { name, ladder: rules } of request.classes) {
        const windows = [...new Set(rules.flatMap(({ keep }) => (typeof keep === 'string' ? [] : [keep.windowMs])))]
        const steps = [0, ...windows.toSorted((a, b) => a - b), Number.POSITIVE_INFINITY]
        const movable = movableOf(request, name)
        const reached = movable.map((it) => steps.indexOf(coarseness(stepOf(made, it)?.keep ?? { windowMs: 0 })))
        const before = steps[Math.max(0, ...reached) - 1] ?? 0
        const behind = movable.filter((it) => coarseness(stepOf(made, it)?.keep ?? { windowMs: it.windowMs }) < before)
        // Left behind is only what that step does not fit or hardly shrinks.
        for (const it of behind)
          expect(before % (it.windowMs || 1) !== 0 || shrunk(it, before) > 0.9 * leftOf(made, it)).toBe(true)
      }
    }))

  /** Bytes of the aggregates that a band makes, counted window by window. None of these logs has the thousand aggregates in a class that would tell what one takes. */
  function shrunk({ receivedFrom, receivedTo, series, rows }: Band, windowMs: number): number {
    const starts = new Set<number>()
    for (let at = receivedFrom; at < receivedTo; at += 1_000_000) starts.add(Math.floor(at / (windowMs * 1_000)))
    starts.add(Math.floor(receivedTo / (windowMs * 1_000)))
    return Math.min(rows, series * starts.size) * 20
  }
})

test('two thousand bands', () => {
  const classes = [classOf('alarm', { floorBytes: 1e6 }), classOf('process', { ladder }), classOf('debug')]
  const bands = Array.from({ length: 2_000 }, (_, at) => bandOf(at, ['alarm', 'process', 'debug'][at % 3] as string))
  const takes = Array.from({ length: 50 }, (_, at) => {
    const start = performance.now()
    const made = plan({ bands, classes, bytesToFree: 1e12 })
    expect(made.steps.length, `run ${at}`).toBe(2_000)
    return performance.now() - start
  })
  console.info(`plan of 2,000 bands: ${(takes.toSorted((a, b) => a - b)[25] as number).toFixed(2)} ms`)
})
