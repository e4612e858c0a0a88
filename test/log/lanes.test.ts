// The lanes by random lives of two uplinks on one log: a class for both of them, a class of which one is enough.
import fc from '../prove/fast-check.ts'
import { expect, test } from 'vitest'
import { POSITION_INTERVALS_MAX } from '../../src/core/bounds.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { contains, countOf, difference, intersection, overlaps, union, withInterval } from '../../src/core/intervals.ts'
import type { Lane, Taken } from '../../src/core/log.ts'
import type { StreamIntervals, StreamRange } from '../../src/core/stream.ts'
import { streamKey, streamOf } from '../../src/core/stream.ts'
import type { OpenedLog } from './helpers.ts'
import { checkBooks, classNamed, openTestLog, T0, tempDir } from './helpers.ts'

const RUNS = Number(process.env['HOLDFAST_RUNS'] ?? 40)
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 20_241)
const UPLINKS = ['a', 'b'] as const
const CLASSES = ['every', 'either'] as const
const ANY_OF = { classes: ['either'], uplinks: [...UPLINKS] }

type Order = 'oldest-first' | 'newest-first'
type Step =
  | { readonly do: 'append'; readonly count: number; readonly place: number; readonly refused: number }
  | {
      readonly do: 'take'
      readonly who: number
      readonly lane: Lane
      readonly max: number
      readonly outcome: 'had' | 'lost' | 'open'
    }
  | { readonly do: 'turn'; readonly who: number }
  | { readonly do: 'restart'; readonly who: number }
  | { readonly do: 'seal' }

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        count: fc.integer({ min: 1, max: 40 }),
        place: fc.nat(1),
        refused: fc.constantFrom(0, 0, 0, 2),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('take' as const),
        who: fc.nat(1),
        lane: fc.constantFrom<Lane>('live', 'backlog'),
        max: fc.constantFrom(1, 7, 30, 1_000),
        outcome: fc.constantFrom<'had' | 'lost' | 'open'>('had', 'had', 'had', 'lost', 'open'),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const), who: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), who: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('seal' as const) }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 20, maxLength: 80 },
)

interface Side {
  readonly name: string
  /** What its destination has got, what it was told to be elsewhere, its position. */
  got: Map<string, Intervals>
  told: Map<string, Intervals>
  position: Map<string, Intervals>
  /** Handed out in this session, by lane and stream, in its order. */
  handed: Map<string, StreamRange[]>
  transaction: number
  pending: { taken: Taken; transaction: number } | undefined
}

const add = (map: Map<string, Intervals>, { stream, from, to }: StreamRange) =>
  void map.set(stream, withInterval(map.get(stream) ?? [], from, to))
const of = (map: StreamIntervals, stream: string): Intervals => map.get(stream) ?? []

