// Classes of which aggregates leave while their readings stay: real writer, keeper and files.
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decodeAggregates } from '../../src/columns/aggregates/index.ts'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { GapSlice, LedgerRow, Slice } from '../../src/core/log.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import type { Position } from '../../src/core/position.ts'
import { recoverLog } from '../../src/log/recover.ts'
import { walk } from '../../src/log/walk.ts'
import type { OpenedLog, TestOptions } from './helpers.ts'
import { bytesOnDisk, checkBooks, classNamed, NEXT, noise, openTestLog, T0, tempDir } from './helpers.ts'

const WINDOW_MS = 60_000
const FORWARD = [classNamed('process', { forward: { windowMs: WINDOW_MS } })]
const RAW = [classNamed('process')]

let temp: ReturnType<typeof tempDir>
let dir: string
let log: OpenedLog
let builder: BatchBuilder
let next = 0
let transactions = 0
let there: Position | 'none' = 'none'

beforeEach(() => {
  temp = tempDir()
  dir = join(temp.dir, 'log')
  ;[next, transactions, there] = [0, 0, 'none']
})
afterEach(() => temp.remove())

function open(options: TestOptions = {}): void {
  log = openTestLog(dir, { classes: FORWARD, ...options })
  builder = new BatchBuilder(newOrigin(0))
  begin()
}

function begin(uplink = 'kafka'): void {
  const resumed = log.writer.restart(uplink, there)
  log.keeper.restart(uplink, resumed.delivered, resumed.inDoubt)
}

/** A reading a second of each of two tags, received as it is read, for so many seconds. */
function run(seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    log.append(batchNow())
    log.clock.tick(1000)
    log.work()
  }
}

function batchNow(): ReadingBatch {
  for (const tag of ['a', 'b']) builder.add(builder.series({ tag, class: 'process', kind: 'double' }), log.clock.now(), next)
  next++
  return builder.take(log.clock.now())
}

interface Sent {
  readonly raw: number
  readonly aggregates: number
  /** Readings that the aggregates stand for. */
  readonly readings: number
  readonly lines: readonly LedgerRow[]
}

/** Everything that the lanes give out; one transaction, which the destination has. */
function send(uplink = 'kafka'): Sent {
  while (log.writer.publish() > 0);
  const taken = (['live', 'backlog'] as const).map((lane) => log.keeper.next({ ...NEXT, uplink, lane, readingsMax: 1e6 }))
  const ranges = taken.flatMap((it) => it.ranges)
  const slices = taken.flatMap((it) => it.slices)
  log.writer.offer(uplink, ranges, {})
  log.writer.commit(uplink, ranges, ++transactions, [])
  log.clock.tick(1000)
  return {
    raw: slices.reduce((sum, it) => (it.form === 'raw' ? sum + it.to - it.from : sum), 0),
    aggregates: slices.reduce((sum, it) => (it.form === 'aggregate' ? sum + it.to - it.from : sum), 0),
    readings: slices.reduce((sum, it) => sum + readingsOf(it), 0),
    lines: slices.filter((it): it is GapSlice => it.form === 'gap').flatMap((it) => it.rows),
  }
}

function readingsOf(slice: Slice): number {
  if (slice.form !== 'aggregate') return 0
  const columns = decodeAggregates(slice.block)
  const first = columns.firstSequence
  let sum = 0
  for (let i = slice.from - first; i < slice.to - first; i++)
    sum += (columns.good[i] ?? 0) + (columns.uncertain[i] ?? 0) + (columns.bad[i] ?? 0)
  return sum
}

/** What the destination has, as the log was told. */
function positionNow(): Position {
  const db = new Database(join(dir, 'journal.db'), { readonly: true })
  try {
    const text = db.prepare("SELECT delivered FROM position WHERE uplink = 'kafka'").pluck().get() as string
    return { transaction: transactions, delivered: new Map(JSON.parse(text) as [string, Intervals][]) }
  } finally {
    db.close()
  }
}

function account() {
  const { accepted, stored, delivered, aggregated, lost } = log.writer.figures().classes[0] ?? {}
  return { accepted, stored, delivered, aggregated, lost }
}

const rows = (where: string) => {
  const db = new Database(join(dir, 'journal.db'), { readonly: true })
  try {
    return db
      .prepare(
        `SELECT count(*) AS blocks, coalesce(sum(count), 0) AS readings FROM block b JOIN stream s ON s.id = b.stream WHERE ${where}`,
      )
      .get() as { blocks: number; readings: number }
  } finally {
    db.close()
  }
}
const KEPT = "s.form = 'raw' AND window_ms > 0 AND pending = 0"

function close(): void {
  checkBooks(dir, log.writer.figures())
  log.close()
}

