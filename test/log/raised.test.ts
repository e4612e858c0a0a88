// What lies around rules' events: it stays raw whatever step is in force, of its class it goes last, and the log keeps its bound and its books.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { RAISED_MAX } from '../../src/core/bounds.ts'
import type { QueryRow } from '../../src/core/agent-api.ts'
import { rowsOf } from '../../src/core/query.ts'
import type { PageRequest } from '../../src/core/query.ts'
import type { Raised, Raising } from '../../src/core/rule.ts'
import { joinRaised } from '../../src/log/raised.ts'
import fc from '../prove/fast-check.ts'
import type { OpenedLog, TestOptions } from './helpers.ts'
import { bytesOnDisk, classNamed, openTestLog, T0, tempDir } from './helpers.ts'

const SECOND = 1_000_000
const ladder = [{ offlineForMs: 1, keep: { windowMs: 20_000 } }]
const HOT: Raising = { rule: 'hot', reads: { tags: ['t/3'] }, beforeMs: 0 }

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => {
  temp = tempDir()
})
afterEach(() => temp.remove())

const open = (more: TestOptions = {}) => {
  const classes = [classNamed('alarm'), classNamed('process', { ladder }), classNamed('debug', { ladder })]
  log = openTestLog(temp.dir, { classes, rules: true, raising: [HOT], ...more })
}

/** A commit a second, of ten tags of one class. */
function source(name = 'process') {
  const builder = new BatchBuilder(newOrigin(0))
  const tagOf = (n: number) => `${name === 'process' ? 't' : name}/${n}`
  const tags = Array.from({ length: 10 }, (_, n) => builder.series({ tag: tagOf(n), class: name, kind: 'double' }))
  const value = doubles(1)
  let second = 0
  return {
    take(seconds: number) {
      for (const end = second + seconds; second < end; second++) {
        for (const it of tags) builder.add(it, T0 + second * SECOND, value())
        log.append(builder.take(T0 + second * SECOND))
        log.clock.tick(1000)
      }
    },
  }
}

/** From 0 to 1, of which nothing can be saved. */
function doubles(seed: number): () => number {
  let state = seed
  const bits = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  return () => bits() / 2 ** 32 + (bits() >>> 11) / 2 ** 53
}

/** As the rules' thread does it: a reading of the rule's own, with its mark. */
function say(from: number, to: number, { rule = 'hot', device = 'box-1' } = {}): void {
  const builder = new BatchBuilder(newOrigin(1))
  builder.addString(builder.series({ tag: `rules/${rule}`, class: 'alarm', kind: 'string' }), T0, '{}')
  const raised = [{ rule, device, from: T0 + from * SECOND, to: T0 + to * SECOND }]
  log.writer.rules.append(1_000_000, builder.take(T0), 'alarm', { positions: {}, raised })
}

function rows(tag = '*'): QueryRow[] {
  const found: QueryRow[] = []
  const request = { tag, from: 0, to: Number.MAX_SAFE_INTEGER }
  for (let after: PageRequest['after'] | undefined = 0; after !== undefined; ) {
    const page = log.keeper.query({ ...request, after })
    for (const it of page.parts) found.push(...rowsOf(it))
    after = page.next
  }
  return found
}

/** Seconds of the raw readings of a tag. */
const rawOf = (tag: string) =>
  rows(tag)
    .filter((it) => !it.window)
    .map((it) => (it.time - T0) / SECOND)
    .toSorted((a, b) => a - b)
const from = (first: number, end: number) => Array.from({ length: end - first }, (_, n) => first + n)
const account = (name: string) => log.writer.figures().classes.find((it) => it.name === name)

describe('when blocks are sealed', () => {
  test('the time around an event stays raw, all else becomes aggregates; every reading is one or the other', () => {
    open()
    const it = source()
    it.take(300)
    say(100, 150)
    it.take(20)
    log.work(true)
    expect(rawOf('t/3')).toEqual(from(100, 151))
    // What stands in the same blocks stays with it.
    expect(rawOf('t/7')).toEqual(from(100, 151))
    expect(account('process')).toMatchObject({ accepted: 3_200, stored: 510, aggregated: 2_690, lost: {} })
    const sums = rows('t/3').flatMap((row) => row.window?.count ?? [])
    expect(sums.reduce((a, b) => a + b, 0)).toBe(269)
    expect(log.failures).toEqual([])
    log.close()
  })

  test('also where a step keeps nothing; other classes, other boxes and rules that are gone raise nothing of it', () => {
    const nothing = [{ offlineForMs: 1, keep: 'nothing' as const }]
    open({ classes: [classNamed('alarm'), classNamed('process', { ladder: nothing }), classNamed('debug', { ladder: nothing })] })
    source('process').take(100)
    source('debug').take(100)
    say(20, 30)
    say(40, 50, { device: 'box-2' })
    say(60, 70, { rule: 'earlier' })
    log.clock.tick(1_000)
    log.work(true)
    expect(rawOf('t/3')).toEqual(from(20, 31))
    expect(rawOf('debug/3')).toEqual([])
    expect(account('process')).toMatchObject({ stored: 110, lost: { 'offline-1ms': 890 } })
    log.close()
  })

  test('what an event may still raise waits for it, and stays raw where it cannot wait', () => {
    open({ raising: [{ ...HOT, beforeMs: 60_000 }] })
    const it = source()
    // Ten minutes: then fresh blocks are sealed.
    it.take(700)
    log.work()
    const left = rawOf('t/3')
    expect(left[0]).toBeGreaterThan(600)
    expect(left.at(-1)).toBe(699)
    say(650, 660)
    log.clock.tick(1_000)
    log.work(true)
    // All of it is forced: the last minute stays raw.
    expect(rawOf('t/3')[0]).toBeLessThanOrEqual(650)
    expect(rawOf('t/3').length).toBeGreaterThan(50)
    expect(account('process')).toMatchObject({ lost: {}, accepted: 7_000 })
    log.close()
  })

  test('after a kill it is raised as it was, with its event; what was not committed is neither', () => {
    open()
    const it = source()
    it.take(200)
    say(50, 60)
    log.clock.tick(1_000)
    say(100, 110)
    // Not committed any more.
    log.abandon()
    open()
    expect(rows('rules/*').length).toBe(1)
    log.clock.tick(1_000)
    log.work(true)
    expect(rawOf('t/3')).toEqual(from(50, 61))
    log.close()
    open({ raising: [] })
    expect(rawOf('t/3')).toEqual(from(50, 61))
    log.close()
  })
})

