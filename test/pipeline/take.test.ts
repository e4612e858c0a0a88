import { describe, expect, test } from 'vitest'
import type { LogReader, NextRequest, Taken } from '../../src/core/log.ts'
import type { Stream } from '../../src/core/stream.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { LaneSettings } from '../../src/pipeline/forward-take.ts'
import { backlogRoom, rowsOf, taker, wholeRoom } from '../../src/pipeline/forward-take.ts'
import type { LinkRate } from '../../src/pipeline/link-rate.ts'
import { carried, failed, opened, READINGS_MAX, UNKNOWN_LINK } from '../../src/pipeline/link-rate.ts'

const link = (perSecond: number, overheadSeconds = 0.005): LinkRate => ({ perSecond, overheadSeconds, readingsMax: 20_000 })

describe('how much backlog goes along', () => {
  test('with no live readings: what the link carries in a fifth of a second; with some: a shorter beat, so that live waits less', () => {
    expect(backlogRoom(0, false, 0.3, link(50_000))).toBe(10_000)
    expect(backlogRoom(0, true, 0.3, link(50_000))).toBe(2_500)
    expect(backlogRoom(100, true, 0.3, link(50_000))).toBe(2_400)
  })

  test('however much live has, backlog has 1 − liveShare of the size; with all of it promised to live, what is left and no more', () => {
    expect(backlogRoom(20_000, true, 0.3, link(100_000))).toBe(3_500)
    expect(backlogRoom(20_000, true, 0.8, link(100_000))).toBe(999)
    expect(backlogRoom(4_000, true, 1, link(100_000))).toBe(1_000)
    expect(backlogRoom(20_000, true, 1, link(100_000))).toBe(0)
  })

  test('where the way there and back is long, a transaction is long enough to be worth it', () => {
    expect(backlogRoom(0, true, 0.3, link(5_000, 1))).toBe(10_000)
  })
})

describe('a block that goes whole', () => {
  test('takes no more than some seconds of the link, and no less than there is room for', () => {
    expect(wholeRoom(10_000, { ...link(50_000), readingsMax: 400_000 })).toBe(40_000)
    expect(wholeRoom(1_000, link(300))).toBe(1_500)
    expect(wholeRoom(1_000, link(20))).toBe(1_000)
    expect(wholeRoom(10_000, link(50_000))).toBe(20_000)
    expect(wholeRoom(1_000, UNKNOWN_LINK)).toBe(2_000)
  })
})

describe('what live has had to say since', () => {
  const STREAM: Stream = { device: 'd', epoch: '0'.repeat(32), class: 'c', form: 'raw' }
  const NOTHING: Taken = { slices: [], ranges: [], series: new Map() }

  /** Live has what has come; the backlog has no end. */
  function fakeLog(bytesEach = 1) {
    const asked: NextRequest[] = []
    const at = { live: 1_000_000, backlog: 0 }
    const it = { asked, head: at.live, next: async (request: NextRequest) => (asked.push(request), take(request)) }
    const take = ({ lane, readingsMax }: NextRequest): Taken => {
      const from = at[lane]
      const to = Math.min(from + readingsMax, lane === 'live' ? it.head : Infinity)
      if (to <= from) return NOTHING
      at[lane] = to
      const slice = { form: 'raw' as const, stream: STREAM, from, to, block: new Uint8Array((to - from) * bytesEach) }
      return { slices: [slice], ranges: [{ stream: streamKey(STREAM), from, to }], series: new Map() }
    }
    return it
  }

  function takerOf(log: Pick<LogReader, 'next'>, parts: { lanes?: LaneSettings; rows?: number } = {}) {
    const { lanes = { liveShare: 0.3, backlog: 'oldest-first' }, rows } = parts
    const bytesMax = rows === undefined ? Infinity : rows * 10
    return taker({
      uplink: 'u',
      log: log as LogReader,
      clock: { monotonic: () => 0, now: () => 0 } as never,
      admission: { now: () => ({ except: [], bytesMax, route: undefined }) },
      lanes,
      anyOf: undefined,
      link: () => link(50_000),
      rowsMax: (bytes) => bytes / 10,
    })
  }

  test.each([15_000, 20_000, 30_000])('comes along up to what is dared and no more: %i of it before', async (before) => {
    const log = fakeLog()
    const own = takerOf(log)
    log.head += before
    const pair = await own.next([])
    log.head += 30_000
    const { live, backlog } = await own.withNewest(pair, [])
    expect(rowsOf({ live, backlog: NOTHING })).toBe(20_000)
    expect(backlog).toBe(pair.backlog)
    for (const [n, { from }] of live.ranges.entries()) expect(from).toBe(n === 0 ? 1_000_000 : live.ranges[n - 1]?.to)
  })

  test('stays within the bytes of a transaction and within what a budget leaves', async () => {
    const log = fakeLog(100)
    const own = takerOf(log)
    log.head += 4_000
    const pair = await own.next([])
    log.head += 30_000
    await own.withNewest(pair, [])
    expect(log.asked.map((it) => it.bytesMax)).toEqual([1_000_000, 1_000_000, 600_000])
    const bounded = fakeLog()
    const least = takerOf(bounded, { rows: 3_000 })
    bounded.head += 500
    const small = await least.next([])
    bounded.head += 30_000
    expect(rowsOf(await least.withNewest(small, []))).toBe(3_000)
  })
})

