// Looks after one session: what is heard of it, what it lost, and when it is over.
import { Unreachable } from '../../core/errors.ts'
import type { SourceStatus } from '../../core/source.ts'
import { formatDuration } from '../../core/units.ts'
import type { Connection } from './connection.ts'
import { closeUnsure, makeSure, openHole, pend } from './gaps.ts'
import { hasBoxTimes, type TagState } from './decode.ts'
import type { Repair } from './repair.ts'
import type { Run } from './session.ts'
import type { Listener, Subscribed } from './subscribe.ts'
import { verdict } from './watchdog.ts'

export interface Watch {
  readonly listener: Listener
  /** Returns when the signal aborts, rejects when the session is over. */
  untilOver(subscribed: Subscribed, up: SourceStatus, repair: Repair, signal: AbortSignal): Promise<void>
  close(): void
}

/** Readings of these tags are missing: they are read from history, or noted if that has them not. */
export function lose({ gaps, sink }: Run, states: readonly TagState[], reason: string, lostAt: number, count = 1): void {
  if (makeSure(states)) gaps.isDue = true
  if (states.some((it) => it.holes.length > 0)) pend(gaps, reason, lostAt, count)
  // Without times of the far end nobody can say which readings those are.
  if (states.some((it) => hasBoxTimes(it) && Number.isNaN(it.newest))) sink.note(reason, count)
}

export function newWatch(run: Run, { client, session }: Connection, began: () => void): Watch {
  const { route, sink, context, tags } = run
  const { timing, settings } = route
  const now = () => context.clock.monotonic()
  const { sessionId } = session
  const heard: number[] = []
  let lost: number | undefined
  let lostAt = 0
  /** From the last sign before a loss to the first after it. */
  let silentMs: number | undefined
  let restored = now()
  let closed = false
  let hasBegun = false
  let hasUnsure = false
  let up: SourceStatus | undefined
  let isUp = false
  let holdMs = Number.POSITIVE_INFINITY
  let over: (why: Unreachable) => void = () => {}
  let verdictBefore: Unreachable | undefined

  const end = (code: string, text: string) => {
    verdictBefore ??= new Unreachable(code, text)
    over(verdictBefore)
  }
  const showUp = () => {
    if (!up || isUp || closed || lost !== undefined) return
    isUp = true
    sink.status(up)
  }
  const isOurs = () => !closed && session.sessionId === sessionId
  const suspect = (states: readonly TagState[]) => {
    for (const it of states) openHole(it, false)
    hasUnsure = true
  }
  const listener: Listener = {
    data: (state, value) => {
      // A session that the library made anew has items made with the old namespace indices: not a value of it.
      if (isOurs()) sink.data(state, value)
    },
    sign: (subscription) => {
      if (!isOurs()) return
      // Some comes before the library says that there is a channel again.
      if (lost !== undefined) silentMs ??= now() - longestSilent()
      heard[subscription] = now()
      if (!hasBegun) began()
      hasBegun = true
      showUp()
    },
    late: suspect,
    lost: (states, messages) => lose(run, states, 'message-lost', context.clock.now(), messages),
    lostEvents: (states, messages) => {
      sink.note('message-lost', messages)
      for (const it of states) sink.lost(it, 'message-lost', it.heardAt ?? context.clock.now(), messages)
    },
    eventsHeard: (states) => {
      if (!isOurs()) return
      const at = context.clock.now()
      for (const it of states) it.heardAt = at
    },
    event: (state, values, namespaces) => {
      if (isOurs()) sink.event(state, values, namespaces)
    },
    dropped: (state) => {
      sink.note('server-queue-overflow')
      sink.lost(state, 'server-queue-overflow', state.heardAt ?? context.clock.now())
    },
    ended: (why) => end('subscription-lost', why),
  }
  const longestSilent = () => (heard.length > 0 ? Math.min(...heard) : restored)
  const onLost = () => {
    if (lost === undefined) {
      lost = now()
      lostAt = context.clock.now()
      silentMs = undefined
      suspect(tags)
    }
    isUp = false
    if (!closed)
      sink.status({ ...up, state: 'down', code: 'connection-lost', lastError: 'the connection broke; the session is kept' })
  }
  client.on('connection_lost', onLost)
  client.on('start_reconnection', onLost)
  client.on('reconnection_attempt_has_failed', (error: Error) => {
    if (/[Cc]ertificate/.test(error.message))
      end('connection-lost', `the server came back with another certificate: ${error.message}`)
  })
  // There is a channel again. Whether session and subscription live is another matter: from here silence counts.
  client.on('after_reconnection', () => {
    if (lost !== undefined && (silentMs ?? now() - longestSilent()) > holdMs) lose(run, tags, 'session-gap', lostAt)
    lost = undefined
    restored = now()
  })
  client.on('close', () => end('connection-lost', 'the connection was closed'))

  /** What was late had time to come. */
  function settle({ isWhole }: Subscribed): void {
    if (!hasUnsure || lost !== undefined || now() - restored < timing.settleMs || !isWhole()) return
    closeUnsure(tags)
    hasUnsure = false
  }

  function check(subscribed: Subscribed, patience: { silenceMs: number; sessionMs: number }): void {
    if (session.sessionId !== sessionId) end('session-lost', 'the server no longer knew the session')
    const found = verdict(now(), { heard: longestSilent(), lost, restored }, patience)
    const since = formatDuration(now() - longestSilent())
    if (found === 'silent') end('silent', `no data and no sign of life for ${since}`)
    if (found === 'gone') end('connection-lost', `no connection for ${since}`)
    settle(subscribed)
  }

  async function untilOver(subscribed: Subscribed, status: SourceStatus, repair: Repair, signal: AbortSignal): Promise<void> {
    const silenceMs = 2 * subscribed.keepAliveMs + timing.silenceMarginMs
    const patience = { silenceMs, sessionMs: Math.min(settings.sessionTimeoutMs, session.timeout) }
    holdMs = Math.min(
      ...new Set(settings.tags.map((it) => Math.min(it.queueSize, subscribed.queueSizeMin) * (it.samplingMs || it.publishingMs))),
    )
    // One that has never been heard counts as well.
    for (let at = 0; at < subscribed.subscriptions; at++) heard[at] ??= now()
    up = status
    if (hasBegun) showUp()
    await new Promise<void>((resolve, reject) => {
      const timer = setInterval(() => {
        check(subscribed, patience)
        if (isUp) repair.look()
      }, timing.watchEveryMs)
      const finish = (settle: () => void) => {
        clearInterval(timer)
        signal.removeEventListener('abort', onAbort)
        settle()
      }
      const onAbort = () => finish(resolve)
      over = (why) => finish(() => reject(why))
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
      else if (verdictBefore) over(verdictBefore)
    })
  }
  return {
    listener,
    untilOver,
    close: () => {
      closed = true
    },
  }
}
