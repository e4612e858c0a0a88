// What an operator sees and changes: settings with their history, names of secrets, the last value of each tag, the lines of the ledger.
import type { NetworkPort } from './host.ts'
import type { Quality, Micros, Value, ValueKind } from './reading.ts'
import type { LossAction } from './log.ts'
import type { Form } from './stream.ts'

/** Each may all that the one before it may. */
export const OPERATOR_ROLES = ['viewer', 'technician', 'admin'] as const
export type OperatorRole = (typeof OPERATOR_ROLES)[number]

/** Each is worse than the one behind it. */
export const LINE_LEVELS = ['error', 'warning', 'info', 'debug'] as const
/** That write of themselves into the system's journal. */
export const LOG_SERVICES = ['agent', 'panel', 'host', 'updater', 'kernel'] as const

/** What a service wrote of itself. */
export interface ServiceLine {
  readonly at: Micros
  readonly level: (typeof LINE_LEVELS)[number]
  readonly text: string
  /** What else the line says, as JSON; empty: nothing. */
  readonly detail: string
}

export interface LinesRequest {
  readonly service: (typeof LOG_SERVICES)[number]
  /** And what is worse. */
  readonly level: (typeof LINE_LEVELS)[number]
  /** Some of its words, in whatever case. */
  readonly text: string
  readonly limit: number
}

/** The last value of a tag, as it came in. */
export interface LiveValue {
  readonly source: string
  readonly tag: string
  /** Source time. */
  readonly time: Micros
  readonly received: Micros
  readonly kind: ValueKind
  /** Null: a bad reading without a value. */
  readonly value: Value | null
  readonly quality: Quality
  readonly status: number
  readonly class: string
  readonly unit?: string
}

export interface LiveRequest {
  /** A tag, or several; in each `*` stands for any characters, `/` too. Absent: all. */
  readonly tag?: string | readonly string[]
  /** At most so many tags; the first ones by name. */
  readonly limit: number
  /** Those that changed are said again so often (LIVE_EVERY_MS_MIN at least); 0: once, and no more. */
  readonly everyMs: number
}

export interface LedgerRequest {
  readonly class?: string
  /** Lines that touch [from, to) by the times of the readings. */
  readonly from?: Micros
  readonly to?: Micros
  readonly limit: number
}

/** One line: readings that were given up. The youngest line comes first. */
export interface LedgerLine {
  readonly device: string
  readonly epoch: string
  readonly class: string
  readonly form: Form
  /** Sequences, both inclusive. */
  readonly from: number
  readonly to: number
  readonly count: number
  readonly timeFrom: Micros
  readonly timeTo: Micros
  readonly action: LossAction
  readonly reason: string
  /** When it was written. */
  readonly at: Micros
}

/** A day of UTC and a class: what its blocks hold now and what the ledger says of that day. */
export interface LogDay {
  /** Begin of the day. */
  readonly day: Micros
  readonly class: string
  /** Readings in blocks, delivered ones that are kept too. */
  readonly readings: number
  readonly bytes: number
  /** By action. */
  readonly givenUp: Readonly<Record<string, number>>
}

/** The settings file as it stands, and whether a change waits for its confirmation. */
export interface SettingsNow {
  /** The YAML text. Secrets are names in it, never texts. */
  readonly text: string
  /** SHA-256 of the text, hex: what a change says that it was made from. */
  readonly revision: string
  readonly pending: PendingChange | null
  /** Keys that are set and do nothing yet. */
  readonly notInForce: readonly { readonly path: string; readonly line: number; readonly text: string }[]
  readonly system: SystemAsked
}

/** What the settings ask of the system, the box's own values filled in: in force once somebody says so (network set, clock servers). */
export interface SystemAsked {
  /** Those with an address. */
  readonly ports: readonly NetworkPort[]
  readonly timeServers: readonly string[]
}

export interface PendingChange {
  readonly revision: string
  /** What it goes back to. */
  readonly previous: string
  readonly by: string
  /** Left until it is taken back by itself. */
  readonly revertsInMs: number
}

/** `old` and `new` are YAML of the value, absent where there is none. */
export interface SettingsChange {
  /** As `sources[press-3].every`. */
  readonly path: string
  readonly old?: string
  readonly new?: string
}

/** What a text would change, or why it cannot. */
export interface SettingsCheck {
  readonly problems: readonly {
    readonly path: string
    readonly line: number
    readonly column: number
    readonly text: string
    readonly remedy?: string
  }[]
  readonly changes: readonly SettingsChange[]
  /** What starts anew: `sources[press-3]`, `uplinks[cloud]`, or `agent` for all of it. */
  readonly restarts: readonly string[]
  readonly warnings: readonly string[]
}

export interface SettingsApply {
  readonly text: string
  /** The revision it was made from: refused (code `settings-changed`) when another has come since. */
  readonly base: string
  readonly by: string
  /** Taken back unless it is confirmed within; absent: it stands. A change of network or access must have it. */
  readonly confirmWithinMs?: number
  readonly note?: string
}

export interface SettingsEntry {
  readonly revision: string
  readonly at: Micros
  readonly by: string
  readonly note?: string
  readonly outcome: 'current' | 'pending' | 'replaced' | 'reverted'
}

export interface SettingsApi {
  settings(): Promise<SettingsNow>
  settingsCheck(text: string): Promise<SettingsCheck>
  /** Written, in force, in the history. Rejects with BadInput, and changes nothing then. */
  settingsApply(request: SettingsApply): Promise<SettingsNow>
  settingsConfirm(revision: string): Promise<SettingsNow>
  /** Back to a revision of the history; absent: to the one before. */
  settingsRevert(revision: string | undefined, by: string): Promise<SettingsNow>
  /** The youngest first. */
  settingsHistory(): Promise<readonly SettingsEntry[]>
  settingsText(revision: string): Promise<string>
  /** Names alone. */
  secrets(): Promise<readonly SecretEntry[]>
  setSecret(name: string, text: string): Promise<void>
  /** The text without what the store has: for whoever hands texts out and may not read the store. */
  withoutSecrets(text: string): Promise<string>
  removeSecret(name: string): Promise<void>
}

export interface SecretEntry {
  readonly name: string
  /** Which places of the settings use it. */
  readonly usedBy: readonly string[]
  /** In the store, only in the environment, or nowhere. */
  readonly from: 'store' | 'environment' | 'missing'
}

export interface WatchApi {
  live(request: LiveRequest, signal: AbortSignal): AsyncIterable<LiveValue>
}
