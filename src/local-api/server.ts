// The agent's side of its two sockets. The mode of a socket is the authentication: who may open operate.sock may operate.
// Whatever comes in here, the data path goes on: everything is bounded, everything is checked, nothing that a client does can throw past `answer`.
import { once } from 'node:events'
import { chmod, lstat, mkdir, rm, stat } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { BackupOpen, BackupRequest, BackupRestore } from '../core/backup.ts'
import type { ClassWhatIf } from '../core/retention.ts'
import type { EventsOffer } from '../core/events.ts'
import type { ModelPiece } from '../core/model.ts'
import type { FollowRequest } from '../core/follow.ts'
import type { AgentApi } from '../core/agent-api.ts'
import { ROLES } from '../core/agent-api.ts'
import { BadInput, Blocked, Unreachable } from '../core/errors.ts'
import type { Logger } from '../core/source.ts'
import type { LedgerRequest, LiveRequest, SettingsApply } from '../core/operator.ts'
import { fromJson, toJson } from '../core/json.ts'
import type { Call, Role, WireError } from './wire.ts'
import { isCall, packError, socketPath } from './wire.ts'

// An `import` reads every export of the module, also those that load undici: 75 modules, 9 MB.
const { createServer } = process.getBuiltinModule('node:http')

const BODY_BYTES_MAX = 65_536
/** A receipt, the manifests of a stick's files, a settings file. */
const LARGE_BODY_BYTES_MAX = 12_000_000
const LARGE_CALLS: ReadonlySet<Call> = new Set([
  'takeEvents',
  'exportFiles',
  'fileIsWhole',
  'takeReceipt',
  'settingsCheck',
  'settingsApply',
  'withoutSecrets',
  'backupOpen',
  'backupRestore',
  'addModel',
])
const HEAD_BYTES_MAX = 8_192
const CONNECTIONS_MAX = 64
const REQUEST_MS_MAX = 10_000
/** Rows are sent together up to so many characters, or when none follows at once. */
const CHUNK_CHARS = 16_384
/** A reader that takes nothing for so long is cut off; somebody may well page through a query. */
const STALLED_READER_MS_MAX = 600_000

export interface LocalApi {
  close(): Promise<void>
}

/** Serves `api` on DIR/run/view.sock and operate.sock. Rejects with BadInput when a path is too long, taken by another agent, or no socket. */
export async function serveLocalApi(dir: string, api: AgentApi, log: Logger): Promise<LocalApi> {
  const servers: Server[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closeServer))
  }
  try {
    for (const role of ['view', 'operate'] as const) servers.push(await listen(socketPath(dir, role), role, api, log))
  } catch (error) {
    await close()
    throw error
  }
  return { close }
}

async function listen(path: string, role: Role, api: AgentApi, log: Logger): Promise<Server> {
  await ownFolder(dirname(path))
  await clear(path)
  const server = createServer({ maxHeaderSize: HEAD_BYTES_MAX, headersTimeout: REQUEST_MS_MAX, requestTimeout: REQUEST_MS_MAX })
  server.maxConnections = CONNECTIONS_MAX
  server.keepAliveTimeout = 5_000
  server.timeout = STALLED_READER_MS_MAX
  server.on('request', (request, response) => void answer(request, response, role, api, log))
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(path)
  await once(server, 'listening')
  server.on('error', (error) => log.error({ err: error, path }, 'local socket failed'))
  await chmod(path, 0o660)
  return server
}

/** A folder that is another's, as on the box, is as the system has laid it. */
async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o750 })
  if ((await stat(path)).uid === process.getuid?.()) await chmod(path, 0o750)
}

/** Takes a socket away that nobody answers on: its agent was killed. */
async function clear(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return
  if (!found.isSocket()) throw taken(path, 'is there and is no socket', 'move it away')
  if (await answers(path))
    throw taken(path, 'is in use: another agent runs on this data directory', 'stop it, or choose another --data')
  await rm(path, { force: true })
}

