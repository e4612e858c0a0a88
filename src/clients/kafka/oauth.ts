// OAuth 2.0 client credentials (RFC 6749, 4.4): a token for SASL OAUTHBEARER, fetched from the endpoint by the way that the uplink goes.
import http from 'node:http'
import https from 'node:https'
import { rootCertificates } from 'node:tls'
import { Unreachable } from '../../core/errors.ts'
import type { OauthAccess } from './access.ts'
import { asUnreachable, CONNECT_MS_MAX, tlsOptions } from './access.ts'
import type { Sockets } from './sockets.ts'

const ANSWER_BYTES_MAX = 65_536
/** A token that ends sooner than that is fetched anew. */
const MARGIN_MS = 30_000
/** Where the endpoint does not say how long its token holds. */
const LIFE_SECONDS_DEFAULT = 300
const REMEDY = 'check sasl.tokenEndpoint, sasl.clientId, the client secret and sasl.scope'

interface Way {
  /** An authority to trust beside the usual ones, PEM. */
  readonly ca: string | undefined
  readonly sockets: Sockets
}

/** Gives a token that still holds; asks the endpoint when there is none. Rejects with Unreachable 'token-refused' or what the connection says. */
export function tokenSource(access: OauthAccess, way: Way): () => Promise<string> {
  let known: { token: string; until: number } | undefined
  return async () => {
    if (known && performance.now() < known.until) return known.token
    const { token, seconds } = await fetchToken(access, way)
    known = { token, until: performance.now() + Math.max(seconds * 500, seconds * 1000 - MARGIN_MS) }
    return token
  }
}

async function fetchToken(access: OauthAccess, way: Way): Promise<{ token: string; seconds: number }> {
  const { status, text } = await post(access, way).catch((error: unknown) => {
    throw asUnreachable(error)
  })
  const answer = parsed(text)
  const token = answer['access_token']
  if (status === 200 && typeof token === 'string' && token !== '')
    return { token, seconds: Number(answer['expires_in'] ?? LIFE_SECONDS_DEFAULT) || LIFE_SECONDS_DEFAULT }
  // RFC 6749, 5.2: a word for the error; whatever else the answer says may be anything.
  const word = typeof answer['error'] === 'string' ? ` (${answer['error'].slice(0, 100)})` : ''
  throw new Unreachable('token-refused', `the token endpoint answers ${status}${word}`, { remedy: REMEDY })
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function post(access: OauthAccess, { ca, sockets }: Way): Promise<{ status: number; text: string }> {
  const url = new URL(access.tokenEndpoint)
  const isPlain = url.protocol === 'http:'
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(access.scope ? { scope: access.scope } : {}) })
  const pair = [access.clientId, access.clientSecret].map(encodeURIComponent).join(':')
  const to = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (isPlain ? 80 : 443)),
    tls: isPlain ? undefined : tlsOptions({ ca }),
  }
  if (to.tls && ca !== undefined) to.tls.ca = [...rootCertificates, ca]
  const options: http.RequestOptions = {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      connection: 'close',
    },
    timeout: CONNECT_MS_MAX,
    createConnection: () => sockets.open(to, () => {}),
  }
  return new Promise((done, fail) => {
    const request = (url.protocol === 'http:' ? http : https).request(url, options, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
        if (text.length > ANSWER_BYTES_MAX) request.destroy(new Error('the token endpoint answers at too great a length'))
      })
      answer.on('end', () => done({ status: answer.statusCode ?? 0, text }))
      answer.on('error', fail)
    })
    request.on('timeout', () => request.destroy(new Unreachable('timeout', 'the token endpoint does not answer')))
    request.on('error', fail)
    request.end(body.toString())
  })
}
