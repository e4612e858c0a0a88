import { rowsOf } from '../../src/core/query.ts'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeBlock } from '../../src/columns/index.ts'
import { POSITION_INTERVALS_MAX } from '../../src/core/bounds.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import type { Position } from '../../src/core/position.ts'
import type { OpenedLog, TestOptions } from './helpers.ts'
import { books, checkBooks, classNamed, counterSource, NEXT, openTestLog, slicesOf, T0, tempDir } from './helpers.ts'

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
let source: ReturnType<typeof counterSource>
beforeEach(() => void (temp = tempDir()))
afterEach(() => temp.remove())

/** Opens with one block of ten readings for each of `blocks`. */
function open(blocks: number, options: TestOptions = {}): void {
  log = openTestLog(temp.dir, options)
  source = counterSource()
  add(blocks)
}

function add(blocks: number): void {
  for (let i = 0; i < blocks; i++) {
    log.append(source.batch(10))
    log.clock.tick(1000)
  }
}

function restart(uplink: string, position: Position | 'none') {
  const resumed = log.writer.restart(uplink, position)
  log.keeper.restart(uplink, resumed.delivered, resumed.inDoubt)
  return resumed
}

const all = { ...NEXT, readingsMax: 1e6 }
const rangesOf = (taken: { ranges: readonly StreamRange[] }) => taken.ranges.map((it) => [it.from, it.to])
const account = () => {
  const { accepted, stored, delivered } = log.writer.figures().classes[0] as {
    accepted: number
    stored: number
    delivered: number
  }
  return { accepted, stored, delivered }
}

/** Everything that an uplink's two lanes hand out, committed as its transaction. */
function drain(uplink: string, transaction: number, refused: { stream: string; sequence: number; code: string }[] = []) {
  const taken = (['live', 'backlog'] as const).map((lane) => log.keeper.next({ ...all, uplink, lane }))
  const ranges = taken.flatMap((it) => it.ranges)
  log.writer.offer(uplink, ranges, { 'topic/0': '7' })
  log.writer.commit(uplink, ranges, transaction, refused)
  log.clock.tick(1000)
  return taken
}

