// One request to the other box and its answer. Sockets as for a cluster: from the link's address, counted, closed at once when given up.
import http from 'node:http'
import type { Socket } from 'node:net'
import { asUnreachable, tlsOptions, withDeadline } from '../../clients/kafka/access.ts'
import type { Sockets } from '../../clients/kafka/sockets.ts'
import { socketKeeper } from '../../clients/kafka/sockets.ts'
import { Blocked, Unreachable } from '../../core/errors.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import type { BoxSettings } from './settings.ts'
import { BOX_PORT } from './settings.ts'
import { refusalSchema } from './wire.ts'

const CALL_MS_MAX = 30_000
const ANSWER_BYTES_MAX = 8_000_000
const DENIED = new Set(['box-unknown', 'certificate-refused'])

export interface Caller {
  call(what: string, method: 'GET' | 'POST', path: string, send: Request, signal: AbortSignal): Promise<unknown>
  destroy(): void
}

export interface Request {
  readonly body?: Buffer
  readonly session?: string
}

export function targetOf({ url, tls }: BoxSettings) {
  // From the text: URL leaves out 443, which is not the port that is meant without one.
  const port = /:(\d+)\/?$/.exec(url)?.[1]
  return { host: new URL(url).hostname.replace(/^\[|\]$/g, ''), port: Number(port ?? BOX_PORT), tls: tlsOptions(tls) }
}

export function boxCaller(settings: BoxSettings, { device, route, traffic }: UplinkContext): Caller {
  const sockets = socketKeeper(route?.localAddress, traffic)
  const agent = agentOver(sockets, settings)
  const { host, port } = targetOf(settings)
  const own = {
    'x-holdfast-device': device,
    ...(settings.password === undefined ? {} : { authorization: `Bearer ${settings.password}` }),
  }

  function ask(method: string, path: string, { body, session }: Request): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...own,
        'content-length': body?.length ?? 0,
        ...(session === undefined ? {} : { 'x-holdfast-session': session }),
      }
      const request = http.request({ agent, host, port, method, path, headers }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
          if (text.length > ANSWER_BYTES_MAX) request.destroy(new Error('an answer that is too long'))
        })
        answer.once('error', reject)
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      })
      request.once('error', reject)
      request.end(body)
    })
  }

  return {
    async call(what, method, path, send, signal) {
      const { status, text } = await withDeadline(what, CALL_MS_MAX, signal, ask(method, path, send)).catch((error: unknown) => {
        throw ofBox(error)
      })
      if (status === 200) return jsonOf(text)
      throw refusalOf(status, text)
    },
    destroy() {
      sockets.destroy()
      agent.destroy()
    },
  }
}

/** One connection, kept from call to call. */
function agentOver(sockets: Sockets, settings: BoxSettings): http.Agent {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  agent.createConnection = (): Socket => sockets.open(targetOf(settings), () => {})
  return agent
}

/** What was refused was not stored. */
function refusalOf(status: number, text: string): Error {
  const said = refusalSchema.safeParse(jsonOf(text))
  if (!said.success) return new Unreachable('answer-unreadable', `status ${status} of what is no box: ${text.slice(0, 100)}`)
  const { code, text: why, classes, remedy } = said.data
  const options = remedy === undefined ? {} : { remedy }
  if (classes) return new Blocked(code, why, { topics: [], classes }, options)
  return new Unreachable(code, why, { ...options, isDenied: DENIED.has(code) })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The same codes as of a cluster: it is the same TCP and TLS. */
export function ofBox(error: unknown): Unreachable {
  const { code, message, remedy, isDenied, cause } = asUnreachable(error)
  const words = (text: string) => text.replaceAll('broker', 'box')
  return new Unreachable(code, words(message), { cause, isDenied, ...(remedy === undefined ? {} : { remedy: words(remedy) }) })
}
