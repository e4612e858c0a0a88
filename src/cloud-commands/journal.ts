// DIR/commands/commands.db: what the cloud told this box, how far each command is, and the answers on their way into the log.
//
//   place     by uplink and topic: the offsets that come next
//   command   a row each: waiting ─► begun ─► done
//   answer    events of a list of their own (core/events.ts), numbered for the life of the file
//
// What must hold: a place and the commands before it are one transaction; `begun` is on disk before anything is done; `done`, its answer and what goes
// with it are one transaction. So a kill leaves a command that was begun and not ended, never one that was done and not known of. An id stays until
// its command has been stale for a day: what is read again before is known, what is read after is refused.
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import {
  COMMAND_ANSWERS_MAX,
  COMMAND_EXPIRES_MS_MAX,
  COMMAND_REMEMBERED_MS,
  COMMANDS_MAX,
  COMMANDS_WAITING_BYTES_MAX,
} from '../core/bounds.ts'
import type { CommandAnswer, CommandPlace, CommandView } from '../core/cloud-command.ts'
import type { LogEvent } from '../core/events.ts'
import type { Parsed } from './parse.ts'

/** A command on its way. */
export interface Held {
  readonly id: string
  readonly kind: string
  readonly uplink: string
  readonly received: number
  readonly expires: number
  readonly body: unknown
  /** Of one that was begun: what was known then. */
  readonly facts?: unknown
}

export interface Journal {
  place(uplink: string, topic: string): CommandPlace | undefined
  /** Those that are not known yet, and the place behind them. */
  take(uplink: string, topic: string, place: CommandPlace, found: readonly Parsed[], now: number, eventsOf: EventsOf): void
  /** Those that were begun first, then the oldest. */
  next(kind: string): Held | undefined
  /** `target`: what a rate is kept of. */
  begin(id: string, now: number, facts: object, target?: string): void
  end(id: string, answer: CommandAnswer, now: number, events: readonly object[]): void
  /** When something was last begun for a target. */
  begunAt(target: string): number | undefined
  list(limit: number): CommandView[]
  isFull(): boolean
  /** What has been stale for long; the answers that a log has. */
  forget(now: number, answersTo: number): void
  /** Of the list of answers. */
  listId(): string
  answersFrom(position: number, limit: number): { readonly from: number; readonly events: readonly LogEvent[] }
  /** The log has more of the list than there is: an older file took this one's place, and the list gets another name. */
  wasSetBack(next: number): boolean
  close(): void
}

/** The events of one that is refused as it comes. */
export type EventsOf = (command: Parsed & { readonly refused: CommandAnswer }) => readonly object[]

const TABLES = `
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS place (uplink TEXT, topic TEXT, place TEXT NOT NULL, PRIMARY KEY (uplink, topic)) STRICT;
CREATE TABLE IF NOT EXISTS command (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, uplink TEXT NOT NULL, received INTEGER NOT NULL,
  expires INTEGER, body TEXT, state TEXT NOT NULL, begun INTEGER, facts TEXT, target TEXT, ended INTEGER, answer TEXT, forget INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS command_state ON command (state, kind);
CREATE TABLE IF NOT EXISTS answer (position INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL) STRICT;
`

interface Row {
  readonly id: string
  readonly kind: string
  readonly uplink: string
  readonly received: number
  readonly expires: number | null
  readonly body: string | null
  readonly state: CommandView['state']
  readonly facts: string | null
  readonly ended: number | null
  readonly answer: string | null
}

/** What cannot be read as a database is put aside: then nothing is known of what was done, and only what comes from now on is read. */
export function openJournal(dataDir: string, putAside: (why: Error) => void): Journal {
  const dir = join(dataDir, 'commands')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, 'commands.db')
  try {
    return journalAt(path)
  } catch (error) {
    if (!/^SQLITE_(CORRUPT|NOTADB)/.test((error as { code?: string }).code ?? '')) throw error
    putAside(error as Error)
    for (const more of ['-wal', '-shm']) rmSync(path + more, { force: true })
    renameSync(path, `${path}.damaged`)
    return journalAt(path)
  }
}

function journalAt(path: string): Journal {
  const db = openDatabase(path)
  try {
    return journalOn(db)
  } catch (error) {
    db.close()
    throw error
  }
}

