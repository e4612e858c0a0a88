// Opening whatever is damaged. Runs before the journal is opened for writing, under the lock.
//
//   journal.db, -wal ─► is it whole? ─yes─► nothing is touched (in the write-ahead log single flipped bits are mended where they lie, and a commit
//                          │                         that a power cut tore is cut off its end)
//                          │no, or not there and segments are
//                          ▼
//   rebuild/journal.db is filled (recover-rebuild.ts) ─► rebuild/ready ─► the old one into quarantine/, the new one into its place
//
// What must hold: a journal of another version is never touched; the old one is in place until the new one is complete and on the disk, and a
// crash at any moment leaves what the next start goes on from. What a device cannot read is first an error that ends the process: it may be a
// moment's. Only what it still cannot read at the next start is damage.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Journal } from './journal.ts'
import { assertFormat, openJournal, pageBytes, pagesUsed, writeMeta } from './journal.ts'
import { schemaFaults } from './journal-layout.ts'
import { GUARDED, guardFaults } from './recover-guard.ts'
import type { RebuildOptions } from './recover-rebuild.ts'
import { rebuild } from './recover-rebuild.ts'
import { findSegments } from './recover-walk.ts'
import { mendHead, readOld } from './recover-tables.ts'
import { cutTorn, mendWal } from './recover-wal.ts'
import type { Catalogue } from './catalogue.ts'
import { walk } from './walk.ts'
import { cutTo, segmentFiles, unlinkSegment } from './segment.ts'
import { dropBallast } from './space.ts'

export interface RecoverOptions extends RebuildOptions {
  /** DIR/log. */
  readonly dir: string
  readonly bytesMax: number
  readonly bootId: string
  /** µs. */
  readonly now: number
}

export interface Recovered {
  /** Why the journal was made anew; empty: it was not. */
  readonly faults: readonly string[]
  /** Bits of the write-ahead log that were put right. */
  readonly mendedBits: number
}

/** A larger journal is not read as a whole at open: only what is read in any case. The scan does the rest. */
const EXAMINED_BYTES_MAX = 64_000_000
const SMALL_TABLES = GUARDED.filter((it) => it !== 'ledger')
const FAULTS_SAID_MAX = 5
const EARLIER_DAY = 'segments have numbers that the journal has not given out'
const fileIn = (dir: string, name = 'journal.db') => join(dir, name)
const rebuildDir = (dir: string) => join(dir, 'rebuild')
const readyFile = (dir: string) => join(rebuildDir(dir), 'ready')
const quarantineDir = (dir: string) => join(dir, 'quarantine')
/** The journal could not be read by the device at the last start. */
const unreadableFile = (dir: string) => join(dir, 'journal.unreadable')

/** Throws BadInput for a journal of another version, and what the system says of a device that does not read. */
export async function recoverLog(options: RecoverOptions): Promise<Recovered> {
  const { dir } = options
  mkdirSync(dir, { recursive: true })
  finishSwap(dir)
  if (!existsSync(fileIn(dir))) {
    const { segments } = segmentFiles(dir)
    if (segments.length === 0) return { faults: [], mendedBits: 0 }
    return await makeAnew(options, ['journal.db is missing'], false)
  }
  mendHead(fileIn(dir))
  const wal = mendWal(fileIn(dir, 'journal.db-wal'))
  const faults: string[] =
    wal.kind === 'damaged' ? ['commits in the write-ahead log cannot be read'] : examineFile(options, wal.kind === 'torn')
  if (faults.length === 0 && (await isOfEarlierDay(dir))) faults.push(EARLIER_DAY)
  if (faults.length === 0) {
    if (wal.kind === 'torn') cutTorn(fileIn(dir, 'journal.db-wal'), wal)
    rmSync(unreadableFile(dir), { force: true })
    return { faults, mendedBits: wal.mendedBits }
  }
  const isOld = wal.kind !== 'sound' || faults.includes(EARLIER_DAY)
  return { ...(await makeAnew(options, faults, isOld)), mendedBits: wal.mendedBits }
}

