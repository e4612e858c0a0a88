// One session after another, for as long as the source runs. The only loop that connects again.
import path from 'node:path'
import type { DataValue } from 'node-opcua-client'
import { Unreachable } from '../../core/errors.ts'
import type { SourceContext, SourceStatus } from '../../core/source.ts'
import { formatDuration } from '../../core/units.ts'
import { fingerprintOf } from './certificates.ts'
import { type Connection, connect, type Route, within } from './connection.ts'
import type { TagState } from './decode.ts'
import { asUnreachable } from './failures.ts'
import { NODE_REMEDY, readFacts, readKinds, resolveNode, type ServerFacts } from './nodes.ts'
import { type Listener, type Missing, type Subscribed, subscribe } from './subscribe.ts'
import { backoffMs } from './timing.ts'
import { verdict } from './watchdog.ts'

/** Making 50,000 items on a slow controller takes its time. */
const SUBSCRIBE_MS_MAX = 120_000

/** Where readings and news go. */
export interface Sink {
  data(state: TagState, value: DataValue): void
  /** A reading without a value: the server has none for this tag, for the reason of this status code. */
  none(state: TagState, statusCode: number): void
  status(status: SourceStatus): void
  note(reason: string): void
}

export interface Run {
  readonly route: Route
  readonly tags: readonly TagState[]
  readonly sink: Sink
  readonly context: SourceContext
}

/** Returns when the signal aborts. Whatever goes wrong with a server is waited for: no other source of this thread is to suffer. */
export async function keepConnected(run: Run, signal: AbortSignal): Promise<void> {
  const { route, sink, context } = run
  const certificateFile = path.join(route.dir, 'pki/own/certs/holdfast.pem')
  let attempt = 0
  let hadSession = false
  const began = () => {
    // What the server kept for the session before is gone with it, and nobody can say how many values that was.
    if (hadSession) sink.note('session-gap')
    hadSession = true
    attempt = 0
  }
  while (!signal.aborted) {
    try {
      await oneSession(run, began, signal)
    } catch (error) {
      if (signal.aborted) return
      const { code, message, remedy } = asUnreachable(error, certificateFile)
      sink.status({ state: 'down', code, lastError: message, ...(remedy === undefined ? {} : { remedy }) })
      context.log.warn({ source: context.name, code, remedy, err: error }, message)
      await pause(backoffMs(++attempt, route.timing), signal)
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

/** Returns when the signal aborts, rejects when the session is over. `began` is called with the first sign of life. */
async function oneSession(run: Run, began: () => void, signal: AbortSignal): Promise<void> {
  const connection = await connect(run.route, signal)
  const watch = newWatch(run, connection, began)
  try {
    const facts = await readFacts(connection.session)
    await learnKinds(run, connection, facts)
    for (const state of run.tags) state.maybeKnown = true
    const subscribed = await within(
      SUBSCRIBE_MS_MAX,
      'subscribing took too long: timeout',
      () => subscribe(connection.session, facts, run.tags, run.route.settings.sessionTimeoutMs, watch.listener),
      signal,
    )
    report(run, subscribed)
    await watch.untilOver(subscribed, upStatus(run, connection, subscribed), signal)
  } finally {
    watch.close()
    await connection.close()
  }
}

function report({ sink, tags }: Run, { missing, withoutDeadband, subscriptions }: Subscribed): void {
  for (const { state, status } of missing) {
    if (state.missing !== status.value) sink.none(state, status.value)
    state.missing = status.value
  }
  for (const _ of withoutDeadband) sink.note('deadband-refused')
  // A namespace may be there after the next restart of the server: try again.
  if (subscriptions === 0)
    throw new Unreachable('node-refused', trouble(missing, tags.length).lastError ?? '', { remedy: NODE_REMEDY })
}

async function learnKinds(run: Run, { session }: Connection, facts: ServerFacts): Promise<void> {
  const unknown = run.tags.flatMap((state) => {
    const nodeId = state.kind === undefined ? resolveNode(state.tag.node, facts.namespaces) : undefined
    return nodeId ? [{ state, nodeId }] : []
  })
  const nodes = unknown.map((it) => it.nodeId)
  const kinds = nodes.length > 0 ? await readKinds(session, facts.nodesPerRead, nodes) : []
  for (const [at, { state }] of unknown.entries()) state.kind = kinds[at]
}

interface Watch {
  readonly listener: Listener
  untilOver(subscribed: Subscribed, up: SourceStatus, signal: AbortSignal): Promise<void>
  close(): void
}

/** Looks after one session: what is heard of it, and when it is over. */
function newWatch({ route, sink, context }: Run, { client, session }: Connection, began: () => void): Watch {
  const { timing, settings } = route
  const now = () => context.clock.monotonic()
  const { sessionId } = session
  const heard: number[] = []
  let lost: number | undefined
  let restored = now()
  let closed = false
  let hasBegun = false
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
  const listener: Listener = {
    data: (state, value) => {
      // A session that the library made anew has items made with the old namespace indices: not a value of it.
      if (isOurs()) sink.data(state, value)
    },
    sign: (subscription) => {
      if (!isOurs()) return
      heard[subscription] = now()
      if (!hasBegun) began()
      hasBegun = true
      showUp()
    },
    lost: (messages) => {
      for (let n = 0; n < messages; n++) sink.note('message-lost')
    },
    ended: (why) => end('subscription-lost', why),
  }
  const longestSilent = () => (heard.length > 0 ? Math.min(...heard) : restored)
  const onLost = () => {
    lost ??= now()
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
    if (lost !== undefined && now() - longestSilent() > holdMs) sink.note('session-gap')
    lost = undefined
    restored = now()
  })
  client.on('close', () => end('connection-lost', 'the connection was closed'))

  async function untilOver(subscribed: Subscribed, status: SourceStatus, signal: AbortSignal): Promise<void> {
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
      const check = () => {
        if (session.sessionId !== sessionId) end('session-lost', 'the server no longer knew the session')
        const found = verdict(now(), { heard: longestSilent(), lost, restored }, patience)
        const since = formatDuration(now() - longestSilent())
        if (found === 'silent') end('silent', `no data and no sign of life for ${since}`)
        if (found === 'gone') end('connection-lost', `no connection for ${since}`)
      }
      const timer = setInterval(check, timing.watchEveryMs)
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

function upStatus({ route, tags }: Run, { session, endpoint, warnings }: Connection, subscribed: Subscribed): SourceStatus {
  const { security, endpoint: address } = route.settings
  return {
    state: 'up',
    ...trouble(subscribed.missing, tags.length),
    details: {
      endpoint: address,
      security: `${security.policy} ${security.mode}`,
      user: security.user ?? (security.certificate === undefined ? 'anonymous' : 'certificate'),
      server: endpoint.server.applicationUri ?? '',
      ...(security.mode === 'None' ? {} : { certificate: fingerprintOf(endpoint.serverCertificate) }),
      sessionTimeoutMs: session.timeout,
      items: tags.length - subscribed.missing.length,
      ...(Number.isFinite(subscribed.queueSizeMin) ? { queueSize: subscribed.queueSizeMin } : {}),
      ...(warnings.length > 0 ? { warning: warnings.join('; ') } : {}),
    },
  }
}

function trouble(missing: readonly Missing[], tags: number): Partial<SourceStatus> {
  const [first] = missing
  if (!first) return {}
  const { tag, node } = first.state.tag
  return {
    code: 'node-refused',
    lastError: `${missing.length} of ${tags} tags get no values; the first is ${tag}, node ${node}: ${first.status.name}`,
    remedy: NODE_REMEDY,
  }
}
