// Becoming known to the box over HTTP, and ceasing to be.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Access } from '../access/index.ts'
import type { LoggedIn } from '../access/log-in.ts'
import { checked } from './bodies.ts'
import type { Who } from './gate.ts'
import { DEVICE_COOKIE, SESSION_COOKIE, whoIs } from './gate.ts'

/** What is longer is nobody's name and no password. */
const text = z.string().min(1).max(1_000)
const USER_DEFAULT = 'admin'
const claimInput = z.strictObject({ code: text, password: text, name: text.default(USER_DEFAULT) })
const logInInput = z.strictObject({ name: text, password: text })

const COOKIE = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const
const YEAR_S = 31_536_000

/** `fingerprint`: of the certificate that this page is served with; no secret, for the handshake shows it to everybody. */
export function addLogIn(server: FastifyInstance, access: Access, fingerprint: () => string): void {
  const open = { config: { allow: 'anybody' } } as const
  const known = { config: { allow: 'viewer' } } as const
  server.post('/api/v1/claim', open, async (request, reply) => {
    const { code, name, password } = checked(claimInput, request.body)
    return welcome(reply, await access.claim({ code, user: name, password }, fromOf(request)))
  })
  server.post('/api/v1/login', open, async (request, reply) => {
    const { name, password } = checked(logInInput, request.body)
    return welcome(reply, await access.logIn({ user: name, password }, fromOf(request)))
  })
  server.post('/api/v1/logout', known, async (request, reply) => {
    const { session, address } = request.who as Who
    if (session) access.logOut(session, address)
    reply.clearCookie(SESSION_COOKIE, COOKIE)
    return {}
  })
  // Who asks: also for those who are not known.
  server.post('/api/v1/session', open, (request, reply) => {
    const who = whoIs(request, access)
    reply.send({
      claimed: access.isClaimed(),
      user: who ? userOf(who) : null,
      fingerprint: fingerprint(),
      ...(who?.session && { csrf: who.session.csrf }),
    })
  })
  server.get('/api/v1/me', known, (request, reply) => {
    const who = request.who as Who
    reply.send({ ...userOf(who), ...(who.session && { csrf: who.session.csrf }) })
  })
}

const fromOf = (request: FastifyRequest) => ({ address: request.ip, device: request.cookies[DEVICE_COOKIE] })

const userOf = ({ by, role }: Pick<Who, 'by' | 'role'>) => ({ name: by, role })

function welcome(reply: FastifyReply, { user, role, csrf, token, device }: LoggedIn) {
  reply.setCookie(SESSION_COOKIE, token, COOKIE)
  reply.setCookie(DEVICE_COOKIE, device, { ...COOKIE, maxAge: YEAR_S })
  return { claimed: true, user: { name: user, role }, csrf }
}