function taken(path: string, text: string, remedy: string): BadInput {
  return new BadInput([{ where: path, text, remedy }])
}

/** Only a refusal says that nobody listens; a server too busy to answer is alive. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const settle = (alive: boolean): void => {
      socket.destroy()
      resolve(alive)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
  })
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

class Refused extends Error {
  readonly status: number
  constructor(status: number, text: string) {
    super(text)
    this.status = status
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, role: Role, api: AgentApi, log: Logger): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.on('error', () => gone.abort())
  try {
    const call = callOf(request, role)
    const input = await inputOf(call, await bodyOf(request, LARGE_CALLS.has(call) ? LARGE_BODY_BYTES_MAX : BODY_BYTES_MAX))
    await perform(call, input, api, response, gone.signal)
  } catch (error) {
    if (gone.signal.aborted) return
    if (statusOf(error) === 500) log.error({ err: error, url: request.url }, 'local call failed')
    fail(response, statusOf(error), packError(error))
  }
}

function callOf(request: IncomingMessage, role: Role): Call {
  const name = /^\/v1\/([A-Za-z]{1,32})$/.exec(request.url ?? '')?.[1]
  if (name === undefined || !isCall(name)) throw new Refused(404, 'there is no such call')
  if (request.method !== 'POST') throw new Refused(405, 'calls are made with POST')
  if (ROLES[name] !== role) throw new Refused(403, `${name} is offered by ${ROLES[name]}.sock`)
  return name
}

async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > bytesMax) throw new Refused(413, `the body is longer than ${bytesMax} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

async function inputOf<C extends Call>(call: C, body: string): Promise<unknown> {
  let value: unknown
  try {
    value = body.trim() === '' ? {} : fromJson(body)
  } catch {
    throw new Refused(400, 'the body is not JSON')
  }
  // What is asked every second has no input, and an agent that is asked nothing else does without zod: 15 MB.
  if (call === 'status' && isEmpty(value)) return value
  const { INPUTS } = await import('./inputs.ts')
  const checked = INPUTS[call].safeParse(value)
  if (checked.success) return checked.data
  throw new BadInput(checked.error.issues.map((it) => ({ where: it.path.join('.') || call, text: it.message })))
}

const isEmpty = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0

/** One line a call. */
function perform(call: Call, input: unknown, api: AgentApi, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const { name } = input as { name: string }
  switch (call) {
    case 'status':
      return one(api.status(), response)
    case 'issues':
      return one(api.issues(), response)
    case 'uplinks':
      return one(api.uplinks(), response)
    case 'commands':
      return one(api.commands((input as { limit: number }).limit), response)
    case 'testSource':
      return many(api.testSource(name, signal), response, signal)
    case 'browseSource':
      return many(api.browseSource(input as Parameters<AgentApi['browseSource']>[0], signal), response, signal)
    case 'trustSource':
      return many(api.trustSource(input as Parameters<AgentApi['trustSource']>[0], signal), response, signal)
    case 'certificates':
      return one(api.certificates(), response)
    case 'takeEvents':
      return one(api.takeEvents(input as EventsOffer), response)
    case 'scan':
      return many(api.scan(input as Parameters<AgentApi['scan']>[0], signal), response, signal)
    case 'testUplink':
      return many(api.testUplink(name, signal), response, signal)
    case 'testNotifier':
      return many(api.testNotifier(name, signal), response, signal)
    case 'query':
      return many(api.query(input as Parameters<AgentApi['query']>[0], signal), response, signal)
    case 'follow':
      return many(api.follow(input as FollowRequest, signal), response, signal)
    case 'logCheck':
      return many(api.logCheck(signal), response, signal)
    case 'logRepair':
      return many(api.logRepair(signal), response, signal)
    case 'logInspect':
      return one(api.logInspect((input as { segment?: number }).segment), response)
    case 'logExport':
      return many(api.logExport(signal), response, signal)
    case 'exportKey':
      return one(api.exportKey(), response)
    case 'exportFiles':
      return many(api.exportFiles(input as Parameters<AgentApi['exportFiles']>[0], signal), response, signal)
    case 'fileIsWhole':
      return one(api.fileIsWhole((input as { manifest: string }).manifest), response)
    case 'takeReceipt':
      return one(api.takeReceipt((input as { text: string }).text), response)
    case 'models':
      return one(api.models(), response)
    case 'addModel':
      return one(api.addModel(input as ModelPiece), response)
    case 'removeModel':
      return one(api.removeModel((input as { name: string }).name), response)
    case 'testRule':
      return many(api.testRule(input as Parameters<AgentApi['testRule']>[0], signal), response, signal)
    case 'forecast': {
      const { offlineMs, whatIf } = input as { offlineMs: number; whatIf?: readonly ClassWhatIf[] }
      return one(api.forecast(offlineMs, whatIf), response)
    }
    case 'live':
      return many(api.live(input as LiveRequest, signal), response, signal)
    case 'ledger':
      return many(api.ledger(input as LedgerRequest, signal), response, signal)
    case 'logDays':
      return one(api.logDays(), response)
    case 'settings':
      return one(api.settings(), response)
    case 'settingsCheck':
      return one(api.settingsCheck((input as { text: string }).text), response)
    case 'settingsApply':
      return one(api.settingsApply(input as SettingsApply), response)
    case 'settingsConfirm':
      return one(api.settingsConfirm((input as { revision: string }).revision), response)
    case 'settingsRevert': {
      const { revision, by } = input as { revision?: string; by: string }
      return one(api.settingsRevert(revision, by), response)
    }
    case 'settingsHistory':
      return one(api.settingsHistory(), response)
    case 'settingsText':
      return one(api.settingsText((input as { revision: string }).revision), response)
    case 'secrets':
      return one(api.secrets(), response)
    case 'setSecret':
      return one(api.setSecret(name, (input as { text: string }).text), response)
    case 'removeSecret':
      return one(api.removeSecret(name), response)
    case 'backupSave':
      return one(api.backupSave(input as BackupRequest), response)
    case 'backupOpen':
      return one(api.backupOpen(input as BackupOpen), response)
    case 'backupRestore':
      return one(api.backupRestore(input as BackupRestore), response)
    case 'withoutSecrets':
      return one(api.withoutSecrets((input as { text: string }).text), response)
  }
}

