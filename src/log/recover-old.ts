// What can still be read of a journal that is damaged: table by table, row by row. A page that cannot be read costs the rows on it.
import Database from 'better-sqlite3'
import { readHeader } from '../columns/index.ts'
import { readAccepted } from './accounts.ts'
import type { BlockRow } from './catalogue.ts'
import { BLOCK_COLUMNS } from './catalogue.ts'
import type { Journal } from './journal.ts'
import type { Guarded, Row } from './recover-guard.ts'
import { columnsOf, GUARDED, guardFaults, isAsWritten } from './recover-guard.ts'

export interface OldBlock {
  readonly row: BlockRow
  /** Of a fresh block; empty where it cannot be read. */
  readonly data: Uint8Array | undefined
}

export interface OldJournal {
  /** Rows that are as they were written. */
  readonly tables: Readonly<Record<Guarded, readonly Row[]>>
  /** Rows as they stand there: each may say something else than its block. */
  readonly blocks: readonly OldBlock[]
  /** By class: readings that it accepted, as far as that can be read. */
  readonly accepted: ReadonlyMap<string, number>
  /** Tables of which every row is there and as it was written. */
  readonly sound: ReadonlySet<string>
}

const NOTHING = Object.fromEntries(GUARDED.map((it) => [it, [] as Row[]])) as unknown as OldJournal['tables']
export const NO_OLD_JOURNAL: OldJournal = { tables: NOTHING, blocks: [], accepted: new Map(), sound: new Set() }

const CHUNK_ROWS = 500
/** Numbers that are tried one by one where a page cannot be read. */
const PROBES = 5_000
const PROBE_ROUNDS_MAX = 40
/** So many rounds that find nothing end it: the page that all others hang on is gone, and the log has to open within seconds. */
const EMPTY_ROUNDS_MAX = 6

/** `file` is only read; it must not be in use. */
export function readOldJournal(file: string): OldJournal {
  let db: Journal
  try {
    db = new Database(file, { readonly: true, fileMustExist: true })
    db.prepare('SELECT count(*) FROM sqlite_master').get()
  } catch {
    return NO_OLD_JOURNAL
  }
  try {
    const tables = Object.fromEntries(GUARDED.map((it) => [it, readTable(db, it)])) as unknown as OldJournal['tables']
    const accepted = attempt(() => readAccepted(db)) ?? new Map<string, number>()
    return { tables, blocks: readBlocks(db), accepted, sound: new Set([...GUARDED, 'block'].filter((it) => isSound(db, it))) }
  } finally {
    db.close()
  }
}

const isSound = (db: Journal, table: string): boolean => attempt(() => guardFaults(db, [table]).length === 0) ?? false

function readTable(db: Journal, table: Guarded): Row[] {
  const columns = attempt(() => columnsOf(db, table)) ?? []
  if (columns.length === 0) return []
  const names = [...columns.map((it) => `"${it.name}"`), 'crc'].join(', ')
  const [id] = columns
  const isByNumber = id?.name === 'id' && id.pk === 1
  const rows = attempt(() => (isByNumber ? byNumber(db, table, names) : inBothOrders(db, table, names))) ?? []
  return rows.filter((it) => isAsWritten(it, columns))
}

/** Small tables: from the front as far as it goes, and from the back. */
function inBothOrders(db: Journal, table: string, names: string): Row[] {
  const found = new Map<string, Row>()
  const key = columnsOf(db, table)
    .filter((it) => it.pk > 0)
    .map((it) => `"${it.name}"`)
  for (const order of ['ASC', 'DESC'])
    attempt(() => {
      const select = db.prepare(`SELECT ${names} FROM ${table} ORDER BY ${key.map((it) => `${it} ${order}`).join(', ')}`)
      for (const row of select.iterate() as Iterable<Row>) found.set(JSON.stringify(Object.values(row)), row)
    })
  return [...found.values()]
}

/** Each number once, whatever order pages that were swapped bring them in: what does not go forward is probed as if it could not be read. */
function byNumber(db: Journal, table: string, names: string): Row[] {
  const rows = new Map<number, Row>()
  const keep = (row: Row) => rows.set(Number(row['id']), row)
  const chunk = db.prepare(`SELECT ${names} FROM ${table} NOT INDEXED WHERE id > ? ORDER BY id LIMIT ${CHUNK_ROWS}`)
  const one = db.prepare(`SELECT ${names} FROM ${table} NOT INDEXED WHERE id = ?`)
  // Neither end can be read: mostly it is the page that all others hang on, and then each probe is in vain.
  const ends = ['ASC', 'DESC'].map((order) => db.prepare(`SELECT id FROM ${table} NOT INDEXED ORDER BY id ${order} LIMIT 1`))
  const isCut = ends.every((it) => attempt(() => [it.get()]) === undefined)
  let at = Number.MIN_SAFE_INTEGER
  let empty = 0
  for (let rounds = 0; rounds < PROBE_ROUNDS_MAX && empty < (isCut ? 1 : EMPTY_ROUNDS_MAX); ) {
    const found = attempt(() => chunk.all(at) as Row[])
    if (found?.length === 0) break
    const last = Number(found?.at(-1)?.['id'])
    if (found && last > at) {
      for (const row of found) keep(row)
      at = last
      continue
    }
    rounds++
    at = Math.max(at, -1)
    const before = rows.size
    for (let id = at + 1; id <= at + PROBES; id++) {
      const row = attempt(() => one.get(id) as Row | undefined)
      if (row) keep(row)
    }
    empty = rows.size > before ? 0 : empty + 1
    at += PROBES
  }
  return [...rows.values()]
}

function readBlocks(db: Journal): OldBlock[] {
  const rows = attempt(() => byNumber(db, 'block', BLOCK_COLUMNS)) ?? []
  const data = attempt(() => db.prepare('SELECT data FROM block WHERE id = ?').pluck())
  const blocks = (rows as unknown as BlockRow[]).map((row) => {
    if (row.segment !== null) return { row, data: undefined }
    const bytes = attempt(() => data?.get(row.id) as Uint8Array | null) ?? new Uint8Array(0)
    // It lies in no file, whatever a flipped bit made of its place there.
    return { row: { ...asItsHeaderSays(row, bytes), offset: null }, data: bytes }
  })
  return blocks.filter((it) => isPlausible(it.row))
}

/** A flipped bit makes a blob of a number, a page of the ledger in the place of one of blocks a text: the new journal refuses both. */
function isPlausible({ segment, offset, ...row }: BlockRow): boolean {
  const numbers = [row.id, row.stream, row.first, row.count, row.pending, row.bytes]
  const place = segment === null ? [] : [segment, offset]
  return (
    [...place, ...Object.values(row)].every((it) => Number.isSafeInteger(it)) &&
    numbers.every((it) => it >= 0) &&
    row.count > 0 &&
    Number.isSafeInteger(row.first + row.count)
  )
}

/** A header has its own CRC: what it says is believed before the row. */
function asItsHeaderSays(row: BlockRow, block: Uint8Array): BlockRow {
  const header = attempt(() => readHeader(block))
  if (!header) return row
  const { stream, first, count } = header
  return {
    ...row,
    stream,
    first,
    count,
    readings: header.version === 3 ? row.readings : count,
    time_from: header.timeFrom,
    time_to: header.timeTo,
    received_from: header.receivedFrom,
    received_to: header.receivedTo,
    bytes: block.length,
  }
}

/** Undefined where it cannot be read, for whatever reason: a rebuild takes what there is. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
