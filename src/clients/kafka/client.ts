// A kafkajs client from settings. kafkajs is right in every fault that was tried, if it is wrapped: it never notices by itself that a
// link is half open, and what it began it goes on trying. So every call gets a deadline of ours, and a client that is given up loses its sockets at once.
import net from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory, Kafka, KafkaConfig, SASLOptions } from 'kafkajs'
import kafkajs from 'kafkajs'
import type { Logger } from '../../core/source.ts'
import { Unreachable } from '../../core/errors.ts'
import { explain } from './explain.ts'
import { registerZstd } from './zstd.ts'

/** How to reach a cluster. Certificates and keys are PEM text. */
export interface KafkaAccess {
  readonly brokers: readonly string[]
  readonly tls?:
    | {
        readonly ca?: string | undefined
        readonly cert?: string | undefined
        readonly key?: string | undefined
        readonly serverName?: string | undefined
      }
    | undefined
  readonly sasl?:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
        readonly user: string
        readonly password: string
      }
    | undefined
}

export interface KafkaClient {
  readonly kafka: Kafka
  readonly config: KafkaConfig
  /** Closes every socket now and opens no other: what kafkajs still tries comes to nothing. */
  destroy(): void
}

const CONNECT_MS_MAX = 8_000
const AUTHENTICATE_MS_MAX = 10_000
/** Longer than every deadline of ours: the library hides its own time-outs behind errors of another name. */
const REQUEST_MS_MAX = 29_000
const KEEP_ALIVE_MS = 15_000
/** After each commit the coordinator says CONCURRENT_TRANSACTIONS for some milliseconds: the library's 300 ms would be most of a transaction. */
const RETRY = { initialRetryTime: 20, multiplier: 1.5, maxRetryTime: 300, factor: 0.2, retries: 12 }

export function kafkaClient(access: KafkaAccess, options: { clientId: string; log: Logger }): KafkaClient {
  registerZstd()
  const sockets = socketKeeper()
  const config: KafkaConfig = {
    clientId: options.clientId,
    brokers: [...access.brokers],
    connectionTimeout: CONNECT_MS_MAX,
    authenticationTimeout: AUTHENTICATE_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    retry: RETRY,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => {
      // What matters comes back as a rejected call and is decided there; here it is only told twice, and once after every commit.
      const { message, timestamp: _, logger: __, ...rest } = entry.log
      options.log.debug({ part: 'kafkajs', namespace: entry.namespace, ...rest }, message)
    },
    socketFactory: sockets.make,
    ...(access.tls ? { ssl: tlsOptions(access.tls) } : {}),
    ...(access.sasl ? { sasl: saslOptions(access.sasl) } : {}),
  }
  return { kafka: new kafkajs.Kafka(config), config, destroy: sockets.destroy }
}

/** `work`, or Unreachable 'timeout' after `ms`, or 'aborted' with the signal. The work itself goes on: whoever gave it up destroys the client. */
export async function withDeadline<T>(what: string, ms: number, signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  let stop: (() => void) | undefined
  const limit = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Unreachable('timeout', `${what}: no answer within ${ms} ms`)), ms)
    const onAbort = () => reject(new Unreachable('aborted', `${what}: given up`))
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    stop = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  })
  work.catch(() => {})
  try {
    return await Promise.race([work, limit])
  } finally {
    stop?.()
  }
}

/** An error of kafkajs or Node as Unreachable with code and remedy; one that is ours already stays. */
export function asUnreachable(error: unknown): Unreachable {
  if (error instanceof Unreachable) return error
  const { code, text, remedy } = explain(error)
  return new Unreachable(code, text, { cause: error, ...(remedy === undefined ? {} : { remedy }) })
}

/** The TLS options of Node for an access. */
export function tlsOptions(settings: NonNullable<KafkaAccess['tls']>): tls.ConnectionOptions {
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
    ...(settings.cert === undefined ? {} : { cert: settings.cert }),
    ...(settings.key === undefined ? {} : { key: settings.key }),
    ...(settings.serverName === undefined ? {} : { servername: settings.serverName }),
  }
}

function saslOptions(sasl: NonNullable<KafkaAccess['sasl']>): SASLOptions {
  return { mechanism: sasl.mechanism, username: sasl.user, password: sasl.password } as SASLOptions
}

function socketKeeper(): { make: ISocketFactory; destroy(): void } {
  const open = new Set<net.Socket>()
  let closed = false
  const make: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (closed) throw new Error('this client was given up')
    const socket = ssl
      ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    return socket
  }
  const destroy = () => {
    closed = true
    for (const socket of open) socket.destroy(new Error('this client was given up'))
  }
  return { make, destroy }
}
