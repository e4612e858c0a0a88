// Commands from the cloud at work: the journal open, uplinks read, answers handed over. Loaded once an uplink of the settings has `commands`, or had.
import { isDeepStrictEqual } from 'node:util'
import { threadId } from 'node:worker_threads'
import type { AgentCommandsParts, OpenCommands } from './agent-commands.ts'
import { commandsOf } from './agent-commands.ts'
import { answersHandOver } from './cloud-commands/hand-over.ts'
import { openJournal } from './cloud-commands/journal.ts'
import { pushKind } from './cloud-commands/kinds/push.ts'
import { replayKind } from './cloud-commands/kinds/replay.ts'
import { settingsKind } from './cloud-commands/kinds/settings.ts'
import { writeKind } from './cloud-commands/kinds/write.ts'
import { readCommands } from './cloud-commands/read.ts'
import { runCommands } from './cloud-commands/run.ts'
import { newOrigin } from './core/batch.ts'
import { QUERY_ROWS_MAX } from './core/bounds.ts'
import type { CommandSettings } from './core/cloud-command.ts'
import type { Issue } from './core/status.ts'
import { keepRunning, sleep } from './pipeline/keep-running.ts'

/** A change that came as a command is taken back unless the uplink is heard again in this time. */
const CONFIRM_WITHIN_MS = 180_000
const READ_BACKOFF = { minMs: 1_000, maxMs: 60_000 }
const OFFER_EVERY_MS = 1_000
const ROOM_LOOK_MS = 5_000
const CLOSE_MS_MAX = 2_000

interface Reading {
  readonly commands: CommandSettings
  readonly stop: AbortController
  /** Closes what is open and asks anew. */
  anew: AbortController
  error?: Error | undefined
  readonly heard: Set<() => void>
  readonly ended: Promise<void>
}

export function openAll({ dir, clock, logger, told, settings, settingsApi, query }: AgentCommandsParts): OpenCommands {
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
