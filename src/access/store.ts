// DIR/access/access.db: who may do what on this box. Panel and console open it at the same time.
//
// What must hold: no secret stands in it (passwords and the claim code as argon2id, tokens as SHA-256); what was answered is on disk by fsync;
// a guess is counted before it is looked at, so that no kill gives it back.
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

export interface Store {
  readonly dir: string
  readonly db: Database.Database
  /** All of it or nothing. Waits for the other process where that is writing. */
  write<T>(change: () => T): T
  close(): void
}

const BUSY_MS_MAX = 5_000
/** At the first boot of a slow box panel and console make it at the same moment, and each waits for the other's fsync. */
const OPEN_MS_MAX = 60_000

const TABLES = `
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY, boot TEXT, access REAL, monotonic REAL, wall REAL) STRICT;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) STRICT;
CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, role TEXT, password TEXT, at INTEGER, by TEXT) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, hash TEXT UNIQUE, user TEXT, csrf TEXT, begun REAL, seen REAL, at INTEGER, address TEXT) STRICT;
CREATE TABLE IF NOT EXISTS tokens (
  name TEXT PRIMARY KEY, hash TEXT UNIQUE, role TEXT, at INTEGER, by TEXT, until INTEGER, used INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS devices (hash TEXT PRIMARY KEY, user TEXT, seen REAL) STRICT;
CREATE TABLE IF NOT EXISTS guesses (key TEXT PRIMARY KEY, left REAL, at REAL) STRICT;
CREATE TABLE IF NOT EXISTS audit (
  position INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, what TEXT, by TEXT, address TEXT, detail TEXT, bytes INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS issues (code TEXT PRIMARY KEY, at INTEGER, text TEXT, remedy TEXT) STRICT;
`

/** Creates what is missing. */
export function openStore(dataDir: string): Store {
  const dir = join(dataDir, 'access')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  chmodSync(dir, 0o700)
  const path = join(dir, 'access.db')
  const before = process.umask(0o077)
  const db = new Database(path, { timeout: OPEN_MS_MAX })
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('trusted_schema = OFF')
    db.pragma('cell_size_check = ON')
    db.exec(TABLES)
    db.pragma(`busy_timeout = ${BUSY_MS_MAX}`)
  } finally {
    process.umask(before)
  }
  return {
    dir,
    db,
    write: (change) => db.transaction(change).immediate(),
    close: () => db.close(),
  }
}
