// DIR/log/journal.db: the only file of the log that changes.
//
//   stream    one row per (device, epoch, class, form), with the next sequence: sequences are dense from 0 and never used twice
//   series    what the numbers in blocks mean; rows are only ever added
//   block     columns of readings or aggregates (see columns/): `count` sequences from `first` on, no holes; `pending` of them still count as stored.
//             Fresh blocks have `data`; sealed ones stand in a segment file, at `offset`. `readings`: those it holds or, of aggregates, stands for;
//             `series`: how many are in it; `window_ms`: of aggregates, and of raw blocks that those stand for, which are
//             kept and no lane offers (forwarding.ts); else 0
//   segment   the files of sealed blocks: `end` bytes of each are recorded here, what lies behind is of a change that never came to pass
//   period    stretches of one boot's clock (periods.ts)
//   position  by uplink: the intervals that it has, and the number of its last transaction; under names of their own what left by hand (given.ts)
//   intent    by uplink: what may be under way; retention does not touch it
//   parked    readings that an uplink refused for good: kept raw in their block
//   ledger    readings that were given up, with why; `sequence` is the row's place in the class's gap stream, null until published. Places
//             without a row are of rows that have become part of a later one (ledger-compaction.ts)
//   account   by class, over the life of the log: accepted = delivered + stored + aggregated + lost, checked at each open against the blocks
//   accepted  by class: the account's first number once more (journal-layout.ts); each row has its own CRC
//   offline   by class: running time since it was last caught up
//   event     what was done on the box, until every uplink has it (events.ts)
//   ended     streams of epochs that are over, of which nothing is left to store, send or say
//   (Numbers of blocks and of lines of the ledger are never used twice: the keeper names by them what it has seen.)
//   meta      format version, epoch, boot id, hardware, clean-stop mark; what rules have (rules.ts)
//   guard     how many rows each table has, and the sum of their CRCs (recover-guard.ts); every table but `block`, `event` and `accepted` has a column `crc` for it
//
// What must hold: all that one group commit changes (blocks, sequences, ledger, accounts, positions) is one transaction with one flush, and an
// acknowledged commit survives a power cut on storage that honours flush. Whoever opens the journal has synchronous=FULL: better-sqlite3 drops to
// NORMAL at the first write after each open, so it is set, and asserted after that write. The log's writer then flushes by itself (`ownCommits`).
import { closeSync, fdatasyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { BadInput } from '../core/errors.ts'
import type { Layout } from './journal-layout.ts'
import { addTables, LAYOUTS, PRESENT, schemaOf } from './journal-layout.ts'
import { fillGuard, keepGuard } from './recover-guard.ts'
import { spaceOf } from './space.ts'
import type { WriterWorld } from './writer-world.ts'

export type Journal = Database.Database

/** What a moment's room is worth: fewer free pages than that are kept. */
const FREE_PAGES_KEPT = 64
const SQLITE_MIN = [3, 51, 3]
/** Checkpoints begin at this share of the write-ahead log's bound; one transaction may go beyond by what it writes itself. */
const WAL_SHARE_AUTOCHECKPOINT = 0.45
const CACHE_KIB = 4_000
/** Nobody else writes: what one waits for is over in a moment. */
const BUSY_MS = 5_000

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

/** Opens or creates the journal for its one writer. `dir` is DIR/log, `bytesMax` the bound on all files in it, `layout` that of a new one. */
export function openJournal(dir: string, bytesMax: number, layout: Layout = PRESENT): Journal {
  mkdirSync(dir, { recursive: true })
  const db = new Database(journalFile(dir))
  assertSqlite(db)
  // Of a journal that is there, neither changes how it lies on the disk.
  db.pragma(`page_size = ${layout.pageBytes}`)
  if (layout === PRESENT) db.pragma('auto_vacuum = INCREMENTAL')
  common(db)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  const space = spaceOf(bytesMax)
  db.pragma(`wal_autocheckpoint = ${Math.floor((space.walBytesMax * WAL_SHARE_AUTOCHECKPOINT) / pageBytes(db))}`)
  db.pragma(`journal_size_limit = ${space.walBytesMax}`)
  db.pragma(`max_page_count = ${pagesMax(db, bytesMax)}`)
  db.transaction(() => {
    const fresh = !db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'meta'").get()
    if (fresh) db.exec(schemaOf(layout))
    if (fresh) fillGuard(db)
    assertFormat(dir, fresh ? layout.format : Number(readMeta(db, 'format')))
    addTables(db)
    keepGuard(db)
    if (fresh) writeMeta(db, 'format', String(layout.format))
    // The first write of this open: after it the pragma must still say FULL (2).
    writeMeta(db, 'opened', String(Date.now()))
  })()
  db.pragma('synchronous = FULL')
  writeMeta(db, 'opened', String(Date.now()))
  if (db.pragma('synchronous', { simple: true }) !== 2) throw new Error('synchronous=FULL did not hold after the first write')
  return db
}

export interface Commits {
  begin(): void
  /** What was begun is on the medium, all or nothing. A failure is final. */
  commit(): void
  /** … and what was changed by single statements. */
  flush(): void
  close(): void
}

/**
 * From now on this is what makes a change durable. What SQLite does at each commit with FULL is, as the library was built, an fsync: that writes
 * the file's times too, on ext4 a transaction of the file system's own journal, which is more than the commit itself. fdatasync of the write-ahead
 * log, whose space is used over and over, writes the commit alone. With NORMAL SQLite still flushes whatever the order of log and file depends on.
 */
export function ownCommits(db: Journal): Commits {
  db.pragma('synchronous = NORMAL')
  const wal = openSync(`${db.name}-wal`, 'r+')
  const begin = db.prepare('BEGIN IMMEDIATE')
  const end = db.prepare('COMMIT')
  const flush = () => fdatasyncSync(wal)
  return {
    begin: () => void begin.run(),
    commit() {
      end.run()
      flush()
    },
    flush,
    close: () => closeSync(wal),
  }
}

/** Throws BadInput for a journal of another version. */
export function assertFormat(dir: string, format: number): void {
  if (LAYOUTS.some((it) => it.format === format)) return
  const known = LAYOUTS.map((it) => it.format).sort()
  const text = `the log has format ${format}, this version reads ${known.join(' and ')}`
  throw new BadInput([{ where: journalFile(dir), text, remedy: 'start the version that wrote it' }])
}

/** A second connection, for the keeper: reads only, one short statement at a time. */
export function openReader(dir: string): Journal {
  const db = new Database(journalFile(dir), { readonly: true, fileMustExist: true, timeout: BUSY_MS })
  common(db)
  return db
}

export const pageBytes = (db: Journal): number => db.pragma('page_size', { simple: true }) as number

/** Pages that the journal may have. */
export function pagesMax(db: Journal, bytesMax: number): number {
  return Math.floor(spaceOf(bytesMax).journalBytesMax / pageBytes(db))
}

/** Pages in use. */
export function pagesUsed(db: Journal): number {
  return (db.pragma('page_count', { simple: true }) as number) - (db.pragma('freelist_count', { simple: true }) as number)
}

/** What may be moved when pages are given back: of lines that have become one, which is never urgent, no more than takes a moment. */
export const movedBytesMax = (kind: string, walBytesMax: number): number => (kind === 'merge' ? walBytesMax / 16 : walBytesMax)

/**
 * Gives free pages back to the partition where they are most of the file, as after sealing. Outside of a transaction: at the end of one in this
 * mode SQLite gives all of them back at once, and `incremental_vacuum` would look for each. Format 2 cannot. All that moves
 * goes through the write-ahead log: no more than it may hold, and than `bytesMax`. A failure is final, as of any commit.
 */
export function giveBackPages(db: Journal, bytesMax: number, fail: (error: unknown) => void): void {
  try {
    const free = db.pragma('freelist_count', { simple: true }) as number
    const used = pagesUsed(db)
    if (db.pragma('auto_vacuum', { simple: true }) === 0 || free <= Math.max(FREE_PAGES_KEPT, used)) return
    if (used * pageBytes(db) > bytesMax) return
    // These are commits too. No more than one may be without its flush: what a power cut leaves of several looks like damage, not like an end.
    db.pragma('synchronous = FULL')
    vacuum(db)
    db.pragma('auto_vacuum = INCREMENTAL')
    db.pragma('synchronous = NORMAL')
  } catch (error) {
    fail(error)
  }
}

function vacuum(db: Journal): void {
  try {
    db.pragma('auto_vacuum = FULL')
  } catch (error) {
    // A map of pages that is damaged, which nothing else reads: they are kept.
    if (!String((error as { code?: unknown }).code).startsWith('SQLITE_CORRUPT')) throw error
  }
}

function readMeta(db: Journal, key: string): string | undefined {
  return db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key) as string | undefined
}

export function writeMeta(db: Journal, key: string, value: string): void {
  db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(key, value)
}

/**
 * The epoch that this start goes on with; a new one when the log is new, when the machine was restarted and nobody saw a clean stop, or when this is
 * other hardware: the disk that it was copied from may go on in the old one.
 */
export function presentEpoch(db: Journal, world: Pick<WriterWorld, 'clock' | 'hardware' | 'randomEpoch'>): string {
  const { hardware, randomEpoch } = world
  const { bootId } = world.clock()
  const before = readMeta(db, 'hardware') ?? ''
  // Where either does not say which it is, it is taken for the same: a board's numbers may fail to be read at one start.
  const isSameHardware = before === '' || hardware === '' || before === hardware
  const known = isSameHardware ? readMeta(db, 'epoch') : undefined
  const cleanStop = readMeta(db, 'clean-stop') === '1'
  const epoch = known !== undefined && (cleanStop || readMeta(db, 'boot-id') === bootId) ? known : randomEpoch()
  db.transaction(() => {
    writeMeta(db, 'epoch', epoch)
    writeMeta(db, 'boot-id', bootId)
    if (hardware !== '') writeMeta(db, 'hardware', hardware)
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
