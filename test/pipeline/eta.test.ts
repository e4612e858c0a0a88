import { expect, test } from 'vitest'
import { createEta, openNumbers } from '../../src/pipeline/eta.ts'

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

/** Drains `open` numbers at a rate that is never twice the same, in bursts, beside new ones; yields what was foretold and when it was so. */
function drain(seed: number, open: number, perSecond: number, livePerSecond: number) {
  const roll = dice(seed)
  let now = 0
  const eta = createEta(() => now)
  const foretold: { at: number; seconds: number; share: number }[] = []
  const all = open
  while (open > 0) {
    now += 2_000
    // The link carries between six tenths and one and four tenths, and sometimes nothing for one look.
    const carried = roll() < 0.05 ? 0 : perSecond * 2 * (0.6 + roll() * 0.8)
    open = Math.max(0, open - carried + livePerSecond * 2 * (0.5 + roll()))
    eta.add(open)
    const seconds = eta.seconds()
    if (seconds !== null && open > 0) foretold.push({ at: now, seconds, share: open / all })
  }
  return { foretold, doneAt: now }
}

test('foretold within a tenth of what it takes, from a quarter to three quarters of the way, over 50 drains of 20 million', () => {
  const errors: number[] = []
  for (let seed = 1; seed <= 50; seed++) {
    const { foretold, doneAt } = drain(seed, 20_000_000, 40_000, [0, 1_000, 10_000][seed % 3] as number)
    for (const share of [0.75, 0.5, 0.25]) {
      const it = foretold.find((one) => one.share <= share)
      if (!it) throw new Error(`seed ${seed}: nothing foretold at ${share}`)
      errors.push(Math.abs(it.seconds - (doneAt - it.at) / 1000) / ((doneAt - it.at) / 1000))
    }
  }
  errors.sort((a, b) => a - b)
  expect(errors.length).toBe(150)
  expect(errors[Math.floor(errors.length * 0.5)]).toBeLessThan(0.05)
  expect(errors[Math.floor(errors.length * 0.9)]).toBeLessThan(0.1)
})

test('nothing is foretold of what does not become less, right after an outage, or from too short a look; caught up is 0', () => {
  let now = 0
  const eta = createEta(() => now)
  const look = (open: number | undefined) => {
    now += 2_000
    eta.add(open)
    return eta.seconds()
  }
  expect([look(100), look(90), look(80)]).toEqual([null, null, null])
  expect(look(70)).toBeCloseTo(14)
  expect(look(undefined)).toBe(null)
  expect([look(1_000), look(900)]).toEqual([null, null])
  for (let i = 0; i < 100; i++) look(900 + i)
  expect(look(1_000)).toBe(null)
  expect(look(0)).toBe(0)
})

test('open is what an uplink has not got of its classes; lines of the ledger are not counted', () => {
  const key = (name: string, form: string) => `box:${'0'.repeat(32)}:${name}:${form}`
  const heads = {
    [key('process', 'raw')]: { next: 1_000, lost: 0 },
    [key('process', 'aggregate')]: { next: 50, lost: 0 },
    [key('process', 'gap')]: { next: 7, lost: 0 },
    [key('debug', 'raw')]: { next: 9_999, lost: 0 },
  }
  const delivered = new Map([
    [
      key('process', 'raw'),
      [
        { from: 0, to: 400 },
        { from: 900, to: 1_000 },
      ],
    ],
  ])
  expect(openNumbers(heads, delivered, ['process'])).toBe(550)
})
