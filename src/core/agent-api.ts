// What the agent offers on its local sockets, as functions. The server hands them out, the client calls them, commands see only this.
import type { AirgapApi } from './airgap.ts'
import type { BackupApi } from './backup.ts'
import type { ProtocolCertificate } from './certificates.ts'
import type { CommandsApi } from './cloud-command.ts'
import type { EventsOffer, EventsTaken } from './events.ts'
import type { FollowRequest, FollowRow } from './follow.ts'
import type { SliceTime } from './log.ts'
import type { ModelsApi } from './model.ts'
import type { UplinkView } from './links.ts'
import type { LogApi } from './log-files.ts'
import type { Quality, Value, ValueKind } from './reading.ts'
import type { SettingsApi, WatchApi } from './operator.ts'
import type { ClassWhatIf, Forecast } from './retention.ts'
import type { RuleTestRequest, RuleTestStep } from './rule-test.ts'
import type { ScanRequest, ScanStep } from './scan.ts'
import type { BrowseEntry, BrowseRequest, Certificate, TestStep, TrustRequest } from './source.ts'
import type { SeenIssue, Status } from './status.ts'

export interface QueryRequest {
  /** A tag, or several; in each `*` stands for any characters, `/` too. */
  readonly tag: string | readonly string[]
  /** Microseconds since 1970 UTC, by source time, [from, to). */
  readonly from: number
  readonly to: number
  /** Cut into windows of so many microseconds: one row a window and series, in the order of time. */
  readonly every?: number
  /** Without `every`: windows of a length that makes at most so many of the range. */
  readonly points?: number
  readonly limit: number
  /** Rows say their device and epoch too, which with class, form and sequence name them for good; not of windows that `every` makes. */
  readonly origin?: boolean
}

/** A reading; with `window`, what is left of readings, or what `every` makes of them. */
export interface QueryRow {
  readonly tag: string
  /** Source time; of a window, its start. Corrected already where `clock` has a shift. */
  readonly time: number
  /** What the series holds, whatever this row's value is. */
  readonly kind: ValueKind
  /** Of a window: the mean, and of strings and bytes the last one; null where nothing has a value. */
  readonly value: Value | null
  readonly quality: Quality
  readonly status: number
  /** In the stream of its form; of windows that `every` made, the greatest in it. */
  readonly sequence: number
  /** Of a window: the greatest. Corrected as `time` is. */
  readonly received: number
  readonly class: string
  readonly unit?: string
  /** Absent: the clock was trusted. Else how far the times can be, and what has been added to those that this box's clock gave. */
  readonly clock?: SliceTime
  readonly window?: QueryWindow
  /** With `origin`. */
  readonly device?: string
  readonly epoch?: string
}

/** Readings of one series in one window. Several may share a window (late readings, parts that were reduced apart): they merge. */
export interface QueryWindow {
  /** Microseconds. */
  readonly length: number
  /** Readings: good + uncertain + bad. */
  readonly count: number
  readonly good: number
  readonly uncertain: number
  readonly bad: number
  /** Values that all below is over: good ones, and uncertain ones where there is no good one. */
  readonly valued: number
  /** Of numbers, and of bools as 0 and 1; `m2` is the sum of squared distances to the mean. 0 and null for strings and bytes. */
  readonly sum: number
  readonly m2: number
  readonly mean: number | null
  /** Of the values at hand, not of a sample: the root of m2 ÷ valued. */
  readonly std: number | null
  readonly min: number | bigint | null
  readonly max: number | bigint | null
  /** By source time. */
  readonly first: WindowValue | null
  readonly last: WindowValue | null
  readonly firstTime: number | null
  readonly lastTime: number | null
  /** Strings and bytes: how often the value differed from the one before it. */
  readonly changes: number
  /** Least and greatest sequence of the readings, both inclusive. */
  readonly sequenceFrom: number
  readonly sequenceTo: number
}

/** A bool is 0 or 1. */
export type WindowValue = number | bigint | string | Uint8Array

export interface BrowseSourceRequest extends BrowseRequest {
  /** The source. */
  readonly name: string
}

export interface TrustSourceRequest extends TrustRequest {
  /** The source. */
  readonly name: string
}

export interface AgentApi extends LogApi, AirgapApi, SettingsApi, BackupApi, WatchApi, ModelsApi, CommandsApi {
  status(): Promise<Status>
  /** Those that are there, then those that are over: the youngest first. */
  issues(): Promise<readonly SeenIssue[]>
  uplinks(): Promise<readonly UplinkView[]>
  testSource(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  browseSource(request: BrowseSourceRequest, signal: AbortSignal): AsyncIterable<BrowseEntry>
  /** What waits for approval at a source, or approves it. */
  trustSource(request: TrustSourceRequest, signal: AbortSignal): AsyncIterable<Certificate>
  /** Of protocols that have some: ours, those that are trusted, those that wait. */
  certificates(): Promise<readonly ProtocolCertificate[]>
  /** Events for the uplinks; with none it only says which it wants. On disk when it resolves. */
  takeEvents(offer: EventsOffer): Promise<EventsTaken>
  /** Asks one host after the other; a step for each. */
  scan(request: ScanRequest, signal: AbortSignal): AsyncIterable<ScanStep>
  testUplink(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  /** A message that says that it is a test. */
  testNotifier(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  query(request: QueryRequest, signal: AbortSignal): AsyncIterable<QueryRow>
  /** When a rule would have fired over what the log holds; a step for each piece of it. */
  testRule(request: RuleTestRequest, signal: AbortSignal): AsyncIterable<RuleTestStep>
  /** What the log holds from a position on, then what comes. Ends with the signal alone. */
  follow(request: FollowRequest, signal: AbortSignal): AsyncIterable<FollowRow>
  /** What would be kept at today's rates if nothing were delivered for so long; with `whatIf`, if these classes were set so, the most valuable first. */
  forecast(offlineMs: number, whatIf?: readonly ClassWhatIf[]): Promise<Forecast>
}

/** view.sock or operate.sock: which of the two sockets offers a call. */
export const ROLES = {
  status: 'view',
  issues: 'view',
  uplinks: 'view',
  commands: 'view',
  query: 'view',
  testRule: 'view',
  follow: 'view',
  forecast: 'view',
  testSource: 'operate',
  browseSource: 'operate',
  trustSource: 'operate',
  certificates: 'view',
  takeEvents: 'operate',
  scan: 'operate',
  testUplink: 'operate',
  testNotifier: 'operate',
  logCheck: 'view',
  logInspect: 'view',
  logExport: 'view',
  logRepair: 'operate',
  exportKey: 'view',
  exportFiles: 'operate',
  fileIsWhole: 'operate',
  takeReceipt: 'operate',
  models: 'view',
  addModel: 'operate',
  removeModel: 'operate',
  live: 'view',
  ledger: 'view',
  logDays: 'view',
  settings: 'view',
  settingsCheck: 'view',
  settingsApply: 'operate',
  settingsConfirm: 'operate',
  settingsRevert: 'operate',
  settingsHistory: 'view',
  settingsText: 'view',
  secrets: 'view',
  setSecret: 'operate',
  removeSecret: 'operate',
  withoutSecrets: 'operate',
  backupSave: 'operate',
  backupOpen: 'operate',
  backupRestore: 'operate',
} as const satisfies Record<keyof AgentApi, 'view' | 'operate'>
