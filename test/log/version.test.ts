// A journal of another version is left as it is, byte by byte, and who opens it is told what to do. One of the version before goes on as it is.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import Database from 'better-sqlite3'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { BadInput } from '../../src/core/errors.ts'
import { LAYOUTS, PRESENT } from '../../src/log/journal-layout.ts'
import { openJournal } from '../../src/log/journal.ts'
import { recoverLog } from '../../src/log/recover.ts'
import type { OpenedLog } from './helpers.ts'
import { classNamed, openTestLog, T0, tempDir } from './helpers.ts'
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

const FORMER = LAYOUTS.find((it) => it !== PRESENT) as (typeof LAYOUTS)[number]

function append(log: OpenedLog, readings: number): void {
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: 'speed', class: 'process', kind: 'double' })
  for (let n = 0; n < readings; n++) builder.add(series, T0 + n, n)
  const id = log.append(builder.take(T0))
  log.clock.tick(2000)
  expect(log.acked).toContain(id)
}

function journalIs({ format, pageBytes }: typeof FORMER): void {
  const db = new Database(join(temp.dir, 'journal.db'), { readonly: true })
  expect(db.pragma('page_size', { simple: true })).toBe(pageBytes)
  expect(db.prepare("SELECT value FROM meta WHERE key = 'format'").pluck().get()).toBe(String(format))
  db.close()
}

test.each([
  ['whole', (head: Buffer) => head],
  // Which page size is not right could be either one: what the first page says of free pages decides.
  ['with a flipped bit in its page size', (head: Buffer) => head.fill(0x12, 16, 17)],
])('a log of the version before, %s, goes on in its own layout', async (_, damage) => {
  openJournal(temp.dir, 64_000_000, FORMER).close()
  let log = openTestLog(temp.dir)
  append(log, 50)
  log.close()
  journalIs(FORMER)
  const file = join(temp.dir, 'journal.db')
  const bytes = readFileSync(file)
  damage(bytes)
  writeFileSync(file, bytes)
  const options = { dir: temp.dir, device: 'box-1', bytesMax: 64_000_000, uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0 }
  const recovered = await recoverLog({ ...options, bootId: 'boot-1', now: T0 })
  expect(recovered.faults).toEqual([])
  log = openTestLog(temp.dir)
  append(log, 50)
  while (log.work(true) > 0);
  expect(log.writer.figures().classes[0]).toMatchObject({ accepted: 100, stored: 100 })
  log.close()
  journalIs(FORMER)
})

test('a log of the version before that has lost its first page is made anew in the present layout, with all of its readings', async () => {
  openJournal(temp.dir, 64_000_000, FORMER).close()
  let log = openTestLog(temp.dir)
  append(log, 50)
  log.close()
  const file = join(temp.dir, 'journal.db')
  writeFileSync(file, readFileSync(file).fill(0, 0, FORMER.pageBytes))
  const options = { dir: temp.dir, device: 'box-1', bytesMax: 64_000_000, uplinks: ['kafka'], delivery: {}, keepDeliveredMs: 0 }
  const recovered = await recoverLog({ ...options, bootId: 'boot-1', now: T0 })
  expect(recovered.faults.length).toBeGreaterThan(0)
  log = openTestLog(temp.dir)
  expect(log.writer.figures().classes[0]).toMatchObject({ accepted: 50, stored: 50 })
  log.close()
  journalIs(PRESENT)
})
