// Main's side of the notifiers' thread: what it asks of the log is handed on, and it is started again should it have died.
import type { FollowFrom, FollowRead } from '../core/follow.ts'
import { Unreachable } from '../core/errors.ts'
import type { NotifyLog, NotifyReport, NotifySaved } from '../core/notify.ts'
import type { Logger, TestStep } from '../core/source.ts'
import type { FollowedLog } from '../log/follow.ts'
import { keptThread } from './kept-thread.ts'
import type { NotifyWorkerData } from './notify.ts'
import { streamCalls } from './stream-calls.ts'
import type { Level } from './thread-logger.ts'

export interface NotifyHost {
  report(): Promise<readonly NotifyReport[]>
  test(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  /** What is known to be told is saved; after some time it is cut off: the next start tells the last one again. */
  stop(): Promise<void>
}

const HEAP_MB = 128
/** Beside uplinks and followers: no name of the settings is like it. */
const READER = ' notify '

export function notifyHost(data: NotifyWorkerData, follow: FollowedLog, log: NotifyLog, logger: Logger): NotifyHost {
  const streams = streamCalls()
  let last: readonly NotifyReport[] = data.notifiers.map(({ name, kind }) => starting(name, kind))
  /** Uplinks wait for one read of theirs at most. */
  let turn: Promise<unknown> = Promise.resolve()

  function inTurn<T>(what: () => Promise<T>): Promise<T> {
    const done = turn.then(what)
    turn = done.catch(() => undefined)
    return done
  }

  const restarting = () => new Unreachable('notify-restarting', 'the notifiers are being started anew')
  const thread = keptThread({
    file: new URL('./notify.ts', import.meta.url),
    name: 'notify',
    data,
    heapMb: HEAP_MB,
    handlers: (over) => ({
      item: streams.item,
      log: (level: Level, fields: object, text: string) => logger[level](fields, text),
      saved: log.saved,
      save: (name: string, saved: NotifySaved) => log.save(name, saved),
      begin: (from: FollowFrom) => follow.begin(from),
      read: (request: FollowRead, name: string) => inTurn(() => follow.read(request, READER + name)),
      more: (name: string) => follow.more(READER + name, over),
    }),
    restarting,
    failed(cause) {
      last = last.map((it) => ({ ...it, state: 'waiting', failures: it.failures + 1, lastError: cause.message }))
      logger.error({ stack: cause.stack }, `the notifiers failed: ${cause.message}`)
    },
  })

  return {
    async report() {
      last = (await thread.ask<readonly NotifyReport[]>('report')) ?? last
      return last
    },
    test(name, signal) {
      const calls = thread.calls()
      if (!calls) throw restarting()
      return streams.stream<TestStep>(calls, 'test', [name], signal)
    },
    stop: thread.stop,
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
