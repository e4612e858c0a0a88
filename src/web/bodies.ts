// What comes in: JSON, of a bounded size, and nothing else.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { BadInput } from '../core/errors.ts'
import { fromJson } from '../core/json.ts'
import { HttpRefused } from './refuse.ts'

export const BODY_BYTES_MAX = 65_536
/** A settings file, a piece of a bundle. */
export const LARGE_BODY_BYTES_MAX = 12_000_000

const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i

export function takeJsonOnly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => {
    try {
      done(null, body === '' ? {} : fromJson(String(body)))
    } catch {
      done(new HttpRefused(400, 'no-json', 'the body is not JSON'))
    }
  })
  server.addHook('preParsing', async (request) => {
    if (!request.is404) checkType(request)
  })
}

function checkType({ method, headers }: FastifyRequest): void {
  if (method === 'GET' || method === 'HEAD') return
  const { 'content-type': type = '', 'content-encoding': encoding } = headers
  // The parser takes what stands before a semicolon for the type, whatever follows it.
  if (!JSON_TYPE.test(type))
    throw new HttpRefused(415, 'content-type', 'the body must be application/json', 'send content-type: application/json')
  if (encoding !== undefined) throw new HttpRefused(415, 'content-encoding', 'the body must not be compressed')
}

/** Throws BadInput that says what is wrong where. */
export function checked<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body ?? {})
  if (result.success) return result.data
  throw new BadInput(result.error.issues.map((it) => ({ where: it.path.join('.') || 'input', text: it.message })))
}
