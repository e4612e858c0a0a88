// Commands at work: a lane for each kind, one after the other in it, so that a long replay holds up no write.
//
//   waiting ─(the clock is trusted, not stale)─► run ─► done
//   begun, by an earlier life or before a failure ─► resume ─► done
//
// Stale is by the box's clock: while nobody vouches for that, commands wait. What may be tried again is, as long as it is wanted.
import { setTimeout as sleep } from 'node:timers/promises'
import { COMMAND_EXPIRES_MS_MAX, COMMAND_TEXT_CHARS_MAX } from '../core/bounds.ts'
import type { CommandAnswer, CommandKind } from '../core/cloud-command.ts'
import { COMMAND_KINDS } from '../core/cloud-command.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { Logger } from '../core/source.ts'
import type { Held, Journal } from './journal.ts'
import type { Doing, Kind, Outcome } from './kind.ts'
import type { Parsed } from './parse.ts'

export interface RunParts {
  readonly journal: Journal
  readonly kinds: Readonly<Record<CommandKind, Kind>>
  now(): number
  isTrusted(): boolean
  readonly log: Logger
}

export interface Running {
  /** There may be something to do. */
  poke(): void
  /** Resolves when nothing is under way any more. */
  ended(): Promise<void>
}

const LOOK_EVERY_MS = 1_000
const AGAIN_MS_MIN = 1_000
const AGAIN_MS_MAX = 30_000

export function runCommands(parts: RunParts, signal: AbortSignal): Running {
  const { journal, log } = parts
  const wakes = new Set<() => void>()

  function news(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        wakes.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, LOOK_EVERY_MS)
      wakes.add(wake)
    })
  }
  const wakeAll = () => [...wakes].forEach((it) => it())
  signal.addEventListener('abort', wakeAll, { once: true })

  function end(command: Held, outcome: Outcome): void {
    const { audit, ...answer } = shortened(outcome)
    const now = parts.now()
    const audits = audit ? [auditEvent(command, audit, answer, now, parts.isTrusted())] : []
    journal.end(command.id, answer, now, [...audits, answerEvent(command, answer, now, parts.isTrusted())])
    log.info({ command: command.id, kind: command.kind, result: answer.result, code: answer.code }, 'a command has ended')
  }

  async function step(kind: CommandKind): Promise<'done' | 'again'> {
    const command = parts.isTrusted() ? journal.next(kind) : undefined
    if (!command) {
      await news()
      return 'done'
    }
    const outcome = await tried(command, parts.kinds[kind])
    if (outcome === 'again') return outcome
    end(command, outcome)
    return 'done'
  }

  async function lane(kind: CommandKind): Promise<void> {
    for (let waitMs = AGAIN_MS_MIN; !signal.aborted; ) {
      const how = await step(kind).catch((error: Error) => {
        // The disk takes nothing: what was not begun is not done, and what was is known to be.
        if (!signal.aborted) log.error({ stack: error.stack }, `commands of kind ${kind} wait: ${error.message}`)
        return 'again' as const
      })
      if (how === 'again') await Promise.race([sleep(waitMs, undefined, { ref: false }), aborted(signal)])
      waitMs = how === 'again' ? Math.min(AGAIN_MS_MAX, waitMs * 2) : AGAIN_MS_MIN
    }
  }

  async function tried(command: Held, kind: Kind): Promise<Outcome | 'again'> {
    const isBegun = command.facts !== undefined
    const isStale = () => parts.now() >= command.expires
    const wasStale = isStale()
    if (!isBegun && wasStale) return stale(command, parts.now())
    if (!isBegun && command.expires > parts.now() + COMMAND_EXPIRES_MS_MAX * 1000) return tooLong()
    let hasBegun = isBegun
    let isLate = false
    const doing: Doing = {
      begin(facts, target) {
        // What it had to ask before may have taken long.
        isLate = isStale()
        if (isLate) throw new Error('it is not wanted any more')
        journal.begin(command.id, parts.now(), facts, target)
        hasBegun = true
      },
      signal,
      now: parts.now,
    }
    try {
      return await (isBegun ? kind.resume(command, doing) : kind.run(command, doing))
    } catch (error) {
      if (isLate) return stale(command, parts.now())
      if (signal.aborted) return 'again'
      return afterFailure(error, hasBegun, wasStale || isStale())
    }
  }

  function afterFailure(error: unknown, hasBegun: boolean, isStale: boolean): Outcome | 'again' {
    const reason = (error as Error).message
    if (error instanceof Unreachable && !isStale) return 'again'
    if (error instanceof Unreachable) return { result: 'failed', code: error.code, reason }
    if (error instanceof BadInput) return { result: hasBegun ? 'failed' : 'refused', code: 'command-impossible', reason }
    log.error({ stack: (error as Error).stack }, `a command failed: ${reason}`)
    return { result: hasBegun ? 'unknown' : 'failed', code: 'command-failed', reason }
  }

  const lanes = COMMAND_KINDS.map(lane)
  return {
    poke: wakeAll,
    async ended() {
      await Promise.allSettled(lanes)
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function stale({ expires }: Held, now: number): Outcome {
  const reason = `it was wanted until ${new Date(expires / 1000).toISOString()}, and it is ${new Date(now / 1000).toISOString()}`
  return { result: 'refused', code: 'command-stale', reason }
}

function tooLong(): Outcome {
  const reason = `expires may be at most ${COMMAND_EXPIRES_MS_MAX / 86_400_000} days ahead`
  return { result: 'refused', code: 'command-expires-late', reason }
}

/** A log that cannot take an answer would take none behind it either. */
function shortened({ reason, detail, audit, ...rest }: Outcome): Outcome {
  return {
    ...rest,
    ...(reason !== undefined && { reason: cut(reason) }),
    ...(detail && { detail: cutAll(detail) }),
    ...(audit && { audit: cutAll(audit) }),
  }
}

function cut<T>(it: T): T | string {
  return typeof it === 'string' && it.length > COMMAND_TEXT_CHARS_MAX ? `${it.slice(0, COMMAND_TEXT_CHARS_MAX - 1)}…` : it
}

function cutAll<T>(all: Readonly<Record<string, T>>): Record<string, T | string> {
  return Object.fromEntries(Object.entries(all).map(([name, it]) => [name, cut(it)]))
}

type Told = Pick<Held, 'id' | 'kind' | 'uplink'>

/** `ts`, `what` and `type` as every event of a list says them (records/events.ts). */
function answerEvent({ id, kind, uplink }: Told, answer: CommandAnswer, now: number, isTrusted: boolean): object {
  return { type: 'command-answer', ts: now, what: kind, id, kind, uplink, ...answer, time_quality: qualityOf(isTrusted) }
}

function auditEvent(
  { id, kind, uplink }: Told,
  audit: Readonly<Record<string, string>>,
  { result }: CommandAnswer,
  now: number,
  isTrusted: boolean,
): object {
  const said = { ts: now, what: kind, by: `command ${id}`, address: `uplink ${uplink}` }
  return { ...said, detail: { ...audit, result }, time_quality: qualityOf(isTrusted) }
}

const qualityOf = (isTrusted: boolean) => (isTrusted ? 'synchronised' : 'relative')

/** Of one that is refused as it comes. */
export function refusalEvents(uplink: string, now: number, isTrusted: boolean) {
  return ({ id, kind, refused }: Parsed & { readonly refused: CommandAnswer }) => [
    answerEvent({ id, kind, uplink }, refused, now, isTrusted),
  ]
}