function createLives(dir: string, order: Order) {
  const log: OpenedLog = openTestLog(dir, {
    uplinks: [...UPLINKS],
    classes: CLASSES.map((name) => classNamed(name, { commitEveryMs: 50 })),
    delivery: { every: 'all-uplinks', either: 'any-uplink' },
  })
  const builder = new BatchBuilder(newOrigin(0))
  const series = CLASSES.map((name) => builder.series({ tag: name, class: name, kind: 'double' }))
  let given = 0
  let turn = 0
  const sides = UPLINKS.map(
    (name): Side => ({
      name,
      got: new Map(),
      told: new Map(),
      position: new Map(),
      handed: new Map(),
      transaction: 0,
      pending: undefined,
    }),
  )
  for (const it of sides) restart(it)

  /** The destination says what it has. */
  function restart(side: Side): void {
    side.pending = undefined
    side.handed = new Map()
    const there = side.transaction === 0 ? 'none' : { transaction: side.transaction, delivered: new Map(side.position) }
    const { delivered, inDoubt } = log.writer.restart(side.name, there)
    log.keeper.restart(side.name, delivered, inDoubt)
  }

  function take(side: Side, who: number, lane: Lane, readingsMax: number): Taken {
    const except = who === turn ? [] : ['either']
    const request = { uplink: side.name, lane, except, bytesMax: 1e6, readingsMax, backlog: order, anyOf: ANY_OF }
    const other = sides[1 - who] as Side
    const pendingThere = other.pending?.taken.ranges ?? []
    const taken = log.keeper.next(request)
    for (const range of taken.ranges) inOrder(side, lane, range)
    for (const slice of taken.slices) {
      const stream = streamKey(slice.stream)
      expect(taken.ranges.some((it) => it.stream === stream && it.from <= slice.from && slice.to <= it.to)).toBe(true)
      if (except.includes(slice.stream.class)) throw new Error('handed out what was to be left out')
      if (slice.form === 'gap') continue
      if (overlaps(of(side.got, stream), slice.from, slice.to))
        throw new Error(`${side.name} has ${stream} ${slice.from} already`)
      if (slice.stream.class !== 'either') continue
      if (overlaps(of(other.got, stream), slice.from, slice.to) && !isUnsaid(other, stream))
        throw new Error(`the other one has ${stream} ${slice.from}`)
      for (const open of pendingThere)
        for (const part of open.stream === stream ? intersection([slice], [open]) : [])
          if (
            countOf(
              difference(
                [part],
                (taken.maybeDuplicate ?? []).filter((it) => it.stream === stream),
              ),
            ) > 0
          )
            throw new Error(`${stream} ${part.from} may be there and is not marked`)
    }
    for (const { stream, from, to } of taken.elsewhere ?? []) {
      if (!contains(union(of(other.position, stream), of(other.got, stream)), from, to))
        throw new Error(`${stream} ${from} to ${to} is not elsewhere`)
      if (overlaps(of(side.got, stream), from, to)) throw new Error(`${stream} ${from} is here`)
    }
    return taken
  }

  /** What the destination got and the log does not know of yet. */
  const isUnsaid = (side: Side, _stream: string) => side.pending !== undefined

  function inOrder(side: Side, lane: Lane, range: StreamRange): void {
    const key = `${lane} ${range.stream}`
    const before = side.handed.get(key) ?? []
    for (const it of [...before, ...(side.handed.get(`${lane === 'live' ? 'backlog' : 'live'} ${range.stream}`) ?? [])])
      if (it.from < range.to && range.from < it.to) throw new Error(`${key} ${range.from} to ${range.to} was handed out before`)
    const last = before.at(-1)
    const isDown = lane === 'backlog' && order === 'newest-first' && streamOf(range.stream).form !== 'gap'
    // A class that had to wait begins anew: then live and backlog jump ahead, or above what they had come to.
    const waits = streamOf(range.stream).class === 'either'
    if (last && !waits && (isDown ? range.to > last.from : range.from < last.to))
      throw new Error(`${key} ${range.from}: out of order`)
    side.handed.set(key, [...before, range])
  }

  /** The destination commits records and position. */
  function arrive(side: Side, taken: Taken): void {
    side.transaction++
    for (const slice of taken.slices) add(side.got, { stream: streamKey(slice.stream), from: slice.from, to: slice.to })
    for (const it of taken.elsewhere ?? []) {
      if (overlaps(of(side.told, it.stream), it.from, it.to)) throw new Error(`${it.stream} ${it.from} told twice`)
      add(side.told, it)
    }
    for (const it of taken.ranges) add(side.position, it)
    const intervals = [...side.position.values()].reduce((sum, it) => sum + it.length, 0)
    if (intervals > POSITION_INTERVALS_MAX) throw new Error(`a position of ${intervals} intervals`)
  }

  function settle(side: Side): void {
    if (!side.pending) return
    log.writer.commit(side.name, side.pending.taken.ranges, side.pending.transaction, [])
    side.pending = undefined
    log.clock.tick(100)
  }

  function send(who: number, lane: Lane, max: number, outcome: 'had' | 'lost' | 'open'): Taken {
    const side = sides[who] as Side
    settle(side)
    const taken = take(side, who, lane, max)
    if (taken.ranges.length === 0) return taken
    log.writer.offer(side.name, taken.ranges, {})
    if (outcome === 'lost') {
      restart(side)
      return taken
    }
    arrive(side, taken)
    side.pending = { taken, transaction: side.transaction }
    if (outcome === 'had') settle(side)
    return taken
  }

  return {
    step(it: Step): void {
      if (it.do === 'append') {
        for (let i = 0; i < it.count; i++) builder.add(series[it.place] as number, T0 + given, given++)
        if (it.refused > 0) builder.refuse(CLASSES[it.place] as string, 'unreadable', T0, it.refused)
        log.append(builder.take(T0))
        log.clock.tick(100)
        log.writer.publish()
      } else if (it.do === 'take') send(it.who, it.lane, it.max, it.outcome)
      else if (it.do === 'turn') turn = it.who
      else if (it.do === 'restart') restart(sides[it.who] as Side)
      else log.work(true)
      if (log.failures.length > 0) throw log.failures[0]
    },
    /** Everything goes out; then each has, or was told of, all of it. */
    finish(): void {
      for (const who of [0, 1]) {
        turn = who
        for (let left = 200; ; left--) {
          const count = (['live', 'backlog'] as const).reduce((sum, lane) => sum + send(who, lane, 1_000, 'had').ranges.length, 0)
          if (count === 0) break
          if (left === 0) throw new Error('it never ends')
        }
      }
      const figures = log.writer.figures()
      expect(figures.classes.map((it) => it.stored)).toEqual([0, 0])
      for (const side of sides)
        for (const [key, { next }] of Object.entries(log.keeper.heads())) {
          const named = key.endsWith(':raw') ? [...lostIn(key)] : []
          const all = [of(side.got, key), of(side.told, key), named].reduce(union)
          if (next > 0) expect(all, `${side.name} ${key}`).toEqual([{ from: 0, to: next }])
          expect(countOf(intersection(of(side.got, key), of(side.told, key)))).toBe(0)
        }
      log.close()
    },
    log,
  }

  /** What the ledger names of a raw stream, from the gap slices that anybody got: read anew through a third uplink's eyes. */
  function lostIn(key: string): Intervals {
    log.keeper.restart('reader', new Map(), [])
    const { class: name } = streamOf(key)
    const rows = log.keeper
      .next({ uplink: 'reader', lane: 'live', except: CLASSES.filter((it) => it !== name), bytesMax: 1e9, readingsMax: 1e6 })
      .slices.flatMap((it) => (it.form === 'gap' ? it.rows : []))
    return rows.reduce<Intervals>((set, it) => (streamKey(it.stream) === key ? withInterval(set, it.from, it.to) : set), [])
  }
}

