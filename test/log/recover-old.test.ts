// A journal whose pages stand in each other's place is read to an end: each row once at most, and none as one of another table.
import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import Database from 'better-sqlite3'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { openJournal } from '../../src/log/journal.ts'
import { PRESENT } from '../../src/log/journal-layout.ts'
import { recoverLog } from '../../src/log/recover.ts'
import { readOldJournal } from '../../src/log/recover-old.ts'
import { openTestLog, T0, tempDir } from './helpers.ts'

const ROWS = 3_000
const PAGE_BYTES = PRESENT.pageBytes

function swapPages(file: string, a: number, b: number): void {
  const fd = openSync(file, 'r+')
  const [one, other] = [Buffer.alloc(PAGE_BYTES), Buffer.alloc(PAGE_BYTES)]
  readSync(fd, one, 0, PAGE_BYTES, (a - 1) * PAGE_BYTES)
  readSync(fd, other, 0, PAGE_BYTES, (b - 1) * PAGE_BYTES)
  writeSync(fd, other, 0, PAGE_BYTES, (a - 1) * PAGE_BYTES)
  writeSync(fd, one, 0, PAGE_BYTES, (b - 1) * PAGE_BYTES)
  closeSync(fd)
}

test.each([
  ['neighbours', 0, 1],
  ['the first and the last', 0, -1],
  ['the middle and the last', 10, -1],
])('leaves swapped: %s', (_, first, second) => {
  const temp = tempDir()
  try {
    const db = openJournal(temp.dir, 64_000_000)
    const insert = db.prepare(
      "INSERT INTO series (device, tag, class, kind, added_at) VALUES ('box-1', ?, 'process', 'double', 0)",
    )
    db.transaction(() => {
      for (let n = 0; n < ROWS; n++) insert.run(`hall-1/line-${n}/a tag of some length`)
    })()
    db.close()
    const file = join(temp.dir, 'journal.db')
    const look = new Database(file, { readonly: true })
    const leaves = look
      .prepare("SELECT pageno FROM dbstat WHERE name = 'series' AND pagetype = 'leaf' ORDER BY path")
      .pluck()
      .all() as number[]
    look.close()
    expect(leaves.length).toBeGreaterThan(20)
    swapPages(file, leaves.at(first) as number, leaves.at(second) as number)
    const ids = readOldJournal(file).tables.series.map((it) => Number(it['id']))
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThan(0)
    expect(ids.length).toBeLessThanOrEqual(ROWS)
  } finally {
    temp.remove()
  }
})

test('the only pages of the ledger and of the blocks swapped: a line of the ledger is no block', () => {
  const temp = tempDir()
  try {
    const db = openJournal(temp.dir, 64_000_000)
    db.prepare(
      "INSERT INTO ledger (stream, first, end, count, time_from, time_to, action, reason, at, gap_stream, sequence) VALUES (1, 0, 5, 5, 0, 0, 'refused', 'unreadable', 0, 2, 0)",
    ).run()
    db.close()
    const file = join(temp.dir, 'journal.db')
    const look = new Database(file, { readonly: true })
    const pageOf = look.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').pluck()
    const [ledger, block] = ['ledger', 'block'].map((it) => pageOf.get(it) as number) as [number, number]
    look.close()
    expect(readOldJournal(file).tables.ledger.length).toBe(1)
    swapPages(file, ledger, block)
    const { blocks, tables } = readOldJournal(file)
    expect(blocks).toEqual([])
    expect(tables.ledger).toEqual([])
  } finally {
    temp.remove()
  }
})

test('what a class accepted is known from a third place where its streams and its account are gone', async () => {
  const temp = tempDir()
  try {
    let log = openTestLog(temp.dir)
    const builder = new BatchBuilder(newOrigin(0))
    const series = builder.series({ tag: 'speed', class: 'process', kind: 'double' })
    for (let n = 0; n < 50; n++) builder.add(series, T0 + n, n)
    log.append(builder.take(T0))
    log.clock.tick(2000)
    log.close()
    const file = join(temp.dir, 'journal.db')
    const look = new Database(file, { readonly: true })
    const pages = look.prepare("SELECT pageno FROM dbstat WHERE name IN ('stream', 'account')").pluck().all() as number[]
    look.close()
    const bytes = readFileSync(file)
    for (const page of pages) bytes.fill(0, (page - 1) * PAGE_BYTES, page * PAGE_BYTES)
    writeFileSync(file, bytes)
    const options = { dir: temp.dir, device: 'box-1', bytesMax: 64_000_000, uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0 }
    const { faults } = await recoverLog({ ...options, bootId: 'boot-1', now: T0 })
    expect(faults.length).toBeGreaterThan(0)
    log = openTestLog(temp.dir)
    expect(log.writer.figures().classes[0]).toMatchObject({ accepted: 50, stored: 0, lost: { unaccounted: 50 } })
    log.close()
  } finally {
    temp.remove()
  }
})

test('tables that a device loses with one block of 4,096 bytes: never both that say how many readings there were', () => {
  const temp = tempDir()
  try {
    const db = openJournal(temp.dir, 64_000_000)
    const rootOf = db.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').pluck()
    const blocks = ['stream', 'account', 'accepted'].map((it) =>
      Math.floor((((rootOf.get(it) as number) - 1) * PAGE_BYTES) / 4096),
    )
    db.close()
    expect(new Set(blocks).size).toBe(3)
  } finally {
    temp.remove()
  }
})
