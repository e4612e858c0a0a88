// Main's side of the notifiers' thread: what it asks of the log is handed on, and it is started again should it have died.
import { Worker } from 'node:worker_threads'
import type { FollowFrom, FollowRead } from '../core/follow.ts'
import { Unreachable } from '../core/errors.ts'
import type { NotifyLog, NotifyReport, NotifySaved } from '../core/notify.ts'
import type { Logger, TestStep } from '../core/source.ts'
import type { FollowedLog } from '../log/follow.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import type { NotifyWorkerData } from './notify.ts'
import type { Caller } from './port.ts'
import { caller, serve } from './port.ts'
import { streamCalls } from './stream-calls.ts'
import type { Level } from './thread-logger.ts'

export interface NotifyHost {
  report(): Promise<readonly NotifyReport[]>
  test(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  /** What is known to be told is saved; after some time it is cut off: the next start tells the last one again. */
  stop(): Promise<void>
}

const HEAP_MB = 128
const RESTART_MS = 5_000
const REPORT_MS_MAX = 1_000
const STOP_MS_MAX = 2_000
/** Beside uplinks and followers: no name of the settings is like it. */
const READER = ' notify '

export function notifyHost(data: NotifyWorkerData, follow: FollowedLog, log: NotifyLog, logger: Logger): NotifyHost {
  const streams = streamCalls()
  let isStopped = false
  let running: { readonly worker: Worker; readonly calls: Caller } | undefined
  let last: readonly NotifyReport[] = data.notifiers.map(({ name, kind }) => starting(name, kind))
  let ended = Promise.resolve()
  let again: NodeJS.Timeout | undefined
  /** Uplinks wait for one read of theirs at most. */
  let turn: Promise<unknown> = Promise.resolve()

  function inTurn<T>(what: () => Promise<T>): Promise<T> {
    const done = turn.then(what)
    turn = done.catch(() => undefined)
    return done
  }

  function start(): void {
    const worker = new Worker(new URL('./notify.ts', import.meta.url), {
      workerData: data,
      name: 'notify',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    const calls = caller(worker)
    const stop = new AbortController()
    serve(worker, {
      item: streams.item,
      log: (level: Level, fields: object, text: string) => logger[level](fields, text),
      saved: log.saved,
      save: (name: string, saved: NotifySaved) => log.save(name, saved),
      begin: (from: FollowFrom) => follow.begin(from),
      read: (request: FollowRead, name: string) => inTurn(() => follow.read(request, READER + name)),
      more: (name: string) => follow.more(READER + name, stop.signal),
    })
    running = { worker, calls }
    let cause: Error | undefined
    worker.on('error', (error) => (cause = error as Error))
    ended = new Promise((resolve) => {
      worker.on('exit', () => {
        stop.abort()
        calls.fail(new Unreachable('notify-restarting', 'the notifiers are being started anew'))
        running = undefined
        resolve()
        if (!isStopped) fail(cause ?? new Error('the thread of the notifiers ended'))
      })
    })
  }

  function fail(cause: Error): void {
    last = last.map((it) => ({ ...it, state: 'waiting', failures: it.failures + 1, lastError: cause.message }))
    logger.error({ stack: cause.stack }, `the notifiers failed: ${cause.message}`)
    again = setTimeout(start, RESTART_MS)
  }

  start()
  return {
    async report() {
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, REPORT_MS_MAX, undefined).unref())
      const asked = running?.calls.call<readonly NotifyReport[]>('report', []).catch(() => undefined)
      last = (await Promise.race([asked, late])) ?? last
      return last
    },
    test(name, signal) {
      if (!running) throw new Unreachable('notify-restarting', 'the notifiers are being started anew')
      return streams.stream<TestStep>(running.calls, 'test', [name], signal)
    },
    async stop() {
      isStopped = true
      clearTimeout(again)
      const it = running
      if (!it) return
      const cut = setTimeout(() => void it.worker.terminate(), STOP_MS_MAX)
      void it.calls
        .call('stop', [])
        .catch(() => undefined)
        .then(() => it.worker.terminate())
      await ended
      clearTimeout(cut)
    },
  }
}

const starting = (name: string, kind: string): NotifyReport => ({
  name,
  kind,
  state: 'starting',
  sent: 0,
  heldBack: 0,
  missed: 0,
  lastMissed: null,
  lastSent: null,
  failures: 0,
})
