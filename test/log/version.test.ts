// A journal of another version is left as it is, byte by byte, and who opens it is told what to do.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import Database from 'better-sqlite3'
import { BadInput } from '../../src/core/errors.ts'
import { classNamed, tempDir } from './helpers.ts'
import { openLog } from '../../src/workers/open-log.ts'

let temp: ReturnType<typeof tempDir>
beforeEach(() => {
  temp = tempDir()
})
afterEach(() => temp.remove())

const files = () =>
  new Map(
    readdirSync(temp.dir)
      .filter((it) => it.startsWith('journal'))
      .map((it) => [it, readFileSync(join(temp.dir, it)).toString('base64')]),
  )

const open = () =>
  openLog(
    {
      dir: temp.dir,
      device: 'box-1',
      bytesMax: 64_000_000,
      commitBytes: 200_000,
      commitEveryMinMs: 0,
      keepDeliveredMs: 0,
      classes: [classNamed('process')],
      delivery: {},
      uplinks: ['cloud'],
    },
    (error) => {
      throw error
    },
  )

/** As a kill leaves it: the last commits stand in the write-ahead log alone. The first connection stays open, so that nothing empties it. */
function journalOf(format: number, pageBytes: number): Database.Database {
  const db = new Database(join(temp.dir, 'journal.db'))
  db.pragma(`page_size = ${pageBytes}`)
  db.pragma('journal_mode = WAL')
  db.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID')
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.prepare('INSERT INTO meta VALUES (?, ?)').run('format', String(format))
  // So many that frames of one page size and of the other begin at the same place.
  for (let n = 0; n < 200; n++) db.prepare('INSERT INTO meta VALUES (?, ?)').run(`key-${n}`, 'x'.repeat(100))
  return db
}

test.each([
  ['an earlier one', 1, 4096],
  ['a later one', 9, 512],
])('%s is refused and not touched', async (_, format, pageBytes) => {
  const db = journalOf(format, pageBytes)
  const before = files()
  expect([...before.keys()]).toContain('journal.db-wal')
  const refused = await open().then(
    () => undefined,
    (error: unknown) => error as BadInput,
  )
  expect(refused?.name).toBe('BadInput')
  expect(refused?.message).toContain(`format ${format}`)
  const after = files()
  for (const name of ['journal.db', 'journal.db-wal']) expect(after.get(name), name).toBe(before.get(name))
  expect(readdirSync(temp.dir)).not.toContain('quarantine')
  db.close()
})
