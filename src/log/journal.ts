// DIR/log/journal.db: the only file of the log that changes.
//
//   stream    one row per (device, epoch, class, form), with the next sequence: sequences are dense from 0 and never used twice
//   series    what the numbers in blocks mean; rows are only ever added
//   block     columns of readings or aggregates (see columns/): `count` sequences from `first` on, no holes; `pending` of them still count as stored.
//             Fresh blocks have `data`; sealed ones stand in a segment file, at `offset`. `readings`: those it holds or, of aggregates, stands for;
//             `series`: how many are in it; `window_ms`: of aggregates, else 0
//   segment   the files of sealed blocks: `end` bytes of each are recorded here, what lies behind is of a change that never came to pass
//   period    stretches of one boot's clock (periods.ts)
//   position  by uplink: the intervals that it has, and the number of its last transaction; under names of their own what left by hand (given.ts)
//   intent    by uplink: what may be under way; retention does not touch it
//   parked    readings that an uplink refused for good: kept raw in their block
//   ledger    readings that were given up, with why; `sequence` is the row's place in the class's gap stream, null until published
//   account   by class, over the life of the log: accepted = delivered + stored + aggregated + lost, checked at each open against the blocks
//   offline   by class: running time since it was last caught up
//   event     what was done on the box, until every uplink has it (events.ts)
//   rule      what rules have on disk (rules.ts)
//   ended     streams of epochs that are over, of which nothing is left to store, send or say
//   (Numbers of blocks and of lines of the ledger are never used twice: the keeper names by them what it has seen.)
//   meta      format version, epoch, boot id, clean-stop mark
//   guard     how many rows each table has, and the sum of their CRCs (recover-guard.ts); every table but `block`, `event` and `rule` has a column `crc` for it
//
// What must hold: all that one group commit changes (blocks, sequences, ledger, accounts, positions) is one transaction with one fsync.
// WAL with synchronous=FULL: an acknowledged commit survives a power cut on storage that honours flush. better-sqlite3 drops to NORMAL at
// the first write after each open, so the writer sets FULL and asserts it after its first write.
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { BadInput } from '../core/errors.ts'
import { EVENT_SCHEMA } from './events.ts'
import { RULE_SCHEMA } from './rules.ts'
import { PERIOD_SCHEMA } from './periods.ts'
import { createGuard, keepGuard } from './recover-guard.ts'
import { spaceOf } from './space.ts'

export type Journal = Database.Database

/** Raised when an older version could not read what this one writes. */
const FORMAT = 2
export const PAGE_BYTES = 4096
const SQLITE_MIN = [3, 51, 3]
/** Checkpoints begin at this share of the write-ahead log's bound; one transaction may go beyond by what it writes itself. */
const WAL_SHARE_AUTOCHECKPOINT = 0.45
const CACHE_KIB = 4_000
/** Nobody else writes: what one waits for is over in a moment. */
const BUSY_MS = 5_000

const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE stream (id INTEGER PRIMARY KEY, device TEXT NOT NULL, epoch TEXT NOT NULL, class TEXT NOT NULL, form TEXT NOT NULL, next INTEGER NOT NULL,
  UNIQUE (device, epoch, class, form)) STRICT;
CREATE TABLE series (id INTEGER PRIMARY KEY, device TEXT NOT NULL, tag TEXT NOT NULL, class TEXT NOT NULL, kind TEXT NOT NULL, unit TEXT,
  box_time INTEGER NOT NULL DEFAULT 0, added_at INTEGER NOT NULL) STRICT;
CREATE INDEX series_tag ON series (tag);
CREATE TABLE block (id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, pending INTEGER NOT NULL,
  readings INTEGER NOT NULL, time_from INTEGER NOT NULL, time_to INTEGER NOT NULL, received_from INTEGER NOT NULL, received_to INTEGER NOT NULL,
  bytes INTEGER NOT NULL, period INTEGER NOT NULL, series INTEGER NOT NULL, window_ms INTEGER NOT NULL, segment INTEGER, "offset" INTEGER, data BLOB) STRICT;
