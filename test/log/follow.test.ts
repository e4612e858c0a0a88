// Followers of a real log: what they are given keeps its number whatever becomes of the log; what is gone is told in its place.
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { FOLLOW_POSITION_CHARS_MAX, FOLLOWERS_MAX } from '../../src/core/bounds.ts'
import type { FollowRow } from '../../src/core/follow.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import fc from '../prove/fast-check.ts'
import { followName, positionOf, positionsAlong, positionText } from '../../src/log/follow-position.ts'
import { aggregatesOf, followerOf, positionAfter, pull, readingsOf } from './following.ts'
import type { OpenedLog, TestOptions } from './helpers.ts'
import { classNamed, NEXT, openTestLog, T0, tempDir } from './helpers.ts'

const CLASSES = [classNamed('alarm', { commitEveryMs: 50 }), classNamed('process', { commitEveryMs: 400 })]
const TAGS = 5
const WEEK_MS = 604_800_000

let temp: ReturnType<typeof tempDir>
beforeEach(() => {
  temp = tempDir()
})
afterEach(() => temp.remove())

let lives = 0

/** A log that can crash, and what goes into it: each reading has a value of its own. */
function createLife(options: TestOptions = {}) {
  let dir = join(temp.dir, `life-${lives++}`)
  let boot = 0
  let value = 0
  let transaction = 0
  let commits = 0
  let builder: BatchBuilder
  let log: OpenedLog
  const open = (isAway = false): void => {
    const settings = { classes: CLASSES, bootId: `boot-${boot}`, keepDeliveredMs: WEEK_MS, ...options }
    log = openTestLog(dir, settings, () => void commits++)
    builder = new BatchBuilder(newOrigin(0))
    if (isAway) return
    const { delivered, inDoubt } = log.writer.restart('kafka', 'none')
    log.keeper.restart('kafka', delivered, inDoubt)
  }
  const copyTo = (to: string): void => cpSync(dir, to, { recursive: true, filter: (it) => !it.endsWith('-shm') })
  /** Under way to the uplink. */
  const offer = (): readonly StreamRange[] => {
    const lanes = (['live', 'backlog'] as const).map((lane) => log.keeper.next({ ...NEXT, lane, readingsMax: 50 }))
    const ranges = lanes.flatMap((it) => it.ranges)
    log.writer.offer('kafka', ranges, {})
    return ranges
  }
  open()
  return {
    copyTo,
    follow: followerOf(() => log),
    get log() {
      return log
    },
    append(name: string, count: number, refused = 0): void {
      const series = Array.from({ length: TAGS }, (_, n) => builder.series({ tag: `${name}/${n}`, class: name, kind: 'double' }))
      // Against the order of their series: merged, they are put in another one.
      for (let i = 0; i < count; i++) builder.add(series[TAGS - 1 - (i % TAGS)] as number, T0 + value * 1000, value++)
      if (refused > 0) builder.refuse(name, 'unreadable', T0, refused)
      log.append(builder.take(log.clock.now()))
      log.clock.tick(400)
    },
    offer,
    deliver(): void {
      const ranges = offer()
      log.writer.commit('kafka', ranges, ++transaction, [])
      log.clock.tick(2_000)
    },
    /** The files as they stand go on elsewhere. */
    /** One bit of the first segment. */
    damage(): void {
      const files = readdirSync(join(dir, 'segments'), { recursive: true, encoding: 'utf8' })
      const path = files.find((it) => it.endsWith('.raw')) ?? ''
      const bytes = readFileSync(join(dir, 'segments', path))
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 10) ^ 1, bytes.length - 10)
      writeFileSync(join(dir, 'segments', path), bytes)
    },
    commits: () => commits,
    /** `isAway`: the uplink is not met again. */
    crash(isPower: boolean, isAway = false): void {
      const old = log
      const copy = join(temp.dir, `life-${lives++}`)
      copyTo(copy)
      dir = copy
      if (isPower) boot++
      old.close()
      open(isAway)
    },
  }
}
type Life = ReturnType<typeof createLife>

