// What an operator command is. One file each; the faces (CLI, and later page and console) are drawn from this.
import type { AgentApi, QueryRow } from '../core/agent-api.ts'
import type { AirgapApi } from '../core/airgap.ts'
import type { CertificatesApi } from '../core/certificates.ts'
import type { Problem, Unreachable } from '../core/errors.ts'
import type { HostApi } from '../core/host.ts'
import type { LogApi } from '../core/log-files.ts'
import type { Settings, UplinkSettings } from '../core/settings.ts'
import type { FilesReport, UnpackProgress, UnpackReport } from '../core/unpack.ts'
import type { UpdateApi } from '../core/update.ts'
import type { VerifyProgress, VerifyReport } from '../core/verify.ts'
import type { SettingsSchemas } from '../settings/schema.ts'
import type { Operation } from './operation.ts'

export interface Command {
  /** `status`, `sources test`. */
  readonly name: string
  /** Which of the agent's sockets it needs; `local` needs none. */
  readonly role: 'view' | 'operate' | 'local'
  readonly summary: string
  /** Names of the arguments in their order; the last may end in `…`: one or more. Those in brackets, at the end, may be left out: `[NODE]`. */
  readonly arguments: readonly string[]
  readonly options: Readonly<Record<string, Option>>
  /** Takes all that follows the name as it stands: who runs it has options of its own. */
  readonly raw?: boolean
  /** What page, console and scripts on other machines call. */
  readonly operation?: Operation
  /** Resolves with the exit status: 0 done, 1 failed, 2 wrong usage or settings. */
  run(context: CommandContext): Promise<number>
}

export interface Option {
  /** What stands for its value in a usage line; a switch has none. */
  readonly value?: string
  readonly summary: string
}

export interface CommandContext {
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string | true | undefined>>
  /** Of this program. */
  readonly version: string
  /** Data directory. */
  readonly dir: string
  /** One JSON document on `out` and nothing else there. */
  readonly json: boolean
  readonly out: Output
  readonly err: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly agent: AgentApi
  readonly parts: Parts
}

/** A stream for text. `write` resolves once it is written out. */
export interface Output {
  write(text: string): Promise<void>
  readonly isTerminal: boolean
  /** Columns of the terminal, 80 where there is none. */
  readonly width: number
}

/** What a command is handed by the composition root: each is loaded only when it is called. */
export interface Parts {
  schemas(): Promise<SettingsSchemas>
  /** Standard input to its end, or to where it is longer than so many characters. */
  standardInput(charsMax: number): Promise<string>
  panel(request: PanelRequest, signal: AbortSignal): Promise<number>
  agent(request: AgentRequest, signal: AbortSignal): Promise<number>
  plant(args: readonly string[], signal: AbortSignal): Promise<number>
  verify(request: VerifyRequest, signal: AbortSignal): Promise<VerifyReport>
  unpack(request: UnpackRequest, signal: AbortSignal): Promise<UnpackReport>
  unpackFiles(request: UnpackFilesRequest, signal: AbortSignal): Promise<FilesReport>
  /** Files of an export into Kafka. */
  import(request: ImportRequest, signal: AbortSignal): Promise<ImportResult>
  /** What an agent would give out, where none runs, until `close`. Throws BadInput as `log` does. */
  offlineExport(dir: string, settings: Settings): Promise<AirgapApi & { close(): Promise<void> }>
  replay(request: ReplayRequest, signal: AbortSignal): Promise<number>
  /** The small helper that runs as root. */
  host(request: HostRequest, signal: AbortSignal): Promise<number>
  /** What that helper offers, where one runs. */
  connectHost(dir: string): Promise<HostApi>
  /** Runs models. */
  scorer(request: ScorerRequest, signal: AbortSignal): Promise<number>
  /** The one process that writes slots. */
  updater(request: UpdaterRequest, signal: AbortSignal): Promise<number>
  /** What it offers, where one runs. */
  connectUpdater(dir: string): Promise<UpdateApi>
  /** Of the page of a data directory, whether a panel runs or not. */
  certificates(dir: string): Promise<CertificatesApi>
  console(request: ConsoleRequest, signal: AbortSignal): Promise<number>
  /** The log of a data directory that no agent runs on, until `close`. Throws BadInput where one does, or there is no log. */
  log(dir: string): Promise<OfflineLog>
}

export interface HostRequest {
  readonly dir: string
  /** Where each thing lies; absent: where it lies on the box. */
  readonly places: Readonly<Partial<Record<HostPlace, string>>>
}

export type HostPlace = 'network' | 'time' | 'keptTime' | 'stick' | 'stickDevice' | 'settings' | 'state' | 'reset'

