// One session after another, for as long as the source runs. The only loop that connects again.
import path from 'node:path'
import type { DataValue, Variant } from 'node-opcua-client'
import { Unreachable } from '../../core/errors.ts'
import type { SourceContext, SourceStatus } from '../../core/source.ts'
import type { Open } from './browse.ts'
import { fingerprintOf } from './certificates.ts'
import { type Connection, connect, type Route, within } from './connection.ts'
import type { TagState } from './decode.ts'
import type { EventState } from './events.ts'
import { asUnreachable } from './failures.ts'
import { type Gaps, makeSure, openHole } from './gaps.ts'
import { NODE_REMEDY, readFacts, readKinds, resolveNode, type ServerFacts } from './nodes.ts'
import { type Repair, repair } from './repair.ts'
import { type Subscribed, subscribe } from './subscribe.ts'
import { backoffMs } from './timing.ts'
import { lose, newWatch } from './watch.ts'

/** Making 50,000 items on a slow controller takes its time. */
const SUBSCRIBE_MS_MAX = 120_000

/** Where readings and news go. */
export interface Sink {
  data(state: TagState, value: DataValue): void
  /** A reading without a value: the server has none for this tag, for the reason of this status code. */
  none(state: TagState, statusCode: number): void
  event(state: EventState, values: readonly Variant[], namespaces: readonly string[]): void
  /** The same as `none`, for a stream of events. */
  noEvents(state: EventState, statusCode: number): void
  /** Events are missing, since `from` at the earliest, µs; how many is not known where `count` does not say. */
  lost(state: EventState, reason: string, from: number, count?: number): void
  status(status: SourceStatus): void
  note(reason: string, count?: number): void
  history(state: TagState, value: DataValue): void
  /** Resolves when there is room for more history. */
  room(): Promise<void>
  /** What looks round goes by this session; undefined: there is none. */
  open(open: Open | undefined): void
}

export interface Run {
  readonly route: Route
  readonly tags: readonly TagState[]
  readonly events: readonly EventState[]
  readonly sink: Sink
  readonly context: SourceContext
  readonly gaps: Gaps
  /** When an earlier run was last heard, µs; undefined: there was none. */
  readonly lostAt: number | undefined
}

/** Returns when the signal aborts. Whatever goes wrong with a server is waited for: no other source of this thread is to suffer. */
export async function keepConnected(run: Run, signal: AbortSignal): Promise<void> {
  const { route, sink, context } = run
  const certificateFile = path.join(route.dir, 'pki/own/certs/holdfast.pem')
  let attempt = 0
  let lostAt = run.lostAt
  let isHeard = false
  const began = () => {
    isHeard = true
    // What the server kept for the session before is gone with it, and nobody can say how many values that was.
    if (lostAt !== undefined) {
      lose(run, run.tags, 'session-gap', lostAt)
      loseEvents(run, lostAt)
    }
    for (const it of run.events) it.isKnown = true
    lostAt = undefined
    attempt = 0
  }
  while (!signal.aborted) {
    try {
      await oneSession(run, began, signal)
    } catch (error) {
      if (signal.aborted) return
      if (isHeard) lostAt ??= context.clock.now()
      isHeard = false
      const { code, message, remedy } = asUnreachable(error, certificateFile)
      sink.status({ state: 'down', code, lastError: message, ...(remedy === undefined ? {} : { remedy }) })
      context.log.warn({ source: context.name, code, remedy, err: error }, message)
      await pause(backoffMs(++attempt, route.timing), signal)
    }
  }
}