test('aggregates and their gap record leave once a window is over, readings never; they stay', () => {
  open()
  run(10)
  expect(send()).toEqual({ raw: 0, aggregates: 0, readings: 0, lines: [] })
  expect(account()).toMatchObject({ accepted: 20, stored: 20, aggregated: 0 })
  run(70)
  const sent = send()
  expect(sent.raw).toBe(0)
  expect(sent.lines).toMatchObject([{ action: 'aggregated', reason: 'forward-1m', exact: true, count: sent.readings }])
  // T0 lies somewhere in its minute: one window is over, or two.
  expect(sent.aggregates % 2).toBe(0)
  expect(account()).toEqual({ accepted: 160, stored: 160 - sent.readings, delivered: 0, aggregated: sent.readings, lost: {} })
  expect(rows(KEPT).readings).toBe(sent.readings)
  close()
})

test('a window is one record of each tag, however its readings were committed, and needs no sealing', () => {
  open()
  run(480)
  const sent = send()
  // T0 is 21 s into its minute: eight windows are over by then, of two tags each.
  expect(sent.aggregates).toBe(16)
  expect(rows(`${KEPT} AND segment IS NULL`).readings).toBeGreaterThan(0)
  close()
})

test('sealed, what aggregates stand for keeps its numbers and is offered to nobody', () => {
  open()
  run(130)
  log.work(true)
  expect(rows(`${KEPT} AND segment IS NOT NULL`).readings).toBe(260)
  const sent = send()
  expect(sent).toMatchObject({ raw: 0, readings: 260 })
  expect(account()).toEqual({ accepted: 260, stored: 0, delivered: 0, aggregated: 260, lost: {} })
  // A destination that knows of nothing gets the same once more, and no reading.
  there = 'none'
  begin('reader')
  expect(send('reader').raw).toBe(0)
  close()
})

test('a kill at any moment makes no window twice and loses none', () => {
  open()
  let readings = 0
  for (let life = 0; life < 8; life++) {
    run(25)
    readings += send().readings
    there = positionNow()
    const copy = join(temp.dir, `life-${life}`)
    cpSync(dir, copy, { recursive: true, filter: (it) => !it.endsWith('-shm') })
    const before = account()
    log.close()
    dir = copy
    // The clock by hand begins anew with each opening: what comes is older than what is there.
    open()
    expect(account()).toEqual(before)
  }
  log.work(true)
  readings += send().readings
  expect(readings).toBe(8 * 25 * 2)
  expect(account()).toEqual({ accepted: 400, stored: 0, delivered: 0, aggregated: 400, lost: {} })
  close()
})

test('the settings decide for all that nobody has seen: raw that waits becomes aggregates, and the other way round', () => {
  open({ classes: RAW, uplinks: ['kafka', 'second'], delivery: { process: ['kafka', 'second'] } })
  run(30)
  expect(send().raw).toBe(60)
  run(30)
  there = positionNow()
  log.close()
  open({ uplinks: ['kafka', 'second'], delivery: { process: ['kafka', 'second'] } })
  log.work(true)
  // What the first has goes on raw to the second; of the rest aggregates leave to both.
  expect(send()).toMatchObject({ raw: 0, readings: 60 })
  there = 'none'
  begin('second')
  expect(send('second')).toMatchObject({ raw: 60, readings: 60 })
  expect(account()).toEqual({ accepted: 120, stored: 0, delivered: 60, aggregated: 60, lost: {} })
  run(5)
  there = positionNow()
  log.close()
  open({ classes: RAW, uplinks: ['kafka', 'second'], delivery: { process: ['kafka', 'second'] } })
  expect(send()).toMatchObject({ raw: 10, readings: 0 })
  // What stayed is no reading that waits: it stays until its room is needed.
  expect(rows(KEPT).readings).toBe(60)
  log.close()
})

test('a coarser step of the ladder that is in force makes coarser aggregates, and the readings stay all the same', () => {
  const ladder = [{ offlineForMs: 120_000, keep: { windowMs: 300_000 } }]
  open({ classes: [classNamed('process', { forward: { windowMs: WINDOW_MS }, ladder })] })
  run(700)
  const sent = send()
  const reasons = new Set(sent.lines.map((it) => it.reason))
  expect(reasons).toEqual(new Set(['forward-1m', 'offline-2m']))
  expect(rows(KEPT).readings).toBe(sent.readings)
  expect(sent.aggregates).toBeLessThan(2 * 9)
  close()
})

test('while aggregates are delivered the class is not offline, though its readings never are', () => {
  open()
  for (let minute = 0; minute < 5; minute++) {
    run(60)
    send()
  }
  expect(log.writer.state().classes[0]?.offlineForMs).toBeLessThan(61_000)
  run(300)
  expect(log.writer.state().classes[0]?.offlineForMs).toBeGreaterThan(200_000)
  close()
})

