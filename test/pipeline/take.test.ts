import { describe, expect, test } from 'vitest'
import { backlogRoom } from '../../src/pipeline/forward-take.ts'
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
    it = carried(it, 100, 20)
    expect(it.readingsMax).toBe(200)
    for (let i = 0; i < 12; i++) it = carried(it, it.readingsMax, 0.1)
    expect(it.readingsMax).toBe(READINGS_MAX)
  })
})
