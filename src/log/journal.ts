// DIR/log/journal.db: the only file of the log that changes.
//
//   stream    one row per (device, epoch, class, form), with the next sequence: sequences are dense from 0 and never used twice
//   series    what the numbers in blocks mean; rows are only ever added
//   block     columns of readings (see columns/): `count` readings from `first` on; `pending` of them still count as stored
//   position  by uplink: the intervals that it has, and the number of its last transaction
//   intent    by uplink: what may be under way; retention does not touch it
//   parked    readings that an uplink refused for good: kept raw in their block
//   ledger    readings that were given up, with why; `sequence` is the row's place in the class's gap stream, null until published
//   account   by class, over the life of the log: accepted = delivered + stored + lost, checked at each open against the blocks
//   ended     streams of epochs that are over, of which nothing is left to store, send or say
//   meta      format version, epoch, boot id, clean-stop mark
//
// What must hold: all that one group commit changes (blocks, sequences, ledger, accounts, positions) is one transaction with one fsync.
// WAL with synchronous=FULL: an acknowledged commit survives a power cut on storage that honours flush. better-sqlite3 drops to NORMAL at
// the first write after each open, so the writer sets FULL and asserts it after its first write.
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { BadInput } from '../core/errors.ts'

export type Journal = Database.Database

const FORMAT = 1
export const PAGE_BYTES = 4096
const SQLITE_MIN = [3, 51, 3]
/** Checkpoints begin here; one transaction may go beyond by what it writes itself. */
const WAL_PAGES_AUTOCHECKPOINT = 900
const WAL_BYTES_MAX = 8_000_000
/** Blocks in one transaction: with a checkpoint due before it, the write-ahead log stays below its bound. */
export const COMMIT_BYTES_MAX = 3_000_000
const CACHE_KIB = 8_000

const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE stream (id INTEGER PRIMARY KEY, device TEXT NOT NULL, epoch TEXT NOT NULL, class TEXT NOT NULL, form TEXT NOT NULL, next INTEGER NOT NULL,
  UNIQUE (device, epoch, class, form)) STRICT;
CREATE TABLE series (id INTEGER PRIMARY KEY, device TEXT NOT NULL, tag TEXT NOT NULL, class TEXT NOT NULL, kind TEXT NOT NULL, unit TEXT,
  added_at INTEGER NOT NULL) STRICT;
