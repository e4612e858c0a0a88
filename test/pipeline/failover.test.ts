import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { countOf, intersection, union } from '../../src/core/intervals.ts'
import type { Turn, Standing } from '../../src/pipeline/failover.ts'
import { createFailover, decide, firstTurn } from '../../src/pipeline/failover.ts'
import { newReport } from '../../src/pipeline/forward-report.ts'
import { forward } from '../../src/pipeline/forward.ts'
import { systemClock } from '../../src/workers/clock.ts'
import { openLog } from '../../src/workers/open-log.ts'
import type { Fault } from './model-uplink.ts'
import { modelDestination } from './model-uplink.ts'

const AFTER = 10_000
const able = (uplink: string, ableSince: number, more: Partial<Standing> = {}): Standing => ({
  uplink,
  unableSince: undefined,
  ableSince,
  isBusy: false,
  transactions: 0,
  ...more,
})
const down = (uplink: string, unableSince: number, more: Partial<Standing> = {}): Standing => ({
  ...able(uplink, 0, more),
  ableSince: undefined,
  unableSince,
})

/** Turns as the standings change; says who held at each. */
function run(steps: readonly { at: number; of: readonly Standing[] }[]): { holders: string[]; turn: Turn } {
  let turn = firstTurn('a', AFTER)
  const holders = steps.map(({ at, of }) => {
    turn = decide(turn, of, at, AFTER)
    return turn.leaving ? `${turn.holder}>${turn.leaving.to}` : turn.holder
  })
  return { holders, turn }
}

describe('whose turn it is', () => {
  test('the first, until it has been unable for failoverAfter; then the next that is able; back once the first has been able for as long', () => {
    const { holders, turn } = run([
      { at: 0, of: [able('a', 0), able('b', 0)] },
      { at: 50_000, of: [down('a', 45_000), able('b', 0)] },
      { at: 54_999, of: [down('a', 45_000), able('b', 0)] },
      { at: 55_000, of: [down('a', 45_000), able('b', 0)] },
      { at: 56_000, of: [down('a', 45_000), able('b', 0, { transactions: 1 })] },
      { at: 90_000, of: [able('a', 89_000), able('b', 0, { transactions: 9 })] },
      { at: 98_999, of: [able('a', 89_000), able('b', 0, { transactions: 9 })] },
      { at: 99_000, of: [able('a', 89_000), able('b', 0, { transactions: 9 })] },
    ])
    expect(holders).toEqual(['a', 'a', 'a', 'b', 'b', 'b', 'b', 'a'])
    expect(turn.lastSwitch).toMatchObject({ from: 'b', to: 'a', since: 99_000 })
  })

  test('how long a switch took: from the last moment that all was well to the first commit of the new one', () => {
    const { turn } = run([
      { at: 15_000, of: [down('a', 4_000), able('b', 0, { transactions: 7 })] },
      { at: 15_500, of: [down('a', 4_000), able('b', 0, { transactions: 7 })] },
      { at: 16_000, of: [down('a', 4_000), able('b', 0, { transactions: 8 })] },
      { at: 30_000, of: [down('a', 4_000), able('b', 0, { transactions: 20 })] },
    ])
    expect(turn.lastSwitch).toEqual({ from: 'a', to: 'b', since: 4_000, ms: 12_000 })
  })

  test('a calm return waits for what is under way, but no longer than failoverAfter', () => {
    const busy = able('b', 0, { isBusy: true, transactions: 3 })
    const { holders } = run([
      { at: 20_000, of: [down('a', 0), able('b', 0)] },
      { at: 60_000, of: [able('a', 40_000), busy] },
      { at: 60_050, of: [able('a', 40_000), busy] },
      { at: 60_100, of: [able('a', 40_000), able('b', 0, { transactions: 4 })] },
    ])
    expect(holders).toEqual(['b', 'b>a', 'b>a', 'a'])
    const stuck = run([
      { at: 20_000, of: [down('a', 0), able('b', 0)] },
      { at: 60_000, of: [able('a', 40_000), busy] },
      { at: 70_000, of: [able('a', 40_000), busy] },
    ])
    expect(stuck.holders).toEqual(['b', 'b>a', 'a'])
  })

  test('who is to get it back and fails meanwhile does not', () => {
    const busy = able('b', 0, { isBusy: true, transactions: 3 })
    const { holders } = run([
      { at: 20_000, of: [down('a', 0), able('b', 0)] },
      { at: 60_000, of: [able('a', 40_000), busy] },
      { at: 60_050, of: [down('a', 60_010), busy] },
    ])
    expect(holders).toEqual(['b', 'b>a', 'b'])
  })

  test('nobody is able: it stays; the one that comes first gets it at once, whatever its place', () => {
    const { holders } = run([
      { at: 20_000, of: [down('a', 0), down('b', 0), down('c', 0)] },
      { at: 80_000, of: [down('a', 0), down('b', 0), able('c', 79_999)] },
      { at: 90_000, of: [down('a', 0), able('b', 80_000), able('c', 79_999)] },
    ])
    expect(holders).toEqual(['a', 'c', 'b'])
  })

  test('who got it back and delivered nothing before it failed again must be able for twice as long', () => {
    const steps = [
      { at: 10_000, of: [down('a', 0), able('b', 0)] },
      { at: 30_000, of: [able('a', 20_000), able('b', 0, { transactions: 5 })] },
      { at: 41_000, of: [down('a', 30_500), able('b', 0, { transactions: 5 })] },
    ]
    // It had held for 10 s at first: back after 10. Then without a delivery: 20, then 40.
    const back = (since: number, at: number) => ({ at, of: [able('a', since), able('b', 0, { transactions: 50 })] })
    expect(run([...steps, back(45_000, 64_999)]).holders.at(-1)).toBe('b')
    expect(run([...steps, back(45_000, 65_000)]).holders.at(-1)).toBe('a')
  })
})

