// What goes wrong, as HTTP says it. The body is that of local-api/wire.ts.
import type { FastifyError, FastifyReply } from 'fastify'
import { Refused } from '../access/refused.ts'
import { BadInput, Blocked, Unreachable } from '../core/errors.ts'
import type { Logger } from '../core/source.ts'
import { toJson } from '../core/json.ts'
import type { WireError } from '../local-api/wire.ts'
import { packError } from '../local-api/wire.ts'

/** Of HTTP itself. */
export class HttpRefused extends Error {
  override readonly name = 'HttpRefused'
  readonly status: number
  readonly code: string
  readonly remedy: string | undefined
  constructor(status: number, code: string, text: string, remedy?: string) {
    super(text)
    this.status = status
    this.code = code
    this.remedy = remedy
  }
}

const STATUS_OF: Readonly<Record<Refused['code'], number>> = {
  unclaimed: 401,
  claimed: 409,
  'wrong-password': 401,
  'wrong-code': 401,
  wait: 429,
  'no-session': 401,
  'not-allowed': 403,
  'reset-off': 403,
}

export function statusOf(error: unknown): number {
  if (error instanceof HttpRefused) return error.status
  if (error instanceof Refused) return STATUS_OF[error.code]
  if (error instanceof BadInput) return isChanged(error) ? 409 : 400
  if (error instanceof Unreachable || error instanceof Blocked) return 503
  const { statusCode } = error as Partial<FastifyError>
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : 500
}

/** Somebody else was faster: the page shows what they made and asks again. */
const CHANGED = 'settings-changed'
const isChanged = (error: unknown) => error instanceof BadInput && error.problems[0]?.where === CHANGED

export function errorOf(error: unknown): WireError {
  if (error instanceof HttpRefused || error instanceof Refused)
    return { name: 'Refused', code: error.code, text: error.message, remedy: error.remedy }
  if (isChanged(error)) return { ...packError(error), code: CHANGED }
  if (statusOf(error) < 500) {
    const packed = packError(error)
    return packed.name === 'Error' ? { name: 'Refused', code: 'bad-request', text: textOf(error, packed.text) } : packed
  }
  // What a bug says is for the log.
  if (statusOf(error) === 500) return { name: 'Error', text: 'the panel failed at this', remedy: 'its log says more; try again' }
  return packError(error)
}

/** Of an address that is none Fastify says it again, with whatever somebody has written into it. */
function textOf(error: unknown, text: string): string {
  return (error as Partial<FastifyError>).code === 'FST_ERR_BAD_URL' ? 'this is no address' : text
}

export function fail(reply: FastifyReply, error: unknown, log: Logger): FastifyReply {
  const status = statusOf(error)
  if (status === 500) log.error({ err: error, url: reply.request.url.split('?')[0] }, 'a request failed')
  if (error instanceof Refused && error.waitMs !== undefined) reply.header('retry-after', String(Math.ceil(error.waitMs / 1000)))
  // Whoever is too fast begins anew, and new connections are counted.
  if (status === 429) reply.header('connection', 'close')
  return reply
    .status(status)
    .type('application/json')
    .send(toJson({ error: errorOf(error) }))
}
