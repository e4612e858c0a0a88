// The operator's commands over HTTP: POST /api/v1/<name>, drawn from the commands themselves.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OPERATIONS } from '../commands/index.ts'
import type { Operation } from '../commands/operation.ts'
import type { Access } from '../access/index.ts'
import type { AgentApi } from '../core/agent-api.ts'
import type { CertificatesApi } from '../core/certificates.ts'
import type { HostApi } from '../core/host.ts'
import type { Logger } from '../core/source.ts'
import { toJson } from '../core/json.ts'
import type { UpdateApi } from '../core/update.ts'
import { BODY_BYTES_MAX, checked, LARGE_BODY_BYTES_MAX } from './bodies.ts'
import { ACCESS_OPERATIONS } from './access-operations.ts'
import type { Who } from './gate.ts'
import { whoIs } from './gate.ts'
import { openApi } from './openapi.ts'
import { errorOf } from './refuse.ts'
import { sendRows } from './rows.ts'

const LARGE = new Set(['settings apply', 'settings check', 'backup open', 'backup restore', 'update take', 'models add'])

const DONE = 'done'

const pathOf = (operation: { readonly name: string }): string => `/api/v1/${operation.name.replaceAll(' ', '/')}`

export interface OperationParts {
  /** Of this page. */
  readonly certificates: CertificatesApi
  readonly version: string
  readonly agent: AgentApi
  readonly helper: HostApi
  readonly updater: UpdateApi
  readonly access: Access
  readonly log: Logger
}

export function addOperations(server: FastifyInstance, parts: OperationParts): void {
  const begin = eventsOf(server, parts)
  for (const it of OPERATIONS) {
    server.post(
      pathOf(it),
      { config: { allow: it.access }, bodyLimit: LARGE.has(it.name) ? LARGE_BODY_BYTES_MAX : BODY_BYTES_MAX },
      (request, reply) => perform(it, parts, begin, request, request.body, reply),
    )
    if (it.resumes === undefined) continue
    const { resumes } = it
    server.get(pathOf(it), { config: { allow: it.access } }, (request, reply) =>
      perform(it, parts, begin, request, queryOf(request, resumes), reply),
    )
  }
}

/** Those on the panel's own store. */
export function addAccessOperations(server: FastifyInstance, { access }: OperationParts): void {
  for (const it of ACCESS_OPERATIONS) {
    server.post(pathOf(it), { config: { allow: it.access } }, async (request, reply) => {
      const input = checked(it.input, request.body) as never
      const result = await it.run(input, { access, who: request.who as Who })
      return reply.type('application/json').send(toJson(result))
    })
  }
}

export function addOpenApi(server: FastifyInstance, { version }: OperationParts): void {
  let text: string | undefined
  server.get('/api/v1/openapi.json', { config: { allow: 'viewer' } }, (_, reply) => {
    text ??= toJson(openApi([...OPERATIONS, ...ACCESS_OPERATIONS], version))
    reply.type('application/json').send(text)
  })
}

/** A client that was cut off asks at the same address again: where it stood counts more than where it began. */
function queryOf({ query, headers }: FastifyRequest, resumes: string): object {
  const last = headers['last-event-id']
  return { ...(query as object), ...(typeof last === 'string' && last !== '' && { [resumes]: last }) }
}

async function perform(
  operation: Operation,
  parts: OperationParts,
  begin: BeginEvent,
  request: FastifyRequest,
  given: unknown,
  reply: FastifyReply,
): Promise<unknown> {
  const { agent, helper, updater, access, log, certificates } = parts
  const who = request.who as Who
  const input = checked(operation.input, given)
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const end = begin(operation, who, input)
  const result = operation.run(input, { agent, host: helper, updater, certificates, signal: gone.signal, by: who.by })
  if (Symbol.asyncIterator in result) {
    end('begun')
    const mayStill = () => (who.session ? access.isAlive(who.session.id) : whoIs(request, access) !== undefined)
    await sendRows(request, reply, { rows: result, gone, mayStill, log })
    return reply
  }
  try {
    const answer = (await result) ?? null
    end(DONE, answer)
    return reply.type('application/json').send(toJson(answer))
  } catch (error) {
    const { code, name } = errorOf(error)
    end(`failed: ${code ?? name}`)
    throw error
  }
}

/** What comes back is told how it ended: the first that is said counts. */
type BeginEvent = (operation: Operation, who: Who, input: unknown) => (outcome: string, answer?: unknown) => void

/** One event for each call of what is audited: when it is over, so that it says how. Where the panel ends first (it can be told to start anew), then. */
function eventsOf(server: FastifyInstance, { access, log }: OperationParts): BeginEvent {
  const open = new Set<(outcome: string) => void>()
  server.addHook('preClose', async () => {
    for (const end of open) end('unknown: the panel ended first')
  })
  return ({ name, audited, auditedAnswer = [] }, { by, address }, input) => {
    if (!audited) return () => {}
    const end = (outcome: string, answer: unknown = {}): void => {
      if (!open.delete(end)) return
      try {
        access.audit({
          what: name,
          by,
          address,
          detail: { outcome, ...detailOf(audited, input), ...detailOf(auditedAnswer, answer) },
        })
      } catch (error) {
        // What was done is done: its answer goes out all the same.
        log.error({ err: error, what: name, by }, 'an event could not be written')
      }
    }
    open.add(end)
    return end
  }
}

/** Of the input or the answer, the keys that an event may name. */
function detailOf(keys: readonly string[], input: unknown): Record<string, string> {
  const given = input as Readonly<Record<string, unknown>>
  const textOf = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value))
  return Object.fromEntries(keys.flatMap((key) => (given[key] === undefined ? [] : [[key, textOf(given[key])]])))
}