describe('when room is made', () => {
  const classes = [classNamed('alarm'), classNamed('process', { ladder: [{ offlineForMs: 1e12, keep: { windowMs: 100_000 } }] })]
  const MB = 1_000_000

  /** So many MB, ten seconds of a hundred tags a commit. */
  function fill(megabytes: number, at: { second: number }, every: () => void = () => {}): void {
    const builder = new BatchBuilder(newOrigin(0))
    const value = doubles(at.second + 1)
    const tags = Array.from({ length: 100 }, (_, n) => builder.series({ tag: `t/${n}`, class: 'process', kind: 'double' }))
    for (let bytes = 0; bytes < megabytes * MB; at.second += 10) {
      for (let k = 0; k < 50; k++) for (const it of tags) builder.add(it, T0 + at.second * SECOND + k * 200_000, value())
      bytes += 40_000
      log.append(builder.take(T0 + at.second * SECOND))
      log.clock.tick(10_000)
      if (at.second % 100 === 90) {
        every()
        log.work()
      }
    }
  }

  test('what is raised goes last of its class, and goes when nothing else is left: the log keeps its bound', {
    timeout: 120_000,
  }, () => {
    open({ classes, bytesMax: 32 * MB })
    const at = { second: 0 }
    fill(6, at)
    // Among the oldest of all, in segments apart.
    say(50, 59)
    log.clock.tick(1_000)
    say(1_000, 1_009)
    fill(30, at, () => expect(bytesOnDisk(temp.dir)).toBeLessThanOrEqual(32 * MB))
    const isRaised = (it: number) => (it >= 50 && it < 60) || (it >= 1_000 && it < 1_010)
    const kept = rawOf('t/3')
    expect(kept.filter(isRaised).length).toBe(100)
    // Their segments stay as a whole; others of their time do not.
    expect(kept.filter((it) => it < 1_200).length).toBeLessThan(4_000)
    // Younger ones have gone.
    expect(account('process')?.aggregated).toBeGreaterThan(500_000)
    say(0, 10_000_000)
    fill(30, at, () => expect(bytesOnDisk(temp.dir)).toBeLessThanOrEqual(32 * MB))
    expect(rawOf('t/3').filter(isRaised)).toEqual([])
    const { accepted = 0, stored = 0, aggregated = 0, lost = {} } = account('process') ?? {}
    expect(stored + aggregated + Object.values(lost).reduce((a, b) => a + b, 0)).toBe(accepted)
    expect(log.failures).toEqual([])
    log.close()
  })
})

describe('times', () => {
  const arbitrary = fc.array(
    fc.record({ rule: fc.constantFrom('a', 'b'), device: fc.constantFrom('x', 'y'), from: fc.nat(200), length: fc.nat(30) }),
    { maxLength: 40 },
  )
  const isIn = (all: readonly Raised[], rule: string, device: string, time: number) =>
    all.some((it) => it.rule === rule && it.device === device && it.from <= time && time <= it.to)

  test('joined, they are the same instants, and none touches another of its rule and box', () => {
    fc.assert(
      fc.property(arbitrary, (parts) => {
        const all = parts.map(({ length, ...it }) => ({ ...it, to: it.from + length }))
        const joined = all.reduce<readonly Raised[]>((known, it) => joinRaised(known, [it]), [])
        for (let time = 0; time < 240; time++)
          for (const rule of ['a', 'b'])
            for (const device of ['x', 'y']) expect(isIn(joined, rule, device, time)).toBe(isIn(all, rule, device, time))
        for (const a of joined)
          for (const b of joined)
            expect(a === b || a.rule !== b.rule || a.device !== b.device || a.to < b.from || b.to < a.from).toBe(true)
      }),
    )
  })

  test('those that ended first go where they are too many', () => {
    const all = Array.from({ length: RAISED_MAX + 7 }, (_, n) => ({ rule: 'hot', device: 'x', from: n * 10, to: n * 10 + 5 }))
    expect(joinRaised(all.slice(0, 50), all.slice(50))).toEqual(all.slice(7))
  })
})
