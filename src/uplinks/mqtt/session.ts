// One connection to the broker, as an uplink needs it: messages out with QoS 1, their acknowledgements in, and what the broker keeps of some topics.
// It connects once; whatever ends it ends everything that is under way. No session stays at the broker.
import type { IConnackPacket, MqttClient } from 'mqtt'
import { socketKeeper } from '../../clients/kafka/sockets.ts'
import { withDeadline } from '../../clients/kafka/access.ts'
import { accessOf } from '../../clients/mqtt/access.ts'
import type { MqttAccess } from '../../clients/mqtt/connect.ts'
import { brokerOf, goodbye, newClient, tlsOptions } from '../../clients/mqtt/connect.ts'
import { portions } from '../../clients/mqtt/portions.ts'
import { Unreachable } from '../../core/errors.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import { asUnreachable } from './errors.ts'
import type { MqttUplinkSettings } from './settings.ts'

/** Messages under way; fewer where the broker says so. */
const IN_FLIGHT_MAX = 500
const IN_FLIGHT_BYTES_MAX = 4_000_000
/** Without a single acknowledgement. */
const ACK_MS_MAX = 15_000
const ASK_MS_MAX = 15_000
/** When we are to end: so long for the acknowledgements of what is under way. Less than the agent waits for us. */
const LAST_ACKS_MS_MAX = 2_000
/** Topics of one SUBSCRIBE. */
const ASKED_MAX = 200

/** What the broker says of itself in its CONNACK; in MQTT 3.1.1 it says nothing. */
export interface Limits {
  readonly packetBytesMax: number
  readonly inFlightMax: number
  readonly isRetaining: boolean
}

export interface Outgoing {
  readonly topic: string
  readonly payload: Buffer
  readonly retain: boolean
}

export interface Publishing {
  readonly inFlightMax: number
  /** The reason of the PUBACK of message `at`. */
  acknowledged(at: number, reason: number): void
}

export interface Session {
  readonly where: string
  readonly limits: Limits
  /**
   * In their order, so many at a time. Rejects when the connection ends before the last one is acknowledged. When the signal aborts nothing new goes out,
   * and it ends with the acknowledgements of what did.
   */
  publish(messages: readonly Outgoing[], how: Publishing, signal: AbortSignal): Promise<void>
  /** What the broker keeps of these topics, as far as it lets us see; `denied` are those of which it does not. */
  kept(topics: readonly string[], signal: AbortSignal): Promise<{ kept: ReadonlyMap<string, Buffer>; denied: readonly string[] }>
  /** The broker has ended the connection, or the way to it. */
  isCut(): boolean
  close(): Promise<void>
}

/** As sources have it, but for an id of its own (a source and an uplink may have one name and one broker), over the link that was chosen. */
export function uplinkAccess(settings: MqttUplinkSettings, { device, name, route, traffic }: UplinkContext) {
  const clientId = settings.clientId ?? `holdfast-${device}-uplink-${name}`
  const access = accessOf({ ...settings, clientId }, { device, name })
  const { host, port, isEncrypted } = brokerOf(access.url)
  const sockets = socketKeeper(route?.localAddress, traffic)
  const openSocket = () => sockets.open({ host, port, tls: isEncrypted ? tlsOptions(access.tls) : undefined }, () => {})
  return { access: { ...access, isClean: true, localAddress: route?.localAddress, openSocket }, sockets }
}

/** Rejects with Unreachable. */
export async function openSession(settings: MqttUplinkSettings, context: UplinkContext): Promise<Session> {
  const { access, sockets } = uplinkAccess(settings, context)
  const { host, port } = brokerOf(access.url)
  const where = `${host}:${port}`
  let failure: unknown
  const kept = new Map<string, Buffer>()
  let client: MqttClient | undefined
  const life = newLife(() => asUnreachable(failure ?? new Error('the broker closed the connection'), where))
  try {
    const odd = new Map<number, number>()
    client = newClient({ ...access, oddPuback: (number, reason) => odd.set(number, reason) })
    client.on('error', (error) => (failure ??= error))
    client.on('disconnect', (packet) => (failure ??= { code: packet.reasonCode, message: 'the broker said DISCONNECT' }))
    client.on('close', life.end)
    client.handleMessage = (packet, done) => {
      if (packet.retain) kept.set(packet.topic, Buffer.from(packet.payload))
      done()
    }
    const connack = connected(client)
    client.connect()
    const limits = limitsOf(await life.during(connack), access, where)
    return sessionOn({ client, where, limits, kept, odd, life, destroy: () => sockets.destroy() })
  } catch (error) {
    client?.end(true)
    sockets.destroy()
    throw asUnreachable(failure ?? error, where)
  }
}

function connected(client: MqttClient): Promise<IConnackPacket> {
  return new Promise((resolve, reject) => {
    client.once('connect', resolve)
    client.once('error', reject)
  })
}

