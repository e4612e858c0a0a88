// A device's side of hawkBit: asks, is told by links what there is, and says how it goes. It keeps nothing; who calls it does.
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { Unreachable } from '../core/errors.ts'
import { baseAnswer, cancelAnswer, confirmationAnswer, deploymentAnswer } from './ddi-wire.ts'
import type { HttpRequest } from './http.ts'
import { http, textOf } from './http.ts'

export interface DdiServer {
  readonly url: string
  readonly tenant: string
  readonly device: string
  /** `TargetToken …` */
  readonly authorization: string | undefined
  readonly ca: string | undefined
}

export interface Ddi {
  base(): Promise<z.output<typeof baseAnswer>>
  deployment(href: string): Promise<z.output<typeof deploymentAnswer>>
  confirmation(href: string): Promise<z.output<typeof confirmationAnswer>>
  cancellation(href: string): Promise<z.output<typeof cancelAnswer>>
  configData(href: string, data: Readonly<Record<string, string>>): Promise<void>
  /** `kind`: deploymentBase, cancelAction, confirmationBase. False: the server does not want to hear of it any more. */
  feedback(kind: string, action: string, body: Readonly<Record<string, unknown>>): Promise<boolean>
  /** What a download of this server takes along: our authorisation goes to the server alone. */
  requestFor(href: string): Omit<HttpRequest, 'signal'>
}

/** Not understood, not known, or over: to say it again would not help. */
const SETTLED = new Set([400, 404, 409, 410])

export function ddiOf(server: DdiServer, localAddress: string | undefined, signal: AbortSignal): Ddi {
  const root = `${server.url.replace(/\/+$/, '')}/${encodeURIComponent(server.tenant)}/controller/v1/${encodeURIComponent(server.device)}`
  const isOurs = (href: string) => new URL(href).origin === new URL(server.url).origin
  const request = (href: string): Omit<HttpRequest, 'signal'> => ({
    ca: server.ca,
    localAddress,
    headers: { ...(server.authorization !== undefined && isOurs(href) && { authorization: server.authorization }) },
  })
  const send = async (href: string, more: Pick<HttpRequest, 'method' | 'body'> = {}): Promise<IncomingMessage> => {
    const answer = await http(href, { ...request(href), ...more, signal })
    const { statusCode = 0 } = answer
    if (statusCode < 300 || SETTLED.has(statusCode)) return answer
    const text = await textOf(answer).catch(() => '')
    throw refused(href, statusCode, text)
  }
  const get = async <T extends z.ZodType>(schema: T, href: string): Promise<z.output<T>> => {
    const answer = await send(href)
    const text = await textOf(answer)
    if (SETTLED.has(answer.statusCode ?? 0)) throw refused(href, answer.statusCode ?? 0, text)
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      const what = cause instanceof z.ZodError ? `${cause.issues[0]?.path.join('.')}: ${cause.issues[0]?.message}` : 'no JSON'
      throw new Unreachable('update-answer', `the update server says what nobody understands (${what})`, { cause })
    }
  }
  return {
    base: () => get(baseAnswer, root),
    deployment: (href) => get(deploymentAnswer, href),
    confirmation: (href) => get(confirmationAnswer, href),
    cancellation: (href) => get(cancelAnswer, href),
    async configData(href, data) {
      ;(await send(href, { method: 'PUT', body: { mode: 'merge', data } })).resume()
    },
    async feedback(kind, action, body) {
      const answer = await send(`${root}/${kind}/${action}/feedback`, { method: 'POST', body: { id: action, ...body } })
      answer.resume()
      return !SETTLED.has(answer.statusCode ?? 0)
    },
    requestFor: request,
  }
}

function refused(href: string, status: number, text: string): Unreachable {
  if (status === 401 || status === 403) {
    const remedy = 'update.token must be what the server has for this device'
    return new Unreachable('update-denied', `the update server does not let us in (${status})`, { isDenied: true, remedy })
  }
  const said = text.replaceAll(/\s+/g, ' ').slice(0, 200)
  return new Unreachable(
    'update-refused',
    `the update server answers ${status} to ${new URL(href).pathname}${said && `: ${said}`}`,
  )
}
