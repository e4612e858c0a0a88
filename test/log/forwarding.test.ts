// Classes of which aggregates leave while their readings stay: real writer, keeper and files.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decodeAggregates } from '../../src/columns/aggregates/index.ts'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { GapSlice, LedgerRow, Slice } from '../../src/core/log.ts'
import type { Position } from '../../src/core/position.ts'
import type { OpenedLog, TestOptions } from './helpers.ts'
import { checkBooks, classNamed, NEXT, openTestLog, T0, tempDir } from './helpers.ts'

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
