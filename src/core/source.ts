import type { ReadingBatch } from './batch.ts'
import type { Clock } from './clock.ts'

export type { Clock }

/** A batch and its acknowledgement in one: `durable` is called once, in order, after the fsync. */
export interface SourceItem {
  readonly batch: ReadingBatch
  durable(): void
}

export type SourceState = 'starting' | 'up' | 'down' | 'stopped'

/** How a source is. `lastError` is for a person: what, where, and what to do (`remedy`). */
export interface SourceStatus {
  readonly state: SourceState
  /** A stable word: 'refused', 'timeout', 'certificate-untrusted', 'bad-credentials', 'exception-2' … */
  readonly code?: string
  readonly lastError?: string
  readonly remedy?: string
  /** Readings that were lost before the log could number them, by reason, since the source began (a session that was away too long …). */
  readonly notes?: Readonly<Record<string, number>>
  /** Certificates, sizes, negotiated values: for people. */
  readonly details?: Readonly<Record<string, string | number>>
}

/** One source at work. It reconnects by itself for ever; `read` ends only when the signal aborts. */
export interface Source {
  read(signal: AbortSignal): AsyncIterable<SourceItem>
  status(): SourceStatus
  /** Calls back when the far end can bring no more until what is held becomes durable. */
  onStalled?(listener: () => void): void
}

/** One line of `sources test`: a step, whether it held, and what to do when it did not. */
export interface TestStep {
  readonly step: string
  readonly ok: boolean
  readonly detail: string
  readonly remedy?: string
}

/** What a protocol is opened with, beside its settings. */
export interface SourceContext {
  readonly name: string
  /** A folder on the data partition that belongs to this protocol (certificates, bookmarks). */
  readonly dir: string
  readonly device: string
  readonly clock: Clock
  readonly log: Logger
  /** For BatchBuilder. */
  readonly origin: number
  /** The longest wait to a commit, by class, ms. */
  readonly commitEveryMs: number
}

/** A protocol: one folder under sources/, one line in sources/index.ts. `Settings` is what its schema (settings.ts beside it) yields, secrets resolved. */
export interface Protocol<Settings> {
  readonly name: string
  open(settings: Settings, context: SourceContext): Source
  test(settings: Settings, context: SourceContext, signal: AbortSignal): AsyncIterable<TestStep>
}

export interface Logger {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}