describe('what the link carries', () => {
  test('of a link of which nothing is known the first transaction is the smaller, the longer it took to open; what is known stands', () => {
    expect(opened(UNKNOWN_LINK, 0.1)).toBe(UNKNOWN_LINK)
    const [slow, slower, slowest] = [8, 25, 1_000].map((seconds) => opened(UNKNOWN_LINK, seconds).readingsMax)
    expect([slow, slower, slowest]).toEqual([500, 160, 100])
    const known = carried(UNKNOWN_LINK, 1_000, 0.1)
    expect(opened(known, 25)).toBe(known)
    expect(opened(failed(UNKNOWN_LINK, 300), 8).readingsMax).toBe(150)
  })

  test.each([
    ['loopback', 400_000, 0.007],
    ['mobile', 3_000, 0.3],
    ['satellite', 300, 1.6],
  ])('%s: transactions settle where most of the time is spent on readings', (_, perSecond, overhead) => {
    let it = UNKNOWN_LINK
    let [readings, seconds] = [0, 0]
    for (let i = 0; i < 60; i++) {
      const count = backlogRoom(0, true, 0.3, it)
      const took = overhead + count / perSecond
      if (i >= 30) [readings, seconds] = [readings + count, seconds + took]
      it = carried(it, count, took)
    }
    expect(readings / seconds / perSecond).toBeGreaterThan(0.6)
  })

  test.each([
    ['line', 7_700, 0.05],
    ['mobile', 3_000, 0.3],
    ['satellite', 300, 1.6],
  ])(
    '%s: however long a backlog drains, transactions do not grow; a link that became longer or shorter is noticed',
    (_, perSecond, overhead) => {
      let it = UNKNOWN_LINK
      const run = (count: number, way: number) => {
        let sent = 0
        let took = 0
        for (let i = 0; i < count; i++) {
          const readings = backlogRoom(0, true, 0.3, it)
          // What others do on the link comes and goes.
          const seconds = (way + readings / perSecond) * (1 + 0.2 * Math.sin(i * 1.7))
          it = carried(it, readings, seconds)
          sent += readings
          took += seconds
        }
        return { secondsEach: took / count, share: sent / took / perSecond }
      }
      for (const way of [overhead, overhead * 8, overhead]) {
        run(200, way)
        const { secondsEach, share } = run(1_000, way)
        expect(secondsEach).toBeLessThan(way * 4 + 1_000 / perSecond)
        expect(share).toBeGreaterThan(0.5)
      }
    },
  )

  test('what fails is halved until it arrives, and grows again', () => {
    let it = link(100_000)
    for (let i = 0; i < 12; i++) it = failed(it, it.readingsMax)
    expect(it.readingsMax).toBe(100)
    expect(failed(it, 0)).toBe(it)
    // The backlog goes on top of what live has: however much was under way, the next is half of what was dared.
    expect(failed(link(100_000), 34_000).readingsMax).toBe(10_000)
    it = carried(it, 100, 20)
    expect(it.readingsMax).toBe(200)
    for (let i = 0; i < 12; i++) it = carried(it, it.readingsMax, 0.1)
    expect(it.readingsMax).toBe(READINGS_MAX)
  })
})
