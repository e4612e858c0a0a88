// What the console is handed by its root. All of it works, or says why not, with agent, panel and helper away.
import type { Output } from '../commands/command.ts'
import type { AgentApi } from '../core/agent-api.ts'
import type { HostApi, HostVerb, InterfaceNow } from '../core/host.ts'
import type { OperatorRole } from '../core/operator.ts'
import type { TestStep } from '../core/source.ts'
import type { UpdateApi } from '../core/update.ts'
import type { Terminal } from './terminal.ts'

export interface ConsoleParts {
  readonly version: string
  readonly dir: string
  readonly settingsFile: string
  /** A folder that is the stick, mounted by somebody else than the helper. */
  readonly stickFolder?: string | undefined
  /** Of the agent's own log, where no journal has it. */
  readonly agentLogFile?: string | undefined
  readonly agent: AgentApi
  readonly host: HostApi
  readonly updater: UpdateApi
  readonly access: ConsoleAccess
  readonly box: BoxView
  /** A command of the CLI with its words. Resolves with its exit status; what it complains of is written too. */
  run(words: readonly string[], out: Output, signal: AbortSignal): Promise<number>
}

export interface ConsoleAccess {
  isClaimed(): boolean
  /** Undefined once the box is claimed. */
  claimCode(): string | undefined
  claim(code: string, user: string, password: string): Promise<Person>
  logIn(user: string, password: string): Promise<Person>
  /** Resolves with whose password it is now. */
  resetAdmin(code: string, password: string): Promise<string>
  /** Into the list of what was done. */
  audit(what: string, by: string, detail: Readonly<Record<string, string>>): void
  /** Of the page's certificate, `7B:19:…`; undefined before the panel's first start. */
  fingerprint(): string | undefined
}

export interface Person {
  readonly name: string
  readonly role: OperatorRole
  /** False: ended by somebody else, or over its time. */
  isAlive(): boolean
  logOut(): void
}

/** What can be seen of this machine without anybody's help. */
export interface BoxView {
  interfaces(): readonly InterfaceNow[]
  deviceId(): Promise<string>
  /** Of the data directory's disk. */
  disk(): { readonly bytes: number; readonly freeBytes: number }
  /** Port of the page. */
  readonly panelPort: number
  panelRuns(): Promise<boolean>
  /** Sources and uplinks as the settings file names them. Rejects with BadInput. */
  named(): Promise<{ readonly sources: readonly string[]; readonly uplinks: readonly string[] }>
  /** Of one of them, made in this process: where no agent runs. */
  test(kind: 'source' | 'uplink', name: string, signal: AbortSignal): AsyncIterable<TestStep>
  /** The agent's own log: its last lines, and what comes. */
  agentLog(signal: AbortSignal): AsyncIterable<string>
}

/** Of one log-in. */
export interface Session {
  readonly parts: ConsoleParts
  readonly terminal: Terminal
  readonly person: Person
  readonly verbs: readonly HostVerb[]
  /** One answered when this session began. */
  readonly hasUpdater: boolean
}

export interface Item {
  readonly number: number
  readonly title: string
  /** What this system lacks for it; undefined: nothing. */
  missing?(session: Session): string | undefined
  /** `menu`: back to it at once, nothing is left to be read. */
  run(session: Session): Promise<void | 'menu'>
}
