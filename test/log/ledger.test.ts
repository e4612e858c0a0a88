// Old lines of the ledger become one, in lives of uplinks that take, lose, forget and come later. Real writer, keeper and files.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { countOf, intersection, withInterval } from '../../src/core/intervals.ts'
import type { GapSlice } from '../../src/core/log.ts'
import { firstPlaces } from '../../src/core/log.ts'
import type { StreamIntervals } from '../../src/core/stream.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { LineRow } from '../../src/log/ledger-merge.ts'
import { recoverLog } from '../../src/log/recover.ts'
import fc from '../prove/fast-check.ts'
import type { OpenedLog, TestOptions } from './helpers.ts'
import { classNamed, NEXT, openTestLog, T0, tempDir } from './helpers.ts'

const RUNS = Number(process.env['HOLDFAST_RUNS'] ?? 20)

let temp: ReturnType<typeof tempDir>
let dir: string
beforeEach(() => {
  temp = tempDir()
  dir = join(temp.dir, 'log')
})
afterEach(() => temp.remove())

// --- in lives of uplinks -----------------------------------------------------------------------------------------------------

const UPLINKS = ['a', 'b'] as const

interface Appended {
  readonly stored: number
  readonly refused: number
  readonly reason: string
  readonly isPublished: boolean
}

type Counted = ReturnType<OpenedLog['writer']['figures']>['classes'][number]

/** A destination: what it was told, line by line, and which places of gap streams it has records of. */
interface Side {
  readonly name: string
  position: Map<string, Intervals>
  transaction: number
  named: Map<string, Intervals>
  readonly places: Map<string, Intervals>
  /** By stream: readings that it has. */
  readonly read: Map<string, Intervals>
  hasMet: boolean
  unsaid: { readonly ranges: Parameters<OpenedLog['writer']['commit']>[1] } | undefined
}

const newSide = (name: string): Side => ({
  name,
  position: new Map(),
  transaction: 0,
  named: new Map(),
  places: new Map(),
  read: new Map(),
  hasMet: false,
  unsaid: undefined,
})

const of = (map: StreamIntervals, key: string): Intervals => map.get(key) ?? []

function claim(map: Map<string, Intervals>, key: string, from: number, to: number, whose: string): void {
  if (countOf(intersection(of(map, key), [{ from, to }])) > 0) throw new Error(`${whose}: ${key} ${from} to ${to} twice`)
  map.set(key, withInterval(of(map, key), from, to))
}

/** Each line names what no line before it did, and each place of a gap stream goes with one. */
function hear(side: Side, slice: GapSlice): void {
  const firsts = firstPlaces(slice)
  for (const [n, row] of slice.rows.entries()) {
    expect(row.count).toBe(row.to - row.from)
    claim(side.named, `${streamKey(row.stream)} ${row.action} ${row.reason}`, row.from, row.to, side.name)
    claim(side.places, streamKey(slice.stream), firsts[n] as number, row.sequence + 1, side.name)
  }
}

function livesOn(at: string, options: TestOptions = {}) {
  let log = open()
  let [builder, series] = source()
  let given = 0

  function open(): OpenedLog {
    return openTestLog(at, { uplinks: [...UPLINKS], classes: [classNamed('process', { commitEveryMs: 50 })], ...options })
  }

  function source() {
    const made = new BatchBuilder(newOrigin(0))
    return [made, made.series({ tag: 'x', class: 'process', kind: 'double' })] as const
  }

  function restart(side: Side): void {
    side.unsaid = undefined
    side.hasMet = true
    const there = side.transaction === 0 ? 'none' : { transaction: side.transaction, delivered: new Map(side.position) }
    const { delivered, inDoubt } = log.writer.restart(side.name, there)
    log.keeper.restart(side.name, delivered, inDoubt)
  }

  function settle(side: Side): void {
    if (side.unsaid) log.writer.commit(side.name, side.unsaid.ranges, side.transaction, [])
    side.unsaid = undefined
    log.clock.tick(100)
  }

  return {
    log: () => log,
    restart,
    append({ stored, refused, reason, isPublished }: Appended): void {
      for (let i = 0; i < stored; i++) builder.add(series, T0 + given, given++)
      if (refused > 0) builder.refuse('process', reason, log.clock.now(), refused)
      log.append(builder.take(log.clock.now()))
      log.clock.tick(100)
      if (isPublished) log.writer.publish()
    },
    send(side: Side, readingsMax: number, outcome: 'had' | 'lost' | 'open'): number {
      if (!side.hasMet) return 0
      settle(side)
      const taken = log.keeper.next({ ...NEXT, uplink: side.name, lane: 'live', readingsMax })
      if (taken.ranges.length === 0) return 0
      log.writer.offer(side.name, taken.ranges, {})
      if (outcome === 'lost') return (restart(side), taken.ranges.length)
      side.transaction++
      for (const it of taken.slices)
        if (it.form === 'gap') hear(side, it)
        else if (it.form === 'raw') claim(side.read, streamKey(it.stream), it.from, it.to, side.name)
      for (const it of taken.ranges) side.position.set(it.stream, withInterval(of(side.position, it.stream), it.from, it.to))
      side.unsaid = { ranges: taken.ranges }
      if (outcome === 'had') settle(side)
      return taken.ranges.length
    },
    reopen(): void {
      const ms = log.clock.monotonic()
      log.close()
      log = open()
      log.clock.tick(ms)
      ;[builder, series] = source()
    },
  }
}

