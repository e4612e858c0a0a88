// The panel's server: the page, and the operator's commands as an HTTP API. It talks to the agent over the agent's own sockets and to nobody else;
// whatever comes in here is bounded, and the data path does not notice.
//
//   connection ─► bounds ─► TLS ─► origin, role, CSRF (gate) ─► type, size, schema (bodies) ─► operation ─► agent's sockets
import { mkdir, rename, writeFile } from 'node:fs/promises'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { fastify } from 'fastify'
import { groupOf } from '../access/guesses.ts'
import type { Certificates } from '../access/certificate.ts'
import type { Access } from '../access/index.ts'
import { Refused } from '../access/refused.ts'
import type { AgentApi } from '../core/agent-api.ts'
import { FOLLOW_POSITION_CHARS_MAX } from '../core/bounds.ts'
import type { HostApi } from '../core/host.ts'
import type { Logger } from '../core/source.ts'
import { toJson } from '../core/json.ts'
import type { UpdateApi } from '../core/update.ts'
import { BODY_BYTES_MAX, takeJsonOnly } from './bodies.ts'
import { boundConnections } from './bounds.ts'
import { guard } from './gate.ts'
import { HEADERS, insisting } from './headers.ts'
import { addLogIn } from './log-in.ts'
import { addAccessOperations, addOpenApi, addOperations } from './operations.ts'
import { addMetrics } from './metrics.ts'
import { addPage } from './page.ts'
import { serveRedirect } from './redirect.ts'
import { fail } from './refuse.ts'
import type { Serving } from './served-certificate.ts'
import { serving } from './served-certificate.ts'

export interface PanelOptions {
  readonly dir: string
  readonly host: string
  readonly port: number
  /** Plain HTTP that only leads to the page. */
  readonly redirect?: { readonly host: string; readonly port: number } | undefined
  /** Of the built page. */
  readonly pageDir: string
  readonly certificates: Certificates
  readonly agent: AgentApi
  /** Of root: fixed verbs. */
  readonly helper: HostApi
  /** The one process that writes slots. */
  readonly updater: UpdateApi
  readonly access: Access
  readonly log: Logger
  readonly version: string
}

export interface Panel {
  readonly url: string
  readonly fingerprint: string
  /** Of the redirect; undefined: there is none. */
  readonly redirectPort: number | undefined
  close(): Promise<void>
}

/** With the longest position of a consumer in it. */
const HEAD_BYTES_MAX = FOLLOW_POSITION_CHARS_MAX + 8_192
const HANDSHAKE_MS_MAX = 5_000
const HEAD_MS_MAX = 10_000
const REQUEST_MS_MAX = 60_000
const KEEP_ALIVE_MS = 15_000
/** Whoever neither sends nor takes anything for so long is gone. */
const IDLE_MS_MAX = 120_000
const REQUESTS_OF_CONNECTION_MAX = 1_000

/** Of one address: a page that opens asks some forty times. */
const REQUESTS_MAX = 600
const REQUESTS_WINDOW_MS = 10_000

/** Of 1.2 only what hides earlier talks from whoever gets the key later; of 1.3 all are so. */
const TLS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
    'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256',
  ].join(':'),
} as const

export async function servePanel(options: PanelOptions): Promise<Panel> {
  const certificate = await serving(options.certificates, options.log)
  const server = await buildServer(options, certificate)
  await server.listen({ host: options.host, port: options.port })
  const { port } = server.server.address() as AddressInfo
  const { fingerprint } = certificate.now()
  const url = `https://${nameOf(options.host)}:${port}`
  const redirect = options.redirect && (await serveRedirect(options.redirect, port))
  await say(options.dir, { url, fingerprint })
  certificate.follow(async (it) => {
    await say(options.dir, { url, fingerprint: it.fingerprint })
    ;(server.server as unknown as HttpsServer).setSecureContext({ ...TLS, key: it.key, cert: it.cert })
  })
  const close = async (): Promise<void> => {
    certificate.close()
    await redirect?.close()
    await server.close()
  }
  return { url, fingerprint, redirectPort: redirect?.port, close }
}

async function buildServer(
  { access, agent, helper, updater, log, pageDir, version }: PanelOptions,
  certificate: Serving,
): Promise<FastifyInstance> {
  const { key, cert } = certificate.now()
  const server = fastify({
    https: {
      ...TLS,
      key,
      cert,
      handshakeTimeout: HANDSHAKE_MS_MAX,
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: HEAD_MS_MAX,
      connectionsCheckingInterval: 1_000,
    },
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: IDLE_MS_MAX,
    maxRequestsPerSocket: REQUESTS_OF_CONNECTION_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    frameworkErrors: (error, _, reply) => void fail(reply.headers(HEADERS), error, log),
  }) as unknown as FastifyInstance
  server.setErrorHandler((error, _, reply) => fail(reply, error, log))
  server.setSerializerCompiler(() => toJson)
  server.setReplySerializer(toJson)
  await server.register(cookie)
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    const served = certificate.now()
    if (served.isOwners) reply.headers(insisting(served.validTo, Date.now()))
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store')
  })
  await server.register(rateLimit, {
    max: REQUESTS_MAX,
    timeWindow: REQUESTS_WINDOW_MS,
    cache: 5_000,
    keyGenerator: ({ ip }) => groupOf(ip),
    errorResponseBuilder: (_, { ttl }) =>
      new Refused('wait', 'too many requests from this address', { waitMs: ttl, remedy: 'ask less often' }),
  })
  const connections = boundConnections(server.server)
  guard(server, access, (request) => connections.keep(request.raw.socket))
  takeJsonOnly(server)
  addLogIn(server, access, () => certificate.now().fingerprint)
  const parts = { agent, access, helper, updater, log, version, certificates: certificate.api }
  addOperations(server, parts)
  addAccessOperations(server, parts)
  addOpenApi(server, parts)
  addMetrics(server, parts.agent)
  addPage(server, pageDir)
  return server
}

const nameOf = (host: string) => (host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host)

/** Where the page is, for the console and for whoever started it. */
async function say(dir: string, where: { readonly url: string; readonly fingerprint: string }): Promise<void> {
  const path = join(dir, 'run', 'panel.json')
  await mkdir(join(dir, 'run'), { recursive: true, mode: 0o750 })
  await writeFile(`${path}.new`, `${JSON.stringify(where)}\n`)
  await rename(`${path}.new`, path)
}
