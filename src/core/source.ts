import type { ReadingBatch } from './batch.ts'
import type { Clock } from './clock.ts'
import type { Control } from './cloud-command.ts'
import type { Quality, ValueKind } from './reading.ts'

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
  /** Readings that were not reported because the last report says them well enough, since the source began. Set by who asks the source. */
  readonly withheld?: number
  /** Certificates, sizes, negotiated values: for people. */
  readonly details?: Readonly<Record<string, string | number>>
}

/** One source at work. It reconnects by itself for ever; `read` ends only when the signal aborts. */
export interface Source {
  read(signal: AbortSignal): AsyncIterable<SourceItem>
  status(): SourceStatus
  /** Calls back when the far end can bring no more until what is held becomes durable. */
  onStalled?(listener: () => void): void
  /** `sources test` on the connection that this source has: many devices allow one. Absent: the protocol's `test` opens its own. */
  test?(signal: AbortSignal): AsyncIterable<TestStep>
  /** Looks round at the far end, on the connection that this source has. Throws Unreachable while there is none, BadInput for a node that is none. */
  browse?(request: BrowseRequest, signal: AbortSignal): AsyncIterable<BrowseEntry>
  /** Values that somebody sets at the far end, on the connection that this source has; none of it is retried. Absent: the protocol writes nothing. */
  readonly control?: Control
  /** Certificates of far ends that wait to be trusted; with a fingerprint, trusts the one and yields it. Throws BadInput where that names none, or several. */
  trust?(request: TrustRequest, signal: AbortSignal): AsyncIterable<Certificate>
}

export interface TrustRequest {
  /** Whole, or its first eight digits or more; absent: only list. */
  readonly fingerprint?: string
}

/** A certificate that a far end showed. Times are ISO 8601. */
export interface Certificate {
  /** SHA-1, the one that other programs of the field show. */
  readonly fingerprint: string
  readonly subject: string
  readonly validFrom: string
  readonly validTo: string
  readonly state: 'trusted' | 'rejected'
}

export interface BrowseRequest {
  /** Where to look; absent: at the root. */
  readonly node?: string
  /** Everything at or below `node` whose name or path has these words in it; absent: what stands directly below. */
  readonly search?: string
  readonly limit: number
}

/** What stands at one place of the far end: a folder, something that can be read, or both. */
export interface BrowseEntry {
  /** As `BrowseRequest.node` and a line of the settings name it. */
  readonly node: string
  readonly name: string
  /** Names from the root down to it, itself left out. */
  readonly path?: readonly string[]
  /** There is something below it. */
  readonly isFolder: boolean
  /** What it holds now; null: nothing that can be read. */
  readonly value: BrowseValue | null
  readonly unit?: string
  /** Least and greatest value that the far end foresees. */
  readonly range?: readonly [number, number]
  readonly description?: string
  /** The line of the settings that reads it, without `class`; absent: it cannot be read. */
  readonly line?: Readonly<Record<string, string | number>>
}

export interface BrowseValue {
  readonly kind: ValueKind
  /** For people, at most 200 characters. */
  readonly text: string
  readonly quality: Quality
  /** The far end's own name of the type. */
  readonly type: string
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
  /** Asks one host whether it speaks this protocol. `sources scan` alone calls it, on a person's wish: it opens connections and reads, no more. */
  find?(host: string, signal: AbortSignal): Promise<readonly Found[]>
}

/** Something that answered in this protocol. */
export interface Found {
  /** HOST:PORT, a unit after it where there are several. */
  readonly address: string
  /** What it says of itself. */
  readonly detail: string
  /** Keys of a `sources:` entry that would read it. Where its lines stand under another key than `tags`, that one, empty. */
  readonly entry: Readonly<Record<string, string | number | readonly never[]>>
}

export interface Logger {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}
