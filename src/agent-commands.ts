// What the cloud tells this box to do (core/cloud-command.ts), whatever settings are in force:
//
//   uplink thread ─page─► read ─► journal ─► run: push, replay, settings, write ─► journal ─► hand-over ─► log (events) ─► uplinks
//
// Nothing is opened and no thread asks for anything as long as no uplink of the settings has `commands` and none ever had.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ForCommands } from './agent-parts.ts'
import type { SettingsService } from './agent-settings.ts'
import type { Journal } from './cloud-commands/journal.ts'
import type { AgentApi } from './core/agent-api.ts'
import type { CommandSettings, CommandsApi } from './core/cloud-command.ts'
import type { SettingsApi } from './core/operator.ts'
import type { Logger } from './core/source.ts'
import type { Issue } from './core/status.ts'
import type { AgentClock } from './machine/clock.ts'

export interface AgentCommands {
  readonly api: CommandsApi
  /** Other settings are in force. */
  change(): Promise<void>
  issues(): readonly Issue[]
  /** What was begun and cannot end in time is taken up at the next start. */
  close(): Promise<void>
}

export interface AgentCommandsParts {
  readonly dir: string
  readonly clock: AgentClock
  readonly logger: Logger
  readonly told: ForCommands
  readonly settings: Pick<SettingsService, 'checked'>
  readonly settingsApi: SettingsApi
  readonly query: AgentApi['query']
}

export interface OpenCommands {
  readonly journal: Journal
  /** Reads what the settings say now. */
  follow(): void
  issues(): readonly Issue[]
  close(): Promise<void>
}

const OPEN_AGAIN_MS = 30_000

/** A disk that takes no journal costs the commands, never the readings. */
export async function openCommands(parts: AgentCommandsParts): Promise<AgentCommands> {
  let open: OpenCommands | undefined
  let closed: Error | undefined
  let again: NodeJS.Timeout | undefined
  let isEnding = false
  let turn: Promise<void> = Promise.resolve()
  const needed = () => commandsOf(parts.told).length > 0 || existsSync(join(parts.dir, 'commands', 'commands.db'))
  async function follow(): Promise<void> {
    clearTimeout(again)
    if (isEnding) return
    try {
      if (needed()) open ??= (await import('./agent-commands-open.ts')).openAll(parts)
      closed = undefined
      open?.follow()
    } catch (error) {
      const { message } = (closed = error as Error)
      parts.logger.error({}, `commands are neither read nor done: ${message}`)
      again = setTimeout(() => void change(), OPEN_AGAIN_MS)
      again.unref()
    }
  }
  /** One after another: two would open two journals. */
  function change(): Promise<void> {
    turn = turn.then(follow)
    return turn
  }
  await change()
  return {
    api: { commands: async (limit) => open?.journal.list(limit) ?? [] },
    change,
    issues() {
      try {
        return closed ? [closedIssue(closed)] : (open?.issues() ?? [])
      } catch (error) {
        return [closedIssue(error as Error)]
      }
    },
    async close() {
      isEnding = true
      await turn
      clearTimeout(again)
      await open?.close()
    },
  }
}

export function commandsOf({ settings }: ForCommands): { uplink: string; commands: CommandSettings }[] {
  return settings().uplinks.flatMap((it) => (it.commands ? [{ uplink: it.name, commands: it.commands }] : []))
}

function closedIssue(error: Error): Issue {
  return {
    code: 'commands-closed',
    severity: 'warning',
    text: `commands are neither read nor done: ${error.message}`,
    remedy: 'look at the disk of the box: full, read-only or broken; it is tried again by itself',
  }
}
