// A journal whose pages stand in each other's place is read to an end: each row once at most, and none as one of another table.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import Database from 'better-sqlite3'
import { openJournal } from '../../src/log/journal.ts'
import { PRESENT } from '../../src/log/journal-layout.ts'
import { readOldJournal } from '../../src/log/recover-old.ts'
import { tempDir } from './helpers.ts'

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
