// HTTP to update servers: TLS with the server's own name checked, the way out as it is admitted, every answer bounded.
import type { IncomingMessage } from 'node:http'
import { Agent as PlainAgent, request as plain } from 'node:http'
import { Agent as EncryptedAgent, request as encrypted } from 'node:https'
import { Unreachable } from '../core/errors.ts'

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Authorities to trust instead of the system's, PEM. */
  readonly ca?: string | undefined
  /** Of the link that carries class system. */
  readonly localAddress?: string | undefined
  /** Kept from one request to the next; absent: a connection of its own. */
  readonly line?: Line
  readonly signal: AbortSignal
}

export interface Line {
  readonly plain: PlainAgent
  readonly encrypted: EncryptedAgent
  close(): void
}

/** One connection for many requests, one after another. */
export function openLine(): Line {
  const options = { keepAlive: true, maxSockets: 1 }
  const [plainAgent, encryptedAgent] = [new PlainAgent(options), new EncryptedAgent(options)]
  return {
    plain: plainAgent,
    encrypted: encryptedAgent,
    close() {
      plainAgent.destroy()
      encryptedAgent.destroy()
    },
  }
}

export const SILENT_MS_MAX = 60_000
const TEXT_BYTES_MAX = 1_000_000
const REDIRECTS_MAX = 3

/** Resolves with the head of the answer; its body is there to be read. Rejects with Unreachable. */
export function http(
  url: string,
  { method = 'GET', headers, body, ca, localAddress, line, signal }: HttpRequest,
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const where = new URL(url)
  const isEncrypted = where.protocol === 'https:'
  const send = isEncrypted ? encrypted : plain
  return new Promise((resolve, reject) => {
    const sent = send(where, {
      method,
      agent: (isEncrypted ? line?.encrypted : line?.plain) ?? false,
      signal,
      headers: { accept: 'application/json', ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(ca !== undefined && { ca }),
      ...(localAddress !== undefined && { localAddress }),
    })
    sent.setTimeout(SILENT_MS_MAX, () => sent.destroy(new Error('no answer')))
    sent.once('error', (cause) => reject(signal.aborted ? cause : unreachable(where, cause)))
    sent.once('response', resolve)
    sent.end(text)
  })
}

/** As `http`; goes where it is sent to, but never from TLS to none, and without what lets us in elsewhere. */
export async function httpFollowed(url: string, request: HttpRequest): Promise<IncomingMessage> {
  let at = url
  let headers = request.headers
  for (let hops = 0; ; hops++) {
    const answer = await http(at, { ...request, ...(headers && { headers }) })
    const { statusCode = 0, headers: got } = answer
    if (statusCode < 300 || statusCode >= 400 || got.location === undefined) return answer
    answer.destroy()
    const next = new URL(got.location, at)
    if (hops === REDIRECTS_MAX) throw new Unreachable('update-redirect', `${new URL(url).host} sends us round in a circle`)
    if (next.protocol !== 'https:' && new URL(at).protocol === 'https:')
      throw new Unreachable('update-redirect', `${new URL(url).host} sends us to an address without TLS`)
    if (next.origin !== new URL(at).origin && headers) {
      const { authorization: _, ...others } = headers as Record<string, string>
      headers = others
    }
    at = next.href
  }
}

/** Throws Unreachable when it is longer than any answer of a server is. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  answer.setEncoding('utf8')
  for await (const part of answer) {
    text += part
    if (text.length > TEXT_BYTES_MAX) {
      answer.destroy()
      throw new Unreachable('update-answer', 'the answer of the update server is too long')
    }
  }
  return text
}

function unreachable({ host }: URL, cause: NodeJS.ErrnoException): Unreachable {
  const text = `${host} does not answer: ${cause.message}`
  if (!/CERT|TLS|SSL|ALTNAME/.test(cause.code ?? '')) return new Unreachable('update-unreachable', text, { cause })
  const remedy = 'its certificate must be good for its name: update.ca takes the authority that signed it'
  return new Unreachable('update-certificate', text, { cause, remedy })
}
