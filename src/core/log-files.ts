// What the log's files hold and whether they are whole: what `log check`, `inspect`, `repair` and `export` ask for.
import type { QueryRow } from './agent-api.ts'
import type { LedgerLine, LedgerRequest, LogDay } from './operator.ts'
import type { Micros } from './reading.ts'
import type { Form } from './stream.ts'

/** A file of the log as it was read. The journal has neither number, class nor form. */
export interface FileCheck {
  readonly segment: number | null
  readonly class: string | null
  readonly form: Extract<Form, 'raw' | 'aggregate'> | null
  readonly bytes: number
  /** That are recorded and whole, and the readings in them (or that aggregates in them stand for). */
  readonly blocks: number
  readonly readings: number
  readonly damage: readonly FileDamage[]
}

export interface FileDamage {
  /** In words: 'a block', 'notes', 'row 4 of ledger has changed'. */
  readonly what: string
  /** Of a file of blocks. */
  readonly offset: number | null
  /** Recorded readings that it costs, 0: none. */
  readonly readings: number
  /** Of those readings: the key of their stream and their first sequence. */
  readonly stream: string | null
  readonly first: number | null
}

/** `done` and `all` are bytes. */
export interface CheckStep {
  readonly done: number
  readonly all: number
  readonly file: FileCheck
  /** Readings that a repair has given up. */
  readonly givenUp: number
  /** What a repair did before it read anything. */
  readonly said: readonly string[]
}

export interface LogInspection {
  readonly epoch: string
  readonly bytes: number
  readonly journalBytes: number
  readonly segments: readonly SegmentContent[]
  readonly streams: readonly StreamContent[]
  /** What stands in the ledger, by class, action and reason. */
  readonly ledger: readonly LedgerTotal[]
  /** When and why the journal was made anew from segments, the last time. */
  readonly rebuilt: { readonly at: Micros; readonly faults: readonly string[] } | null
}

export interface SegmentContent {
  readonly id: number
  readonly class: string
  readonly form: string
  readonly bytes: number
  /** Of blocks that are still needed. */
  readonly blockBytes: number
  readonly blocks: number
  readonly readings: number
  readonly pending: number
  readonly timeFrom: Micros | null
  readonly timeTo: Micros | null
}

export interface StreamContent {
  readonly device: string
  readonly epoch: string
  readonly class: string
  readonly form: string
  readonly next: number
  readonly blocks: number
  readonly bytes: number
}

export interface LedgerTotal {
  readonly class: string
  readonly form: string
  readonly action: string
  readonly reason: string
  readonly lines: number
  readonly count: number
}

/** Where an export stands: made by the log and handed back as it is. */
export interface ExportCursor {
  readonly stream: number
  readonly first: number
}

/** Everything that one block holds, in its order. `done` and `all` are bytes. */
export interface ExportPart {
  readonly done: number
  readonly all: number
  readonly rows: readonly ExportRow[]
}

/** `epoch`, with `class` and `sequence`, names a reading for good. */
export interface ExportRow extends QueryRow {
  readonly device: string
  readonly epoch: string
}

export interface LogApi {
  /** Reads all of it. A step for each file, the journal first. */
  logCheck(signal: AbortSignal): AsyncIterable<CheckStep>
  /** The same, and gives up what is damaged. */
  logRepair(signal: AbortSignal): AsyncIterable<CheckStep>
  /** `segment`: that one alone. */
  logInspect(segment?: number): Promise<LogInspection>
  logExport(signal: AbortSignal): AsyncIterable<ExportPart>
  /** What was given up, line by line. */
  ledger(request: LedgerRequest, signal: AbortSignal): AsyncIterable<LedgerLine>
  logDays(): Promise<readonly LogDay[]>
}
