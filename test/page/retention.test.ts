import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { Forecast, LadderStep } from '../../src/core/retention.ts'
import { draftsOf, durationText, stepOf, whatIfOf, withDrafts } from '../../src/page/pages/retention/draft.ts'
import {
  DAY_MS,
  HOUR_MS,
  marksOf,
  msOf,
  nearestStop,
  nextStop,
  rungsOf,
  shareOf,
  spanOf,
} from '../../src/page/pages/retention/ladder.ts'
import { areasOf, ASKED_MS, leftAt, leftByClass, lengthsOf } from '../../src/page/pages/retention/what-if.ts'
import { weekRows } from '../../src/page/pages/retention/week.ts'
import { inForce } from '../../src/retention/ladder.ts'

const MONTH_MS = 30 * DAY_MS
const TURBINE: readonly LadderStep[] = [
  { offlineForMs: 7 * DAY_MS, keep: { windowMs: 10_000 } },
  { filledTo: 0.8, keep: { windowMs: 60_000 } },
  { offlineForMs: 30 * DAY_MS, keep: 'nothing' },
]

describe('a ladder over time offline', () => {
  test('is raw, then aggregates, then nothing', () => {
    expect(rungsOf(TURBINE, 45 * DAY_MS)).toEqual([
      { fromMs: 0, toMs: 7 * DAY_MS, keep: 'raw', step: undefined },
      { fromMs: 7 * DAY_MS, toMs: 30 * DAY_MS, keep: { windowMs: 10_000 }, step: 0 },
      { fromMs: 30 * DAY_MS, toMs: 45 * DAY_MS, keep: 'nothing', step: 2 },
    ])
  })

  test('without steps is raw throughout', () => {
    expect(rungsOf([], MONTH_MS)).toEqual([{ fromMs: 0, toMs: MONTH_MS, keep: 'raw', step: undefined }])
  })

  test('a later step that keeps more changes nothing', () => {
    const steps: LadderStep[] = [
      { offlineForMs: DAY_MS, keep: { windowMs: 60_000 } },
      { offlineForMs: 2 * DAY_MS, keep: { windowMs: 10_000 } },
    ]
    expect(rungsOf(steps, MONTH_MS).map((it) => it.keep)).toEqual(['raw', { windowMs: 60_000 }])
  })

  const keep = fc.oneof(
    fc.constant('raw' as const),
    fc.constant('nothing' as const),
    fc.record({ windowMs: fc.integer({ min: 1_000, max: 10_000 }) }),
  )
  const ladder = fc.array(fc.record({ offlineForMs: fc.integer({ min: 0, max: 40 * DAY_MS }), keep }), { maxLength: 6 })
  test('shows at every moment what the box does then', () => {
    fc.assert(
      fc.property(ladder, fc.integer({ min: 0, max: MONTH_MS - 1 }), (steps, offlineForMs) => {
        const shown = rungsOf(steps, MONTH_MS).find((it) => offlineForMs >= it.fromMs && offlineForMs < it.toMs)
        const cls = { name: 'x', floorBytes: 0, whenFull: 'reduce' as const, ladder: steps, offlineForMs, delivering: false }
        expect(shown?.keep).toEqual(inForce(cls, 0, new Set()).inForce.keep)
      }),
    )
  })

  test('places moments and finds them again', () => {
    expect(shareOf(0, MONTH_MS)).toBe(0)
    expect(shareOf(MONTH_MS, MONTH_MS)).toBe(1)
    expect(msOf(shareOf(9 * HOUR_MS, MONTH_MS), MONTH_MS)).toBeCloseTo(9 * HOUR_MS, 0)
    expect(nearestStop(8 * HOUR_MS)).toBe(9 * HOUR_MS)
    expect([nextStop(9 * HOUR_MS, 1), nextStop(9 * HOUR_MS, -1), nextStop(0, -1)]).toEqual([12 * HOUR_MS, 6 * HOUR_MS, 0])
    expect(spanOf([[]])).toBe(30 * DAY_MS)
    expect(spanOf([TURBINE])).toBe(45 * DAY_MS)
    expect(marksOf(MONTH_MS).at(-1)).toBe(MONTH_MS)
  })
})