test('readings that aggregates stand for go when their time is over, and are in no account then', () => {
  open({ classes: [classNamed('process', { forward: { windowMs: WINDOW_MS, keepRawMs: 180_000 } })] })
  run(240)
  send()
  const before = account()
  const kept = rows(KEPT).readings
  run(300)
  send()
  expect(rows(KEPT).readings).toBeLessThan(kept + 300)
  expect(rows(`${KEPT} AND received_to < ${log.clock.now() - 250e6}`).blocks).toBe(0)
  expect(account().lost).toEqual(before.lost)
  close()
})

test('where room is needed they go first, and nothing is lost that waits', () => {
  const random = noise(7)
  open({ classes: [classNamed('process', { forward: { windowMs: 1_000 } })], bytesMax: 32_000_000 })
  for (let n = 0; n < 90; n++) {
    const series = builder.series({ tag: 'wave', class: 'process', kind: 'bytes' })
    builder.addBytes(series, log.clock.now(), random(400_000))
    log.append(builder.take(log.clock.now()))
    log.clock.tick(1000)
    log.work()
    send()
  }
  expect(log.failures).toEqual([])
  expect(bytesOnDisk(dir)).toBeLessThanOrEqual(32_000_000)
  expect(account()).toMatchObject({ accepted: 90, lost: {}, delivered: 0 })
  expect(rows(KEPT).readings).toBeGreaterThan(10)
  expect(rows(KEPT).readings).toBeLessThan(80)
  close()
})

test('what an intent of before names goes all the same where it is kept raw, and what has not gone holds up nobody', () => {
  const random = noise(11)
  const settings = { classes: [classNamed('process', { forward: { windowMs: 1_000 } })], bytesMax: 32_000_000 }
  open(settings)
  const fill = (times: number) => {
    for (let n = 0; n < times; n++) {
      const series = builder.series({ tag: 'wave', class: 'process', kind: 'bytes' })
      builder.addBytes(series, log.clock.now(), random(400_000))
      log.append(builder.take(log.clock.now()))
      log.clock.tick(1000)
      log.work()
    }
  }
  fill(20)
  const stream = Object.keys(log.keeper.heads()).find((it) => it.endsWith(':raw')) ?? ''
  log.writer.offer('kafka', [{ stream, from: 0, to: 20 }], {})
  log.close()
  // The uplink does not come back.
  log = openTestLog(dir, settings)
  builder = new BatchBuilder(newOrigin(0))
  fill(90)
  expect(log.failures).toEqual([])
  expect(bytesOnDisk(dir)).toBeLessThanOrEqual(32_000_000)
  expect(account()).toMatchObject({ accepted: 110, lost: {} })
  expect(rows(`${KEPT} AND first < 10`).blocks).toBe(0)
  log.close()
})

test('behind thousands of blocks that stay raw aggregates are made', () => {
  const settings = { uplinks: ['kafka', 'second'], delivery: { process: ['kafka', 'second'] as const } }
  open({ ...settings, classes: [classNamed('process', { commitEveryMs: 0 })] })
  for (let n = 0; n < 4_100; n++) {
    log.append(batchNow())
    log.clock.tick(1)
  }
  expect(send().raw).toBe(8_200)
  there = positionNow()
  log.close()
  open(settings)
  expect(rows("s.form = 'raw' AND pending > 0").blocks).toBeGreaterThan(4_000)
  run(200)
  expect(account().aggregated).toBeGreaterThan(200)
  log.close()
})

test('where a class commits seldom its windows wait for the commit', () => {
  open({ classes: [classNamed('process', { forward: { windowMs: 10_000 }, commitEveryMs: 20_000 })] })
  run(100)
  const sent = send()
  // Of two tags; T0 lies within a window.
  expect(sent.aggregates).toBe(2 * Math.ceil(sent.readings / 20))
  close()
})

test('where a step keeps nothing, readings wait as long as elsewhere before they go', () => {
  const ladder = [{ offlineForMs: 60_000, keep: 'nothing' as const }]
  open({ classes: [classNamed('process', { forward: { windowMs: WINDOW_MS }, ladder })] })
  run(400)
  expect(account().lost).toEqual({})
  run(400)
  const { lost } = account()
  expect(lost).toHaveProperty('offline-1m')
  expect(rows(`s.form = 'raw' AND pending > 0 AND received_to > ${log.clock.now() - 590e6}`).readings).toBeGreaterThan(1_000)
  close()
})

