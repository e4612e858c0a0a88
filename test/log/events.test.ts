// Events of a list in the log: taken once however often they are offered, kept until every uplink has them, bounded, and what is gone is said.
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EVENTS_BYTES_MAX, EVENTS_MAX } from '../../src/core/bounds.ts'
import type { LogEvents } from '../../src/core/events.ts'
import type { EventSlice } from '../../src/core/log.ts'
import { exportOf } from '../../src/core/airgap.ts'
import { openJournal } from '../../src/log/journal.ts'
import type { Layout } from '../../src/log/journal-layout.ts'
import { LAYOUTS, PRESENT } from '../../src/log/journal-layout.ts'
import { recoverLog } from '../../src/log/recover.ts'
import type { OpenedLog } from './helpers.ts'
import { counterSource, NEXT, openTestLog, T0, tempDir } from './helpers.ts'

const LIST = 'a'.repeat(32)
const KEY = `box-1:${LIST}::event`
const FORMER = LAYOUTS.find((it) => it !== PRESENT) as Layout
let temp: ReturnType<typeof tempDir>
let log: OpenedLog

beforeEach(() => {
  temp = tempDir()
  log = openTestLog(temp.dir)
})
afterEach(() => {
  log.close()
  temp.remove()
})

const offer = (from: number, sequences: readonly number[], bytes = 20): LogEvents => ({
  list: LIST,
  from,
  events: sequences.map((sequence) => ({ sequence, text: JSON.stringify({ what: `event ${sequence}`.padEnd(bytes) }) })),
})
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)
const next = (uplink = 'kafka') => log.keeper.next({ ...NEXT, uplink, lane: 'live' })
const eventsIn = (taken: ReturnType<typeof next>): EventSlice[] => taken.slices.filter((it) => it.form === 'event')
const sequencesIn = (taken: ReturnType<typeof next>) => eventsIn(taken).flatMap((it) => it.rows.map((row) => row.sequence))
const restart = (uplink = 'kafka', position: Parameters<OpenedLog['writer']['restart']>[1] = 'none') => {
  const resumed = log.writer.restart(uplink, position)
  log.keeper.restart(uplink, resumed.delivered, resumed.inDoubt)
}
const commit = (taken: ReturnType<typeof next>, uplink = 'kafka', transaction = 1) => {
  log.writer.commit(uplink, taken.ranges, transaction, [])
  log.clock.tick(2_000)
}
const rows = () => {
  const db = new Database(join(temp.dir, 'journal.db'), { readonly: true })
  const count = db.prepare('SELECT count(*) FROM event').pluck().get() as number
  db.close()
  return count
}

test('what is offered again, or not from where it is wanted, changes nothing', () => {
  expect(log.writer.takeEvents({ list: LIST, from: 0, events: [] })).toBe(0)
  expect(log.writer.takeEvents(offer(0, [0, 1, 2]))).toBe(3)
  for (const again of [offer(0, [0, 1, 2]), offer(1, [1, 2, 3]), offer(4, [4])]) expect(log.writer.takeEvents(again)).toBe(3)
  restart()
  const taken = next()
  expect(sequencesIn(taken)).toEqual([0, 1, 2])
  expect(taken.ranges).toEqual([{ stream: KEY, from: 0, to: 3 }])
  expect(eventsIn(next())).toEqual([])
})

test('what was taken is there after a kill, with its numbers; what every uplink has goes', () => {
  log.close()
  log = openTestLog(temp.dir, { uplinks: ['kafka', 'other'] })
  log.writer.takeEvents(offer(0, numbers(0, 10)))
  log.abandon()
  log = openTestLog(temp.dir, { uplinks: ['kafka', 'other'] })
  expect(log.writer.takeEvents({ list: LIST, from: 0, events: [] })).toBe(10)
  restart()
  restart('other')
  commit(next())
  expect(rows()).toBe(10)
  commit(next('other'), 'other')
  expect(rows()).toBe(0)
})