/** Everybody, a newcomer too, has been told of all lines once, in whatever shape, and of every place. */
function finish(lives: ReturnType<typeof livesOn>, sides: readonly Side[]): void {
  const late = newSide('late')
  while (lives.log().writer.publish() > 0);
  for (const side of [...sides, late]) {
    lives.restart(side)
    while (lives.send(side, 1_000, 'had') > 0);
  }
  for (const side of [...sides, late]) {
    expect(side.named, side.name).toEqual(late.named)
    for (const [key, { next }] of Object.entries(lives.log().keeper.heads()))
      if (key.endsWith(':gap') && next > 0) expect(of(side.places, key), `${side.name} ${key}`).toEqual([{ from: 0, to: next }])
  }
  const lost = Object.values(lives.log().keeper.heads()).reduce((sum, it) => sum + it.lost, 0)
  expect([...late.named.values()].reduce((sum, it) => sum + countOf(it), 0)).toBe(lost)
}

const who = fc.nat(1)
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        stored: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 3),
        refused: fc.constantFrom(1, 2),
        isPublished: fc.constantFrom(true, true, true, false),
        reason: fc.constantFrom('unreadable', 'unreadable', 'unreadable', 'unreadable', 'unreadable', 'overflow'),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('take' as const),
        who,
        max: fc.constantFrom(1, 2, 5, 1_000),
        outcome: fc.constantFrom<'had' | 'lost' | 'open'>('had', 'had', 'had', 'lost', 'open'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), who }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('merge' as const) }) },
  ),
  { minLength: 30, maxLength: 120 },
)

