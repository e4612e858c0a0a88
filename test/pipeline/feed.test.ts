// What an uplink that holds nothing back lacks, and what becomes of what it refuses.
import { expect, test } from 'vitest'
import type { LogReader } from '../../src/core/log.ts'
import type { Refusal } from '../../src/core/position.ts'
import { feedLag, feedReader, isFeedsOnly, newFeed } from '../../src/pipeline/feed.ts'

const FEEDS = new Set(['site', 'hall'])
const streamOf = (name: string) => `box-1:e:${name}:raw`
const refused = (name: string, sequence: number, code = 'record-too-large'): Refusal => ({
  stream: streamOf(name),
  sequence,
  code,
})

test.each([
  ['no rule', undefined, false],
  ['all-uplinks', 'all-uplinks', false],
  ['any-uplink', 'any-uplink', false],
  ['none', 'none', false],
  ['it alone', ['site'], true],
  ['feeds alone', ['site', 'hall'], true],
  ['it and one that keeps what it gets', ['site', 'cloud'], false],
] as const)('whether nobody but feeds gets a class: %s', (_, rule, expected) => {
  expect(isFeedsOnly(rule, FEEDS)).toBe(expected)
})

test('what it refuses is parked where nobody else gets it, else counted and named; all ranges are committed', async () => {
  const commits: unknown[] = []
  const log = { commit: async (...said: unknown[]) => void commits.push(said) } as unknown as LogReader
  const feed = newFeed()
  const reader = feedReader(log, feed, (name) => name === 'shift')
  const ranges = ['shift', 'process', 'alarm'].map((it) => ({ stream: streamOf(it), from: 0, to: 9 }))
  const [alone, other, last] = [refused('shift', 1), refused('process', 2), refused('alarm', 3, 'publish-denied')]
  await reader.commit('site', ranges, 7, [alone, other, last])
  expect(commits).toEqual([['site', ranges, 7, [alone]]])
  expect(feed).toMatchObject({ refused: 2, code: 'publish-denied', refusedOf: new Set(['process', 'alarm']) })
  await reader.commit('site', ranges, 8, [])
  expect(commits[1]).toEqual(['site', ranges, 8, []])
  expect(feed).toMatchObject({ refused: 2, code: 'publish-denied' })
})

const EVERY_MS = 2_000

/** One class, a look every two seconds: `next` and what is delivered of it. */
function looking() {
  let now = 1_000
  const lag = feedLag(() => now)
  return (next: number, delivered: number) => {
    now += EVERY_MS
    const had = new Map([[streamOf('process'), delivered === 0 ? [] : [{ from: 0, to: delivered }]]])
    return lag({ [streamOf('process')]: { next, lost: 0 }, [streamOf('other')]: { next: 99, lost: 0 } }, had, ['process'])
  }
}

test('whoever lacks readings has been behind for a time, and for none who has all', () => {
  const look = looking()
  expect(look(0, 0)).toEqual({ readings: 0, seconds: 0 })
  expect(look(10, 10)).toEqual({ readings: 0, seconds: 0 })
  // Ten a look come, none arrives: the oldest of them came after the look before.
  for (const n of [1, 2, 3]) expect(look(10 + 10 * n, 10)).toEqual({ readings: 10 * n, seconds: 2 * n })
  // 20 and 30 are there: what is missing came after the look that saw 30.
  expect(look(50, 30)).toEqual({ readings: 20, seconds: 4 })
  expect(look(50, 50)).toEqual({ readings: 0, seconds: 0 })
  expect(look(51, 50)).toEqual({ readings: 1, seconds: 2 })
})

test('a month behind is remembered as well as a minute, in bounded room', () => {
  const look = looking()
  const looks = 10_000
  let last = { readings: 0, seconds: 0 }
  for (let n = 1; n <= looks; n++) last = look(n, 0)
  expect(last).toEqual({ readings: looks, seconds: looks * 2 })
  // Half of it arrives: what is missing is not older than that, and not said to be younger than it is.
  const { readings, seconds } = look(looks, looks / 2)
  expect(readings).toBe(looks / 2)
  expect(seconds).toBeGreaterThanOrEqual(looks)
  expect(seconds).toBeLessThan(looks * 1.1)
})