test.each(['oldest-first', 'newest-first'] as const)(
  '%s: each reading once to each uplink, in order, the rest told to be elsewhere',
  {
    timeout: 200_000,
  },
  (order) => {
    fc.assert(
      fc.property(steps, (list) => {
        const { dir, remove } = tempDir()
        try {
          const lives = createLives(dir, order)
          for (const it of list) lives.step(it)
          lives.finish()
        } finally {
          remove()
        }
      }),
      { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
    )
  },
)

test('newest-first: from the head down in parts, while live goes up; a position of few intervals, and retention keeps its hands off both ends', () => {
  const { dir, remove } = tempDir()
  const log = openTestLog(dir)
  const builder = new BatchBuilder(newOrigin(0))
  const one = builder.series({ tag: 'x', class: 'process', kind: 'double' })
  const append = (count: number) => {
    for (let i = 0; i < count; i++) builder.add(one, T0 + i, i)
    log.append(builder.take(T0))
    log.clock.tick(1_000)
  }
  for (let i = 0; i < 10; i++) append(100)
  const { delivered, inDoubt } = log.writer.restart('kafka', 'none')
  log.keeper.restart('kafka', delivered, inDoubt)
  const next = (lane: Lane, readingsMax: number) => {
    const { ranges } = log.keeper.next({ uplink: 'kafka', lane, except: [], bytesMax: 1e6, readingsMax, backlog: 'newest-first' })
    log.writer.commit('kafka', ranges, 1, [])
    log.clock.tick(1_000)
    return ranges.map((it) => [it.from, it.to])
  }
  next('live', 1)
  append(10)
  expect(next('backlog', 250)).toEqual([[750, 1_000]])
  expect(next('live', 250)).toEqual([[1_000, 1_010]])
  expect(next('backlog', 100)).toEqual([[650, 750]])
  expect(log.writer.figures().classes[0]).toMatchObject({ accepted: 1_010, delivered: 360, stored: 650 })
  expect(next('backlog', 1_000)).toEqual([[0, 650]])
  checkBooks(dir, log.writer.figures())
  log.close()
  remove()
})
