// Keeps one session at the broker, for ever: connect, subscribe, and after each end try again, the waits growing from 1 to 30 seconds.
import { setTimeout as wait } from 'node:timers/promises'
import type { IConnackPacket, IPublishPacket, MqttClient } from 'mqtt'
import type { MqttAccess } from './connect.ts'
import { brokerOf, goodbye, newClient } from './connect.ts'
import type { Explained } from './explain.ts'
import { explain, explainSuback } from './explain.ts'
import type { Logger, SourceState, SourceStatus } from '../../core/source.ts'
import { readBookmark, writeBookmark } from './bookmark.ts'
import { subscribeAll, unsubscribeAll } from './subscribe.ts'

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 30_000
/** A connection that held so long was a good one: the waits begin anew. */
const STEADY_MS = 10_000
const LAST_WORDS_MS_MAX = 500
/** What the broker refused to let us subscribe is asked for again. */
const SUBSCRIBE_AGAIN_MS = 30_000

/** How a filter is asked for. */
export interface Subscribed {
  readonly qos: 0 | 1
  /** Whether what the broker keeps (retained messages) is to come too. */
  readonly isRetainedWanted: boolean
}

export interface LinkParts {
  readonly access: MqttAccess
  readonly filters: ReadonlyMap<string, Subscribed>
  readonly bookmark: string | undefined
  readonly log: Logger
  /** Before it connects: messages may come with the CONNACK. */
  opening(client: MqttClient): void
  message(packet: IPublishPacket, done: (error?: Error) => void): void
  /** Connected and subscribed. */
  up(client: MqttClient): void
  /** Before we say goodbye. */
  leaving(client: MqttClient): Promise<void>
  closed(): void
}

export interface Link {
  /** Ends, connection closed, when the signal aborts. Rejects only for a bug. */
  run(signal: AbortSignal): Promise<void>
  status(): SourceStatus
}

