// What the cloud tells this box to do (core/cloud-command.ts), whatever settings are in force:
//
//   uplink thread ─page─► read ─► journal ─► run: push, replay, settings, write ─► journal ─► hand-over ─► log (events) ─► uplinks
//
// Nothing is opened and no thread asks for anything as long as no uplink of the settings has `commands` and none ever had.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { threadId } from 'node:worker_threads'
import type { ForCommands } from './agent-parts.ts'
import type { SettingsService } from './agent-settings.ts'
import { answersHandOver } from './cloud-commands/hand-over.ts'
import type { Journal } from './cloud-commands/journal.ts'
import { openJournal } from './cloud-commands/journal.ts'
import { pushKind } from './cloud-commands/kinds/push.ts'
import { replayKind } from './cloud-commands/kinds/replay.ts'
import { settingsKind } from './cloud-commands/kinds/settings.ts'
import { writeKind } from './cloud-commands/kinds/write.ts'
import { readCommands } from './cloud-commands/read.ts'
import { runCommands } from './cloud-commands/run.ts'
import type { AgentApi } from './core/agent-api.ts'
import { newOrigin } from './core/batch.ts'
import { QUERY_ROWS_MAX } from './core/bounds.ts'
import type { CommandSettings, CommandsApi } from './core/cloud-command.ts'
import type { SettingsApi } from './core/operator.ts'
import type { Logger } from './core/source.ts'
import type { Issue } from './core/status.ts'
import type { AgentClock } from './machine/clock.ts'
import { keepRunning, sleep } from './pipeline/keep-running.ts'

export interface AgentCommands {
  readonly api: CommandsApi
  /** Other settings are in force. */
  change(): void
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

/** A change that came as a command is taken back unless the uplink is heard again in this time. */
const CONFIRM_WITHIN_MS = 180_000
const READ_BACKOFF = { minMs: 1_000, maxMs: 60_000 }
const OFFER_EVERY_MS = 1_000
const OPEN_AGAIN_MS = 30_000
const ROOM_LOOK_MS = 5_000
const CLOSE_MS_MAX = 2_000

/** A disk that takes no journal costs the commands, never the readings. */
export function openCommands(parts: AgentCommandsParts): AgentCommands {
  let open: Open | undefined
  let closed: Error | undefined
  let again: NodeJS.Timeout | undefined
  const needed = () => commandsOf(parts.told).length > 0 || existsSync(join(parts.dir, 'commands', 'commands.db'))
  const change = () => {
    clearTimeout(again)
    try {
      if (needed()) open ??= openAll(parts)
      closed = undefined
      open?.follow()
    } catch (error) {
      const { message } = (closed = error as Error)
      parts.logger.error({}, `commands are neither read nor done: ${message}`)
      again = setTimeout(change, OPEN_AGAIN_MS)
      again.unref()
    }
  }
  change()
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
      clearTimeout(again)
      await open?.close()
    },
  }
}

interface Open {
  readonly journal: Journal
  /** Reads what the settings say now. */
  follow(): void
  issues(): readonly Issue[]
  close(): Promise<void>
}

interface Reading {
  readonly commands: CommandSettings
  readonly stop: AbortController
  /** Closes what is open and asks anew. */
  anew: AbortController
  error?: Error | undefined
  readonly heard: Set<() => void>
  readonly ended: Promise<void>
}

function commandsOf({ settings }: ForCommands): { uplink: string; commands: CommandSettings }[] {
  return settings().uplinks.flatMap((it) => (it.commands ? [{ uplink: it.name, commands: it.commands }] : []))
}