const idOf = (it: { device?: string; epoch?: string; class: string; sequence: number }) =>
  `${it.device}:${it.epoch}:${it.class}:raw:${it.sequence}`

/** Each number once, read or told as gone, from 0 on without a hole; no reading twice under two of them. */
function checkWhole(rows: readonly FollowRow[], life: Life): void {
  const readings = readingsOf(rows)
  expect(new Set(readings.map(idOf)).size).toBe(readings.length)
  expect(new Set(readings.map((it) => it.value)).size).toBe(readings.length)
  const seen = new Map<string, number[]>()
  for (const it of rows) {
    if (it.type !== 'reading' && (it.type !== 'gap' || it.form !== 'raw')) continue
    const key = `${it.device}:${it.epoch}:${it.class}:raw`
    const numbers = seen.get(key) ?? []
    seen.set(key, numbers)
    const [from, to] = it.type === 'gap' ? [it.from, it.to] : [it.sequence, it.sequence]
    for (let at = from; at <= to; at++) numbers.push(at)
  }
  for (const [key, numbers] of seen) expect([key, numbers]).toEqual([key, numbers.map((_, at) => at)])
  const heads = life.log.keeper.heads()
  for (const [key, { next }] of Object.entries(heads)) if (key.endsWith(':raw')) expect(seen.get(key)?.length ?? 0).toBe(next)
}

type Step =
  | { readonly do: 'append'; readonly name: string; readonly count: number; readonly refused: number }
  | { readonly do: 'pull'; readonly max: number }
  | { readonly do: 'seal' | 'deliver' | 'crash' | 'power' }

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        name: fc.constantFrom('alarm', 'process'),
        count: fc.integer({ min: 1, max: 30 }),
        refused: fc.constantFrom(0, 0, 0, 2),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('pull' as const), max: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('seal' as const, 'seal' as const, 'deliver' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'power' as const) }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 20, maxLength: 60 },
)

test.each([
  ['what is delivered is kept', WEEK_MS],
  ['what is delivered goes', 0],
])(
  'a follower that is cut off at any row, and a log that crashes and seals: each reading once (%s)',
  async (_, keepDeliveredMs) => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const life = createLife({ keepDeliveredMs })
        const rows: FollowRow[] = []
        const on = async (max?: number) =>
          void rows.push(...(await pull(life.follow, { from: rows.at(-1)?.position ?? 'beginning' }, max)))
        for (const it of all) {
          if (it.do === 'append') life.append(it.name, it.count, it.refused)
          else if (it.do === 'pull') await on(it.max)
          else if (it.do === 'seal') life.log.work(true)
          else if (it.do === 'deliver') life.deliver()
          else life.crash(it.do === 'power')
        }
        await on()
        checkWhole(rows, life)
        expect(life.log.failures).toEqual([])
        life.log.close()
      }),
      { numRuns: 15 },
    )
  },
)

test.each([
  ['crashes', false],
  ['loses its power', true],
])('a log that %s and seals before the follower comes back has put nothing in another order', async (_, isPower) => {
  const life = createLife()
  for (let n = 0; n < 3; n++) life.append('process', 20)
  const first = await pull(life.follow, { from: 'beginning' }, 23)
  life.crash(isPower)
  life.append('process', 20)
  expect(life.log.work(true)).toBeGreaterThan(0)
  checkWhole([...first, ...(await pull(life.follow, { from: positionAfter(first) }))], life)
  life.log.close()
})

test('what is just being put in another order is read when that is over', async () => {
  const life = createLife()
  for (let n = 0; n < 3; n++) life.append('process', 20)
  const { keeper, writer } = life.log
  const change = keeper.work(writer.state(), true)
  if (change?.kind !== 'seal') throw new Error('there is something to seal')
  expect(keeper.follow.read({ numbers: {} })).toMatchObject({ steps: [], isCaughtUp: false })
  const done = writer.apply(change)
  keeper.applied(done)
  expect(done).toBe(true)
  checkWhole(await pull(life.follow, { from: 'beginning' }), life)
  life.log.close()
})

