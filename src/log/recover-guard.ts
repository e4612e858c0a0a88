// What SQLite does not notice: a flipped bit inside a value, a row that went with its page, a page of an earlier day in the place of this one's.
//
// Each row of the journal's tables has a CRC of its other columns, and `guard` has for each table how many rows there are and the sum of their
// CRCs. Both are kept by triggers of the writer's own connection, in the transaction that changes the row: nobody who writes has to think of
// them, and nobody who only reads needs them. Rows of blocks have no CRC of their own, only their share in the sum: what they say stands in the
// block's header too, or follows from the positions.
import { crc32 } from 'node:zlib'
import type { Journal } from './journal.ts'

export interface Column {
  readonly name: string
  /** Its place in the primary key, from 1; 0: none. */
  readonly pk: number
}

type Cell = string | number | bigint | Uint8Array | null
export type Row = Readonly<Record<string, Cell>>

export const GUARDED = [
  'meta',
  'stream',
  'series',
  'segment',
  'period',
  'position',
  'intent',
  'parked',
  'ledger',
  'account',
  'offline',
  'ended',
] as const
export type Guarded = (typeof GUARDED)[number]
const SUM_ONLY = ['block'] as const
/** Read by nobody, and long. */
const UNGUARDED_COLUMNS = new Set(['crc', 'data'])
/** Sums are taken modulo this: they stay exact. */
const SUM_MODULUS = 2 ** 40

export const GUARD_SCHEMA =
  'CREATE TABLE guard (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;'

/** Of a journal that was made just now. Inside its transaction. */
export function fillGuard(db: Journal): void {
  const insert = db.prepare('INSERT INTO guard (name, rows, sum) VALUES (?, 0, 0)')
  for (const table of [...GUARDED, ...SUM_ONLY]) insert.run(table)
}

/** For the one connection that writes, before it writes. */
export function keepGuard(db: Journal): void {
  db.function('row_crc', { varargs: true, deterministic: true, directOnly: true }, (...cells) => crcOf(cells as Cell[]))
  for (const table of GUARDED) db.exec(triggersOf(table, columnsOf(db, table), true))
  for (const table of SUM_ONLY) db.exec(triggersOf(table, columnsOf(db, table), false))
}

/** Temporary: what a temporary trigger calls need not be trusted by the schema. */
function triggersOf(table: string, columns: readonly Column[], hasCrc: boolean): string {
  const names = columns.map((it) => it.name)
  const crc = (of: 'new' | 'old') => `row_crc(${names.map((it) => `${of}."${it}"`).join(', ')})`
  const key = columns.filter((it) => it.pk > 0).map((it) => `"${it.name}" = new."${it.name}"`)
  const save = hasCrc ? `UPDATE main.${table} SET crc = ${crc('new')} WHERE ${key.join(' AND ')};` : ''
  const saved = hasCrc ? `(SELECT crc FROM main.${table} WHERE ${key.join(' AND ')})` : crc('new')
  const before = hasCrc ? 'old.crc' : crc('old')
  const count = (rows: number, change: string) =>
    `UPDATE main.guard SET rows = rows + ${rows}, sum = (sum + ${SUM_MODULUS} + ${change}) % ${SUM_MODULUS} WHERE name = '${table}';`
  const watched = names.map((it) => `"${it}"`).join(', ')
  return `
    CREATE TEMP TRIGGER guard_${table}_insert AFTER INSERT ON main.${table} BEGIN ${save} ${count(1, saved)} END;
    CREATE TEMP TRIGGER guard_${table}_update AFTER UPDATE OF ${watched} ON main.${table} BEGIN ${save} ${count(0, `${saved} - ${before}`)} END;
    CREATE TEMP TRIGGER guard_${table}_delete AFTER DELETE ON main.${table} BEGIN ${count(-1, `- ${before}`)} END;
  `
}

/** Of a table, in its order, without those that no CRC is over. */
export function columnsOf(db: Journal, table: string): Column[] {
  return (db.pragma(`table_info(${table})`) as Column[]).filter((it) => !UNGUARDED_COLUMNS.has(it.name))
}

function crcOf(cells: readonly Cell[]): number {
  return crc32(cells.map((it) => (it instanceof Uint8Array ? Buffer.from(it).toString('hex') : String(it))).join('\u001f'))
}

/** Whether a row, with its `crc`, is as it was written. */
export function isAsWritten(row: Row, columns: readonly Column[]): boolean {
  return row['crc'] === crcOf(columns.map((it) => row[it.name] as Cell))
}

/** What is wrong with the rows of these tables; nothing is said twice of a table. Throws what SQLite says of a page that it cannot read. */
export function guardFaults(db: Journal, tables: readonly string[] = [...GUARDED, ...SUM_ONLY]): string[] {
  const guard = db.prepare('SELECT rows, sum FROM guard WHERE name = ?')
  return tables.flatMap((table) => {
    const known = guard.get(table) as { rows: number; sum: number } | undefined
    if (!known) return [`nobody knows how many rows ${table} has`]
    const fault = faultOf(db, table, known)
    return fault === undefined ? [] : [fault]
  })
}

function faultOf(db: Journal, table: string, known: { readonly rows: number; readonly sum: number }): string | undefined {
  const hasCrc = (GUARDED as readonly string[]).includes(table)
  const columns = columnsOf(db, table)
  const names = columns.map((it) => `"${it.name}"`).join(', ')
  let rows = 0
  let sum = 0
  let changed = 0
  for (const cells of db
    .prepare(`SELECT ${names}${hasCrc ? ', crc' : ''} FROM ${table} NOT INDEXED`)
    .raw()
    .iterate() as Iterable<Cell[]>) {
    const crc = crcOf(hasCrc ? cells.slice(0, -1) : cells)
    if (hasCrc && crc !== cells.at(-1)) changed++
    rows++
    sum = (sum + crc) % SUM_MODULUS
  }
  if (changed > 0) return `${changed} of ${rows} rows of ${table} have changed`
  if (rows !== known.rows) return `${table} has ${rows} rows, ${known.rows} were written`
  return sum === known.sum ? undefined : `rows of ${table} are not those that were written`
}