CREATE INDEX series_tag ON series (tag);
CREATE TABLE block (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, pending INTEGER NOT NULL,
  time_from INTEGER NOT NULL, time_to INTEGER NOT NULL, received_from INTEGER NOT NULL, received_to INTEGER NOT NULL, bytes INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX block_place ON block (stream, first, count, pending, received_to, bytes);
CREATE TABLE position (uplink TEXT PRIMARY KEY, number INTEGER NOT NULL, delivered TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE intent (uplink TEXT PRIMARY KEY, ranges TEXT NOT NULL, end_offsets TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE parked (uplink TEXT NOT NULL, stream INTEGER NOT NULL, sequence INTEGER NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (stream, sequence, uplink)) STRICT, WITHOUT ROWID;
CREATE TABLE ledger (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, first INTEGER NOT NULL, end INTEGER NOT NULL, count INTEGER NOT NULL,
  time_from INTEGER NOT NULL, time_to INTEGER NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
  gap_stream INTEGER, sequence INTEGER) STRICT;
CREATE UNIQUE INDEX ledger_gap ON ledger (gap_stream, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX ledger_unpublished ON ledger (id) WHERE sequence IS NULL;
CREATE TABLE account (class TEXT PRIMARY KEY, accepted INTEGER NOT NULL, delivered INTEGER NOT NULL, stored INTEGER NOT NULL, lost TEXT NOT NULL) STRICT, WITHOUT ROWID;
`
/** What logs of the same format may lack: added at each open. */
const SCHEMA_ADDED = `
CREATE TABLE IF NOT EXISTS ended (stream INTEGER PRIMARY KEY) STRICT;
CREATE INDEX IF NOT EXISTS block_kept ON block (stream, first) WHERE pending = 0;
`

function common(db: Journal): void {
  db.pragma('temp_store = MEMORY')
  db.pragma('mmap_size = 0')
  db.pragma('cell_size_check = ON')
  db.pragma('trusted_schema = OFF')
  db.pragma(`cache_size = -${CACHE_KIB}`)
}

function assertSqlite(db: Journal): void {
  const version = db.prepare('SELECT sqlite_version()').pluck().get() as string
  const parts = version.split('.').map(Number)
  const older = SQLITE_MIN.findIndex((min, i) => (parts[i] ?? 0) !== min)
  // 3.51.3 fixes the WAL-reset bug, which can lose a commit: nothing older may touch the log.
  if (older >= 0 && (parts[older] ?? 0) < (SQLITE_MIN[older] as number))
    throw new Error(`SQLite ${version} is older than ${SQLITE_MIN.join('.')}`)
}

function journalFile(dir: string): string {
  return join(dir, 'journal.db')
}

/** Opens or creates the journal for its one writer. `dir` is DIR/log, `bytesMax` the bound on all files in it. */
export function openJournal(dir: string, bytesMax: number): Journal {
  mkdirSync(dir, { recursive: true })
  const db = new Database(journalFile(dir))
  assertSqlite(db)
  db.pragma(`page_size = ${PAGE_BYTES}`)
  common(db)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma(`wal_autocheckpoint = ${WAL_PAGES_AUTOCHECKPOINT}`)
  db.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`)
  db.pragma(`max_page_count = ${pagesMax(bytesMax)}`)
  db.transaction(() => {
    const fresh = !db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'meta'").get()
    if (fresh) db.exec(SCHEMA)
    if (fresh) writeMeta(db, 'format', String(FORMAT))
    const format = Number(readMeta(db, 'format'))
    if (format !== FORMAT)
      throw new BadInput([
        {
          where: journalFile(dir),
          text: `the log has format ${format}, this version reads ${FORMAT}`,
          remedy: 'start the version that wrote it',
        },
      ])
    db.exec(SCHEMA_ADDED)
    // The first write of this open: after it the pragma must still say FULL (2).
    writeMeta(db, 'opened', String(Date.now()))
  })()
  db.pragma('synchronous = FULL')
  writeMeta(db, 'opened', String(Date.now()))
  if (db.pragma('synchronous', { simple: true }) !== 2) throw new Error('synchronous=FULL did not hold after the first write')
  return db
}

/** A second connection, for the keeper: reads only, one short statement at a time. */
export function openReader(dir: string): Journal {
  const db = new Database(journalFile(dir), { readonly: true, fileMustExist: true, timeout: 5000 })
  common(db)
  return db
}

/** Pages that the journal may have, so that with WAL (at its bound and one transaction), its index and the lock file all stays within the bound. */
export function pagesMax(bytesMax: number): number {
  return Math.floor((bytesMax - 2 * WAL_BYTES_MAX - 256_000) / PAGE_BYTES)
}

function readMeta(db: Journal, key: string): string | undefined {
  return db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key) as string | undefined
}

export function writeMeta(db: Journal, key: string, value: string): void {
  db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(key, value)
}

/** The epoch that this start goes on with; a new one when the log is new, or when the machine was restarted and nobody saw a clean stop. */
export function presentEpoch(db: Journal, bootId: string, randomEpoch: () => string): string {
  const known = readMeta(db, 'epoch')
  const cleanStop = readMeta(db, 'clean-stop') === '1'
  const epoch = known !== undefined && (cleanStop || readMeta(db, 'boot-id') === bootId) ? known : randomEpoch()
  db.transaction(() => {
    writeMeta(db, 'epoch', epoch)
    writeMeta(db, 'boot-id', bootId)
    writeMeta(db, 'clean-stop', '0')
  })()
  return epoch
}

/** A reader at work keeps SQLite from beginning the write-ahead log anew: then this waits for it, for reads are short. */
export function boundWal(db: Journal): void {
  if (walBytes(db) > WAL_BYTES_MAX) db.pragma('wal_checkpoint(TRUNCATE)')
}

/** Bytes of the write-ahead log's file. */
export function walBytes(db: Journal): number {
  return statSync(`${db.name}-wal`, { throwIfNoEntry: false })?.size ?? 0
}