test('what goes before it is read is told: what was given up, refused, or delivered and not kept', async () => {
  const life = createLife({ keepDeliveredMs: 0 })
  life.append('process', 20, 3)
  const first = await pull(life.follow, { from: 'beginning' }, 5)
  life.deliver()
  const rest = await pull(life.follow, { from: positionAfter(first) })
  const gaps = rest.filter((it) => it.type === 'gap')
  expect(gaps).toMatchObject([
    { class: 'process', form: 'raw', from: 5, to: 19, count: 15, action: 'delivered', timeFrom: null },
    { class: 'process', form: 'raw', from: 20, to: 22, count: 3, action: 'refused', reason: 'unreadable' },
  ])
  expect(readingsOf(rest)).toEqual([])
  checkWhole([...first, ...rest], life)
  life.log.close()
})

test('a hole of more numbers than fit in memory is one row', async () => {
  const life = createLife()
  life.append('process', 5, 30_000_000_000)
  life.append('process', 5)
  const rows = await pull(life.follow, { from: 'beginning' })
  expect(rows.filter((it) => it.type === 'gap')).toMatchObject([{ from: 5, to: 30_000_000_004, count: 30_000_000_000 }])
  expect(readingsOf(rows).map((it) => it.sequence)).toEqual(
    [0, 1, 2, 3, 4].flatMap((n) => [n, n + 30_000_000_005]).toSorted((a, b) => a - b),
  )
  life.log.close()
})

test('of an epoch that is over, what went before it was read is told; then the position names it no more', async () => {
  const life = createLife({ keepDeliveredMs: 0 })
  life.append('process', 20)
  const first = await pull(life.follow, { from: 'beginning' }, 5)
  const [stream = ''] = Object.keys(life.log.keeper.heads())
  // The uplink knows numbers that this log has not given out: it is an older copy.
  life.log.writer.restart('kafka', { transaction: 9, delivered: new Map([[stream, [{ from: 0, to: 30 }]]]) })
  life.append('process', 10)
  life.append('process', 10)
  expect(Object.keys(life.log.keeper.heads())).not.toContain(stream)
  const rest = await pull(life.follow, { from: positionAfter(first) })
  expect(rest.filter((it) => it.type === 'gap')).toMatchObject([{ epoch: stream.split(':')[1], from: 5, action: 'delivered' }])
  expect(readingsOf(rest)).toHaveLength(20)
  expect(Object.keys(positionOf(positionAfter(rest)))).toHaveLength(1)
  expect((await pull(life.follow, { from: positionAfter(rest) })).filter((it) => it.type !== 'position')).toEqual([])
  life.log.close()
})

test('a damaged block that an uplink may have under way holds up nobody, and wakes nobody', async () => {
  const life = createLife({ rules: true })
  for (let n = 0; n < 3; n++) life.append('process', 20)
  life.log.work(true)
  life.append('alarm', 10)
  life.offer()
  life.crash(false, true)
  const { keeper, writer } = life.log
  const stream = Object.keys(keeper.heads()).find((it) => it.includes('process')) ?? ''
  life.damage()
  const commits = life.commits()
  const [once, twice] = [1, 2].map(() => {
    const taken = keeper.follow.read({ numbers: {} })
    for (const it of taken.damaged) writer.damaged(it.stream, it.first)
    return taken
  })
  expect(once).toMatchObject({
    steps: [{ from: 0, to: 10, stream: { class: 'alarm' } }],
    damaged: [{ stream, first: 0 }],
    isCaughtUp: false,
  })
  const gap = { action: 'damaged', count: 60 }
  expect(twice?.steps).toMatchObject([{ from: 0, to: 60, stream: { class: 'process' }, gap }, { stream: { class: 'alarm' } }])
  expect(twice?.isCaughtUp).toBe(true)
  const [first, second] = [1, 2].map(() => keeper.rules.read({ [stream]: 0 }, 1_000))
  expect([first?.positions[stream], first?.missed]).toEqual([0, 0])
  expect([second?.positions[stream], second?.missed]).toEqual([60, 60])
  expect(life.commits()).toBe(commits)
  life.log.close()
})