export function newLink(parts: LinkParts): Link {
  const { access, filters, log } = parts
  const { host, port } = brokerOf(access.url)
  const where = `${host}:${port}`
  let state: SourceState = 'starting'
  let trouble: Explained | undefined
  let session = 'none'
  let sessionsLost = 0
  let grantedCount = 0
  let isSubscribed = false
  let subscribeTimer: NodeJS.Timeout | undefined
  let known = parts.bookmark === undefined ? undefined : readBookmark(parts.bookmark, access)

  function fail(found: Explained): void {
    // Only what is new is worth a line: the same failure may repeat for days.
    const report = trouble?.code === found.code ? log.debug : log.warn
    report.call(log, { code: found.code, remedy: found.remedy }, found.text)
    trouble = found
  }

  function connected(client: MqttClient, connack: IConnackPacket): void {
    session = connack.sessionPresent ? 'resumed' : 'new'
    log.info({ broker: where, session }, 'connected to the broker')
    if (!connack.sessionPresent && known !== undefined) {
      sessionsLost++
      log.warn({ code: 'session-lost' }, `${where}: the broker has forgotten our session: what came while we were away is lost`)
    }
    if (connack.sessionPresent && isSubscribed) return up(client)
    const stale = connack.sessionPresent ? (known ?? []).filter((it) => !filters.has(it)) : []
    unsubscribeAll(client, stale)
    subscribe(client, [...filters.keys()])
  }

  function subscribe(client: MqttClient, asked: readonly string[]): void {
    // In MQTT 5 retained messages come for new subscriptions alone; in 3.1.1 they come again.
    const options = ({ qos, isRetainedWanted }: Subscribed) => ({
      qos,
      ...(access.version === 5 && { rh: isRetainedWanted ? 1 : 2 }),
    })
    const wanted = new Map(asked.map((filter) => [filter, options(filters.get(filter) as Subscribed)]))
    subscribeAll(client, wanted, (granted) => {
      const refused = answered(client, asked, granted)
      if (refused.length > 0) subscribeTimer = setTimeout(subscribe, SUBSCRIBE_AGAIN_MS, client, refused)
    })
  }

  /** Yields what the broker refuses. */
  function answered(client: MqttClient, asked: readonly string[], granted: ReadonlyMap<string, number>): readonly string[] {
    const refused = asked.filter((filter) => (granted.get(filter) ?? 128) >= 128)
    const lowered = asked.filter((filter) => (granted.get(filter) ?? 0) < (filters.get(filter)?.qos ?? 0))
    grantedCount = filters.size - refused.length
    // Otherwise the next connection asks, and tells, again.
    isSubscribed = refused.length === 0 && lowered.length === 0
    if (parts.bookmark !== undefined) {
      known = [...filters.keys()].filter((filter) => !refused.includes(filter))
      writeBookmark(parts.bookmark, access, known)
    }
    up(client)
    if (lowered.length > 0) {
      fail({
        code: 'qos-lowered',
        text: `${where}: the broker grants QoS 0 only for ${lowered.join(', ')}: messages may be lost on the way`,
        remedy: 'allow QoS 1 at the broker, or set qos: 0 to say that this may be',
      })
    }
    if (refused.length === 0) return refused
    if (grantedCount === 0) state = 'down'
    fail({
      code: 'subscribe-refused',
      text: `${where}: ${refused.map((filter) => `${filter} ${explainSuback(granted.get(filter) ?? 128)}`).join('; ')}`,
      remedy: 'allow the topics for this user at the broker; we ask again every 30 s',
    })
    return refused
  }

  function up(client: MqttClient): void {
    state = 'up'
    trouble = undefined
    parts.up(client)
  }

  /** One connection, from start to end; yields how long it held, ms. */
  async function connectOnce(signal: AbortSignal): Promise<number> {
    const client = newClient(access)
    let failure: unknown
    let connectedAt: number | undefined
    parts.opening(client)
    client.handleMessage = (packet, done) => parts.message(packet, done)
    client.on('error', (error) => (failure ??= error))
    client.on('disconnect', (packet) => (failure ??= { code: packet.reasonCode, message: 'the broker said DISCONNECT' }))
    client.on('connect', (connack) => {
      connectedAt = performance.now()
      connected(client, connack)
    })
    await connectionOf(client, parts, signal).catch((error: unknown) => (failure ??= error))
    clearTimeout(subscribeTimer)
    parts.closed()
    if (signal.aborted) return 0
    state = 'down'
    fail(failure === undefined ? closedByBroker(where) : explain(failure, where))
    return connectedAt === undefined ? 0 : performance.now() - connectedAt
  }

  return {
    async run(signal) {
      for (let tries = 0; !signal.aborted; tries++) {
        const heldMs = await connectOnce(signal)
        if (heldMs >= STEADY_MS) tries = 0
        const delay = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(tries, 10))
        // An abort ends the wait early, and then the loop.
        await wait(delay * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
      }
      state = 'stopped'
    },
    status: () => ({
      state,
      ...(trouble && { code: trouble.code, lastError: trouble.text, remedy: trouble.remedy }),
      ...(sessionsLost > 0 && { notes: { 'session-lost': sessionsLost } }),
      details: { broker: where, clientId: access.clientId, version: access.version, session, subscribed: grantedCount },
    }),
  }
}

/** Connects, and resolves when the connection is closed, by whomever. Rejects when it cannot even begin (a key that cannot be read). */
async function connectionOf(client: MqttClient, { leaving }: LinkParts, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const leave = () =>
      void lastWords(client, leaving)
        .then(() => goodbye(client))
        .then(resolve, reject)
    signal.addEventListener('abort', leave, { once: true })
    client.once('close', () => {
      signal.removeEventListener('abort', leave)
      resolve()
    })
    if (signal.aborted) return leave()
    try {
      client.connect()
    } catch (error) {
      signal.removeEventListener('abort', leave)
      reject(error)
    }
  })
}

async function lastWords(client: MqttClient, leaving: LinkParts['leaving']): Promise<void> {
  if (client.connected) await Promise.race([leaving(client), wait(LAST_WORDS_MS_MAX)]).catch(() => {})
}

function closedByBroker(where: string): Explained {
  return {
    code: 'closed',
    text: `${where}: the broker closed the connection without a reason`,
    remedy: 'two clients with one id put each other out: is clientId unique? Otherwise look at the log of the broker',
  }
}
