// A webhook: each message is a POST of JSON. Taken is what is answered with 2xx; where the answer sends us elsewhere, nobody goes.
import type { IncomingMessage } from 'node:http'
import { request as plain } from 'node:http'
import { request as encrypted } from 'node:https'
import { Unreachable } from '../core/errors.ts'
import type { Notification, NotifyTarget } from '../core/notify.ts'
import { endStep, endSteps, unreachable } from './far-end.ts'
import type { WebhookSettings } from './webhook-settings.ts'

const SILENT_MS_MAX = 15_000
const ANSWER_MS_MAX = 60_000
const ANSWER_BYTES_SHOWN = 2_000
const SHOWN_CHARS_MAX = 200

export function openWebhook(settings: WebhookSettings): NotifyTarget {
  const url = new URL(settings.url)
  const isEncrypted = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (isEncrypted ? 443 : 80)
  const where = `${host}:${port}`

  async function send(notification: Notification, signal: AbortSignal): Promise<number> {
    const answer = await post(url, settings, notification, signal).catch((error: unknown) => {
      throw unreachable(error, where)
    })
    const status = answer.statusCode ?? 0
    const said = await beginningOf(answer)
    if (status >= 200 && status < 300) return status
    throw refused(status, where, said)
  }

  return {
    async send(notification, signal) {
      await send(notification, signal)
    },
    async *test(notification, signal) {
      for await (const it of endSteps({ host, port, isEncrypted, ca: settings.ca }, signal)) {
        yield it
        if (!it.ok) return
      }
      yield await endStep('POST', where, signal, async (stop) => {
        const status = await send(notification, stop)
        return { ok: true, detail: `taken: status ${status}` }
      })
    },
    close: async () => {},
  }
}

function post(
  url: URL,
  { token, ca }: WebhookSettings,
  notification: Notification,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const body = Buffer.from(JSON.stringify(notification))
  const send = url.protocol === 'https:' ? encrypted : plain
  return new Promise((resolve, reject) => {
    const sent = send(url, {
      method: 'POST',
      agent: false,
      // Each byte of an answer that drips begins the silence anew.
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'content-length': body.length,
        'user-agent': 'holdfast',
        'idempotency-key': notification.id,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(ca !== undefined && { ca }),
    })
    sent.setTimeout(SILENT_MS_MAX, () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    // An answer may still break off when we have heard enough.
    sent.on('error', reject)
    sent.once('response', resolve)
    sent.end(body)
  })
}

/** Whatever else comes is thrown away with the connection. */
async function beginningOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      parts.push(part)
      bytes += part.length
      if (bytes >= ANSWER_BYTES_SHOWN) break
    }
  } catch {
    // The head has said whether it was taken.
  }
  answer.destroy()
  return Buffer.concat(parts).subarray(0, ANSWER_BYTES_SHOWN).toString()
}

function refused(status: number, where: string, said: string): Unreachable {
  const line = said.replaceAll(/\s+/g, ' ').trim().slice(0, SHOWN_CHARS_MAX)
  const text = `${where} answers ${status}${line === '' ? '' : `: ${line}`}`
  if (status >= 300 && status < 400)
    return new Unreachable('webhook-redirect', text, { remedy: 'redirects are not followed: write the address that it leads to' })
  if (status === 401 || status === 403)
    return new Unreachable('webhook-denied', text, { remedy: 'check token against the far end (secrets set NAME)' })
  if (status === 429 || status >= 500)
    return new Unreachable('webhook-busy', text, { remedy: 'look at the far end and its log; it is tried again' })
  return new Unreachable('webhook-refused', text, {
    remedy: 'check the address, and that the far end takes JSON as the manual shows it; it is tried again',
  })
}