export interface ScorerRequest {
  readonly dir: string
  /** Keys whose add-on runs models. */
  readonly keyring: string
  /** Where the add-on is unpacked; absent: below the data directory. */
  readonly unpackTo?: string
}

export interface UpdaterRequest {
  readonly dir: string
  /** As in HostRequest. */
  readonly places: Readonly<Partial<Record<UpdaterPlace, string>>>
  /** Of a new version: how long it has to be well, when excuses begin to count, how long it has to stay well. */
  readonly times: { readonly withinMs: number; readonly graceMs: number; readonly steadyMs: number }
  /** Ends instead of booting the box: whoever started it does, and says by a name of its own which boot this is. */
  readonly boot?: string | undefined
}

export type UpdaterPlace = 'state' | 'settings' | 'values' | 'stick' | 'minimum' | 'osRelease' | 'rauc' | 'raucConfig' | 'bus'

export interface ConsoleRequest {
  readonly dir: string
  readonly settings: string
  readonly values?: string | undefined
  /** Nobody has typed for so long: logged out. */
  readonly idleMs: number
  /** Of the page. */
  readonly panelPort: number
  /** Where a stick is mounted by somebody else than the helper. */
  readonly stick?: string | undefined
  /** The agent's own log, where no journal has it. */
  readonly agentLog?: string | undefined
}

export interface OfflineLog extends LogApi {
  close(): Promise<void>
}

export interface ImportRequest {
  /** Files, and folders of them. */
  readonly paths: readonly string[]
  readonly uplink: Pick<VerifiedUplink, 'kind' | 'settings' | 'records' | 'encoding'>
  /** File of an age identity. */
  readonly identity: string
  /** By device: `ed25519:…` of the boxes that are trusted. */
  readonly boxKeys: ReadonlyMap<string, string>
  /** File of the key that signs receipts; absent: none is written. */
  readonly receiptKey?: string | undefined
  /** Where receipts go; absent: beside the first file. */
  readonly receipts?: string | undefined
  progress(share: number, text: string): void
  /** Told why something is tried again. */
  retried(why: string): void
}

export interface ImportedBox {
  readonly device: string
  readonly uplink: string
  /** Sent by this run: readings, aggregates and lines of the ledger. */
  readonly readings: number
  /** Were there already. */
  readonly there: number
  /** By name: SHA-256. */
  readonly files: Readonly<Record<string, string>>
}

export interface ImportResult {
  readonly boxes: readonly ImportedBox[]
  /** Files that were left aside. */
  readonly refused: readonly Problem[]
  readonly receipts: readonly string[]
}

export interface PanelRequest extends ListenPlace {
  readonly dir: string
  /** Plain HTTP, which only redirects. */
  readonly redirect?: ListenPlace
}

export interface ListenPlace {
  readonly host: string
  readonly port: number
}

export interface AgentRequest {
  readonly settings: string
  readonly dir: string
  /** Keys whose add-on runs models. */
  readonly keyring: string
  readonly values?: string
}

export interface VerifyRequest extends VerifiedPlace {
  /** Other clusters that the same boxes send to. */
  readonly and?: readonly VerifiedPlace[]
  readonly device?: string
  /** Other topics than the usual ones, or than those of the uplink: templates by what is in them. */
  readonly topics?: Readonly<Record<string, string>>
  /** Before the name of every topic. */
  readonly prefix?: string
  progress(progress: VerifyProgress): void
}

/** Rows with device and epoch, as records into a topic. */
export interface ReplayRequest extends VerifiedPlace {
  readonly topic: string
  /** The box's site. */
  readonly site: string
  readonly rows: AsyncIterable<QueryRow>
}

export interface VerifiedPlace {
  readonly brokers: readonly string[]
  /** An uplink of a settings file, secrets resolved, for a cluster that wants TLS or a password, or for topics of other names. */
  readonly uplink?: VerifiedUplink
}

export interface UnpackRequest extends Pick<VerifyRequest, 'brokers' | 'uplink'> {
  readonly topics: { readonly from: string; readonly to: string; readonly aggregates: string }
  readonly once: boolean
  progress(progress: UnpackProgress): void
  /** What it goes on after. */
  trouble(error: Unreachable, waitMs: number): void
}

export interface UnpackFilesRequest extends VerifiedPlace {
  readonly topic: string
  readonly dir: string
  progress(share: number): void
}

export interface VerifiedUplink {
  readonly kind: string
  readonly settings: unknown
  /** How it writes. */
  readonly records?: UplinkSettings['records']
  readonly encoding?: UplinkSettings['encoding']
  /** What may stand in the names of its topics. */
  readonly classes: readonly string[]
  readonly site: string
}

export const DONE = 0
export const FAILED = 1
export const WRONG_USAGE = 2
export const NO_AGENT = 3
