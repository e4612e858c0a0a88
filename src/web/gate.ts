// The one place where it is decided who may do what: each route declares the least role (`allow`), and a route that does not is no route.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Access } from '../access/index.ts'
import { Refused } from '../access/refused.ts'
import { isSame } from '../access/secrets.ts'
import type { Session } from '../access/sessions.ts'
import { mayDo } from '../access/users.ts'
import type { OperatorRole } from '../core/operator.ts'
import { HttpRefused } from './refuse.ts'

/** `anybody`: also who is not known. */
export type Allowed = OperatorRole | 'anybody'

/** Who asks. */
export interface Who {
  /** A user's name, or `token NAME`. */
  readonly by: string
  readonly role: OperatorRole
  readonly address: string
  /** Undefined of a script with a token. */
  readonly session?: Session
}

declare module 'fastify' {
  interface FastifyContextConfig {
    allow?: Allowed
  }
  interface FastifyRequest {
    who: Who | undefined
  }
}

export const SESSION_COOKIE = '__Host-holdfast'
export const DEVICE_COOKIE = '__Host-holdfast-device'
const CSRF_HEADER = 'x-csrf-token'

/** Refuses routes that do not say who may, and requests of those who may not. */
export function guard(server: FastifyInstance, access: Access, known: (request: FastifyRequest) => void): void {
  server.decorateRequest('who', undefined)
  server.addHook('onRoute', ({ method, url, config }) => {
    if (config?.allow === undefined) throw new Error(`the route ${String(method)} ${url} does not say who may (config.allow)`)
  })
  // An async hook: what it throws is the answer.
  server.addHook('onRequest', async (request) => {
    const { allow } = request.routeOptions.config
    // No such route: the page, or 404.
    if (request.is404 || allow === 'anybody') return checkOrigin(request)
    checkOrigin(request)
    request.who = whoIs(request, access)
    if (!request.who) throw nobody(access)
    if (!mayDo(request.who.role, allow as OperatorRole))
      throw new HttpRefused(
        403,
        'not-allowed',
        `${request.who.by} is ${request.who.role}, and this takes ${allow}`,
        'ask an admin',
      )
    checkCsrf(request, request.who)
    known(request)
  })
}

function nobody(access: Access): Refused {
  if (!access.isClaimed()) return new Refused('unclaimed', 'nobody has claimed this box yet', { remedy: 'claim it first' })
  return new Refused('no-session', 'not logged in, or not any more', { remedy: 'log in' })
}

export function whoIs(request: FastifyRequest, access: Access): Who | undefined {
  const { authorization } = request.headers
  const address = request.ip
  if (authorization !== undefined) {
    const found = access.token(/^Bearer ([\w-]{1,256})$/.exec(authorization)?.[1] ?? '')
    return found && { by: `token ${found.name}`, role: found.role, address }
  }
  const cookie = request.cookies[SESSION_COOKIE]
  const session = cookie === undefined ? undefined : access.session(cookie)
  return session && { by: session.user, role: session.role, address, session }
}

/** A browser says where a request comes from: other pages may not even try. */
function checkOrigin({ method, headers }: FastifyRequest): void {
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  const isOther = (origin !== undefined && origin !== `https://${host}`) || site === 'cross-site' || site === 'same-site'
  // Following a link to the page is no request of the other page's scripts; a form that the other page sends here is one.
  const isLink = headers['sec-fetch-mode'] === 'navigate' && (method === 'GET' || method === 'HEAD')
  if (isOther && !isLink)
    throw new HttpRefused(403, 'other-origin', 'this comes from a page of another site', 'open the page of this box itself')
}

/** A cookie goes along by itself, this header does not. */
function checkCsrf({ method, headers }: FastifyRequest, { session }: Who): void {
  if (!session || method === 'GET' || method === 'HEAD') return
  const given = headers[CSRF_HEADER]
  if (typeof given === 'string' && isSame(given, session.csrf)) return
  throw new HttpRefused(403, 'no-csrf-token', `the header ${CSRF_HEADER} is missing or wrong`, 'load the page anew')
}