CREATE UNIQUE INDEX block_place ON block (stream, first, count, pending, bytes, received_to);
CREATE INDEX block_segment ON block (segment, stream, first) WHERE segment IS NOT NULL;
CREATE INDEX block_fresh ON block (stream, first, count, pending, bytes, period, received_from, received_to) WHERE segment IS NULL;
CREATE INDEX block_kept ON block (stream, first) WHERE pending = 0;
CREATE TABLE segment (id INTEGER PRIMARY KEY AUTOINCREMENT, class TEXT NOT NULL, form TEXT NOT NULL, "end" INTEGER NOT NULL) STRICT;
CREATE TABLE position (uplink TEXT PRIMARY KEY, number INTEGER NOT NULL, delivered TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE intent (uplink TEXT PRIMARY KEY, ranges TEXT NOT NULL, end_offsets TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE parked (uplink TEXT NOT NULL, stream INTEGER NOT NULL, sequence INTEGER NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (stream, sequence, uplink)) STRICT, WITHOUT ROWID;
CREATE TABLE ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, first INTEGER NOT NULL, end INTEGER NOT NULL, count INTEGER NOT NULL,
  time_from INTEGER NOT NULL, time_to INTEGER NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
  exact INTEGER NOT NULL DEFAULT 1, gap_stream INTEGER, sequence INTEGER) STRICT;
CREATE UNIQUE INDEX ledger_gap ON ledger (gap_stream, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX ledger_stream ON ledger (stream, first);
CREATE INDEX ledger_unpublished ON ledger (id) WHERE sequence IS NULL;
CREATE TABLE account (class TEXT PRIMARY KEY, accepted INTEGER NOT NULL, delivered INTEGER NOT NULL, stored INTEGER NOT NULL, aggregated INTEGER NOT NULL,
  lost TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE offline (class TEXT PRIMARY KEY, ms INTEGER NOT NULL, stored INTEGER NOT NULL, delivered INTEGER NOT NULL, at INTEGER NOT NULL, trusted INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE ended (stream INTEGER PRIMARY KEY) STRICT;
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
  const space = spaceOf(bytesMax)
  db.pragma(`wal_autocheckpoint = ${Math.floor((space.walBytesMax * WAL_SHARE_AUTOCHECKPOINT) / PAGE_BYTES)}`)
  db.pragma(`journal_size_limit = ${space.walBytesMax}`)
  db.pragma(`max_page_count = ${pagesMax(bytesMax)}`)
  db.transaction(() => {
    const fresh = !db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'meta'").get()
    if (fresh) db.exec(SCHEMA + PERIOD_SCHEMA)
    if (fresh) createGuard(db)
    db.exec(EVENT_SCHEMA + RULE_SCHEMA)
    const format = fresh ? FORMAT : Number(readMeta(db, 'format'))
    assertFormat(dir, format)
    keepGuard(db)
    if (fresh) writeMeta(db, 'format', String(FORMAT))
    // The first write of this open: after it the pragma must still say FULL (2).
    writeMeta(db, 'opened', String(Date.now()))
  })()
  db.pragma('synchronous = FULL')
  writeMeta(db, 'opened', String(Date.now()))
  if (db.pragma('synchronous', { simple: true }) !== 2) throw new Error('synchronous=FULL did not hold after the first write')
  return db
}

/** Throws BadInput for a journal of another version. */
export function assertFormat(dir: string, format: number): void {
  if (format === FORMAT) return
  const text = `the log has format ${format}, this version reads ${FORMAT}`
  throw new BadInput([{ where: journalFile(dir), text, remedy: 'start the version that wrote it' }])
}

/** A second connection, for the keeper: reads only, one short statement at a time. */
export function openReader(dir: string): Journal {
  const db = new Database(journalFile(dir), { readonly: true, fileMustExist: true, timeout: BUSY_MS })
  common(db)
  return db
}

/** Pages that the journal may have. */
export function pagesMax(bytesMax: number): number {
  return Math.floor(spaceOf(bytesMax).journalBytesMax / PAGE_BYTES)
}

/** Pages in use. */
export function pagesUsed(db: Journal): number {
  return (db.pragma('page_count', { simple: true }) as number) - (db.pragma('freelist_count', { simple: true }) as number)
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

/**
 * Begins the write-ahead log anew where it is longer than that. A reader at work keeps SQLite from it: then this waits for so long, for reads
 * are short. False: somebody reads and does not end.
 */
export function boundWal(db: Journal, walBytesMax: number, waitMs: number): boolean {
  if (walBytes(db) <= walBytesMax) return true
  db.pragma(`busy_timeout = ${waitMs}`)
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.pragma(`busy_timeout = ${BUSY_MS}`)
  return walBytes(db) <= walBytesMax
}

/** Bytes of the write-ahead log's file. */
export function walBytes(db: Journal): number {
  return statSync(`${db.name}-wal`, { throwIfNoEntry: false })?.size ?? 0
}