test('an uplink that comes later, and events that the list had given up, are told by a run of numbers without rows', () => {
  log.writer.takeEvents(offer(0, [7, 8]))
  restart()
  expect(eventsIn(next())).toMatchObject([{ from: 0, to: 9, rows: [{ sequence: 7 }, { sequence: 8 }] }])
  commit({ ...next(), ranges: [{ stream: KEY, from: 0, to: 9 }] })
  restart('late')
  expect(eventsIn(next('late'))).toMatchObject([{ from: 0, to: 9, rows: [] }])
})

test('a row that was changed on the disk is left out, and the log opens as ever', async () => {
  log.writer.takeEvents(offer(0, [0, 1, 2]))
  log.close()
  changed(join(temp.dir, 'journal.db'), `UPDATE event SET text = '{"what":"another"}' WHERE sequence = 1`)
  expect((await recovered()).faults).toEqual([])
  log = openTestLog(temp.dir)
  restart()
  expect(eventsIn(next())).toMatchObject([{ from: 0, to: 3, rows: [{ sequence: 0 }, { sequence: 2 }] }])
})

test('bounded: by number, by bytes; delivered ones make room', () => {
  const all = () => {
    let at = log.writer.takeEvents({ list: LIST, from: 0, events: [] })
    for (;;) {
      const end = log.writer.takeEvents(offer(at, numbers(at, at + 100), size))
      if (end === at) return at
      at = end
    }
  }
  let size = 20
  expect(all()).toBe(EVENTS_MAX)
  restart()
  while (eventsIn(taken()).length > 0);
  function taken() {
    const it = next()
    commit(it)
    return it
  }
  expect(rows()).toBe(0)
  size = 4_000
  const more = all() - EVENTS_MAX
  expect(more * size).toBeLessThanOrEqual(EVENTS_BYTES_MAX)
  expect(more * size).toBeGreaterThan(EVENTS_BYTES_MAX * 0.9)
})

test.each<readonly [string, (file: string) => void]>([
  ['lost', (file) => writeFileSync(file, 'none')],
  ['damaged', (file) => changed(file, 'UPDATE account SET accepted = accepted + 1')],
])('a log whose journal was %s keeps and repeats nothing that the uplink knows: the list offers all', async (_, damage) => {
  const { batch } = counterSource()
  log.append(batch(10))
  log.writer.takeEvents(offer(0, numbers(0, 10)))
  log.clock.tick(2_000)
  restart()
  const taken = next()
  commit(taken)
  log.writer.takeEvents(offer(10, [10, 11]))
  log.append(batch(10))
  log.clock.tick(2_000)
  log.work(true)
  log.close()
  damage(join(temp.dir, 'journal.db'))
  expect((await recovered()).faults.length).toBeGreaterThan(0)
  log = openTestLog(temp.dir)
  restart('kafka', { transaction: 5, delivered: new Map([[KEY, [{ from: 0, to: 10 }]]]) })
  expect(sequencesIn(next())).toEqual([])
  expect(log.writer.takeEvents({ list: LIST, from: 0, events: [] })).toBe(0)
  expect(log.writer.takeEvents(offer(0, numbers(0, 12)))).toBe(12)
  expect(rows()).toBe(2)
  expect(sequencesIn(next())).toEqual([10, 11])
})

test('an export by hand has no events in it', () => {
  log.writer.takeEvents(offer(0, [0, 1]))
  restart(exportOf('kafka'))
  expect(next(exportOf('kafka')).ranges).toEqual([])
})

test('a journal of before has no such table: it is made, and nothing else changes', async () => {
  log.close()
  for (const it of readdirSync(temp.dir)) rmSync(join(temp.dir, it), { recursive: true })
  openJournal(temp.dir, 64_000_000, FORMER).close()
  changed(join(temp.dir, 'journal.db'), 'DROP TABLE event')
  expect((await recovered()).faults).toEqual([])
  log = openTestLog(temp.dir)
  expect(log.writer.takeEvents(offer(0, [0]))).toBe(1)
})

function changed(file: string, sql: string): void {
  const db = new Database(file)
  db.exec(sql)
  db.close()
}

function recovered() {
  return recoverLog({
    dir: temp.dir,
    device: 'box-1',
    bytesMax: 64_000_000,
    bootId: 'boot-1',
    now: T0,
    delivery: {},
    uplinks: ['kafka'],
    keepDeliveredMs: 0,
  })
}
