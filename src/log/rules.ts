// What rules have on disk (core/rule.ts), in the journal.
//
//   rule   name ''        the saved state, and the numbers that it is of
//          name a class   the mark: events of that class of readings below these numbers are in the log
//
// What must hold: a mark and the block with its events are one transaction. Between the numbers of the saved state and the furthest mark nothing is
// renumbered (keeper.ts): what is read again there is told apart by its numbers.
//
// The table is made where it is missing: an older program passes over it. It is not guarded as the others are (recover-guard.ts): each row guards
// itself, and a rebuilt journal begins without, as rules that are new do.
import { crc32 } from 'node:zlib'
import type { ReadingBatch } from '../core/batch.ts'
import type { RulePositions, RuleStart } from '../core/rule.ts'
import type { Journal } from './journal.ts'
import type { Streams } from './streams.ts'

export const RULE_SCHEMA = `
CREATE TABLE IF NOT EXISTS rule (name TEXT PRIMARY KEY, positions TEXT NOT NULL, state BLOB, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`
/** The row of the saved state: no class has this name. */
const STATE = ''

interface Row {
  readonly name: string
  readonly positions: string
  readonly state: Uint8Array | null
  readonly crc: number
}

export interface Rules {
  /** Undefined: nothing was saved yet. */
  saved(): RuleStart | undefined
  /** Readings of a stream below are in the saved state. */
  readTo(stream: string): number
  /** Inside a transaction. */
  save(positions: RulePositions, state: Uint8Array): void
  /** Inside the transaction of its events. */
  mark(className: string, positions: RulePositions): void
}

/** `areWanted`: there are rules in the settings; else what earlier ones left is forgotten. */
export function openRules(db: Journal, areWanted: boolean): Rules {
  const upsert = db.prepare(
    'INSERT INTO rule (name, positions, state, crc) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET positions = excluded.positions, state = excluded.state, crc = excluded.crc',
  )
  if (!areWanted) db.prepare('DELETE FROM rule').run()
  const read = ruleReader(db)
  let positions: RulePositions = read()?.positions ?? {}

  function put(name: string, text: string, state: Uint8Array | null): void {
    upsert.run(name, text, state, crcOf(text, state))
  }
  return {
    saved: read,
    readTo: (stream) => positions[stream] ?? 0,
    save(next, state) {
      put(STATE, JSON.stringify(next), state)
      positions = next
    },
    mark: (className, next) => put(className, JSON.stringify(next), null),
  }
}

/** Rows that were changed on the disk are left out; without its state all begins anew. */
export function ruleReader(db: Journal): () => RuleStart | undefined {
  const select = db.prepare<[], Row>('SELECT name, positions, state, crc FROM rule')
  return () => {
    const rows = select.all().filter((it) => crcOf(it.positions, it.state) === it.crc)
    const state = rows.find((it) => it.name === STATE)
    if (!state) return undefined
    const marks = rows.filter((it) => it.name !== STATE).map((it) => [it.name, JSON.parse(it.positions) as RulePositions])
    return {
      positions: JSON.parse(state.positions) as RulePositions,
      state: state.state?.length ? state.state : undefined,
      marks: Object.fromEntries(marks) as RuleStart['marks'],
    }
  }
}

const crcOf = (positions: string, state: Uint8Array | null) => crc32(state ?? '', crc32(positions))

export interface RuleWriter {
  /** What rules say, of one class, and the mark that goes into its transaction: all of it fits in one block. */
  append(id: number, batch: ReadingBatch, className: string, mark: RulePositions): void
  /** Rules that are new begin with what comes from now on. */
  begin(): RuleStart
  /** False: there is no room now. */
  save(positions: RulePositions, state: Uint8Array): boolean
}

export interface RuleWriterParts {
  readonly rules: Rules
  readonly streams: Streams
  readonly pressure: { journalRoom(): number; canWrite(): boolean }
  /** First is most valuable. */
  readonly classes: readonly { readonly name: string }[]
  readonly intake: { of(place: number): { mark: RulePositions | undefined } }
  /** What a class has waiting becomes a block. */
  makeRoomIn(place: number): void
  append(id: number, batch: ReadingBatch): void
  /** A transaction of its own, with its fsync. */
  change(what: () => void): void
}

/** In the journal, beside the state: pages that are half full, the next commit. */
const ROOM_LEFT_BYTES = 64_000

export function ruleWriter(parts: RuleWriterParts): RuleWriter {
  const { rules, streams, pressure, change } = parts
  return {
    append(id, batch, className, mark) {
      const place = parts.classes.findIndex((it) => it.name === className)
      // With nothing before it in its block: a mark is of all of its events, or of none.
      parts.makeRoomIn(place)
      parts.append(id, batch)
      parts.intake.of(place).mark = mark
    },
    begin() {
      const saved = rules.saved()
      if (saved) return saved
      const raw = streams.all().filter((it) => it.form === 'raw')
      const positions = Object.fromEntries(raw.map((it) => [it.key, it.next]))
      change(() => rules.save(positions, new Uint8Array(0)))
      return { positions, state: undefined, marks: {} }
    },
    save(positions, state) {
      if (!pressure.canWrite() || state.length + ROOM_LEFT_BYTES > pressure.journalRoom()) return false
      change(() => rules.save(positions, state))
      return true
    },
  }
}
