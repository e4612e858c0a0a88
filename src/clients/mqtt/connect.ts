// One connection to an MQTT broker, as sources and uplinks open it: no reconnecting, no queue, no message stored by the library.
import type { Duplex } from 'node:stream'
import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import type { OddPuback } from './packet-guard.ts'
import { guardPackets } from './packet-guard.ts'

/** What we rely on below is not in the library's documentation: another version has to be looked at first. */
const VERSION = '5.16.0'
const CONNECT_MS_MAX = 10_000
/** MQTT 5: how long the broker keeps our session, as far as it allows. */
const SESSION_EXPIRY_S = 30 * 86_400
const RECEIVE_MAXIMUM = 65_535

export interface Broker {
  readonly host: string
  readonly port: number
  readonly isEncrypted: boolean
}

/** Everything that a connection needs, secrets resolved. Times in ms. */
export interface MqttAccess {
  readonly url: string
  readonly clientId: string
  readonly version: '3.1.1' | 5
  readonly keepAliveMs: number
  /** Whether the broker forgets us when the connection ends. */
  readonly isClean: boolean
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly tls?: TlsAccess | undefined
  /** MQTT 5: the broker keeps longer packets to itself. */
  readonly packetBytesMax: number
  /** What the broker says when we vanish; asked for at each connection. */
  readonly will?: () => Will
  /** Where the steps of a test go out from; absent: as the system likes. */
  readonly localAddress?: string | undefined
  /** Where the link is chosen, or its bytes are counted: a connection to the broker by the url, TLS included. Absent: as the library has it. */
  readonly openSocket?: () => Duplex
  readonly oddPuback?: OddPuback
}

export interface Will {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
}

/** PEM texts. */
export interface TlsAccess {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly serverName?: string | undefined
}

/** mqtt://HOST[:PORT] or mqtts://…; the ports are 1883 and 8883 where it names none. */
export function brokerOf(url: string): Broker {
  const { protocol, hostname, port } = new URL(url)
  const isEncrypted = protocol === 'mqtts:'
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (isEncrypted ? 8883 : 1883), isEncrypted }
}

/** For node:tls, as the library hands it on. Verification is never switched off. */
export function tlsOptions(tls: TlsAccess | undefined) {
  const { ca, cert, key, serverName: servername } = tls ?? {}
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2' as const,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  }
}

/** A client that is not connected yet: set `handleMessage` and listeners, then `connect()`. It connects once; after 'close' throw it away. */
export function newClient(access: MqttAccess): MqttClient {
  if (mqtt.MqttClient.VERSION !== VERSION)
    throw new Error(`mqtt ${mqtt.MqttClient.VERSION} is installed, ${VERSION} is what was looked at`)
  const { host, port, isEncrypted } = brokerOf(access.url)
  const client = mqtt.connect({
    protocol: isEncrypted ? 'mqtts' : 'mqtt',
    host,
    port,
    manualConnect: true,
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: CONNECT_MS_MAX,
    clientId: access.clientId,
    clean: access.isClean,
    keepalive: Math.round(access.keepAliveMs / 1000),
    // The library's own debug lines cost more than its work.
    log: () => {},
    // It would keep 65,536 buffers, one for each packet number: 10 MB.
    writeCache: false,
    ...(access.user !== undefined && { username: access.user }),
    ...(access.password !== undefined && { password: access.password }),
    ...(isEncrypted && tlsOptions(access.tls)),
    ...(access.will && { will: access.will() }),
    ...(access.version === 5
      ? {
          protocolVersion: 5 as const,
          properties: {
            ...(!access.isClean && { sessionExpiryInterval: SESSION_EXPIRY_S }),
            receiveMaximum: RECEIVE_MAXIMUM,
            maximumPacketSize: access.packetBytesMax,
          },
        }
      : { protocolVersion: 4 as const }),
  })
  if (access.openSocket) (client as unknown as { streamBuilder: () => Duplex }).streamBuilder = access.openSocket
  // In MQTT 5 the broker was told; what comes all the same is no mistake of a publisher.
  guardPackets(client, access.packetBytesMax, access.version !== 5, access.oddPuback)
  return client
}

/** Given to `handleMessage`'s callback, it makes the library go on with the next packet and send no PUBACK: that one is ours to send. */
export const WITHOUT_PUBACK = new Error('acknowledged later')

const GOODBYE_MS_MAX = 500
const DISCONNECT = Buffer.from([0xe0, 0])

/** Says DISCONNECT after what was written before, and closes. Resolves when closed; a far end that is gone costs half a second. */
export async function goodbye(client: MqttClient): Promise<void> {
  const { stream } = client
  if (!stream || stream.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, GOODBYE_MS_MAX)
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    stream.once('error', done).once('close', done)
    if (client.connected) stream.end(DISCONNECT, done)
    else done()
  })
  client.end(true)
}