// --- is it whole? ----------------------------------------------------------------------------------------------------------------

function examineFile({ dir, bootId }: RecoverOptions, isTorn: boolean): string[] {
  const wasUnreadable = existsSync(unreadableFile(dir))
  let db: Journal | undefined
  try {
    db = openToExamine(dir)
    if (!db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'meta'").get()) return emptyFaults(dir)
    const meta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck()
    const format = Number(meta.get('format') ?? Number.NaN)
    if (!Number.isInteger(format)) return ['the journal does not say its format']
    assertFormat(dir, format)
    // Within one boot nothing that was written goes: only a power cut leaves half a commit.
    if (isTorn && meta.get('boot-id') === bootId && meta.get('clean-stop') !== '1')
      return ['the last commit in the write-ahead log cannot be read']
    // A write-ahead log that is not there says nothing: it goes, emptied into the journal, with the last connection of a process that ends by itself.
    const faults = [...schemaFaults(db, format), ...faultsOf(db)]
    if (faults.length === 0) lengthen(fileIn(dir), (db.pragma('page_count', { simple: true }) as number) * pageBytes(db))
    return faults
  } catch (error) {
    if (isReadError(error)) {
      if (wasUnreadable) return [`the device cannot read it: ${(error as Error).message}`]
      writeFileSync(unreadableFile(dir), '')
      throw error
    }
    if (isDamage(error)) return [(error as Error).message]
    throw error
  } finally {
    db?.close()
  }
}

/** Not the device, not the disk's space, not permissions: what stands there is wrong. */
const isDamage = (error: unknown) => /^SQLITE_(CORRUPT|NOTADB|ERROR|IOERR_SHORT_READ)/.test(codeOf(error))
/** The device did not give the bytes (EIO). */
const isReadError = (error: unknown) => codeOf(error) === 'SQLITE_IOERR_READ'
const codeOf = (error: unknown) => String((error as { code?: unknown }).code)

/** All that is used is there, so what was cut off was not: but a checkpoint refuses a file that is much too short. */
function lengthen(file: string, bytes: number): void {
  if (statSync(file).size < bytes) truncateSync(file, bytes)
}

/** A log that a power cut left before its first commit has neither tables nor segments. */
function emptyFaults(dir: string): string[] {
  return segmentFiles(dir).segments.length > 0 ? ['journal.db has no tables'] : []
}

/**
 * A tail that the journal does not record is of a change that never came to pass, unless its notes know of numbers that the journal has not
 * given out: then the journal was cut, or is a copy.
 */
async function isOfEarlierDay(dir: string): Promise<boolean> {
  const db = openToExamine(dir)
  try {
    const ends = new Map(db.prepare('SELECT id, "end" FROM segment').raw().all() as [number, number][])
    const heads = new Map(db.prepare('SELECT id, next FROM stream').raw().all() as [number, number][])
    for (const { id, path, bytes } of segmentFiles(dir).segments) {
      const from = ends.get(id) ?? 0
      if (from >= bytes) continue
      for await (const it of walk(path, { from, verify: 'headers' }))
        if (it.kind === 'notes' && it.notes.streams.some((stream) => stream.next > (heads.get(stream.id) ?? 0))) return true
    }
    return false
  } catch (error) {
    // It has no tables yet.
    if (isDamage(error)) return false
    throw error
  } finally {
    db.close()
  }
}

function openToExamine(dir: string): Journal {
  // What its creation left half done is rolled back by whoever may write.
  if (existsSync(fileIn(dir, 'journal.db-journal'))) {
    const writing = new Database(fileIn(dir))
    writing.prepare('SELECT count(*) FROM sqlite_master').get()
    writing.close()
  }
  const db = new Database(fileIn(dir), { readonly: true, fileMustExist: true })
  db.pragma('cell_size_check = ON')
  return db
}

/** What is wrong with a journal, in words; empty: nothing. Throws what SQLite says of pages that it cannot read. */
export function faultsOf(db: Journal): string[] {
  if (pagesUsed(db) * pageBytes(db) > EXAMINED_BYTES_MAX) return guardFaults(db, SMALL_TABLES)
  const said = (db.pragma(`integrity_check(${FAULTS_SAID_MAX})`) as { integrity_check: string }[]).map((it) => it.integrity_check)
  return [...said.filter((it) => it !== 'ok'), ...guardFaults(db)]
}

// --- a new one -------------------------------------------------------------------------------------------------------------------

async function makeAnew(options: RecoverOptions, faults: readonly string[], isWalDamaged: boolean): Promise<Recovered> {
  const { dir, bytesMax, now } = options
  rmSync(rebuildDir(dir), { recursive: true, force: true })
  mkdirSync(rebuildDir(dir))
  dropBallast(dir)
  const db = openJournal(rebuildDir(dir), bytesMax)
  try {
    db.pragma('wal_checkpoint(TRUNCATE)')
    const old = readOld(fileIn(dir), rebuildDir(dir), bytesMax, isWalDamaged)
    // Without all of the write-ahead log it may be the journal of an earlier day: what it does not have may have come since.
    const sound = isWalDamaged ? new Set<string>() : old.sound
    rebuild(db, { ...old, sound }, await findSegments(dir), options, now)
    writeMeta(db, 'rebuilt', JSON.stringify({ at: now, faults }))
    db.pragma('wal_checkpoint(TRUNCATE)')
  } finally {
    db.close()
  }
  syncFile(fileIn(rebuildDir(dir)))
  writeFileSync(readyFile(dir), `journal-${new Date(now / 1000).toISOString().replaceAll(/[:.]/g, '')}.db`)
  syncFile(readyFile(dir))
  syncFile(rebuildDir(dir))
  finishSwap(dir)
  rmSync(unreadableFile(dir), { force: true })
  return { faults, mendedBits: 0 }
}

/** Every step may be the last before a crash: the next start begins where it was. */
function finishSwap(dir: string): void {
  if (!existsSync(readyFile(dir))) return rmSync(rebuildDir(dir), { recursive: true, force: true })
  const made = fileIn(rebuildDir(dir))
  if (existsSync(made)) {
    const name = readFileSync(readyFile(dir), 'utf8')
    for (const it of existsSync(quarantineDir(dir)) ? readdirSync(quarantineDir(dir)) : [])
      if (!it.startsWith(name)) rmSync(join(quarantineDir(dir), it))
    mkdirSync(quarantineDir(dir), { recursive: true })
    moveIfThere(fileIn(dir), join(quarantineDir(dir), name))
    moveIfThere(fileIn(dir, 'journal.db-wal'), join(quarantineDir(dir), `${name}-wal`))
    rmSync(fileIn(dir, 'journal.db-shm'), { force: true })
    for (const it of [quarantineDir(dir), dir]) syncFile(it)
    renameSync(made, fileIn(dir))
    syncFile(dir)
  }
  rmSync(rebuildDir(dir), { recursive: true, force: true })
}

function moveIfThere(from: string, to: string): void {
  if (existsSync(from)) renameSync(from, to)
}

/** A folder too. */
function syncFile(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

// --- segments and what was set aside -----------------------------------------------------------------------------------------------

/** Before anybody appends: files that the catalogue does not know, and tails that it does not record, are of changes that never came to pass. */
export function tidySegments(dir: string, catalogue: Catalogue): void {
  const known = new Map(catalogue.segments().map((it) => [it.id, it]))
  for (const file of segmentFiles(dir).segments) {
    const row = known.get(file.id)
    if (!row || row.class !== file.class || row.form !== file.form) unlinkSegment(file.path)
    else if (file.bytes > row.end) cutTo(file.path, row.end)
  }
}

/** Of what was set aside: for people to look at, as long as nobody needs the space. */
export function quarantineBytes(dir: string): number {
  if (!existsSync(quarantineDir(dir))) return 0
  return readdirSync(quarantineDir(dir)).reduce((sum, it) => sum + statSync(join(quarantineDir(dir), it)).size, 0)
}

export function dropQuarantine(dir: string): void {
  rmSync(quarantineDir(dir), { recursive: true, force: true })
}