test('the look of one follower counts for the others, and a block that can be read again begins anew', () => {
  const life = createLife({ rules: true })
  for (let n = 0; n < 3; n++) life.append('process', 20)
  life.log.work(true)
  life.offer()
  life.crash(false, true)
  const { follow } = life.log.keeper
  const gapOf = () => follow.read({ numbers: {}, class: 'process' }).steps.map((it) => it.gap?.action)
  life.damage()
  expect(gapOf()).toEqual([])
  // The same bit again: it is whole.
  life.damage()
  expect(gapOf()).toEqual([undefined])
  life.damage()
  expect(gapOf()).toEqual([])
  expect(gapOf()).toEqual(['damaged'])
  life.log.close()
})

test('what a step of the ladder drops is told', async () => {
  const ladder = [{ offlineForMs: 0, keep: 'nothing' as const }]
  const life = createLife({ classes: [classNamed('process', { commitEveryMs: 400, ladder })] })
  life.append('process', 30)
  const first = await pull(life.follow, { from: 'beginning' }, 10)
  life.log.clock.tick(60_000)
  life.log.work(true)
  const rest = await pull(life.follow, { from: positionAfter(first) })
  expect(rest.filter((it) => it.type !== 'position')).toMatchObject([
    { type: 'gap', form: 'raw', from: 10, to: 29, count: 20, action: 'dropped', timeFrom: expect.any(Number) },
  ])
  checkWhole([...first, ...rest], life)
  life.log.close()
})

test('aggregates come, and the readings that they stand for are a gap', async () => {
  const ladder = [{ offlineForMs: 0, keep: { windowMs: 10_000 } }]
  const life = createLife({ classes: [classNamed('process', { commitEveryMs: 400, ladder })] })
  life.append('process', 4_000)
  const first = await pull(life.follow, { from: 'beginning' }, 10)
  life.log.clock.tick(60_000)
  life.log.work(true)
  const rest = await pull(life.follow, { from: positionAfter(first) })
  expect(rest.filter((it) => it.type === 'gap')).toMatchObject([{ form: 'raw', from: 10, to: 3_999, action: 'aggregated' }])
  const windows = aggregatesOf(rest)
  expect(windows.reduce((sum, it) => sum + (it.window?.count ?? 0), 0)).toBe(4_000)
  expect((await pull(life.follow, { from: positionAfter(rest) })).filter((it) => it.type !== 'position')).toEqual([])
  checkWhole([...first, ...rest], life)
  life.log.close()
})

test('tags, classes and forms are chosen by pattern, and the position passes over the rest', async () => {
  const life = createLife()
  life.append('alarm', 10)
  life.append('process', 10)
  const tags = async (filter: object) =>
    new Set(readingsOf(await pull(life.follow, { from: 'beginning', ...filter })).map((it) => it.tag))
  expect(await tags({ tag: ['alarm/*', 'process/1'] })).toEqual(
    new Set(['alarm/0', 'alarm/1', 'alarm/2', 'alarm/3', 'alarm/4', 'process/1']),
  )
  expect((await tags({ class: 'al*' })).size).toBe(TAGS)
  expect((await tags({ form: ['aggregate'] })).size).toBe(0)
  const one = await pull(life.follow, { from: 'beginning', tag: 'process/1' })
  expect(readingsOf(await pull(life.follow, { from: positionAfter(one), tag: 'process/1' }))).toEqual([])
  life.log.close()
})