test('after a start notes begin anew with the lines of what is held, or the newest, not with the oldest of all', async () => {
  const settings = { classes: [classNamed('process', { forward: { windowMs: 1_000, keepRawMs: 20_000 } })] }
  open(settings)
  for (let window = 0; window < 1_100; window++) {
    run(1)
    log.writer.publish()
  }
  // Under way, and never known to have arrived: they stay lines of their own.
  while (log.keeper.next({ ...NEXT, lane: 'live', readingsMax: 1e6 }).ranges.length > 0);
  log.work(true)
  expect(account().aggregated).toBe(2_200)
  log.close()
  log = openTestLog(dir, settings)
  log.clock.tick(1_200_000)
  builder = new BatchBuilder(newOrigin(0))
  run(10)
  log.work(true)
  log.close()
  // Files of before have gone with their readings.
  const [first = []] = await notedLines()
  expect(first.length).toBe(1_000)
  expect(Math.min(...first)).toBeGreaterThan(150)
})

/** By notes of raw files, in their order: the numbers that their lines begin with. */
async function notedLines(): Promise<number[][]> {
  const files = readdirSync(join(dir, 'segments', 'process')).filter((it) => it.endsWith('.raw'))
  const found: number[][] = []
  for (const it of files.toSorted())
    for await (const record of walk(join(dir, 'segments', 'process', it)))
      if (record.kind === 'notes') found.push(record.notes.ledger.map((line) => line.first))
  return found
}

test('a damaged block of what aggregates stand for is dropped, and lost by no name', () => {
  open()
  run(130)
  log.work(true)
  const before = account()
  const file = readdirSync(join(dir, 'segments', 'process')).find((it) => it.endsWith('.raw')) ?? ''
  const path = join(dir, 'segments', 'process', file)
  const bytes = readFileSync(path)
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 0xff
  writeFileSync(path, bytes)
  const request = { tag: 'a', from: 0, to: 2 ** 52, after: 0 } as const
  const { damaged } = log.keeper.query(request)
  expect(damaged.length).toBe(1)
  for (const it of damaged) log.writer.damaged(it.stream, it.first)
  expect(account()).toEqual(before)
  // Now the aggregates tell it.
  expect(new Set(log.keeper.query(request).parts.map((it) => it.form))).toEqual(new Set(['aggregate']))
  close()
})

test('a query tells each reading once: as itself while it is kept', () => {
  open()
  run(130)
  log.work(true)
  const parts = log.keeper.query({ tag: 'a', from: 0, to: 2 ** 52, after: 0 }).parts
  expect(parts.every((it) => it.form === 'raw')).toBe(true)
  expect(parts.reduce((sum, it) => sum + (it.form === 'raw' ? it.count : 0), 0)).toBe(130)
  close()
})

test('a journal that is made anew from the segments knows what aggregates stand for', async () => {
  open()
  run(130)
  log.work(true)
  send()
  run(65)
  log.work(true)
  there = positionNow()
  log.close()
  const kept = rows(KEPT).readings
  for (const it of ['journal.db', 'journal.db-wal']) rmSync(join(dir, it), { force: true })
  const options = { device: 'box-1', uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0, classes: FORWARD }
  await recoverLog({ ...options, dir, bytesMax: 64_000_000, bootId: 'boot-1', now: T0 })
  open()
  log.work(true)
  const again = send()
  expect(again.raw).toBe(0)
  expect(rows(KEPT).readings).toBe(kept)
  expect(account()).toMatchObject({ stored: 0, delivered: 0, aggregated: kept })
  log.close()
})

test('a fresh block that was sealed long since does not stand before the sealed one of its readings', async () => {
  open()
  run(130)
  log.work(true)
  send()
  log.work(true)
  there = positionNow()
  log.close()
  const places = () => {
    const db = new Database(join(dir, 'journal.db'))
    const found = db
      .prepare(`SELECT first, count, segment, "offset" FROM block JOIN stream s ON s.id = stream WHERE ${KEPT} ORDER BY first`)
      .all()
    db.close()
    return found
  }
  const before = places()
  expect(before).not.toEqual([])
  // As a page brings it that was given back when its block was sealed, and came again in another's place.
  const db = new Database(join(dir, 'journal.db'))
  db.exec(
    `INSERT INTO block (stream, first, count, pending, readings, time_from, time_to, received_from, received_to, bytes, period, series, window_ms, segment, "offset", data)
    SELECT stream, first, count, pending, readings, time_from, time_to, received_from, received_to, bytes + 1, period, series, window_ms, NULL, NULL, x'' FROM block JOIN stream s ON s.id = stream
    WHERE ${KEPT} AND segment IS NOT NULL`,
  )
  db.close()
  const options = { device: 'box-1', uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0, classes: FORWARD }
  const { faults } = await recoverLog({ ...options, dir, bytesMax: 64_000_000, bootId: 'boot-1', now: T0 })
  expect(faults).not.toEqual([])
  expect(places()).toEqual(before)
})