/** mulberry32: 0 to 1, repeatable. */
function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const SEEDS = Number(process.env['HOLDFAST_SEEDS'] ?? 6)
const FAULTS: readonly Fault[] = ['lost-before', 'lost-after', 'blocked', 'hang-after', 'slow', 'slow']
const CLASSES = ['alarms', 'process'] as const

/** Three uplinks that fail on and off, one class for all of them, one for any. */
async function life(seed: number) {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-failover-'))
  const roll = dice(seed)
  const clock = systemClock()
  const names = ['u0', 'u1', 'u2']
  const isDown = names.map(() => false)
  let calm = false
  const uplinks = names.map((name, n) => ({
    name,
    report: newReport(),
    admission: { now: () => ({ except: [], bytesMax: Infinity, route: undefined }) },
    destination: modelDestination({
      open: () => (isDown[n] as boolean) && !calm,
      forget: () => false,
      send: () => {
        if (calm) return undefined
        if (isDown[n]) return roll() < 0.5 ? 'lost-before' : 'lost-after'
        return roll() < 0.1 ? FAULTS[Math.floor(roll() * FAULTS.length)] : undefined
      },
    }),
  }))
  const delivery = { alarms: 'all-uplinks', process: 'any-uplink' } as const
  const options = {
    dir,
    device: 'box-1',
    bytesMax: 64_000_000,
    commitBytes: 200_000,
    commitEveryMinMs: 0,
    keepDeliveredMs: 0,
    classes: CLASSES.map((name) => ({ name, floorBytes: 0, commitEveryMs: 5, whenFull: 'reduce' as const, ladder: [] })),
    delivery,
    uplinks: names,
  }
  const log = await openLog(options, (error) => {
    throw error
  })
  const failover = createFailover({ uplinks, delivery, failoverAfterMs: 40, clock })
  const stop = new AbortController()
  const order = seed % 2 === 0 ? ('oldest-first' as const) : ('newest-first' as const)
  const ends = uplinks.map(({ name, report, destination }) =>
    forward(
      {
        uplink: name,
        admission: failover.admission(name),
        anyOf: { classes: failover.classes, uplinks: names },
        open: destination.connect,
        log: log.reader,
        lanes: { liveShare: 0.3, backlog: order },
        clock,
        random: roll,
        failed() {},
        waits: { backoff: { minMs: 4, maxMs: 20 }, blockedMs: 30, fencedMs: 10, idleMs: 10 },
      },
      report,
      stop.signal,
    ),
  )
  const builder = new BatchBuilder(newOrigin(0))
  const series = CLASSES.map((name) => builder.series({ tag: name, class: name, kind: 'double' }))
  let given = 0
  for (let i = 0; i < 60; i++) {
    const count = roll() < 0.1 ? 3_000 : 1 + Math.floor(roll() * 100)
    for (let k = 0; k < count; k++) builder.add(series[roll() < 0.3 ? 0 : 1] as number, 1.7e15 + given, given++)
    if (roll() < 0.1) builder.refuse('process', 'unreadable', 1.7e15, 2)
    await log.writer.append(builder.take(1.7e15))
    if (roll() < 0.15) isDown[Math.floor(roll() * 3)] = roll() < 0.6
    if (roll() < 0.1) await log.seal()
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  calm = true
  const isDone = async () => (await log.figures()).classes.every((it) => it.stored === 0)
  for (const end = Date.now() + 30_000; !(await isDone()); await new Promise((resolve) => setTimeout(resolve, 10)))
    if (Date.now() > end)
      throw new Error(
        `not done: ${JSON.stringify([await log.figures(), failover.turn('process'), uplinks.map((it) => it.report)])}`,
      )
  const heads = Object.entries(await log.reader.heads()).filter(([key]) => key.endsWith(':raw'))
  stop.abort()
  await Promise.all(ends)
  await log.close()
  rmSync(dir, { recursive: true, force: true })
  return { given, heads, destinations: uplinks.map((it) => it.destination), turn: failover.turn('process') }
}

test(`${SEEDS} seeds of three uplinks: each is right by itself, their union is all, and what is in two of them says so`, {
  timeout: 300_000,
}, async () => {
  const first = Number(process.env['HOLDFAST_SEED'] ?? 1)
  let [elsewhere, twice, switched] = [0, 0, 0]
  for (let seed = first; seed < first + SEEDS; seed++) {
    const { given, heads, destinations, turn } = await life(seed)
    expect(
      destinations.map((it) => it.wrong),
      `seed ${seed}`,
    ).toEqual([[], [], []])
    expect([...new Set(destinations.flatMap((it) => it.values()))], `seed ${seed}`).toHaveLength(given)
    for (const [key, { next, lost }] of heads) {
      const sets = destinations.map((it) => it.has(key))
      const isAlarm = key.includes(':alarms:')
      expect(countOf(sets.reduce(union)), `seed ${seed} ${key}`).toBe(next - lost)
      if (isAlarm) for (const it of destinations) expect(it.missing(key, next), `seed ${seed}`).toEqual({ missing: 0, both: 0 })
      if (isAlarm) continue
      for (const [n, a] of destinations.entries()) {
        elsewhere += countOf(a.elsewhere(key))
        // Up to where it has come, each names what it has not got.
        const end = Math.max(0, ...[...(sets[n] ?? []), ...a.elsewhere(key)].map((it) => it.to))
        if (n === 0) expect(a.missing(key, end).both, `seed ${seed}`).toBe(0)
        for (const [m, b] of destinations.entries()) {
          if (m <= n) continue
          for (const { from, to } of intersection(sets[n] ?? [], sets[m] ?? []))
            for (let at = from; at < to; at++) {
              twice++
              if (!a.isSuspect(key, at) && !b.isSuspect(key, at))
                throw new Error(`seed ${seed}: ${key} ${at} is in two and says nothing`)
            }
        }
      }
    }
    if (turn?.lastSwitch) switched++
  }
  expect(elsewhere).toBeGreaterThan(0)
  expect(switched).toBeGreaterThan(SEEDS / 2)
})
