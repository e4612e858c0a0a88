import { describe, expect, test } from 'vitest'
import type { ClassRetention, Keep, LadderStep } from '../../src/core/retention.ts'
import { coarsenessOf, inForce, stepsByCoarseness } from '../../src/retention/ladder.ts'

const DAY_MS = 86_400_000
const NONE: ReadonlySet<LadderStep> = new Set()
const process: readonly LadderStep[] = [
  { offlineForMs: 7 * DAY_MS, keep: { windowMs: 10_000 } },
  { offlineForMs: 30 * DAY_MS, keep: { windowMs: 300_000 } },
  { filledTo: 0.8, keep: { windowMs: 60_000 } },
]

function classOf(ladder: readonly LadderStep[], over: Partial<ClassRetention> = {}): ClassRetention {
  return { name: 'process', floorBytes: 0, whenFull: 'reduce', ladder, offlineForMs: 0, delivering: false, ...over }
}

function keepAt(offlineDays: number, filled: number, over: Partial<ClassRetention> = {}): [Keep, string] {
  const { keep, reason } = inForce(classOf(process, { offlineForMs: offlineDays * DAY_MS, ...over }), filled, NONE).inForce
  return [keep, reason]
}

describe('the step in force', () => {
  test.each([
    [0, 0, 'raw', ''],
    [6.99, 0.799, 'raw', ''],
    [7, 0, { windowMs: 10_000 }, 'offline-7d'],
    [0, 0.8, { windowMs: 60_000 }, 'filled-80%'],
    [7, 0.8, { windowMs: 60_000 }, 'filled-80%'],
    [29.99, 0.5, { windowMs: 10_000 }, 'offline-7d'],
    [30, 0.9, { windowMs: 300_000 }, 'offline-30d'],
  ])('%d days offline, filled to %d', (days, filled, keep, reason) => {
    expect(keepAt(days, filled)).toEqual([keep, reason])
  })

  test('fill alone reduces nothing while the class is delivered, time offline does', () => {
    expect(keepAt(0, 0.95, { delivering: true })).toEqual(['raw', ''])
    expect(keepAt(7, 0.95, { delivering: true })).toEqual([{ windowMs: 10_000 }, 'offline-7d'])
  })

  test('a class that waits when full gives nothing up', () => {
    expect(keepAt(40, 1, { whenFull: 'wait' })).toEqual(['raw', ''])
  })

  test.each([
    [90 * 60_000, 'offline-90m'],
    [2 * DAY_MS, 'offline-2d'],
    [36 * 3_600_000, 'offline-36h'],
    [1_500, 'offline-1500ms'],
    [0, 'offline-0ms'],
  ])('%d ms offline is named', (offlineForMs, reason) => {
    expect(inForce(classOf([{ offlineForMs, keep: 'nothing' }], { offlineForMs }), 0, NONE).inForce.reason).toBe(reason)
  })
  test.each([
    [0.07, 'filled-7%'],
    [0.125, 'filled-12.5%'],
    [1, 'filled-100%'],
  ])('filled to %d is named', (filledTo, reason) => {
    expect(inForce(classOf([{ filledTo, keep: 'nothing' }]), 1, NONE).inForce.reason).toBe(reason)
  })

  test('of steps that keep as much the first gives the reason', () => {
    const ladder: LadderStep[] = [
      { offlineForMs: DAY_MS, keep: 'nothing' },
      { filledTo: 0.5, keep: 'nothing' },
    ]
    expect(inForce(classOf(ladder, { offlineForMs: DAY_MS }), 0.6, NONE).inForce).toEqual({
      keep: 'nothing',
      reason: 'offline-1d',
    })
  })
  test('a step that keeps all is no reduction', () => {
    const ladder: LadderStep[] = [{ offlineForMs: 0, keep: 'raw' }]
    expect(inForce(classOf(ladder), 0, NONE).inForce).toEqual({ keep: 'raw', reason: '' })
  })
})

describe('a fill step is released below its threshold', () => {
  /** What is in force at each fill of a row, each call handed what the one before held. */
  function over(fills: readonly number[], ladder: readonly LadderStep[], delivering = false): string[] {
    let was = NONE
    return fills.map((filled) => {
      const { inForce: now, filledNow } = inForce(classOf(ladder, { delivering }), filled, was)
      was = filledNow
      return now.reason
    })
  }
  test('by 5 %', () => {
    const held = 'filled-80%'
    expect(over([0.79, 0.8, 0.76, 0.7501, 0.75, 0.79, 0.8], process)).toEqual(['', held, held, held, '', '', held])
  })
  test('one that is hardly more than that at half of it', () => {
    expect(over([0.04, 0.021, 0.02], [{ filledTo: 0.04, keep: 'nothing' }])).toEqual(['filled-4%', 'filled-4%', ''])
  })
  test('each by itself', () => {
    const ladder: LadderStep[] = [
      { filledTo: 0.5, keep: { windowMs: 10_000 } },
      { filledTo: 0.9, keep: 'nothing' },
    ]
    expect(over([0.9, 0.86, 0.84, 0.46, 0.44], ladder)).toEqual(['filled-90%', 'filled-90%', 'filled-50%', 'filled-50%', ''])
  })
  test('what held while the class was delivered is known when it no longer is', () => {
    const first = inForce(classOf(process, { delivering: true }), 0.8, NONE)
    expect(first.inForce.keep).toBe('raw')
    expect(inForce(classOf(process), 0.77, first.filledNow).inForce.reason).toBe('filled-80%')
  })
})

test('steps by coarseness: each once, nothing always last', () => {
  const ten = { windowMs: 10_000 }
  const minute = { windowMs: 60_000 }
  const ladder: LadderStep[] = [
    { filledTo: 0.5, keep: 'nothing' },
    { filledTo: 0.2, keep: minute },
    { offlineForMs: 1, keep: ten },
    { offlineForMs: 0, keep: 'raw' },
    { offlineForMs: 2, keep: minute },
  ]
  expect(stepsByCoarseness({ ladder })).toEqual([ten, minute, 'nothing'])
  expect(stepsByCoarseness({ ladder: [] })).toEqual(['nothing'])
  expect(stepsByCoarseness({ ladder, forwardWindowMs: 1_000 })).toEqual([{ windowMs: 1_000 }, ten, minute, 'nothing'])
  expect((['raw', ten, minute, 'nothing'] as const).map(coarsenessOf)).toEqual([0, 10_000, 60_000, Number.POSITIVE_INFINITY])
})
