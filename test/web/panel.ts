// A panel as it is served, in this process, before an agent that is made by hand; and a client that minds certificates and keeps cookies.
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Access } from '../../src/access/index.ts'
import { openCertificates } from '../../src/access/certificate.ts'
import { openAccess } from '../../src/access/index.ts'
import type { MachineTime } from '../../src/access/clock.ts'
import type { AgentApi } from '../../src/core/agent-api.ts'
import { servePanel } from '../../src/web/server.ts'
import { handMadeAgent, silent } from '../local-api/hand-made-agent.ts'
import { handMadeHost } from '../machine/hand-made-host.ts'
import { handMadeUpdater } from '../update/hand-made-updater.ts'

export const PASSWORD = 'four words by chance'

export interface TestPanel {
  readonly dir: string
  readonly url: string
  readonly fingerprint: string
  readonly access: Access
  close(): Promise<void>
}

export async function startPanel(
  options: { readonly agent?: AgentApi; readonly pageDir?: string; readonly time?: MachineTime; readonly dir?: string } = {},
): Promise<TestPanel> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'hf-panel-'))
  const access = await openAccess(dir, options.time)
  const panel = await servePanel({
    dir,
    host: '127.0.0.1',
    port: 0,
    pageDir: options.pageDir ?? join(dir, 'no-page'),
    certificates: openCertificates(dir, 'holdfast-7f3a.local'),
    access,
    agent: options.agent ?? handMadeAgent(),
    helper: handMadeHost(),
    updater: handMadeUpdater(),
    log: silent,
    version: '0.1.0',
  })
  return {
    dir,
    url: panel.url,
    fingerprint: panel.fingerprint,
    access,
    async close() {
      await panel.close()
      access.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  json<T = Record<string, unknown>>(): T
}

export interface Ask {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The address that it comes from. */
  readonly from?: string
}

/** One browser: it keeps the cookies and, once it is logged in, sends the token against forged requests. */
export interface Browser {
  ask(path: string, options?: Ask): Promise<Reply>
  /** A call of the API. */
  call(name: string, input?: unknown, options?: Ask): Promise<Reply>
  claim(code: string, user?: string): Promise<Reply>
  logIn(user: string, password?: string, from?: string): Promise<Reply>
  readonly cookies: Map<string, string>
  csrf: string | undefined
}

export function browser(url: string): Browser {
  const cookies = new Map<string, string>()
  const keep = (headers: IncomingHttpHeaders): void => {
    for (const line of headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
  }
  const it: Browser = {
    cookies,
    csrf: undefined,
    async ask(path, options = {}) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const headers = {
        ...(cookie !== '' && { cookie }),
        ...(it.csrf !== undefined && { 'x-csrf-token': it.csrf }),
        ...options.headers,
      }
      const reply = await askHttps(url + path, { ...options, headers })
      keep(reply.headers)
      return reply
    },
    call: (name, input = {}, options = {}) =>
      it.ask(`/api/v1/${name.replaceAll(' ', '/')}`, { method: 'POST', body: input, ...options }),
    async claim(code, user = 'anna') {
      return welcomed(it, await it.call('claim', { code, name: user, password: PASSWORD }))
    },
    async logIn(user, password = PASSWORD, from) {
      return welcomed(it, await it.call('login', { name: user, password }, from === undefined ? {} : { from }))
    },
  }
  return it
}

function welcomed(it: Browser, reply: Reply): Reply {
  if (reply.status === 200) it.csrf = reply.json<{ csrf: string }>().csrf
  return reply
}

/** As a browser: the next question goes by the connection that is there. */
const agents = new Map<string, Agent>()

function agentFor(url: string, from: string | undefined): Agent {
  const key = `${new URL(url).host} ${from}`
  const agent = agents.get(key) ?? new Agent({ keepAlive: true, rejectUnauthorized: false })
  agents.set(key, agent)
  return agent
}

export function askHttps(url: string, { method = 'GET', body, headers = {}, from }: Ask): Promise<Reply> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const all = { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers }
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      headers: all,
      rejectUnauthorized: false,
      agent: agentFor(url, from),
      ...(from !== undefined && { localAddress: from }),
    })
    sent.once('error', reject)
    sent.once('response', (response) => {
      let received = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (received += part))
      response.once('error', reject)
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: received,
          json: () => JSON.parse(received),
        }),
      )
    })
    sent.end(text)
  })
}