/** Events have no history: what was told while there was no session is missing. */
function loseEvents({ events, sink, context }: Run, lostAt: number): void {
  const known = events.filter((it) => it.isKnown && it.missing === undefined)
  const [first] = known
  if (!first) return
  sink.note('session-gap')
  for (const it of known) sink.lost(it, 'session-gap', Math.min(lostAt, it.heardAt ?? lostAt))
  const from = new Date(Math.min(lostAt, first.heardAt ?? lostAt) / 1000).toISOString()
  context.log.warn(
    { source: context.name, from, tag: first.tag.tag },
    `events may be missing since ${from}: there was no session; conditions are asked for as they are now`,
  )
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
  let mending: Repair | undefined
  try {
    const facts = await readFacts(connection.session)
    await learnKinds(run, connection, facts)
    for (const state of run.tags) {
      state.maybeKnown = true
      openHole(state, true)
    }
    makeSure(run.tags)
    const subscribed = await within(
      SUBSCRIBE_MS_MAX,
      'subscribing took too long: timeout',
      () => subscribe(connection.session, facts, { ...run.route.settings, tags: run.tags, events: run.events }, watch.listener),
      signal,
    )
    report(run, subscribed)
    run.sink.open({ session: connection.session, facts })
    const { settings, timing } = run.route
    const how = { ...run, historyMs: settings.historyMs, settleMs: timing.settleMs }
    mending = repair(how, { session: connection.session, facts })
    await watch.untilOver(subscribed, upStatus(run, connection, subscribed), mending, signal)
  } finally {
    run.sink.open(undefined)
    mending?.stop()
    watch.close()
    await connection.close()
  }
}

function report(run: Run, subscribed: Subscribed): void {
  const { sink } = run
  const { missing, missingEvents, withoutDeadband, subscriptions } = subscribed
  for (const { state, status } of missing) {
    if (state.missing !== status.value) sink.none(state, status.value)
    state.missing = status.value
  }
  for (const { state, status } of missingEvents) {
    if (state.missing !== status.value) sink.noEvents(state, status.value)
    state.missing = status.value
  }
  for (const _ of withoutDeadband) sink.note('deadband-refused')
  // A namespace may be there after the next restart of the server: try again.
  if (subscriptions === 0)
    throw new Unreachable('node-refused', trouble(run, subscribed).lastError ?? '', { remedy: NODE_REMEDY })
}

async function learnKinds(run: Run, { session }: Connection, facts: ServerFacts): Promise<void> {
  const unknown = run.tags.flatMap((state) => {
    const nodeId = state.kind === undefined ? resolveNode(state.tag.node, facts.namespaces) : undefined
    return nodeId ? [{ state, nodeId }] : []
  })
  const nodes = unknown.map((it) => it.nodeId)
  const kinds = nodes.length > 0 ? await readKinds(session, facts.limits, nodes) : []
  for (const [at, { state }] of unknown.entries()) state.kind = kinds[at]
}

function upStatus(run: Run, { session, endpoint, warnings }: Connection, subscribed: Subscribed): SourceStatus {
  const { route, tags, events } = run
  const { security, endpoint: address } = route.settings
  return {
    state: 'up',
    ...trouble(run, subscribed),
    details: {
      endpoint: address,
      security: `${security.policy} ${security.mode}`,
      user: security.user ?? (security.certificate === undefined ? 'anonymous' : 'certificate'),
      server: endpoint.server.applicationUri ?? '',
      ...(security.mode === 'None' ? {} : { certificate: fingerprintOf(endpoint.serverCertificate) }),
      sessionTimeoutMs: session.timeout,
      items: tags.length - subscribed.missing.length,
      ...(events.length > 0 ? { eventStreams: events.length - subscribed.missingEvents.length } : {}),
      ...(Number.isFinite(subscribed.queueSizeMin) ? { queueSize: subscribed.queueSizeMin } : {}),
      ...(warnings.length > 0 ? { warning: warnings.join('; ') } : {}),
    },
  }
}

function trouble({ tags, events }: Run, { missing, missingEvents }: Subscribed): Partial<SourceStatus> {
  const all = [...missing, ...missingEvents]
  const [first] = all
  if (!first) return {}
  const { tag, node } = first.state.tag
  return {
    code: 'node-refused',
    lastError: `${all.length} of ${tags.length + events.length} tags get no values; the first is ${tag}, node ${node}: ${first.status.name}`,
    remedy: NODE_REMEDY,
  }
}
