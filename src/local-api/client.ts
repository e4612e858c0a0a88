// The agent, as seen over its sockets: an AgentApi like the one inside it. Holds nothing open between calls.
import type { IncomingMessage } from 'node:http'
import type { ExportKey, ExportPiece, Received } from '../core/airgap.ts'
import type { BackupFile, OpenedBackup } from '../core/backup.ts'
import type { ModelsView, ModelTaken } from '../core/model.ts'
import type { ProtocolCertificate } from '../core/certificates.ts'
import type { CommandView } from '../core/cloud-command.ts'
import type { EventsTaken } from '../core/events.ts'
import type { AgentApi, QueryRow } from '../core/agent-api.ts'
import { ROLES } from '../core/agent-api.ts'
import { Unreachable } from '../core/errors.ts'
import type { FollowRow } from '../core/follow.ts'
import type { CheckStep, ExportPart, LogInspection } from '../core/log-files.ts'
import type { Forecast } from '../core/retention.ts'
import type { UplinkView } from '../core/links.ts'
import type { LedgerLine, LiveValue, LogDay, SecretEntry, SettingsCheck, SettingsEntry, SettingsNow } from '../core/operator.ts'
import type { SeenIssue, Status } from '../core/status.ts'
import type { RuleTestStep } from '../core/rule-test.ts'
import type { ScanStep } from '../core/scan.ts'
import type { BrowseEntry, Certificate, TestStep } from '../core/source.ts'
import { fromJson, toJson } from '../core/json.ts'
import { lastWords } from './last-words.ts'
import type { Call } from './wire.ts'
import { socketPath, unpackError } from './wire.ts'

// As in server.ts: an `import` would load undici.
const { request } = process.getBuiltinModule('node:http')

const ANSWER_MS_MAX = 10_000
/** New settings are in force when all that they touch has begun anew: on a small box under load that takes a while. */
const SETTINGS_MS_MAX = 120_000

/** The code of an Unreachable that says: there is no agent to talk to. */
const AGENT_UNREACHABLE = 'agent-unreachable'

/** Calls reject with Unreachable (code 'agent-unreachable') when no agent answers, else with what the agent failed with. */
export function connectAgent(dir: string): AgentApi {
  return {
    status: () => ask<Status>(dir, 'status', {}),
    issues: () => ask<readonly SeenIssue[]>(dir, 'issues', {}),
    uplinks: () => ask<readonly UplinkView[]>(dir, 'uplinks', {}),
    commands: (limit) => ask<readonly CommandView[]>(dir, 'commands', { limit }),
    testSource: (name, signal) => stream<TestStep>(dir, 'testSource', { name }, signal),
    browseSource: (input, signal) => stream<BrowseEntry>(dir, 'browseSource', input, signal),
    trustSource: (input, signal) => stream<Certificate>(dir, 'trustSource', input, signal),
    certificates: () => ask<readonly ProtocolCertificate[]>(dir, 'certificates', {}),
    takeEvents: (offer) => ask<EventsTaken>(dir, 'takeEvents', offer),
    scan: (input, signal) => stream<ScanStep>(dir, 'scan', input, signal),
    testUplink: (name, signal) => stream<TestStep>(dir, 'testUplink', { name }, signal),
    testNotifier: (name, signal) => stream<TestStep>(dir, 'testNotifier', { name }, signal),
    query: (input, signal) => stream<QueryRow>(dir, 'query', input, signal),
    testRule: (input, signal) => stream<RuleTestStep>(dir, 'testRule', input, signal),
    follow: (input, signal) => stream<FollowRow>(dir, 'follow', input, signal),
    logCheck: (signal) => stream<CheckStep>(dir, 'logCheck', {}, signal),
    logRepair: (signal) => stream<CheckStep>(dir, 'logRepair', {}, signal),
    logInspect: (segment) => ask<LogInspection>(dir, 'logInspect', segment === undefined ? {} : { segment }),
    logExport: (signal) => stream<ExportPart>(dir, 'logExport', {}, signal),
    exportKey: () => ask<ExportKey>(dir, 'exportKey', {}),
    exportFiles: (input, signal) => stream<ExportPiece>(dir, 'exportFiles', input, signal),
    fileIsWhole: (manifest) => ask<undefined>(dir, 'fileIsWhole', { manifest }),
    takeReceipt: (text) => ask<Received>(dir, 'takeReceipt', { text }),
    models: () => ask<ModelsView>(dir, 'models', {}),
    addModel: (piece) => ask<ModelTaken>(dir, 'addModel', piece),
    removeModel: (name) => ask<undefined>(dir, 'removeModel', { name }),
    forecast: (offlineMs, whatIf) => ask<Forecast>(dir, 'forecast', { offlineMs, ...(whatIf && { whatIf }) }),
    live: (input, signal) => stream<LiveValue>(dir, 'live', input, signal),
    ledger: (input, signal) => stream<LedgerLine>(dir, 'ledger', input, signal),
    logDays: () => ask<readonly LogDay[]>(dir, 'logDays', {}),
    settings: () => ask<SettingsNow>(dir, 'settings', {}),
    settingsCheck: (text) => ask<SettingsCheck>(dir, 'settingsCheck', { text }, SETTINGS_MS_MAX),
    settingsApply: (input) => ask<SettingsNow>(dir, 'settingsApply', input, SETTINGS_MS_MAX),
    settingsConfirm: (revision) => ask<SettingsNow>(dir, 'settingsConfirm', { revision }, SETTINGS_MS_MAX),
    settingsRevert: (revision, by) =>
      ask<SettingsNow>(dir, 'settingsRevert', { by, ...(revision !== undefined && { revision }) }, SETTINGS_MS_MAX),
    settingsHistory: () => ask<readonly SettingsEntry[]>(dir, 'settingsHistory', {}),
    settingsText: (revision) => ask<string>(dir, 'settingsText', { revision }),
    secrets: () => ask<readonly SecretEntry[]>(dir, 'secrets', {}),
    withoutSecrets: (text) => ask<string>(dir, 'withoutSecrets', { text }),
    setSecret: (name, text) => ask<undefined>(dir, 'setSecret', { name, text }),
    backupSave: (request) => ask<BackupFile>(dir, 'backupSave', request, SETTINGS_MS_MAX),
    backupOpen: (request) => ask<OpenedBackup>(dir, 'backupOpen', request, SETTINGS_MS_MAX),
    backupRestore: (request) => ask<SettingsNow>(dir, 'backupRestore', request, SETTINGS_MS_MAX),
    removeSecret: (name) => ask<undefined>(dir, 'removeSecret', { name }),
  }
}

