// Main's side of the thread where other boxes come in: keeps it running, and is the one place where a session is checked before the log takes anything.
import { Worker } from 'node:worker_threads'
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { BoxesSettings, BoxIntake, BoxLog, BoxRefusal, BoxReport, BoxTransaction } from '../core/boxes.ts'
import { Unreachable } from '../core/errors.ts'
import type { Clock, Logger } from '../core/source.ts'
import type { Issue } from '../core/status.ts'
import { keepRunning, sleep } from '../pipeline/keep-running.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import { caller, serve } from './port.ts'
import type { Level } from './thread-logger.ts'

const HEAP_MB = 512
const CLOSE_MS_MAX = 2_000
const BACKOFF = { minMs: 1_000, maxMs: 30_000 }
const WELL_AFTER_MS = 60_000
/** What has no room waits here first: the keeper makes some in a moment. */
const FULL_TRIES = 10
const FULL_PAUSE_MS = 200

export interface BoxesHost {
  reports(): readonly BoxReport[]
  issues(): readonly Issue[]
  close(): Promise<void>
}

interface State {
  session: string | undefined
  report: BoxReport
  rolledBack: number
}

export function boxesHost(settings: BoxesSettings, log: BoxLog, clock: Clock, logger: Logger): BoxesHost {
  const states = new Map(settings.allow.map((it): [string, State] => [it.device, newState(it.device)]))
  const stop = new AbortController()
  let failure: string | undefined
  const stateOf = (device: string): State => states.get(device) ?? newState(device)

  function refused(state: State, code: string, text: string): void {
    state.report = { ...state.report, lastSeen: clock.now(), code, lastError: text }
  }

  async function taken(state: State, session: string, sent: BoxTransaction): ReturnType<BoxIntake['take']> {
    for (let tries = 1; ; tries++) {
      // Nothing may come between this and the call: whoever begins a session afterwards is told of what is taken here.
      if (state.session === undefined) throw new Unreachable('session-over', 'this box was started anew: a new session is needed')
      if (session !== state.session) throw new Unreachable('fenced', 'another holder of this identity is at work')
      const outcome = await log.take(sent)
      if (outcome.kind !== 'full' || tries === FULL_TRIES) return outcome
      await wait(FULL_PAUSE_MS)
    }
  }

  const intake: BoxIntake = {
    async begin(device) {
      const state = stateOf(device)
      const session = randomUUID()
      state.session = session
      const position = await log.position(device)
      state.report = { ...state.report, lastSeen: clock.now(), transaction: position === 'none' ? 0 : position.transaction }
      return { session, position }
    },
    async peek(device) {
      const position = await log.position(device)
      return position === 'none' ? 'none' : position.transaction
    },
    async take(session, sent) {
      const state = stateOf(sent.device)
      try {
        const outcome = await taken(state, session, sent)
        const at = { lastSeen: clock.now() }
        if (outcome.kind === 'stored') {
          const { lastError: _, code: __, ...report } = state.report
          const { transaction } = sent
          state.report = { ...report, ...at, transaction, readings: report.readings + readingsIn(sent) }
          state.rolledBack += outcome.rolledBack
        } else refused(state, outcome.kind, refusalText(outcome))
        return outcome
      } catch (error) {
        refused(state, (error as { code?: string }).code ?? 'box-conflict', (error as Error).message)
        throw error
      }
    },
  }

  /** One life of the thread. */
  function live(well: () => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./boxes.ts', import.meta.url), {
        workerData: settings,
        name: 'boxes',
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      })
      const calls = caller(worker)
      serve(worker, { ...intake, log: (level: Level, fields: object, text: string) => logger[level](fields, text) })
      const timer = setTimeout(well, WELL_AFTER_MS)
      const over = (error: unknown) => {
        clearTimeout(timer)
        calls.fail(error)
        signal.removeEventListener('abort', end)
        if (signal.aborted) resolve()
        else {
          failure ??= (error as Error).message
          reject(error)
        }
      }
      worker.on('error', over)
      worker.on('exit', (code) => over(new Error(`the thread where boxes come in ended with code ${code}`)))
      calls.call<number>('listening', []).then(
        (port) => {
          failure = undefined
          logger.info({ host: settings.listen.host, port }, 'other boxes may come in')
        },
        (error: unknown) => {
          if (signal.aborted) return
          failure = (error as Error).message
          void worker.terminate()
        },
      )
      const end = () => {
        const late = setTimeout(() => void worker.terminate(), CLOSE_MS_MAX)
        void calls
          .call('close', [])
          .catch(() => {})
          .finally(() => {
            clearTimeout(late)
            void worker.terminate()
          })
      }
      signal.addEventListener('abort', end, { once: true })
    })
  }

  const running = keepRunning(
    (well) => live(well, stop.signal),
    {
      backoff: BACKOFF,
      random: Math.random,
      sleep,
      failed(error, waitMs) {
        logger.warn({ waitMs: Math.round(waitMs) }, failure ?? (error as Error).message)
        return undefined
      },
    },
    stop.signal,
  )

  return {
    reports: () => [...states.values()].map((it) => it.report),
    issues: () => [...listenIssues(failure, settings), ...[...states.values()].flatMap(issuesOf)],
    async close() {
      stop.abort()
      await running
    },
  }
}

const refusalText = ({ kind, classes }: BoxRefusal) =>
  `${kind === 'full' ? 'no room for' : 'the settings have no class'} ${classes.map((it) => it || 'events').join(', ')}`

const newState = (device: string): State => ({
  session: undefined,
  report: { device, lastSeen: null, transaction: 0, readings: 0 },
  rolledBack: 0,
})

const readingsIn = ({ slices }: BoxTransaction) => slices.reduce((sum, it) => sum + ('rows' in it ? 0 : it.to - it.from), 0)

function listenIssues(failure: string | undefined, { listen }: BoxesSettings): Issue[] {
  if (failure === undefined) return []
  return [
    {
      code: 'boxes-not-heard',
      severity: 'problem',
      text: `Other boxes cannot come in at ${listen.host}:${listen.port}: ${failure}`,
      remedy: 'Check boxes.listen (an address of this box, and a port that is free) and boxes.tls.',
    },
  ]
}

function issuesOf({ report: { device, code, lastError }, rolledBack }: State): Issue[] {
  const back: Issue[] =
    rolledBack > 0
      ? [
          {
            code: 'box-rolled-back',
            severity: 'problem',
            text: `This log was put back to an older copy: ${rolledBack} readings of box ${device} that it had acknowledged are gone, and named in the ledger`,
            remedy: 'Nothing brings them back. A copy of a disk is no backup of a box at work.',
            of: device,
          },
        ]
      : []
  if (lastError === undefined || code === 'fenced' || code === 'session-over') return back
  return [
    ...back,
    {
      code: 'box-refused',
      severity: 'warning',
      text: `Box ${device} waits, what it sends is not taken: ${lastError}`,
      remedy: code === 'full' ? 'Restore the uplink of this box, or raise log.bytesMax.' : 'Look at the status of that box too.',
      of: device,
    },
  ]
}
