// The first pages of a journal say how it lies on the disk and where its tables are; they are the same in all journals of a layout. Where they are
// damaged, those of an empty journal take their place.
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Journal } from './journal.ts'
import { openJournal } from './journal.ts'
import type { Layout } from './journal-layout.ts'
import { LAYOUTS, PRESENT, tablesOf } from './journal-layout.ts'
import type { OldJournal } from './recover-old.ts'
import { NO_OLD_JOURNAL, readOldJournal } from './recover-old.ts'
import { salvageWal } from './recover-wal.ts'

/** The magic, the page size, write-ahead log for reading and writing, nothing reserved, the fractions that SQLite has always had. */
const headOf = ({ pageBytes }: Layout) =>
  Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.from([pageBytes >> 8, 0, 2, 2, 0, 64, 32, 32])])
const HEAD_BYTES = headOf(PRESENT).length
const DATABASE_PAGES_AT = 28
const FREELIST_AT = 32
/** 0 where free pages cannot be given back. */
const LARGEST_ROOT_AT = 52
const READ_BYTES = 100

interface Head {
  readonly layout: Layout
  /** Bits that are not as they are in every journal of this layout. */
  readonly wrong: number
}

/** The layout that the first bytes are nearest to; undefined where they are not there. */
function headIn(fd: number): Head | undefined {
  const bytes = Buffer.alloc(READ_BYTES)
  if (readSync(fd, bytes, 0, READ_BYTES, 0) < READ_BYTES) return undefined
  const givesBack = bytes.readUInt32BE(LARGEST_ROOT_AT) > 0
  const heads = LAYOUTS.map((layout) => ({ layout, wrong: bitsApart(bytes.subarray(0, HEAD_BYTES), headOf(layout)) }))
  // A flipped bit of the page size may be as near to the other.
  return heads.reduce((best, it) =>
    it.wrong < best.wrong || (it.wrong === best.wrong && (it.layout === PRESENT) === givesBack) ? it : best,
  )
}

const bitsApart = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, it, n) => sum + ((it ^ (b[n] as number)) >>> 0).toString(2).replaceAll('0', '').length, 0)

/** SQLite believes the first bytes: one flipped bit there and it would leave the write-ahead log aside. */
export function mendHead(file: string): void {
  const fd = openSync(file, 'r+')
  try {
    const head = headIn(fd)
    if (head?.wrong !== 1) return
    writeSync(fd, headOf(head.layout), 0, HEAD_BYTES, 0)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** `dir`: a folder for copies. `bytesMax`: of the log. */
export function readOld(file: string, dir: string, bytesMax: number, isWalDamaged: boolean): OldJournal {
  if (!existsSync(file)) return NO_OLD_JOURNAL
  const layout = layoutOf(file)
  // Each is tried where nothing tells which one it is.
  for (const it of layout ? [layout] : LAYOUTS) {
    const old = readAs(file, it, dir, bytesMax, isWalDamaged)
    if (old.tables.stream.length > 0 || layout) return old
  }
  return NO_OLD_JOURNAL
}

/** Undefined where its first bytes are gone. */
function layoutOf(file: string): Layout | undefined {
  const fd = openSync(file, 'r')
  try {
    const head = headIn(fd)
    return head && head.wrong <= 1 ? head.layout : undefined
  } finally {
    closeSync(fd)
  }
}

/** From a copy where SQLite would not read it as it is: with a write-ahead log that it reads to its end, with first pages that it knows. */
function readAs(file: string, layout: Layout, dir: string, bytesMax: number, isWalDamaged: boolean): OldJournal {
  const like = emptyJournal(join(dir, `format-${layout.format}`), bytesMax, layout)
  const copy = join(dir, 'old.db')
  // Journals of the former format may have been made by versions that made tables otherwise.
  const isAsMade = (it: string) => layout !== PRESENT || textOf(it) === textOf(like)
  try {
    const asItIs = isWalDamaged || !isAsMade(file) ? NO_OLD_JOURNAL : readOldJournal(file)
    if (asItIs.tables.stream.length > 0) return asItIs
    copyFileSync(file, copy)
    if (existsSync(`${file}-wal`)) salvageWal(`${file}-wal`, `${copy}-wal`)
    if (!isAsMade(copy)) replaceTables(copy, like, layout)
    const old = readOldJournal(copy)
    if (old.tables.stream.length > 0) return old
    replaceTables(copy, like, layout)
    return readOldJournal(copy)
  } finally {
    for (const end of ['', '-wal', '-shm']) rmSync(`${copy}${end}`, { force: true })
    rmSync(join(dir, `format-${layout.format}`), { recursive: true, force: true })
  }
}

/** Its file. */
function emptyJournal(dir: string, bytesMax: number, layout: Layout): string {
  mkdirSync(dir, { recursive: true })
  openJournal(dir, bytesMax, layout).close()
  return join(dir, 'journal.db')
}

/** What a journal says that its tables are; a text that no journal has where it cannot say it. */
function textOf(file: string): string {
  let db: Journal | undefined
  try {
    db = new Database(file, { readonly: true, fileMustExist: true })
    return tablesOf(db)
  } catch (error) {
    return `${file}: ${(error as Error).message}`
  } finally {
    db?.close()
  }
}

function replaceTables(file: string, like: string, { pageBytes }: Layout): void {
  const from = readFileSync(like)
  from.writeUInt32BE(Math.floor(statSync(file).size / pageBytes), DATABASE_PAGES_AT)
  from.writeUInt32BE(0, FREELIST_AT)
  from.writeUInt32BE(0, FREELIST_AT + 4)
  const fd = openSync(file, 'r+')
  try {
    for (const page of tablePages(like)) writeSync(fd, from, (page - 1) * pageBytes, pageBytes, (page - 1) * pageBytes)
  } finally {
    closeSync(fd)
  }
}

/** By number, of a sound journal: those that hold the tables' names. */
function tablePages(file: string): number[] {
  const db = new Database(file, { readonly: true, fileMustExist: true })
  try {
    return db.prepare("SELECT pageno FROM dbstat WHERE name IN ('sqlite_master', 'sqlite_schema')").pluck().all() as number[]
  } finally {
    db.close()
  }
}
