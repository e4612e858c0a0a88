import { describe, expect, test } from 'vitest'
import { newWindow } from '../../../src/clients/mqtt/window.ts'

interface Rig {
  /** Messages that the broker lets be unacknowledged at time t, ms. */
  readonly window: (t: number) => number
  /** When messages are published, ms, ascending. */
  readonly published: Iterable<number>
  readonly commitEveryMs?: number
  readonly fsyncMs?: number
  readonly roundTripMs?: number
}

const STEP_MS = 0.5

/** Plant, broker, disk and the window between them, in steps of half a millisecond. */
function rig({ window: sizeAt, published, commitEveryMs = 250, fsyncMs = 5, roundTripMs = 1 }: Rig) {
  const window = newWindow()
  const source = published[Symbol.iterator]()
  let nextPublish = source.next()
  let t = 0
  let queued = 0
  let unacknowledged = 0
  let held = 0
  let fresh = 0
  let commitAt = Infinity
  let commitEnd = Infinity
  let committing = 0
  const onWay: [at: number, count: number][] = []
  const acksOnWay: [at: number, count: number][] = []
  const seen = { arrived: 0, commits: 0, stalled: 0, window }

  const stalledWhen = (isStalled: boolean) => {
    if (!isStalled) return
    seen.stalled++
    commitAt = Math.min(commitAt, t)
  }
  const due = (list: [number, number][]) => {
    let count = 0
    while ((list[0]?.[0] ?? Infinity) <= t) count += list.shift()?.[1] ?? 0
    return count
  }
  function step(): void {
    t += STEP_MS
    for (; !nextPublish.done && nextPublish.value <= t; nextPublish = source.next()) queued++
    unacknowledged -= due(acksOnWay)
    const sent = Math.min(queued, Math.max(0, sizeAt(t) - unacknowledged))
    queued -= sent
    unacknowledged += sent
    if (sent > 0) onWay.push([t + roundTripMs / 2, sent])
    const came = due(onWay)
    if (came > 0) {
      held += came
      fresh += came
      seen.arrived += came
      commitAt = Math.min(commitAt, t + commitEveryMs)
      stalledWhen(window.arrived(held, t))
    }
    if ((window.dueAt() ?? Infinity) <= t) stalledWhen(window.tick(t))
    if (t >= commitEnd) {
      commitEnd = Infinity
      seen.commits++
      acksOnWay.push([t + roundTripMs / 2, committing])
      const before = held
      held -= committing
      window.released(before, held, t)
    } else if (t >= commitAt && commitEnd === Infinity) {
      committing = fresh
      fresh = 0
      commitAt = Infinity
      commitEnd = t + fsyncMs
    }
  }
  return {
    seen,
    /** What happened in the next so many seconds. */
    run(seconds: number) {
      const before = { ...seen }
      const end = t + seconds * 1000
      while (t < end) step()
      return {
        arrived: seen.arrived - before.arrived,
        commits: seen.commits - before.commits,
        stalled: seen.stalled - before.stalled,
      }
    },
  }
}

function* evenly(perSecond: number, from = 0): Iterable<number> {
  for (let n = 0; ; n++) yield from + (n * 1000) / perSecond
}

function* poisson(perSecond: number, seed: number): Iterable<number> {
  let state = seed
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  for (let t = 0; ; t += (-Math.log(random()) * 1000) / perSecond) yield t
}

const WIDE = 60_000

describe('a window that is small', () => {
  test.each([
    [20, 1],
    [20, 0.5],
    [10, 1],
    [20, 8],
  ])('%i messages, round trip %d ms: is known within 2 s, and then the disk sets the pace', (size, roundTripMs) => {
    const it = rig({ window: () => size, published: evenly(20_000), roundTripMs })
    it.run(2)
    expect(it.seen.window.size()).toBe(size)
    const { arrived, stalled } = it.run(5)
    expect(stalled / 5).toBeGreaterThan(50)
    expect(arrived / 5).toBeGreaterThanOrEqual(size * 50)
  })

  test('20 messages bring 1,500 a second and more, for minutes', () => {
    const it = rig({ window: () => 20, published: evenly(20_000), fsyncMs: 8 })
    it.run(2)
    expect(it.run(120).arrived / 120).toBeGreaterThan(1_500)
  })

  test('one message', () => {
    const it = rig({ window: () => 1, published: evenly(2_000) })
    it.run(3)
    expect(it.seen.window.size()).toBe(1)
    expect(it.run(5).arrived / 5).toBeGreaterThan(100)
  })

  test('over a slow link', () => {
    const it = rig({ window: () => 20, published: evenly(2_000), roundTripMs: 45 })
    it.run(4)
    expect(it.run(5).arrived / 5).toBeGreaterThan(250)
  })

  test('a plant a little faster than the window allows is caught up with', () => {
    const it = rig({ window: () => 20, published: evenly(200) })
    expect(it.run(30).arrived).toBeGreaterThan(200 * 30 - 300)
  })
})

