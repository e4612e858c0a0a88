// A POST over sockets that are ours: by the link that the uplink has now, counted with the rest. For token endpoints and schema registries.
import http from 'node:http'
import type tls from 'node:tls'
import { Unreachable } from '../../core/errors.ts'
import type { Sockets } from './sockets.ts'

export interface Posting {
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string
  /** Of https. */
  readonly tls: tls.ConnectionOptions
  readonly msMax: number
}

export interface Posted {
  readonly status: number
  readonly text: string
}

const ANSWER_BYTES_MAX = 1_000_000

/** Rejects as Node does, or with Unreachable 'timeout'. */
export function post(url: URL, sockets: Sockets, { headers, body, tls: secure, msMax }: Posting): Promise<Posted> {
  const isTls = url.protocol === 'https:'
  const to = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (isTls ? 443 : 80),
    tls: isTls ? secure : undefined,
  }
  const options: http.RequestOptions = {
    method: 'POST',
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, connection: 'close', 'content-length': Buffer.byteLength(body), ...headers },
    signal: AbortSignal.timeout(msMax),
    createConnection: () => sockets.open(to, () => {}),
  }
  return new Promise((done, fail) => {
    const request = http.request(options, (answer) => {
      const parts: Buffer[] = []
      let size = 0
      answer.on('data', (part: Buffer) => {
        size += part.length
        if (size > ANSWER_BYTES_MAX) request.destroy(new Error('an answer too long'))
        else parts.push(part)
      })
      answer.on('end', () => done({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }))
      answer.on('error', fail)
    })
    request.on('error', (error) => {
      const isLate = error.name === 'TimeoutError' || error.name === 'AbortError'
      fail(isLate ? new Unreachable('timeout', `no answer within ${msMax} ms`) : error)
    })
    request.end(body)
  })
}

/** The object that a text is in JSON; an empty one where it is none. */
export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Value of the header `authorization`. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