test('from now, and from a time within a block', async () => {
  const life = createLife()
  life.append('process', 10)
  const since = life.log.clock.now() + 1
  life.log.clock.tick(10)
  life.append('process', 7)
  life.log.work(true)
  const now = await pull(life.follow, { from: 'now' })
  expect(readingsOf(now)).toEqual([])
  expect(readingsOf(await pull(life.follow, { from: since })).map((it) => it.value)).toEqual(
    [10, 11, 12, 13, 14, 15, 16].map(() => expect.any(Number)),
  )
  expect(readingsOf(await pull(life.follow, { from: life.log.clock.now() + 1e9 }))).toEqual([])
  life.append('process', 3)
  expect(readingsOf(await pull(life.follow, { from: positionAfter(now) }))).toHaveLength(3)
  life.log.close()
})

test('a position of another log, from the future, or that was changed on its way', async () => {
  const life = createLife()
  life.append('process', 10)
  const position = positionAfter(await pull(life.follow, { from: 'beginning' }))
  const wrong = async (from: string) =>
    pull(life.follow, { from }).then(
      () => 'taken',
      (error: Error) => error.message,
    )
  const other = createLife()
  other.append('process', 10)
  const old = { ...life.log.keeper.heads() }
  expect(Object.keys(old)).toHaveLength(1)
  other.log.close()
  const empty = openTestLog(join(temp.dir, 'empty'), { classes: CLASSES })
  await expect(
    pull(
      followerOf(() => empty),
      { from: position },
    ),
  ).rejects.toThrow(/another log/)
  empty.close()
  expect(await wrong(position.replace(/.$/, (it) => (it === 'a' ? 'b' : 'a')))).toMatch(/no position/)
  expect(await wrong(position.slice(0, -1))).toMatch(/no position/)
  expect(await wrong('yesterday')).toMatch(/neither a position/)
  life.log.close()
})

test('a position of 2,000 streams goes both ways, each row with its own', () => {
  const names = Array.from({ length: 2_000 }, (_, n) => followName(`box-${n}:epoch:process:raw`))
  // As many as a reading a millisecond makes in a month.
  const numbers = Object.fromEntries(names.map((it, n) => [it, 2_500_000_000 - n]))
  const text = positionText(numbers)
  expect(text.length).toBeLessThanOrEqual(FOLLOW_POSITION_CHARS_MAX)
  expect(positionOf(text)).toEqual(numbers)
  const [first = ''] = names
  const along = positionsAlong(numbers, first)
  for (const next of [0, 7, 2_500_000_001]) expect(positionOf(along(next))).toEqual({ ...numbers, [first]: next })
})

test('an older copy of the log was put back: a position that is ahead of it is refused', async () => {
  const life = createLife()
  life.append('process', 10)
  const old = join(temp.dir, 'old')
  life.copyTo(old)
  life.append('process', 10)
  const position = positionAfter(await pull(life.follow, { from: 'beginning' }))
  life.log.close()
  const back = openTestLog(old, { classes: CLASSES, bootId: 'boot-0' })
  await expect(
    pull(
      followerOf(() => back),
      { from: position },
    ),
  ).rejects.toThrow(/ahead of this log: .* has come to 10, the position to 20/)
  back.close()
})

test('so many at once, and a place is free again when one has gone', async () => {
  const life = createLife()
  const gone = new AbortController()
  const all = Array.from({ length: FOLLOWERS_MAX }, () => life.follow({ from: 'now' }, gone.signal)[Symbol.asyncIterator]())
  for (const it of all) await it.next()
  await expect(pull(life.follow, { from: 'now' })).rejects.toMatchObject({ code: 'too-many-followers' })
  await all[0]?.return?.()
  await expect(pull(life.follow, { from: 'now' })).resolves.toHaveLength(2)
  gone.abort()
  for (const it of all) await it.return?.()
  life.log.close()
})