function limitsOf({ properties = {} }: IConnackPacket, access: MqttAccess, where: string): Limits {
  const { receiveMaximum = 65_535, maximumPacketSize = access.packetBytesMax, maximumQoS, retainAvailable } = properties
  if (maximumQoS === 0)
    throw new Unreachable('qos-unavailable', `${where}: the broker takes QoS 0 only: nobody would know what arrived`, {
      remedy: 'allow QoS 1 at the broker',
    })
  return {
    packetBytesMax: Math.min(maximumPacketSize, access.packetBytesMax),
    inFlightMax: Math.min(receiveMaximum, IN_FLIGHT_MAX),
    isRetaining: retainAvailable !== false,
  }
}

/** The connection's life: what is under way when it ends, fails with it. */
interface Life {
  during<T>(work: Promise<T>): Promise<T>
  end(): void
  isOver(): boolean
}

function newLife(reason: () => Error): Life {
  const underWay = new Set<(error: Error) => void>()
  let isOver = false
  return {
    during: (work) =>
      new Promise((resolve, reject) => {
        if (isOver) reject(reason())
        underWay.add(reject)
        work.then(resolve, reject).finally(() => underWay.delete(reject))
      }),
    end() {
      isOver = true
      for (const fail of underWay) fail(reason())
    },
    isOver: () => isOver,
  }
}

interface Opened extends Pick<Session, 'where' | 'limits'> {
  readonly client: MqttClient
  readonly kept: Map<string, Buffer>
  /** By packet number: reasons of PUBACKs that the library does not know. */
  readonly odd: Map<number, number>
  readonly life: Life
  destroy(): void
}

function sessionOn({ client, where, limits, kept, odd, life, destroy }: Opened): Session {
  const orEnded = <T>(what: string, signal: AbortSignal, work: Promise<T>) =>
    withDeadline(what, ASK_MS_MAX, signal, life.during(work))
  return {
    where,
    limits,
    publish: (messages, how, signal) => life.during(publishAll({ client, where, odd }, messages, how, signal)),
    async kept(topics, signal) {
      const { packets, tooLong } = portions(topics, { packetBytesMax: limits.packetBytesMax, topicsMax: ASKED_MAX })
      const denied = [...tooLong]
      kept.clear()
      for (const asked of packets) {
        const granted = await orEnded('ask what the broker keeps', signal, subscribe(client, asked))
        denied.push(...asked.filter((_, n) => (granted[n] ?? 128) >= 128))
        // Its answer comes behind what the broker keeps.
        await orEnded('ask what the broker keeps', signal, client.unsubscribeAsync([...asked]))
      }
      const found = new Map(kept)
      kept.clear()
      return { kept: found, denied }
    },
    isCut: life.isOver,
    async close() {
      await goodbye(client)
      destroy()
    },
  }
}

function subscribe(client: MqttClient, topics: readonly string[]): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    client.subscribe([...topics], { qos: 0 }, (error, _subscriptions, packet) => {
      if (packet) resolve(packet.granted as number[])
      else reject(error ?? new Error('the broker did not answer'))
    })
  })
}

/** Sends as the acknowledgements come in. */
function publishAll(
  { client, where, odd }: Pick<Opened, 'client' | 'where' | 'odd'>,
  messages: readonly Outgoing[],
  how: Publishing,
  signal: AbortSignal,
): Promise<void> {
  let next = 0
  let underWay = 0
  let bytesUnderWay = 0
  let isStopping = false
  let isOver = false
  let lastAcks: NodeJS.Timeout | undefined
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => fail('timeout', `no acknowledgement within ${ACK_MS_MAX / 1000} s`), ACK_MS_MAX)
    const settle = () => {
      isOver = true
      clearTimeout(late)
      clearTimeout(lastAcks)
      signal.removeEventListener('abort', stopped)
    }
    const fail = (code: string, text: string) => {
      settle()
      reject(new Unreachable(code, `${where}: ${text}`))
    }
    const stopped = () => {
      isStopping = true
      lastAcks = setTimeout(() => fail('aborted', 'given up'), LAST_ACKS_MS_MAX)
      goOn()
    }

    function acknowledged(at: number, error: unknown, number: number | undefined): void {
      if (isOver) return
      const { code = 0, message } = (error ?? {}) as { code?: unknown; message?: string }
      if (typeof code !== 'number' || (error && code === 0)) return fail('failed', String(message))
      how.acknowledged(at, odd.get(number ?? 0) ?? code)
      odd.delete(number ?? 0)
      underWay--
      bytesUnderWay -= (messages[at] as Outgoing).payload.length
      late.refresh()
      goOn()
    }

    const hasRoom = () => underWay === 0 || (underWay < how.inFlightMax && bytesUnderWay < IN_FLIGHT_BYTES_MAX)

    function goOn(): void {
      while (!isStopping && next < messages.length && hasRoom()) {
        const at = next++
        const { topic, payload, retain } = messages[at] as Outgoing
        underWay++
        bytesUnderWay += payload.length
        client.publish(topic, payload, { qos: 1, retain }, (error, packet) => acknowledged(at, error, packet?.messageId))
      }
      if (underWay > 0) return
      if (next < messages.length) return fail('aborted', 'given up')
      settle()
      resolve()
    }
    signal.addEventListener('abort', stopped)
    if (signal.aborted) stopped()
    else goOn()
  })
}