describe('a window that is wide', () => {
  test.each([1, 10, 100])('%i messages a second, evenly: never asks', (perSecond) => {
    const { stalled, commits } = rig({ window: () => WIDE, published: evenly(perSecond) }).run(120)
    expect(stalled).toBe(0)
    expect(commits).toBeLessThanOrEqual(120 * 4)
  })

  // Beats that fall in step with the commits are the ones that could pass for a window.
  test.each(
    [2, 3.9, 3.95, 4, 5, 8, 20, 33, 50, 200].flatMap((perSecond) => [[perSecond, 250] as const, [perSecond, 50] as const]),
  )('%d messages a second, evenly, commits every %i ms: asks now and then at most', (perSecond, commitEveryMs) => {
    const { stalled } = rig({ window: () => WIDE, published: evenly(perSecond), commitEveryMs }).run(120)
    expect(stalled).toBeLessThanOrEqual(120 / 4)
  })

  test.each([
    [50, 1],
    [50, 7],
    [2, 3],
    [10, 4],
    [200, 5],
  ])('%i messages a second by chance (seed %i): hardly ever asks', (perSecond, seed) => {
    const { stalled, commits } = rig({ window: () => WIDE, published: poisson(perSecond, seed) }).run(300)
    expect(stalled).toBeLessThanOrEqual(300 / 10)
    expect(commits).toBeLessThanOrEqual(300 * 4.2)
  })

  test('bursts of 20 in step with the commits pass for a window for a moment, and are found out', () => {
    const bursts = function* () {
      for (let t = 0; ; t += 258) for (let n = 0; n < 20; n++) yield t
    }
    const { stalled } = rig({ window: () => WIDE, published: bursts() }).run(120)
    expect(stalled).toBeLessThanOrEqual(120 / 4)
  })

  test('many messages a second: never asks', () => {
    expect(rig({ window: () => WIDE, published: evenly(20_000) }).run(20).stalled).toBe(0)
  })
})

describe('a window that changes', () => {
  test('grows: the old size is forgotten, the new one learned', () => {
    const it = rig({ window: (t) => (t < 5_000 ? 20 : 100), published: evenly(100_000) })
    it.run(5)
    expect(it.seen.window.size()).toBe(20)
    it.run(15)
    expect(it.seen.window.size()).toBe(100)
    expect(it.run(5).arrived / 5).toBeGreaterThan(5_000)
  })

  test('vanishes while a steady trickle goes on: asked for no more', () => {
    const trickle = function* () {
      for (let t = 0; t < 5_000; t += 0.1) yield t
      yield* evenly(50, 5_000)
    }
    const it = rig({ window: (t) => (t < 10_000 ? 20 : WIDE), published: trickle() })
    it.run(60)
    expect(it.run(60).stalled).toBeLessThanOrEqual(60 * 3)
  })

  test('of one message vanishes: no commit for each message', () => {
    const trickle = function* () {
      for (let t = 0; t < 3_000; t += 5) yield t
      yield* evenly(100, 10_000)
    }
    const it = rig({ window: (t) => (t < 9_000 ? 1 : WIDE), published: trickle() })
    it.run(20)
    expect(it.run(30).commits).toBeLessThanOrEqual(30 * 5)
  })

  test('a new connection begins anew', () => {
    const it = rig({ window: () => 20, published: evenly(20_000) })
    it.run(2)
    it.seen.window.reset()
    expect(it.seen.window.size()).toBeUndefined()
  })
})