const FILE = `version: 1
# What we keep
classes:
  - { name: alarm, floor: 100MB, commitEvery: 50ms } # never without
  - name: process
    # agreed with the customer
    ladder:
      - { offlineFor: 7d, keep: { aggregate: 10s } } # a week
sources: []
`

describe('classes of a file', () => {
  test('are read as they stand', () => {
    expect(draftsOf(FILE)).toEqual([
      { name: 'alarm', was: 'alarm', forward: '', floor: '100MB', whenFull: 'reduce', ladder: [] },
      {
        name: 'process',
        was: 'process',
        forward: '',
        floor: '',
        whenFull: 'reduce',
        ladder: [{ on: 'offlineFor', at: '7d', keep: '10s' }],
      },
    ])
    expect(draftsOf('version: 1\n')).toMatchObject([{ name: 'default' }])
    expect(draftsOf('classes: {')).toBeUndefined()
  })

  test('that nobody changed leave the file as it is', () => {
    expect(withDrafts(FILE, draftsOf(FILE) ?? [])).toBe(FILE)
  })

  test('say what leaves, and keep how long readings stay', () => {
    const file = 'classes:\n  - { name: wells, forward: { aggregate: 1m, keepRaw: 30d } } # thin link\n'
    const [wells] = draftsOf(file) ?? []
    if (!wells) throw new Error('one class')
    expect(wells.forward).toBe('1m')
    expect(whatIfOf([wells])).toEqual([{ name: 'wells', floorBytes: 0, whenFull: 'reduce', ladder: [], forwardWindowMs: 60_000 }])
    expect(withDrafts(file, [{ ...wells, forward: '5m' }])).toContain('forward: { aggregate: 5m, keepRaw: 30d } } # thin link')
    expect(withDrafts(file, [{ ...wells, forward: '' }])).not.toContain('forward')
    expect(withDrafts('classes: [{ name: wells }]', [{ ...wells, forward: '1m' }])).toContain('forward: { aggregate: 1m }')
    expect(whatIfOf([{ ...wells, forward: 'now and then' }])).toBeUndefined()
    expect(whatIfOf([{ ...wells, forward: '9s' }])).toBeUndefined()
  })

  test('go back with comments and with keys that are not drawn', () => {
    const [alarm, process] = draftsOf(FILE) ?? []
    if (!alarm || !process) throw new Error('two classes')
    const text = withDrafts(FILE, [
      { ...alarm, floor: '200MB' },
      { ...process, ladder: [...process.ladder, { on: 'filledTo', at: '80%', keep: 'nothing' }] },
      {
        name: 'debug',
        was: undefined,
        forward: '',
        floor: '',
        whenFull: 'reduce',
        ladder: [{ on: 'offlineFor', at: '1d', keep: 'nothing' }],
      },
    ])
    expect(text).toContain('# never without')
    expect(text).toContain('# agreed with the customer')
    expect(text).toContain('commitEvery: 50ms')
    expect(draftsOf(text)).toMatchObject([
      { name: 'alarm', floor: '200MB' },
      { name: 'process', ladder: [{ at: '7d' }, { on: 'filledTo', at: '80%', keep: 'nothing' }] },
      { name: 'debug', ladder: [{ at: '1d', keep: 'nothing' }] },
    ])
  })

  test('change places, and one goes', () => {
    const drafts = draftsOf(FILE) ?? []
    expect(draftsOf(withDrafts(FILE, drafts.toReversed()))?.map((it) => it.name)).toEqual(['process', 'alarm'])
    expect(draftsOf(withDrafts(FILE, drafts.slice(1)))?.map((it) => it.name)).toEqual(['process'])
  })

  test('ask for a forecast only where every text is one', () => {
    expect(whatIfOf(draftsOf(FILE) ?? [])).toEqual([
      { name: 'alarm', floorBytes: 100_000_000, whenFull: 'reduce', ladder: [] },
      { name: 'process', floorBytes: 0, whenFull: 'reduce', ladder: [{ offlineForMs: 7 * DAY_MS, keep: { windowMs: 10_000 } }] },
    ])
    expect(stepOf({ on: 'offlineFor', at: '7 days', keep: 'raw' })).toBeUndefined()
    expect(stepOf({ on: 'filledTo', at: '80', keep: 'raw' })).toBeUndefined()
    expect(stepOf({ on: 'filledTo', at: '80%', keep: '1ms' })).toBeUndefined()
    expect([durationText(9 * HOUR_MS), durationText(7 * DAY_MS), durationText(90_000)]).toEqual(['9h', '7d', '90s'])
  })
})