async function ask<T>(dir: string, call: Call, input: object, msMax = ANSWER_MS_MAX): Promise<T> {
  const response = await post(dir, call, input, AbortSignal.timeout(msMax))
  const answer = await wholeAnswer(response)
  if ('error' in answer) throw unpackError(answer.error)
  return answer.result as T
}

async function wholeAnswer(response: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = []
  try {
    for await (const part of response as AsyncIterable<Buffer>) parts.push(part)
  } catch (error) {
    throw unreachable('the agent went away in the middle of its answer', error)
  }
  return recordOf(Buffer.concat(parts).toString('utf8'))
}

function recordOf(text: string): Record<string, unknown> {
  const value = fromJson(text)
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new Error('the agent answered with something else than JSON')
}

async function* stream<T>(dir: string, call: Call, input: object, signal: AbortSignal): AsyncIterable<T> {
  const response = await post(dir, call, input, signal)
  if (response.statusCode !== 200) throw unpackError((await wholeAnswer(response)).error)
  try {
    for await (const line of linesOf(response)) {
      const item = recordOf(line)
      if ('error' in item) throw unpackError(item.error)
      if ('done' in item) return
      yield item.row as T
    }
  } finally {
    response.destroy()
  }
  signal.throwIfAborted()
  throw unreachable('the agent went away in the middle of its answer')
}

/** Ends without an error when the connection is cut: the missing last line tells. */
async function* linesOf(response: IncomingMessage): AsyncIterable<string> {
  response.setEncoding('utf8')
  let rest = ''
  try {
    for await (const part of response as AsyncIterable<string>) {
      const lines = (rest + part).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ECONNRESET' && code !== 'ABORT_ERR') throw error
  }
}

function post(dir: string, call: Call, input: object, signal: AbortSignal): Promise<IncomingMessage> {
  const path = socketPath(dir, ROLES[call])
  const body = toJson(input)
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request({ socketPath: path, path: `/v1/${call}`, method: 'POST', headers, agent: false, signal })
    sent.once('response', resolve)
    sent.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, dir, path, signal)))
    sent.end(body)
  })
}

function explained(error: NodeJS.ErrnoException, dir: string, path: string, signal: AbortSignal): unknown {
  if (signal.aborted && (signal.reason as Error).name !== 'TimeoutError') return signal.reason
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new Unreachable(AGENT_UNREACHABLE, `no permission for ${path}`, {
      cause: error,
      remedy: 'run as a member of the group that the socket belongs to',
    })
  }
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return nobody(dir, path, error)
  return unreachable(`the agent does not answer on ${path}`, error)
}

/** Where one tried to run, why it could not is what its operator wants to know. */
function nobody(dir: string, path: string, cause: unknown): Unreachable {
  const words = lastWords(dir)
  if (!words) return unreachable(`no agent runs on ${path}`, cause)
  const { at, text, remedy } = words
  return unreachable(`no agent runs on ${path}: the last one ended at ${timeOf(at)}: ${text}`, cause, remedy)
}

function timeOf(ms: number): string {
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? 'an unknown time' : time.toISOString()
}

const START_IT = 'start it (holdfast agent --settings FILE --data DIR), or name its data directory with --data DIR'

function unreachable(text: string, cause?: unknown, remedy = START_IT): Unreachable {
  return new Unreachable(AGENT_UNREACHABLE, text, { cause, remedy })
}