function openAll({ dir, clock, logger, told, settings, settingsApi, query }: AgentCommandsParts): Open {
  const stop = new AbortController()
  const journal = openJournal(dir, (why) =>
    logger.error({}, `the journal of commands is damaged and was put aside: ${why.message}`),
  )
  const now = () => clock.now()
  const isTrusted = () => clock.current().trusted
  const readings = new Map<string, Reading>()
  let unreadable = 0

  async function has(tag: string, time: number, signal: AbortSignal): Promise<boolean> {
    for await (const _ of query({ tag, from: time, to: time + 1, limit: 1 }, signal)) return true
    return false
  }

  const kinds = {
    push: pushKind({
      classes: () => told.settings().classes.map((it) => it.name),
      newOrigin: () => newOrigin(threadId),
      writer: told.writer,
      has,
    }),
    replay: replayKind({
      topics: () => told.settings().uplinks.flatMap((it) => it.topics ?? []),
      classes: () => told.settings().classes.map((it) => it.name),
      replay: (uplink, topic, request, signal) =>
        told.replay(uplink, topic, query({ ...request, limit: QUERY_ROWS_MAX }, signal), signal),
    }),
    settings: settingsKind({
      api: () => settingsApi,
      checked: settings.checked,
      now: told.settings,
      heardAnew,
      confirmWithinMs: CONFIRM_WITHIN_MS,
    }),
    write: writeKind({ sources: () => told.settings().sources, control: told.control, begunAt: journal.begunAt }),
  }
  const running = runCommands({ journal, kinds, now, isTrusted, log: logger }, stop.signal)

  function heardAnew(uplink: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const reading = readings.get(uplink)
      if (!reading) return reject(new Error(`uplink ${uplink} brings no commands any more`))
      reading.heard.add(resolve)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      reading.anew.abort()
    })
  }

  function read(uplink: string, commands: CommandSettings): Reading {
    const reading: Reading = {
      commands,
      stop: new AbortController(),
      anew: new AbortController(),
      heard: new Set(),
      get ended() {
        return ended
      },
    }
    const once = async (well: () => void): Promise<void> => {
      reading.anew = new AbortController()
      const signal = AbortSignal.any([stop.signal, reading.stop.signal, reading.anew.signal])
      const heard = () => {
        well()
        reading.error = undefined
        if (!signal.aborted) for (const it of reading.heard) it()
        if (!signal.aborted) reading.heard.clear()
      }
      try {
        await readCommands(uplink, commands, readParts, heard, signal)
      } catch (error) {
        // Asked anew, at once.
        if (!reading.anew.signal.aborted) throw error
      }
    }
    const failed = (error: unknown, waitMs: number): undefined => {
      reading.error = error as Error
      const fields = { uplink, waitMs: Math.round(waitMs), code: (error as { code?: string }).code }
      logger.warn(fields, `commands cannot be read: ${(error as Error).message}`)
    }
    const loop = { backoff: READ_BACKOFF, random: Math.random, sleep, failed }
    const ended = keepRunning(once, loop, AbortSignal.any([stop.signal, reading.stop.signal]))
    return reading
  }

  const readParts = {
    journal,
    open: told.read,
    now,
    isTrusted,
    taken: () => running.poke(),
    unreadable(uplink: string, count: number) {
      unreadable += count
      logger.warn({ uplink, count }, 'records of the topic of commands cannot be read: their compression is not known')
    },
    async room(signal: AbortSignal) {
      while (journal.isFull() && !signal.aborted) await sleep(ROOM_LOOK_MS, signal)
    },
  }

  async function handOver(): Promise<void> {
    const round = answersHandOver({ journal, now, isTrusted, offer: told.takeAnswers })
    let said = ''
    while (!stop.signal.aborted) {
      try {
        if (await round()) continue
        said = ''
      } catch (error) {
        const why = (error as Error).message
        if (why !== said) logger.warn({}, `answers to commands wait: ${why}`)
        said = why
      }
      await sleep(OFFER_EVERY_MS, stop.signal)
    }
  }
  const handing = handOver()

  return {
    journal,
    follow() {
      const wanted = commandsOf(told)
      for (const [uplink, it] of readings) {
        if (wanted.some((one) => one.uplink === uplink && isDeepStrictEqual(one.commands, it.commands))) continue
        it.stop.abort()
        readings.delete(uplink)
      }
      for (const { uplink, commands } of wanted) if (!readings.has(uplink)) readings.set(uplink, read(uplink, commands))
    },
    issues: () => [
      ...[...readings].flatMap(([uplink, { error }]) => (error ? [unreadIssue(uplink, error)] : [])),
      ...(readings.size > 0 && !isTrusted() ? [clockIssue()] : []),
      ...(journal.isFull() ? [fullIssue()] : []),
      ...(unreadable > 0 ? [unreadableIssue(unreadable)] : []),
    ],
    async close() {
      stop.abort()
      const all = Promise.allSettled([running.ended(), handing, ...[...readings.values()].map((it) => it.ended)])
      const late = new AbortController()
      await Promise.race([all, sleep(CLOSE_MS_MAX, late.signal)])
      late.abort()
      journal.close()
    },
  }
}

function closedIssue(error: Error): Issue {
  return {
    code: 'commands-closed',
    severity: 'warning',
    text: `commands are neither read nor done: ${error.message}`,
    remedy: 'look at the disk of the box: full, read-only or broken; it is tried again by itself',
  }
}

function unreadIssue(uplink: string, error: Error): Issue {
  return {
    code: 'commands-unread',
    severity: 'warning',
    text: `commands of uplink ${uplink} cannot be read: ${error.message}`,
    remedy: (error as { remedy?: string }).remedy ?? 'look at the uplink; they are read as soon as it can be reached',
  }
}

function clockIssue(): Issue {
  return {
    code: 'commands-clock',
    severity: 'warning',
    text: 'commands wait: nobody vouches for the clock, so it cannot be told which are stale',
    remedy: 'give the box a time server (time.servers), or set its clock',
  }
}

function fullIssue(): Issue {
  return {
    code: 'commands-full',
    severity: 'warning',
    text: 'no more commands are read: as many as can be remembered are still in their time, or wait to be done',
    remedy: 'give commands a shorter time (expires), or send fewer',
  }
}

function unreadableIssue(count: number): Issue {
  return {
    code: 'commands-unreadable',
    severity: 'warning',
    text: `${count} records of the topic of commands were passed over: their compression is not known here`,
    remedy: 'let whoever sends commands compress with zstd or gzip, or not at all',
  }
}