function openDatabase(path: string): Database.Database {
  const db = new Database(path)
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('trusted_schema = OFF')
    db.pragma('cell_size_check = ON')
    const [{ quick_check: found }] = db.pragma('quick_check(1)') as [{ quick_check: string }]
    if (found !== 'ok') throw Object.assign(new Error(found), { code: 'SQLITE_CORRUPT' })
    db.exec(TABLES)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function journalOn(db: Database.Database): Journal {
  const find = db.prepare<[string, string], string>('SELECT place FROM place WHERE uplink = ? AND topic = ?').pluck()
  const setPlace = db.prepare('INSERT OR REPLACE INTO place (uplink, topic, place) VALUES (?, ?, ?)')
  const isKnown = db.prepare<[string], number>('SELECT 1 FROM command WHERE id = ?').pluck()
  const insert = db.prepare(
    `INSERT INTO command (id, kind, uplink, received, expires, body, state) VALUES (?, ?, ?, ?, ?, ?, 'waiting')`,
  )
  const select = db.prepare<[string], Row>(
    `SELECT * FROM command WHERE state IN ('begun', 'waiting') AND kind = ? ORDER BY state, seq LIMIT 1`,
  )
  const begin = db.prepare(`UPDATE command SET state = 'begun', begun = ?, facts = ?, target = ? WHERE id = ?`)
  const end = db.prepare(`UPDATE command SET state = 'done', ended = ?, answer = ?, forget = ?, body = NULL WHERE id = ?`)
  const expiresOf = db.prepare<[string], number | null>('SELECT expires FROM command WHERE id = ?').pluck()
  const begunAt = db.prepare<[string], number | null>('SELECT max(begun) FROM command WHERE target = ?').pluck()
  const youngest = db.prepare<[number], Row>('SELECT * FROM command ORDER BY seq DESC LIMIT ?')
  const count = db.prepare<[], number>('SELECT count(*) FROM command').pluck()
  const waitingBytes = db
    .prepare<[], number>(`SELECT coalesce(sum(octet_length(body)), 0) FROM command WHERE state IN ('begun', 'waiting')`)
    .pluck()
  const forget = db.prepare(`DELETE FROM command WHERE state = 'done' AND forget < ?`)
  const forgetAnswers = db.prepare('DELETE FROM answer WHERE position < ? AND position <= (SELECT max(position) FROM answer) - ?')
  const answer = db.prepare('INSERT INTO answer (text) VALUES (?)')
  const answers = db.prepare<[number, number], { position: number; text: string }>(
    'SELECT position, text FROM answer WHERE position >= ? ORDER BY position LIMIT ?',
  )
  const last = db.prepare<[], number>("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'answer'").pluck()
  const fact = db.prepare<[], string>("SELECT value FROM facts WHERE name = 'answers-id'").pluck()
  const draw = db.prepare("INSERT OR REPLACE INTO facts (name, value) VALUES ('answers-id', ?)")
  const write = <T>(change: () => T): T => db.transaction(change).immediate()
  if (fact.get() === undefined) draw.run(randomBytes(16).toString('hex'))

  function close(id: string, it: CommandAnswer, now: number, events: readonly object[]): void {
    const latest = now + COMMAND_EXPIRES_MS_MAX * 1000
    // What says no end was never to be done: it is refused again should it come again.
    const until = Math.min(expiresOf.get(id) ?? now, latest) + COMMAND_REMEMBERED_MS * 1000
    end.run(now, JSON.stringify(it), until, id)
    for (const one of events) answer.run(JSON.stringify(one))
  }

  return {
    place(uplink, topic) {
      const found = find.get(uplink, topic)
      return found === undefined ? undefined : (JSON.parse(found) as CommandPlace)
    },
    take: (uplink, topic, place, found, now, eventsOf) =>
      write(() => {
        for (const it of found) {
          if (isKnown.get(it.id)) continue
          const { id, kind, expires, body, refused } = it
          insert.run(id, kind, uplink, now, expires, refused ? null : JSON.stringify(body))
          if (refused) close(id, refused, now, eventsOf({ ...it, refused }))
        }
        setPlace.run(uplink, topic, JSON.stringify(place))
      }),
    next(kind) {
      const row = select.get(kind)
      return row && heldOf(row)
    },
    begin: (id, now, facts, target) => void write(() => begin.run(now, JSON.stringify(facts), target ?? null, id)),
    end: (id, it, now, events) => write(() => close(id, it, now, events)),
    begunAt: (target) => begunAt.get(target) ?? undefined,
    list: (limit) => youngest.all(limit).map(viewOf),
    isFull: () => (count.get() ?? 0) >= COMMANDS_MAX || (waitingBytes.get() ?? 0) >= COMMANDS_WAITING_BYTES_MAX,
    forget: (now, answersTo) =>
      write(() => {
        forget.run(now)
        forgetAnswers.run(answersTo, COMMAND_ANSWERS_MAX)
      }),
    listId: () => fact.get() as string,
    answersFrom(position, limit) {
      const rows = answers.all(position, limit)
      return { from: position, events: rows.map((it) => ({ sequence: it.position - 1, text: it.text })) }
    },
    wasSetBack: (next) =>
      write(() => {
        if (next <= (last.get() ?? 0) + 1) return false
        draw.run(randomBytes(16).toString('hex'))
        return true
      }),
    close: () => db.close(),
  }
}

function heldOf({ id, kind, uplink, received, expires, body, state, facts }: Row): Held {
  const held = { id, kind, uplink, received, expires: expires ?? 0, body: JSON.parse(body ?? 'null') as unknown }
  return state === 'begun' ? { ...held, facts: JSON.parse(facts ?? '{}') as unknown } : held
}

function viewOf({ id, kind, uplink, state, received, expires, ended, answer }: Row): CommandView {
  return {
    id,
    kind,
    uplink,
    state,
    received,
    expires,
    ended,
    answer: answer === null ? null : (JSON.parse(answer) as CommandAnswer),
  }
}
