// A kafkajs client from settings. kafkajs is right in every fault that was tried, if it is wrapped: it never notices by itself that a
// link is half open, and what it began it goes on trying. So every call gets a deadline of ours, and a client that is given up loses its sockets at once.
import type net from 'node:net'
import type { ISocketFactory, Kafka, KafkaConfig, SASLOptions } from 'kafkajs'
import kafkajs from 'kafkajs'
import type { Logger } from '../../core/source.ts'
import type { Traffic } from '../../core/uplink.ts'
import type { KafkaAccess } from './access.ts'
import { CONNECT_MS_MAX, tlsOptions } from './access.ts'
import { tokenSource } from './oauth.ts'
import type { Sockets } from './sockets.ts'
import { socketKeeper } from './sockets.ts'
import { registerZstd } from './zstd.ts'

export interface KafkaClient {
  readonly kafka: Kafka
  readonly config: KafkaConfig
  /** Rejects once every broker that the settings name was tried and none has ever answered: kafkajs alone would knock dozens of times. */
  readonly unreachable: Promise<never>
  /** Closes every socket now and opens no other: what kafkajs still tries comes to nothing. */
  destroy(): void
}

const AUTHENTICATE_MS_MAX = 10_000
/** Longer than every deadline of ours: the library hides its own time-outs behind errors of another name. */
const REQUEST_MS_MAX = 29_000
/** Before a session ends. With the library's 10 s, one of no more than that is renewed before each request, and the broker refuses. */
const REAUTHENTICATE_MS_BEFORE = 4_000
/** After each commit the coordinator says CONCURRENT_TRANSACTIONS for some milliseconds: the library's 300 ms would be most of a transaction. */
const RETRY = { initialRetryTime: 20, multiplier: 1.5, maxRetryTime: 300, factor: 0.2, retries: 12 }

interface ClientOptions {
  readonly clientId: string
  readonly log: Logger
  /** Source address of every socket. */
  readonly localAddress?: string | undefined
  readonly traffic?: Traffic | undefined
}

export function kafkaClient(access: KafkaAccess, options: ClientOptions): KafkaClient {
  registerZstd()
  const sockets = socketKeeper(options.localAddress, options.traffic)
  const { unreachable, watch } = firstAnswer(access.brokers.length)
  const make: ISocketFactory = ({ host, port, ssl, onConnect }) =>
    watch(`${host} ${port}`, (answered) => sockets.open({ host, port, tls: ssl || undefined }, () => (answered(), onConnect())))
  const config: KafkaConfig = {
    clientId: options.clientId,
    brokers: [...access.brokers],
    connectionTimeout: CONNECT_MS_MAX,
    authenticationTimeout: AUTHENTICATE_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    reauthenticationThreshold: REAUTHENTICATE_MS_BEFORE,
    retry: RETRY,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => {
      // What matters comes back as a rejected call and is decided there; here it is only told twice, and once after every commit.
      const { message, timestamp: _, logger: __, ...rest } = entry.log
      options.log.debug({ part: 'kafkajs', namespace: entry.namespace, ...rest }, message)
    },
    socketFactory: make,
    ...(access.tls ? { ssl: tlsOptions(access.tls) } : {}),
    ...(access.sasl ? { sasl: saslOptions(access, sockets) } : {}),
  }
  return { kafka: new kafkajs.Kafka(config), config, unreachable, destroy: sockets.destroy }
}

interface FirstAnswer extends Pick<KafkaClient, 'unreachable'> {
  watch(to: string, open: (answered: () => void) => net.Socket): net.Socket
}

/** Until some broker has answered: which have refused. */
function firstAnswer(brokers: number): FirstAnswer {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  const refused = new Set<string>()
  let isReached = false
  return {
    unreachable: promise,
    watch(to, open) {
      const socket = open(() => (isReached = true))
      return socket.once('error', (error) => {
        refused.add(to)
        if (!isReached && refused.size >= brokers) reject(error)
      })
    },
  }
}

function saslOptions(access: KafkaAccess, sockets: Sockets): SASLOptions {
  const sasl = access.sasl as NonNullable<KafkaAccess['sasl']>
  if (sasl.mechanism !== 'oauthbearer')
    return { mechanism: sasl.mechanism, username: sasl.user, password: sasl.password } as SASLOptions
  const token = tokenSource(sasl, { ca: access.tls?.ca, sockets })
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await token() }) }
}
