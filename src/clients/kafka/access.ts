// What both clients need to reach a cluster: who we are, how long we wait, from where we go, and what an error means.
import type tls from 'node:tls'
import { Unreachable } from '../../core/errors.ts'
import { DENIED, explain } from './explain.ts'

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
  readonly sasl?: SaslAccess | undefined
}

export type SaslAccess =
  | { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly user: string; readonly password: string }
  | OauthAccess

/** A token of a client of its own (OAuth 2.0, client credentials). */
export interface OauthAccess {
  readonly mechanism: 'oauthbearer'
  readonly tokenEndpoint: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope?: string | undefined
}

export const CONNECT_MS_MAX = 8_000
export const KEEP_ALIVE_MS = 15_000

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

/** An error of a client or Node as Unreachable with code and remedy; one that is ours already stays. */
export function asUnreachable(error: unknown): Unreachable {
  if (error instanceof Unreachable) return error
  const { code, text, remedy } = explain(error)
  return new Unreachable(code, text, { cause: error, isDenied: DENIED.has(code), ...(remedy === undefined ? {} : { remedy }) })
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

export function addressOf(broker: string): { host: string; port: number } {
  const at = broker.lastIndexOf(':')
  return { host: broker.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(broker.slice(at + 1)) }
}
