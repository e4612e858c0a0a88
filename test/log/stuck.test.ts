// A reader that does not end keeps the write-ahead log from beginning anew: at its bound all that writes waits, and goes on by itself.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { spaceOf } from '../../src/log/space.ts'
import type { OpenedLog } from './helpers.ts'
import { checkBooks, classNamed, NEXT, noise, openTestLog, T0, tempDir } from './helpers.ts'

const BYTES_MAX = 40_000_000
const { walBytesMax } = spaceOf(BYTES_MAX)

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => {
  temp = tempDir()
  log = openTestLog(temp.dir, { bytesMax: BYTES_MAX, classes: [classNamed('process')] })
})
afterEach(() => temp.remove())

const walBytes = () => statSync(join(temp.dir, 'journal.db-wal')).size

function source() {
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'noise', class: 'process', kind: 'bytes' })
  const random = noise(7)
  return (count: number) => {
    for (let i = 0; i < count; i++) builder.addBytes(series, T0, random(4000))
    return builder.take(T0)
  }
}

/** Somebody who begins to read and does not end. */
function reader(): { end(): void } {
  const db = new Database(join(temp.dir, 'journal.db'), { readonly: true })
  db.exec('BEGIN')
  db.prepare('SELECT count(*) FROM block').get()
  return { end: () => db.close() }
}

/** Appends until nothing more is acknowledged; says how many appends there were. */
function fill(batch: ReturnType<typeof source>): number {
  for (let n = 1; n < 100; n++) {
    const id = log.append(batch(100))
    log.clock.tick(1000)
    if (!log.acked.includes(id)) return n
  }
  throw new Error('all was acknowledged')
}

test('at the bound of the write-ahead log appends wait and nothing is lost; once the reader has gone all of it is acknowledged', () => {
  const batch = source()
  const stuck = reader()
  const appended = fill(batch)
  expect(walBytes()).toBeLessThanOrEqual(2 * walBytesMax)
  expect(log.writer.figures().stuck).toBe(true)
  // As long as it lasts: nothing is written, and nobody waits in the thread.
  const before = walBytes()
  const began = performance.now()
  for (let second = 0; second < 600; second++) log.clock.tick(1000)
  expect(performance.now() - began).toBeLessThan(10_000)
  expect(walBytes()).toBe(before)
  expect(log.acked).toHaveLength(appended - 1)
  stuck.end()
  log.clock.tick(2000)
  expect(log.acked).toHaveLength(appended)
  expect(log.writer.figures()).toMatchObject({ stuck: false })
  log.append(batch(1))
  log.clock.tick(1000)
  expect(walBytes()).toBeLessThan(walBytesMax)
  expect(log.failures).toEqual([])
  checkBooks(temp.dir, log.writer.figures())
  log.close()
})

test('meanwhile uplinks are told to wait, the keeper works on nothing, and a line without a place waits for one', () => {
  const batch = source()
  const { delivered, inDoubt } = log.writer.restart('kafka', 'none')
  log.keeper.restart('kafka', delivered, inDoubt)
  log.append(batch(10))
  const refused = new BatchBuilder(newOrigin(0))
  refused.refuse('process', 'unreadable', T0, 3)
  log.append(refused.take(T0))
  log.clock.tick(1000)
  const { ranges } = log.keeper.next({ ...NEXT, lane: 'backlog' })
  const stuck = reader()
  fill(batch)
  expect(() => log.writer.offer('kafka', ranges, {})).toThrow('somebody reads the log')
  expect(() => log.writer.restart('kafka', 'none')).toThrow(expect.objectContaining({ code: 'log-busy' }))
  expect(log.writer.publish()).toBe(1)
  expect(log.keeper.work(log.writer.state(), true)).toBeUndefined()
  expect(walBytes()).toBeLessThanOrEqual(2 * walBytesMax)
  stuck.end()
  log.clock.tick(2000)
  log.writer.offer('kafka', ranges, {})
  log.writer.commit('kafka', ranges, 1, [])
  log.clock.tick(2000)
  expect(log.writer.publish()).toBe(0)
  expect(log.work(true)).toBeGreaterThan(0)
  expect(log.writer.figures().classes[0]).toMatchObject({ delivered: 10, lost: { unreadable: 3 } })
  expect(log.failures).toEqual([])
  checkBooks(temp.dir, log.writer.figures())
  log.close()
})

test('a change that was prepared before is not applied, and can be prepared again', () => {
  const batch = source()
  log.append(batch(100))
  log.clock.tick(1000)
  const change = log.keeper.work(log.writer.state(), true)
  if (!change) throw new Error('nothing to seal')
  const stuck = reader()
  fill(batch)
  expect(log.writer.apply(change)).toBe(false)
  log.keeper.applied(false)
  stuck.end()
  log.clock.tick(2000)
  log.work(true)
  expect(log.writer.figures()).toMatchObject({ stuck: false })
  checkBooks(temp.dir, log.writer.figures())
  log.close()
})
