// Becoming known to the box over HTTP, and ceasing to be.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access } from '../access/index.ts'
import type { LoggedIn } from '../access/log-in.ts'
import type { Session } from '../access/sessions.ts'
import { checked } from './bodies.ts'
import type { Who } from './gate.ts'
import { DEVICE_COOKIE, SESSION_COOKIE } from './gate.ts'

/** What is said over and above the length that is allowed is not worth looking at. */
const text = z.string().min(1).max(1_000)
const claimInput = z.strictObject({ code: text, user: text, password: text })
const logInInput = z.strictObject({ user: text, password: text })

const COOKIE = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const
const YEAR_S = 31_536_000

export function addLogIn(server: FastifyInstance, access: Access): void {
  const open = { config: { allow: 'anybody' } } as const
  const known = { config: { allow: 'viewer' } } as const
  server.post('/api/v1/claim', open, async (request, reply) =>
    welcome(reply, await access.claim(checked(claimInput, request.body), fromOf(request))),
  )
  server.post('/api/v1/log-in', open, async (request, reply) =>
    welcome(reply, await access.logIn(checked(logInInput, request.body), fromOf(request))),
  )
  server.post('/api/v1/log-out', known, async (request, reply) => {
    const { session, address } = request.who as Who
    if (session) access.logOut(session, address)
    reply.clearCookie(SESSION_COOKIE, COOKIE)
    return {}
  })
  server.get('/api/v1/me', known, (request, reply) => {
    const { by, role, session } = request.who as Who
    return reply.send(session ? meOf(session) : { user: by, role })
  })
}

const fromOf = (request: FastifyRequest) => ({ address: request.ip, device: request.cookies[DEVICE_COOKIE] })

const meOf = ({ user, role, csrf }: Session) => ({ user, role, csrf })

function welcome(reply: FastifyReply, it: LoggedIn) {
  reply.setCookie(SESSION_COOKIE, it.token, COOKIE)
  reply.setCookie(DEVICE_COOKIE, it.device, { ...COOKIE, maxAge: YEAR_S })
  return meOf(it)
}
