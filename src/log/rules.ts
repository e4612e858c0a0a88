// What rules have on disk (core/rule.ts): rows of `meta`, which are guarded as all of them are.
//
//   rules:positions    the numbers that the saved state is of
//   rules:state        the saved state
//   rules:mark:CLASS   events of that class of readings below these numbers are in the log
//   rules:raised       what lies around events (raised.ts)
//
// What must hold: a mark and the block with its events are one transaction. Between the numbers of the saved state and the furthest mark nothing is
// renumbered (rule-reader.ts): what is read again there is told apart by its numbers. A rebuilt journal has none of it: rules begin as new ones do.
import type { ReadingBatch } from '../core/batch.ts'
import type { Raised, Raising, RuleMark, RulePositions, RuleStart } from '../core/rule.ts'
import type { Journal } from './journal.ts'
import { writeMeta } from './journal.ts'
import { joinRaised, RAISED, RAISING } from './raised.ts'
import type { StreamRow, Streams } from './streams.ts'

const POSITIONS = 'rules:positions'
const STATE = 'rules:state'
const MARK = 'rules:mark:'

export interface Rules {
  /** Undefined: nothing was saved yet. */
  saved(): RuleStart | undefined
  /** Readings of a stream below are in the saved state. */
  readTo(stream: string): number
  /** Inside a transaction. */
  save(positions: RulePositions, state: Uint8Array): void
  /** Inside the transaction of its events. */
  mark(className: string, mark: RuleMark): void
}

export interface RuleOptions {
  /** Rules read the log: what is delivered stays until they have. */
  readonly rules?: boolean
  /** Those of them that raise what lies around their events. */
  readonly raising?: readonly Raising[]
}

/** Without rules in the settings, what earlier ones left is forgotten. */
export function openRules(db: Journal, { rules = false, raising = [] }: RuleOptions): Rules {
  if (!rules) db.prepare("DELETE FROM meta WHERE key LIKE 'rules:%'").run()
  const state = db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck()
  if (rules) writeMeta(db, RAISING, JSON.stringify(raising))
  const read = ruleReader(db)
  let positions = read()?.positions ?? {}
  let raised = JSON.parse(state.get(RAISED) ?? '[]') as readonly Raised[]
  return {
    saved() {
      const rows = read()
      const text = state.get(STATE)
      return rows && { ...rows, state: text ? Buffer.from(text, 'base64') : undefined }
    },
    readTo: (stream) => positions[stream] ?? 0,
    save(next, bytes) {
      writeMeta(db, POSITIONS, JSON.stringify(next))
      writeMeta(db, STATE, Buffer.from(bytes).toString('base64'))
      positions = next
    },
    mark(className, mark) {
      writeMeta(db, MARK + className, JSON.stringify(mark.positions))
      if (mark.raised.length === 0) return
      raised = joinRaised(raised, mark.raised)
      writeMeta(db, RAISED, JSON.stringify(raised))
    },
  }
}

/** As far as all have read a stream; undefined: nobody does. */
export function readByAll(
  rules: Rules | undefined,
  others: ((stream: StreamRow) => number) | undefined,
): ((stream: StreamRow) => number) | undefined {
  if (!rules && !others) return undefined
  return (it) => Math.min(rules ? rules.readTo(it.key) : Infinity, others ? others(it) : Infinity)
}

/** All but the state. */
export function ruleReader(db: Journal): () => Omit<RuleStart, 'state'> | undefined {
  const select = db.prepare<[], { key: string; value: string }>(
    `SELECT key, value FROM meta WHERE key = '${POSITIONS}' OR key LIKE '${MARK}%'`,
  )
  return () => {
    const rows = new Map(select.all().map(({ key, value }) => [key, JSON.parse(value) as RulePositions]))
    const positions = rows.get(POSITIONS)
    if (!positions) return undefined
    rows.delete(POSITIONS)
    return { positions, marks: Object.fromEntries([...rows].map(([key, it]) => [key.slice(MARK.length), it])) }
  }
}

export interface RuleWriter {
  /** What rules say, of one class, and the mark that goes into its transaction: all of it fits in one block. */
  append(id: number, batch: ReadingBatch, className: string, mark: RuleMark): void
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
  readonly intake: { of(place: number): { mark: RuleMark | undefined } }
  /** What a class has waiting becomes a block. */
  makeRoomIn(place: number): void
  append(id: number, batch: ReadingBatch): void
  /** A transaction of its own, with its fsync. */
  change(what: () => void): void
}

/** In the journal, beside the state: pages that are half full, the next commit. */
const ROOM_LEFT_BYTES = 64_000
const BASE64 = 4 / 3

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
      if (!pressure.canWrite() || state.length * BASE64 + ROOM_LEFT_BYTES > pressure.journalRoom()) return false
      change(() => rules.save(positions, state))
      return true
    },
  }
}
