// What tables the journal has, and how they lie on the disk. A log keeps the layout that it was made with.
//
//   format 2   pages of 4,096 bytes, one for the root of each table
//   format 3   pages of 512 bytes, and free ones can be given back: most commits change a few rows on many pages, and each page that is touched
//              goes to the write-ahead log whole
//
// A table more is a layout more, with a number of its own: what is damaged is held against what its layout says, to the page.
//
// What must hold: a device loses 4,096 bytes at once, eight pages of format 3. `stream` and `account` say how many readings there were; their
// roots, and the one of `accepted`, which says the same once more, lie in different such blocks. `accepted` is so small that it is its root alone.
import Database from 'better-sqlite3'
import type { Journal } from './journal.ts'
import { EVENT_SCHEMA } from './events.ts'
import { PERIOD_SCHEMA } from './periods.ts'
import { GUARD_SCHEMA, GUARDED } from './recover-guard.ts'

const CRC = 'crc INTEGER NOT NULL DEFAULT 0'
const TABLES = {
  meta: `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, ${CRC}) STRICT, WITHOUT ROWID;`,
  stream: `CREATE TABLE stream (id INTEGER PRIMARY KEY, device TEXT NOT NULL, epoch TEXT NOT NULL, class TEXT NOT NULL, form TEXT NOT NULL, next INTEGER NOT NULL, ${CRC},
  UNIQUE (device, epoch, class, form)) STRICT;`,
  series: `CREATE TABLE series (id INTEGER PRIMARY KEY, device TEXT NOT NULL, tag TEXT NOT NULL, class TEXT NOT NULL, kind TEXT NOT NULL, unit TEXT,
  box_time INTEGER NOT NULL DEFAULT 0, added_at INTEGER NOT NULL, ${CRC}) STRICT;
CREATE INDEX series_tag ON series (tag);`,
  block: `CREATE TABLE block (id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, pending INTEGER NOT NULL,
  readings INTEGER NOT NULL, time_from INTEGER NOT NULL, time_to INTEGER NOT NULL, received_from INTEGER NOT NULL, received_to INTEGER NOT NULL,
  bytes INTEGER NOT NULL, period INTEGER NOT NULL, series INTEGER NOT NULL, window_ms INTEGER NOT NULL, segment INTEGER, "offset" INTEGER, data BLOB) STRICT;
CREATE UNIQUE INDEX block_place ON block (stream, first, count, pending, bytes, received_to);
CREATE INDEX block_segment ON block (segment, stream, first) WHERE segment IS NOT NULL;
CREATE INDEX block_fresh ON block (stream, first, count, pending, bytes, period, received_from, received_to) WHERE segment IS NULL;
CREATE INDEX block_kept ON block (stream, first) WHERE pending = 0;`,
  segment: `CREATE TABLE segment (id INTEGER PRIMARY KEY AUTOINCREMENT, class TEXT NOT NULL, form TEXT NOT NULL, "end" INTEGER NOT NULL, ${CRC}) STRICT;`,
  position: `CREATE TABLE position (uplink TEXT PRIMARY KEY, number INTEGER NOT NULL, delivered TEXT NOT NULL, ${CRC}) STRICT, WITHOUT ROWID;`,
  intent: `CREATE TABLE intent (uplink TEXT PRIMARY KEY, ranges TEXT NOT NULL, end_offsets TEXT NOT NULL, ${CRC}) STRICT, WITHOUT ROWID;`,
  parked: `CREATE TABLE parked (uplink TEXT NOT NULL, stream INTEGER NOT NULL, sequence INTEGER NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL, ${CRC},
  PRIMARY KEY (stream, sequence, uplink)) STRICT, WITHOUT ROWID;`,
  ledger: `CREATE TABLE ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, first INTEGER NOT NULL, end INTEGER NOT NULL, count INTEGER NOT NULL,
  time_from INTEGER NOT NULL, time_to INTEGER NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
  exact INTEGER NOT NULL DEFAULT 1, gap_stream INTEGER, sequence INTEGER, ${CRC}) STRICT;
CREATE UNIQUE INDEX ledger_gap ON ledger (gap_stream, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX ledger_stream ON ledger (stream, first);
CREATE INDEX ledger_unpublished ON ledger (id) WHERE sequence IS NULL;`,
  account: `CREATE TABLE account (class TEXT PRIMARY KEY, accepted INTEGER NOT NULL, delivered INTEGER NOT NULL, stored INTEGER NOT NULL, aggregated INTEGER NOT NULL,
  lost TEXT NOT NULL, ${CRC}) STRICT, WITHOUT ROWID;`,
  offline: `CREATE TABLE offline (class TEXT PRIMARY KEY, ms INTEGER NOT NULL, stored INTEGER NOT NULL, delivered INTEGER NOT NULL, at INTEGER NOT NULL, trusted INTEGER NOT NULL, ${CRC}) STRICT, WITHOUT ROWID;`,
  ended: `CREATE TABLE ended (stream INTEGER PRIMARY KEY, ${CRC}) STRICT;`,
  period: PERIOD_SCHEMA,
  guard: GUARD_SCHEMA,
  event: EVENT_SCHEMA,
  accepted:
    'CREATE TABLE IF NOT EXISTS accepted (class TEXT PRIMARY KEY, count INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;',
} as const
type Table = keyof typeof TABLES