test('whatever uplinks have, lose and come back to: each is told of every loss once, and of every place of the gap stream', () => {
  let merged = 0
  fc.assert(
    fc.property(steps, (list) => {
      const own = tempDir()
      try {
        const lives = livesOn(join(own.dir, 'log'))
        const sides = UPLINKS.map(newSide)
        for (const it of sides) lives.restart(it)
        for (const it of list) {
          if (it.do === 'append') lives.append(it)
          else if (it.do === 'take') lives.send(sides[it.who] as Side, it.max, it.outcome)
          else if (it.do === 'restart') lives.restart(sides[it.who] as Side)
          else if (it.do === 'merge') merged += linesMergedBy(join(own.dir, 'log'), () => lives.log().work(true))
          else {
            lives.reopen()
            for (const side of sides) Object.assign(side, { unsaid: undefined, hasMet: false })
            lives.restart(sides[0] as Side)
          }
          expect(lives.log().failures).toEqual([])
        }
        finish(lives, sides)
        expect(lives.log().writer.figures().classes.map(imbalanceOf)).toEqual([0])
        lives.log().close()
      } finally {
        own.remove()
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  )
  // Else nothing was tried.
  expect(merged).toBeGreaterThan(RUNS)
}, 120_000)

const imbalanceOf = ({ accepted, delivered, stored, aggregated, lost }: Counted) =>
  accepted - delivered - stored - aggregated - Object.values(lost).reduce((sum, n) => sum + n, 0)

function read<T>(at: string, sql: string): T[] {
  const db = new Database(join(at, 'journal.db'), { readonly: true })
  try {
    return db.prepare(sql).all() as T[]
  } finally {
    db.close()
  }
}

const linesIn = (at: string) => read<LineRow>(at, 'SELECT * FROM ledger ORDER BY first')

function linesMergedBy(at: string, work: () => void): number {
  const before = linesIn(at).length
  work()
  return before - linesIn(at).length
}

// --- a class of which aggregates leave ---------------------------------------------------------------------------------------

const FORWARD = {
  uplinks: ['a'],
  classes: [classNamed('process', { commitEveryMs: 50, forward: { windowMs: 1_000, keepRawMs: 5_000 } })],
}

/** A reading a window, sent as it is over; the destination has nearly all of them. */
function forwardWindows(lives: ReturnType<typeof livesOn>, side: Side, count: number): void {
  for (let n = 0; n < count; n++) {
    lives.append({ stored: 1, refused: 0, reason: '', isPublished: true })
    lives.log().clock.tick(900)
    lives.log().work()
    lives.log().writer.publish()
    if (n % 20 === 19) while (lives.send(side, 1_000, 'had') > 0);
  }
}

/** All that people and other parts are told of the ledger but for how many lines it has. */
function told(log: OpenedLog) {
  const { check, heads } = log.keeper
  const { ledger } = check.inspect(undefined)
  const lines = check.ledger({ limit: 100_000 })
  const named = lines.reduce<Intervals>((set, it) => withInterval(set, it.from, it.to + 1), [])
  const totals = ledger.map((it) => ({ ...it, lines: 0 }))
  return { totals, days: check.days(), heads: heads(), classes: log.writer.figures().classes, named, sum: countIn(lines) }
}

const countIn = (lines: readonly { readonly count: number }[]) => lines.reduce((sum, it) => sum + it.count, 0)

/** All that is to be done is done; says what was told before the first lines were merged. */
function workAndMerge(log: OpenedLog): ReturnType<typeof told> | undefined {
  const { keeper, writer } = log
  let before: ReturnType<typeof told> | undefined
  for (;;) {
    const change = keeper.work(writer.state(), true)
    if (!change) return before
    if (change.kind === 'merge') before ??= told(log)
    keeper.applied(writer.apply(change))
  }
}

test('a line a window becomes a line; what anybody is told stays the same, and a newcomer is told in one record what the others were in many', () => {
  const lives = livesOn(dir, FORWARD)
  const side = newSide('a')
  lives.restart(side)
  forwardWindows(lives, side, 150)
  expect(linesIn(dir).length).toBeGreaterThan(140)
  const before = workAndMerge(lives.log())
  expect(before?.sum).toBe(150)
  expect(told(lives.log())).toEqual(before)
  // All in one day; what was not sent yet stays.
  expect(linesIn(dir).length).toBeLessThan(15)
  const sent = side.transaction
  while (lives.send(side, 1_000, 'had') > 0);
  expect(side.transaction).toBeLessThan(sent + 3)
  lives.reopen()
  expect(told(lives.log()).totals).toEqual(before?.totals)
  const late = newSide('late')
  lives.restart(side)
  lives.restart(late)
  const [slice] = lives.log().keeper.next({ ...NEXT, uplink: 'late', lane: 'live' }).slices
  expect(slice?.form === 'gap' && slice.rows.length).toBeLessThan(15)
  lives.restart(late)
  while (lives.send(late, 1_000, 'had') > 0);
  expect(late.named).toEqual(side.named)
  expect(late.places).toEqual(side.places)
  expect(lives.log().failures).toEqual([])
  lives.log().close()
})

// --- what may not be merged --------------------------------------------------------------------------------------------------

const REFUSED = { stored: 0, refused: 2, reason: 'unreadable', isPublished: true }
const STORED = { ...REFUSED, stored: 3, refused: 0 }

function withLines(count: number) {
  const lives = livesOn(dir, { uplinks: ['a'] })
  const side = newSide('a')
  lives.restart(side)
  for (let n = 0; n < count; n++) lives.append(REFUSED)
  return { lives, side, lines: () => linesIn(dir).length }
}

test('lines that are on their way, or that an uplink has in part, or of which it has not said whether it has them, stay as they are', () => {
  const { lives, side, lines } = withLines(6)
  lives.send(side, 3, 'open')
  lives.log().work(true)
  // Three are under way: the others, which nobody has, are one.
  expect(lines()).toBe(4)
  lives.append(REFUSED)
  lives.append({ ...REFUSED, isPublished: false })
  lives.reopen()
  side.hasMet = false
  lives.log().work(true)
  expect(lines()).toBe(6)
  lives.restart(side)
  while (lives.send(side, 1_000, 'had') > 0);
  lives.log().work(true)
  // The last one has no place yet.
  expect(lines()).toBe(2)
  finish(lives, [side])
  lives.log().close()
})

test('nothing of what is to be one is handed out meanwhile; when an uplink turns out to have some of it, nothing is changed', () => {
  const { lives, side, lines } = withLines(4)
  const log = lives.log()
  const change = log.keeper.work(log.writer.state(), true)
  expect(change).toMatchObject({ kind: 'merge', from: 0, to: 4 })
  expect(log.keeper.next({ ...NEXT, uplink: 'a', lane: 'live' }).ranges).toEqual([])
  log.writer.commit('a', [{ stream: change?.stream ?? '', from: 0, to: 2 }], 1, [])
  const done = change && log.writer.apply(change)
  expect(done).toBe(false)
  log.keeper.applied(false)
  expect(lines()).toBe(4)
  side.transaction = 1
  side.position.set(change?.stream ?? '', [{ from: 0, to: 2 }])
  lives.restart(side)
  log.work(true)
  expect(lines()).toBe(2)
  log.close()
})

test('an uplink that forgot some of the lines that are one now is told of all of it once more', () => {
  const { lives, side } = withLines(8)
  while (lives.send(side, 1_000, 'had') > 0);
  lives.log().work(true)
  const [gap] = [...side.places.keys()]
  const had = [
    { from: 0, to: 2 },
    { from: 6, to: 8 },
  ]
  lives.log().keeper.restart('x', new Map([[gap as string, had]]), [])
  const { ranges, slices } = lives.log().keeper.next({ ...NEXT, uplink: 'x', lane: 'live' })
  expect(ranges).toEqual([{ stream: gap, from: 2, to: 8 }])
  expect(slices).toMatchObject([{ from: 2, to: 6, rows: [{ sequence: 5, from: 0, to: 16, count: 16 }] }])
  expect(lives.log().keeper.next({ ...NEXT, uplink: 'x', lane: 'live' }).ranges).toEqual([])
  lives.log().close()
})

test('a log that was put back: what it gave up before and since then is not one, for the one stays and the other gets other numbers', () => {
  const { lives, side, lines } = withLines(2)
  while (lives.send(side, 1_000, 'had') > 0);
  lives.append({ ...REFUSED, isPublished: false })
  lives.log().close()
  const copy = join(temp.dir, 'copy')
  cpSync(dir, copy, { recursive: true })
  const other = livesOn(dir, { uplinks: ['a'] })
  other.restart(side)
  // Its lanes begin at the head: what comes is live.
  expect(other.send(side, 1_000, 'had')).toBe(0)
  for (let n = 0; n < 3; n++) other.append({ ...STORED, isPublished: false })
  while (other.send(side, 1_000, 'had') > 0);
  other.log().close()
  rmSync(dir, { recursive: true })
  cpSync(copy, dir, { recursive: true })
  const back = livesOn(dir, { uplinks: ['a'] })
  while (back.log().writer.publish() > 0);
  back.append(REFUSED)
  back.append(REFUSED)
  back.log().work(true)
  // Two that were sent; one of before; two of since then.
  expect(lines()).toBe(3)
  back.restart(side)
  while (back.log().writer.publish() > 0);
  while (back.send(side, 1_000, 'had') > 0);
  const sent = [...side.named].filter(([key]) => key.includes(':raw'))
  for (const [key, set] of sent) expect(countOf(intersection(set, of(side.read, key.split(' ')[0] as string))), key).toBe(0)
  expect([...side.read.values()].map(countOf)).toEqual([9])
  expect(sent).toHaveLength(2)
  back.log().close()
})

/** By the lines of before, not by what was made up for them. */
const aggregatedIn = ({ totals }: ReturnType<typeof told>) =>
  countIn(totals.filter((it) => it.action === 'aggregated' && it.reason === 'forward-1s'))

test.each(['all of the journal', 'a line that many have become', 'what the journal came to know since'])(
  '%s is lost: the segments know what was given up',
  async (what) => {
    const options = { ...FORWARD, classes: [classNamed('process', { commitEveryMs: 50, forward: { windowMs: 1_000 } })] }
    const lives = livesOn(dir, options)
    const side = newSide('a')
    lives.restart(side)
    const copy = join(temp.dir, 'journal.db')
    for (let n = 0; n < 4; n++) {
      forwardWindows(lives, side, 30)
      lives.log().work(true)
      if (n === 1) {
        lives.reopen()
        cpSync(join(dir, 'journal.db'), copy)
        lives.restart(side)
      }
    }
    const before = told(lives.log())
    expect(linesIn(dir).length).toBeLessThan(40)
    lives.log().close()
    if (what !== 'a line that many have become')
      for (const it of ['journal.db', 'journal.db-wal']) rmSync(join(dir, it), { force: true })
    if (what === 'what the journal came to know since') cpSync(copy, join(dir, 'journal.db'))
    if (what === 'a line that many have become') {
      const db = new Database(join(dir, 'journal.db'))
      db.exec('DELETE FROM ledger WHERE id = (SELECT id FROM ledger ORDER BY count DESC LIMIT 1)')
      db.close()
    }
    const { device, uplinks, classes } = { device: 'box-1', ...options }
    const made = { device, uplinks, classes, delivery: {}, keepDeliveredMs: 0, dir, bytesMax: 64_000_000 }
    const { faults } = await recoverLog({ ...made, bootId: 'boot-1', now: T0 })
    expect(faults).toHaveLength(1)
    const again = livesOn(dir, options)
    again.restart(side)
    const after = told(again.log())
    expect(after.named).toEqual(before.named)
    expect(aggregatedIn(after)).toBe(aggregatedIn(before))
    expect(after.classes).toMatchObject([{ accepted: before.classes[0]?.accepted }])
    again.log().close()
  },
)