describe('what an outage would leave', () => {
  const forecast = (offlineMs: number, raw: number, aggregated: number, lost: number): Forecast => ({
    offlineMs,
    blockBytesMax: 1,
    classes: [{ name: 'process', raw, aggregated, lost, bytes: 1, steps: [], fullAtMs: null, waitsAtMs: null }],
    fullAtMs: null,
    flashYears: null,
    points: [],
  })

  test('is shares of what the class had in hand, in the order of time', () => {
    const [cls] = leftByClass([forecast(2 * DAY_MS, 50, 25, 25), forecast(DAY_MS, 10, 0, 0), forecast(0, 0, 0, 0)])
    expect(cls?.left.map(({ raw, aggregated, lost }) => [raw, aggregated, lost])).toEqual([
      [1, 0, 0],
      [1, 0, 0],
      [0.5, 0.25, 0.25],
    ])
    expect(leftAt(cls?.left ?? [], 1.9 * DAY_MS)?.readings).toBe(100)
  })

  test('is three areas that fill the box', () => {
    const [cls] = leftByClass([forecast(DAY_MS, 1, 0, 0), forecast(2 * DAY_MS, 0, 1, 0)])
    const areas = areasOf(cls?.left ?? [], (ms) => ms / (2 * DAY_MS))
    expect(areas.map((it) => it.kind)).toEqual(['raw', 'aggregated', 'lost'])
    expect(areas[0]?.path).toBe('M0 0L0.5 0L1 1L1 1L0.5 1L0 1Z')
    expect(areasOf([], () => 0)).toEqual([])
  })

  test('is asked for what people ask first, whatever the picture shows', () => {
    for (const it of ASKED_MS) expect(lengthsOf(DAY_MS)).toContain(it)
    expect(lengthsOf(45 * DAY_MS).at(-1)).toBe(45 * DAY_MS)
  })
})

test('the last week: what the log knows of seven days, and the share of it that rules would have given up', () => {
  const nowMs = 20_000 * DAY_MS + 5 * HOUR_MS
  const day = (ago: number, readings: number, givenUp: Record<string, number> = {}) => ({
    day: (20_000 - ago) * DAY_MS * 1000,
    class: 'process',
    readings,
    bytes: 1,
    givenUp,
  })
  const days = [
    day(0, 100),
    day(6, 700, { dropped: 100, aggregated: 60, elsewhere: 7, overflowed: 40 }),
    day(7, 9_999, { dropped: 9 }),
    { ...day(0, 5), class: 'debug' },
  ]
  const at = (lost: number, aggregated: number) => [
    { offlineMs: 7 * DAY_MS, raw: 1 - lost - aggregated, aggregated, lost, readings: 10, bytes: 1 },
  ]
  const left = [
    { name: 'process', left: at(0.25, 0.5) },
    { name: 'alarm', left: at(0, 0) },
    { name: 'debug', left: [] },
  ]
  expect(weekRows(days, left, nowMs)).toEqual([
    { name: 'process', known: 1_000, aggregated: 60, lost: 140, would: { aggregated: 500, lost: 250 } },
    { name: 'alarm', known: 0, aggregated: 0, lost: 0, would: { aggregated: 0, lost: 0 } },
    { name: 'debug', known: 5, aggregated: 0, lost: 0, would: undefined },
  ])
})