export interface Layout {
  readonly format: number
  readonly pageBytes: number
  /** Their roots lie in this order. */
  readonly tables: readonly Table[]
}

const FORMER: Layout = {
  format: 2,
  pageBytes: 4096,
  // prettier-ignore
  tables: [
    'meta',
    'stream',
    'series',
    'block',
    'segment',
    'position',
    'intent',
    'parked',
    'ledger',
    'account',
    'offline',
    'ended',
    'period',
    'guard',
  ],
}
export const PRESENT: Layout = {
  format: 3,
  pageBytes: 512,
  // prettier-ignore
  tables: [
    'meta',
    'ended',
    'parked',
    'offline',
    'intent',
    'event',
    'stream',
    'series',
    'period',
    'guard',
    'ledger',
    'account',
    'position',
    'segment',
    'block',
    'accepted',
  ],
}
/** What this version reads and writes, the one that it makes first. */
export const LAYOUTS: readonly Layout[] = [PRESENT, FORMER]

export function schemaOf(layout: Layout): string {
  const text = layout.tables.map((it) => TABLES[it]).join('\n')
  if (layout !== FORMER) return text
  // Byte by byte as it was made: where the tables' names lie follows from it.
  const added = GUARDED.map((it) => `ALTER TABLE ${it} ADD COLUMN ${CRC};`)
  return [text.replaceAll(`, ${CRC}`, ''), ...added].join('\n')
}

/** Tables that came with a later version of the same format: older programs pass over them. */
export function addTables(db: Journal): void {
  for (const it of ['event', 'accepted'] as const) db.exec(TABLES[it])
}

/** What the tables of a journal are said to be. */
export const tablesOf = (db: Journal): string =>
  JSON.stringify(
    db.prepare('SELECT type, name, tbl_name, rootpage, hex(sql) FROM sqlite_master ORDER BY rootpage, name').raw().all(),
  )

/** A flipped bit in the name of a column harms no row and no index: nothing else notices it. Of the former format versions made tables differently. */
export function schemaFaults(db: Journal, format: number): string[] {
  if (format !== PRESENT.format) return []
  const right = new Database(':memory:')
  try {
    right.pragma(`page_size = ${PRESENT.pageBytes}`)
    right.pragma('auto_vacuum = INCREMENTAL')
    right.exec(schemaOf(PRESENT))
    return tablesOf(db) === tablesOf(right) ? [] : ['the tables are not those that this version makes']
  } finally {
    right.close()
  }
}