async function one(result: Promise<unknown>, response: ServerResponse): Promise<void> {
  const text = toJson({ result: await result })
  response.writeHead(200, { 'content-type': 'application/json' }).end(text)
}

async function many(rows: AsyncIterable<unknown>, response: ServerResponse, signal: AbortSignal): Promise<void> {
  let pending = ''
  let scheduled: NodeJS.Immediate | undefined
  const flush = (): void => {
    clearImmediate(scheduled)
    scheduled = undefined
    if (pending === '' || signal.aborted) return
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.write(pending)
    pending = ''
  }
  const add = (line: object): void => {
    pending += `${toJson(line)}\n`
    if (pending.length >= CHUNK_CHARS) flush()
    else scheduled ??= setImmediate(flush)
  }
  try {
    for await (const row of rows) {
      if (response.writableNeedDrain) await drained(response, signal)
      if (signal.aborted) return
      add({ row })
    }
    add({ done: true })
  } finally {
    flush()
  }
  response.end()
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await once(response, 'drain', { signal }).catch(() => undefined)
}

function statusOf(error: unknown): number {
  if (error instanceof Refused) return error.status
  if (error instanceof BadInput) return 400
  if (error instanceof Unreachable || error instanceof Blocked) return 503
  return 500
}

function fail(response: ServerResponse, status: number, error: WireError): void {
  const text = toJson({ error })
  if (response.headersSent) response.end(`${text}\n`)
  else response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(text)
}
