// OAuth 2.0 client credentials (RFC 6749, 4.4): a token for SASL OAUTHBEARER, fetched from the endpoint by the way that the uplink goes.
import { rootCertificates } from 'node:tls'
import { Unreachable } from '../../core/errors.ts'
import type { OauthAccess } from './access.ts'
import { asUnreachable, CONNECT_MS_MAX, tlsOptions } from './access.ts'
import type { Posted } from './post.ts'
import { basicAuthorization, jsonObject, post } from './post.ts'
import type { Sockets } from './sockets.ts'

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
  const { status, text } = await ask(access, way).catch((error: unknown) => {
    throw asUnreachable(error)
  })
  const answer = jsonObject(text)
  const token = answer['access_token']
  if (status === 200 && typeof token === 'string' && token !== '')
    return { token, seconds: Number(answer['expires_in'] ?? LIFE_SECONDS_DEFAULT) || LIFE_SECONDS_DEFAULT }
  // RFC 6749, 5.2: a word for the error; whatever else the answer says may be anything.
  const word = typeof answer['error'] === 'string' ? ` (${answer['error'].slice(0, 100)})` : ''
  throw new Unreachable('token-refused', `the token endpoint answers ${status}${word}`, { remedy: REMEDY, isDenied: true })
}

function ask(access: OauthAccess, { ca, sockets }: Way): Promise<Posted> {
  const secure = tlsOptions({ ca })
  if (ca !== undefined) secure.ca = [...rootCertificates, ca]
  return post(new URL(access.tokenEndpoint), sockets, {
    headers: {
      authorization: basicAuthorization(encodeURIComponent(access.clientId), encodeURIComponent(access.clientSecret)),
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      ...(access.scope ? { scope: access.scope } : {}),
    }).toString(),
    tls: secure,
    msMax: CONNECT_MS_MAX,
  })
}