describe('the rule of delivery', () => {
  const uplinks = ['a', 'b', 'c']
  test.each([
    ['all-uplinks' as const, ['a', 'b'], 'c'],
    ['any-uplink' as const, [], 'b'],
    [['a', 'c'], ['b', 'a'], 'c'],
  ])('%j: delivered once the last that counts has it', (rule, before, last) => {
    open(4, { uplinks, delivery: { process: rule } })
    for (const uplink of uplinks) restart(uplink, 'none')
    for (const uplink of before) {
      drain(uplink, 1)
      expect(account()).toEqual({ accepted: 40, stored: 40, delivered: 0 })
    }
    drain(last, 1)
    expect(account()).toEqual({ accepted: 40, stored: 0, delivered: 40 })
    log.close()
  })

  test('none: stays stored', () => {
    open(4, { delivery: { process: 'none' } })
    restart('kafka', 'none')
    drain('kafka', 1)
    expect(account()).toEqual({ accepted: 40, stored: 40, delivered: 0 })
    log.close()
  })

  test('an uplink that leaves the settings holds nothing back any more', () => {
    open(4, { uplinks: ['a', 'b'] })
    restart('a', 'none')
    restart('b', 'none')
    drain('a', 1)
    log.writer.offer(
      'b',
      [{ stream: log.keeper.next({ ...all, uplink: 'b', lane: 'backlog' }).ranges[0]?.stream ?? '', from: 0, to: 40 }],
      {},
    )
    log.close()
    open(1, { uplinks: ['a'] })
    expect(account()).toEqual({ accepted: 50, stored: 10, delivered: 40 })
    log.close()
  })

  test('kept readings count as delivered, can be asked for, and go when their time is over', () => {
    open(4, { keepDeliveredMs: 60_000 })
    restart('kafka', 'none')
    drain('kafka', 1)
    expect(account()).toEqual({ accepted: 40, stored: 0, delivered: 40 })
    const rows = () =>
      log.keeper.query({ tag: 'process/counter', from: 0, to: 2 ** 53, after: 0 }).parts.flatMap((it) => [...rowsOf(it)]).length
    expect(rows()).toBe(40)
    expect(drain('kafka', 2).flatMap(slicesOf)).toEqual([])
    log.clock.tick(120_000)
    add(1)
    expect(rows()).toBe(10)
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('what an uplink has had is not handed out again after a restart, though the block is still there', () => {
    open(4, { uplinks: ['a', 'b', 'c'] })
    restart('a', 'none')
    restart('b', 'none')
    drain('a', 1)
    log.close()
    open(0, { uplinks: ['a', 'b', 'c'] })
    for (const [uplink, count] of [
      ['a', 0],
      ['b', 4],
    ] as const) {
      restart(uplink, 'none')
      expect((['live', 'backlog'] as const).flatMap((lane) => slicesOf(log.keeper.next({ ...all, uplink, lane })))).toHaveLength(
        count,
      )
    }
    const stream = books(temp.dir)[0]?.stream as string
    restart('b', { transaction: 3, delivered: new Map([[stream, [{ from: 10, to: 30 }]]]) })
    expect(slicesOf(log.keeper.next({ ...all, uplink: 'b', lane: 'backlog' })).map((it) => it.from)).toEqual([0, 30])
    log.close()
  })

  test('a parked reading stays stored and raw, its neighbours are delivered', () => {
    open(3)
    restart('kafka', 'none')
    const stream = books(temp.dir)[0]?.stream as string
    drain('kafka', 1, [{ stream, sequence: 14, code: 'too-large' }])
    expect(account()).toEqual({ accepted: 30, stored: 1, delivered: 29 })
    expect(log.writer.figures().parked).toBe(1)
    log.close()
    open(0)
    expect(account()).toEqual({ accepted: 30, stored: 1, delivered: 29 })
    expect(
      log.keeper
        .query({ tag: 'process/counter', from: 0, to: 2 ** 53, after: 0 })
        .parts.flatMap((it) => [...rowsOf(it)])
        .map((it) => it.sequence),
    ).toContain(14)
    log.close()
  })
})

describe('given up before all had it', () => {
  test('to those that never got it, it is elsewhere; those that have it are told nothing; what nobody has keeps its reason', () => {
    open(4, { uplinks: ['a', 'b'] })
    restart('a', 'none')
    restart('b', 'none')
    const stream = log.keeper.next({ ...all, uplink: 'a', lane: 'backlog', readingsMax: 15 }).ranges[0]?.stream as string
    log.writer.commit('a', [{ stream, from: 0, to: 15 }], 1, [])
    log.clock.tick(1000)
    for (const first of [10, 20]) log.writer.damaged(stream, first)
    log.writer.publish()
    const told = (uplink: string) =>
      log.keeper
        .next({ ...all, uplink, lane: 'live' })
        .slices.flatMap((it) => (it.form === 'gap' ? it.rows : []))
        .map((it) => [it.from, it.to, it.count, it.action, it.reason])
    expect(told('a')).toEqual([
      [10, 15, 0, 'elsewhere', 'a'],
      [15, 30, 15, 'damaged', 'damaged'],
    ])
    expect(told('b')).toEqual([
      [10, 15, 5, 'elsewhere', 'a'],
      [15, 30, 15, 'damaged', 'damaged'],
    ])
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })
})

describe('lanes', () => {
  test('live begins at the head, backlog walks from the oldest; each reading is handed out once, blocks in parts', () => {
    open(6)
    restart('kafka', 'none')
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'live' }))).toEqual([])
    add(2)
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'live' }))).toEqual([[60, 80]])
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog', readingsMax: 25 }))).toEqual([[0, 25]])
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog', readingsMax: 1 }))).toEqual([[25, 26]])
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog' }))).toEqual([[26, 60]])
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog' }))).toEqual([])
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'live' }))).toEqual([])
    log.close()
  })

  test('where blocks are to go whole, none is cut for the size that is wanted, alone if need be; larger ones are', () => {
    open(6)
    restart('kafka', 'none')
    const next = (readingsMax: number, wholeMax: number) =>
      rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog', readingsMax, wholeMax }))
    expect(next(25, 10)).toEqual([[0, 20]])
    expect(next(3, 10)).toEqual([[20, 30]])
    expect(next(3, 9)).toEqual([[30, 33]])
    expect(next(3, 9)).toEqual([[33, 40]])
    expect(next(25, 10)).toEqual([[40, 60]])
    log.close()
  })

  test('classes that must wait are left out and come back where they were', () => {
    open(0, { classes: [classNamed('alarms'), classNamed('process')] })
    const alarms = counterSource('alarms')
    restart('kafka', 'none')
    expect(log.keeper.next({ ...NEXT, lane: 'live' }).ranges).toEqual([])
    for (let i = 0; i < 2; i++) {
      log.append(alarms.batch(5))
      add(1)
    }
    const first = log.keeper.next({ ...NEXT, lane: 'live', except: ['alarms'] })
    expect(first.ranges.map((it) => [it.stream.split(':')[2], it.from, it.to])).toEqual([['process', 0, 20]])
    const second = log.keeper.next({ ...NEXT, lane: 'live' })
    expect(second.ranges.map((it) => [it.stream.split(':')[2], it.from, it.to])).toEqual([['alarms', 0, 10]])
    log.close()
  })

  test('a position never outgrows its bound: with as many holes, live goes on from the last interval', () => {
    open(2)
    const stream = books(temp.dir)[0]?.stream as string
    const holes = Array.from({ length: POSITION_INTERVALS_MAX }, (_, i) => ({ from: i * 20, to: i * 20 + 10 }))
    add(POSITION_INTERVALS_MAX * 2)
    restart('kafka', 'none')
    restart('kafka', { transaction: 9, delivered: new Map([[stream, holes]]) })
    const live = log.keeper.next({ ...all, lane: 'live' })
    expect(live.ranges[0]?.from).toBe(holes.at(-1)?.to)
    log.close()
  })
})

describe('after a doubt', () => {
  test('the destination had it: not sent again, counted as delivered', () => {
    open(4)
    restart('kafka', 'none')
    const taken = log.keeper.next({ ...NEXT, lane: 'backlog', readingsMax: 20 })
    log.writer.offer('kafka', taken.ranges, {})
    const delivered = new Map(taken.ranges.map((it) => [it.stream, [{ from: it.from, to: it.to }]]))
    const resumed = restart('kafka', { transaction: 5, delivered })
    expect(resumed).toMatchObject({ transaction: 5, inDoubt: [] })
    expect(account()).toEqual({ accepted: 40, stored: 20, delivered: 20 })
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog' }))).toEqual([[20, 40]])
    log.close()
  })

  test('the destination did not have it: sent again, unmarked', () => {
    open(4)
    restart('kafka', { transaction: 1, delivered: new Map() })
    const taken = log.keeper.next({ ...NEXT, lane: 'backlog', readingsMax: 20 })
    log.writer.offer('kafka', taken.ranges, {})
    const resumed = restart('kafka', { transaction: 1, delivered: new Map() })
    expect(resumed.inDoubt).toEqual([])
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog' }))).toEqual([[0, 40]])
    expect(account()).toEqual({ accepted: 40, stored: 40, delivered: 0 })
    log.close()
  })

  test('the destination has forgotten: what was under way is sent again and marked, what was acknowledged is not', () => {
    open(4)
    restart('kafka', 'none')
    const first = log.keeper.next({ ...NEXT, lane: 'backlog', readingsMax: 20 })
    log.writer.offer('kafka', first.ranges, {})
    log.writer.commit('kafka', first.ranges, 1, [])
    const second = log.keeper.next({ ...NEXT, lane: 'backlog' })
    log.writer.offer(
      'kafka',
      second.ranges.map((it) => ({ ...it, to: it.to + 1000 })),
      { 'topic/0': '20' },
    )
    log.abandon()
    log = openTestLog(temp.dir)
    const resumed = restart('kafka', 'none')
    expect(resumed.inDoubt.map((it) => [it.from, it.to])).toEqual([[20, 40]])
    // Nobody knows how many transactions of it were committed: none of their numbers is used again.
    expect(resumed).toMatchObject({ transaction: 10_001, unread: resumed.inDoubt, endOffsets: { 'topic/0': '20' } })
    expect(rangesOf(log.keeper.next({ ...NEXT, lane: 'backlog' }))).toEqual([[20, 40]])
    log.close()
  })

  test('what the records tell of a doubt is delivered, holes in it too; what they cannot tell stays marked over restarts, until it is delivered', () => {
    open(2)
    const builder = source.builder
    builder.refuse('process', 'unreadable', T0, 5)
    log.append(builder.take(T0))
    log.clock.tick(1000)
    add(3)
    restart('kafka', 'none')
    const taken = log.keeper.next({ ...all, lane: 'backlog' })
    const stream = taken.ranges[0]?.stream as string
    expect(rangesOf(taken)).toEqual([[0, 55]])
    log.writer.offer('kafka', taken.ranges, { 'topic/0': '7' })
    log.abandon()
    log = openTestLog(temp.dir)
    const { transaction, unread } = restart('kafka', 'none')
    expect(unread).toEqual([{ stream, from: 0, to: 55 }])
    // 20 to 25 were refused at the source: no record of theirs can be there.
    const found = new Map([
      [
        stream,
        [
          { from: 0, to: 20 },
          { from: 25, to: 35 },
        ],
      ],
    ])
    const undecided = [{ stream, from: 35, to: 45 }]
    const decided = log.writer.restart('kafka', { transaction, delivered: found }, undecided)
    expect(decided).toMatchObject({ delivered: new Map([[stream, [{ from: 0, to: 35 }]]]), inDoubt: undecided, unread: [] })
    expect(account()).toEqual({ accepted: 55, stored: 20, delivered: 30 })
    // Another intent, another kill, a position that is known: still nobody knows of 35 to 45.
    log.writer.offer('kafka', [{ stream, from: 45, to: 55 }], { 'topic/0': '9' })
    log.abandon()
    log = openTestLog(temp.dir)
    expect(restart('kafka', { transaction: 10_001, delivered: decided.delivered })).toMatchObject({
      inDoubt: undecided,
      unread: [],
    })
    log.writer.commit('kafka', [{ stream, from: 35, to: 45 }], 10_002, [])
    log.clock.tick(1000)
    log.abandon()
    log = openTestLog(temp.dir)
    expect(restart('kafka', 'none').inDoubt).toEqual([])
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('an intent that nobody could decide stays in doubt when another one replaces it', () => {
    open(4)
    restart('kafka', 'none')
    const taken = log.keeper.next({ ...all, lane: 'backlog' })
    log.writer.offer('kafka', taken.ranges, {})
    log.abandon()
    log = openTestLog(temp.dir)
    restart('kafka', 'none')
    const stream = taken.ranges[0]?.stream as string
    log.writer.offer('kafka', [{ stream, from: 0, to: 10 }], {})
    log.abandon()
    log = openTestLog(temp.dir)
    const there = { transaction: 10_001, delivered: new Map([[stream, [{ from: 0, to: 10 }]]]) }
    expect(restart('kafka', there).inDoubt).toEqual([{ stream, from: 10, to: 40 }])
    log.close()
  })

  test('a position behind ours takes nothing back', () => {
    open(4)
    restart('kafka', 'none')
    drain('kafka', 3)
    const stream = books(temp.dir)[0]?.stream as string
    const resumed = restart('kafka', { transaction: 1, delivered: new Map([[stream, [{ from: 0, to: 10 }]]]) })
    expect(resumed.transaction).toBe(3)
    expect(resumed.delivered.get(stream)).toEqual([{ from: 0, to: 40 }])
    expect(account()).toEqual({ accepted: 40, stored: 0, delivered: 40 })
    log.close()
  })
})

describe('epochs', () => {
  const epoch = () => log.writer.figures().epoch

  test('kill -9 within a boot keeps it, a clean stop over boots too, a power cut does not', () => {
    open(2)
    const first = epoch()
    log.abandon()
    open(1)
    expect(epoch()).toBe(first)
    log.close()
    open(1, { bootId: 'boot-2' })
    expect(epoch()).toBe(first)
    expect(account().accepted).toBe(40)
    log.abandon()
    open(1, { bootId: 'boot-3' })
    expect(epoch()).not.toBe(first)
    expect(books(temp.dir).map((it) => [it.epoch === first, it.next])).toEqual([
      [true, 40],
      [false, 10],
    ])
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('a destination that knows numbers we have not given out: an older copy of the log goes on in a new epoch', () => {
    open(2)
    const first = epoch()
    const stream = books(temp.dir)[0]?.stream as string
    log.append(source.batch(5))
    restart('kafka', { transaction: 50, delivered: new Map([[stream, [{ from: 0, to: 1000 }]]]) })
    add(1)
    expect(epoch()).not.toBe(first)
    const fresh = books(temp.dir).find((it) => it.epoch === epoch())
    // What had no number yet goes into the new epoch, and what was numbered since the log was opened: the destination has others of those numbers.
    expect(fresh?.next).toBe(35)
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('streams of epochs that are over leave the position once they are done with, over any number of power cuts', () => {
    let transaction = 0
    let delivered: Position['delivered'] = new Map()
    for (let boot = 0; boot < 80; boot++) {
      open(0, { bootId: `boot-${boot}` })
      source.builder.refuse('process', 'unreadable', T0)
      add(1)
      while (log.writer.publish() > 0);
      const resumed = restart('kafka', transaction === 0 ? 'none' : { transaction, delivered })
      expect(log.writer.figures().epoch).toBe(books(temp.dir).at(-1)?.epoch)
      const taken = (['live', 'backlog'] as const).map((lane) => log.keeper.next({ ...all, lane }))
      expect(taken.flatMap(slicesOf).map((it) => it.to - it.from)).toEqual([10])
      expect(
        taken
          .flatMap((it) => it.slices)
          .filter((it) => it.form === 'gap')
          .map((it) => it.to),
      ).toEqual([1])
      const now = new Map(resumed.delivered)
      for (const it of taken.flatMap((lane) => lane.ranges)) now.set(it.stream, [{ from: 0, to: it.to }])
      delivered = now
      log.writer.commit(
        'kafka',
        taken.flatMap((it) => it.ranges),
        ++transaction,
        [],
      )
      log.clock.tick(1000)
      expect(delivered.size).toBeLessThanOrEqual(4)
      log.abandon()
    }
    log = openTestLog(temp.dir, { bootId: 'boot-80' })
    expect(log.writer.figures().classes[0]).toMatchObject({
      accepted: 80 * 11,
      stored: 0,
      delivered: 80 * 10,
      lost: { unreadable: 80 },
    })
    log.close()
  })
})

describe('damage', () => {
  test.each(['data', 'header'])('one flipped bit in the %s of a block costs that block only, and it is named', (where) => {
    open(5)
    log.close()
    const db = new Database(join(temp.dir, 'journal.db'))
    const block = db.prepare('SELECT id, data FROM block WHERE first = 20').get() as { id: number; data: Buffer }
    const at = where === 'data' ? block.data.length - 3 : 17
    block.data[at] = (block.data[at] as number) ^ 4
    db.prepare('UPDATE block SET data = ? WHERE id = ?').run(block.data, block.id)
    db.close()
    open(0)
    restart('kafka', 'none')
    const taken = log.keeper.next({ ...NEXT, lane: 'backlog' })
    expect(taken.damaged.map((it) => it.first)).toEqual([20])
    for (const it of taken.damaged) log.writer.damaged(it.stream, it.first)
    const rest = log.keeper.next({ ...NEXT, lane: 'backlog' })
    expect([taken, rest].flatMap(slicesOf).flatMap((it) => [...decodeBlock(it.block).value])).toEqual(
      [...Array(50).keys()].filter((it) => it < 20 || it >= 30),
    )
    expect(log.writer.figures().classes[0]?.lost).toEqual({ damaged: 10 })
    checkBooks(temp.dir, log.writer.figures())
    log.writer.publish()
    const gap = log.keeper.next({ ...NEXT, lane: 'live' }).slices.find((it) => it.form === 'gap')
    expect(gap?.form === 'gap' ? gap.rows.map((it) => [it.from, it.to, it.action, it.reason]) : []).toEqual([
      [20, 30, 'damaged', 'damaged'],
    ])
    log.close()
  })

  test('a block that has vanished shows in the accounts', () => {
    open(5)
    log.close()
    const db = new Database(join(temp.dir, 'journal.db'))
    db.exec('DELETE FROM block WHERE first = 20')
    db.close()
    open(0)
    expect(log.writer.figures().classes[0]).toMatchObject({ accepted: 50, stored: 40, lost: { unaccounted: 10 } })
    log.close()
  })
})
