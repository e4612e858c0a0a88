// What goes wrong between us and whoever is to be told, as what the one who mends it needs; and the first steps of a test.
import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP } from 'node:net'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import { TEST_STEP_MS_MAX } from '../core/bounds.ts'
import { Unreachable } from '../core/errors.ts'
import type { TestStep } from '../core/source.ts'

export interface FarEnd {
  readonly host: string
  readonly port: number
  readonly isEncrypted: boolean
  readonly ca?: string | undefined
}

const CODES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EDNS: 'dns',
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-wrong-name',
}

const REMEDIES: Readonly<Record<string, string>> = {
  dns: 'check the name and the name server, or write the address instead of the name',
  refused: 'is the far end running, and is the port right?',
  timeout: 'check address, port and firewall',
  unreachable: 'check cable, address, gateway and firewall',
  reset: 'does the port speak this protocol, with or without TLS as in the settings?',
  'certificate-expired': 'renew it there; is the clock of this box right?',
  'certificate-not-yet-valid': 'is the clock of this box right?',
  'certificate-wrong-name': 'use the name that stands in the certificate',
  'certificate-untrusted': 'set ca to the certificate of the authority that signed it',
  'no-tls': 'take the port for TLS',
  failed: 'look at the far end and its log',
}

/** `where`: host and port, no more of an address: the rest may be secret. */
export function unreachable(error: unknown, where: string): Unreachable {
  if (error instanceof Unreachable) return error
  const { code = '' } = error as NodeJS.ErrnoException
  const message = messageOf(error as Error & { readonly errors?: readonly Error[] }) || code
  const named = /\bE[A-Z_]{4,}\b/.exec(message)?.[0] ?? ''
  const found = CODES[code] ?? CODES[named] ?? byText(`${code} ${message}`)
  return new Unreachable(found, `${where}: ${message}`, { cause: error, remedy: REMEDIES[found] as string })
}

/** Of a name with several addresses Node says what each of them said, and nothing itself. */
function messageOf({ message, errors }: Error & { readonly errors?: readonly Error[] }): string {
  return message || (errors ?? []).map((it) => it.message).join('; ')
}

function byText(text: string): string {
  if (/wrong version number|packet length too long|record layer/i.test(text)) return 'no-tls'
  if (/self.signed|UNABLE_TO_|CERT_SIGNATURE|unable to verify|unable to get/i.test(text)) return 'certificate-untrusted'
  if (/altnames/i.test(text)) return 'certificate-wrong-name'
  if (/has expired/i.test(text)) return 'certificate-expired'
  if (/time(d)? ?out|no answer/i.test(text)) return 'timeout'
  return 'failed'
}

export type Result = Omit<TestStep, 'step'>

/** A step that fails or takes too long is a line, never an exception. */
export async function runStep(
  step: string,
  where: string,
  signal: AbortSignal,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<TestStep> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(TEST_STEP_MS_MAX)])
  try {
    return { step, ...(await Promise.race([work(stop), ended(stop)])) }
  } catch (error) {
    if (signal.aborted) return { step, ok: false, detail: 'broken off' }
    const late = Object.assign(new Error(`no answer within ${TEST_STEP_MS_MAX / 1000} s`), { code: 'ETIMEDOUT' })
    const { message, remedy } = unreachable(stop.aborted ? late : error, where)
    return { step, ok: false, detail: message, ...(remedy !== undefined && { remedy }) }
  }
}

/** Rejects when it aborts: the question for a name cannot be broken off. */
function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** Name, port and certificate of the far end; ends with the first that fails. */
export async function* reachSteps(end: FarEnd, signal: AbortSignal): AsyncGenerator<TestStep> {
  const where = `${end.host}:${end.port}`
  const steps: [string, (stop: AbortSignal) => Promise<Result>][] = [
    ['DNS', () => nameStep(end)],
    ['TCP', (stop) => tcpStep(end, stop)],
    ...(end.isEncrypted
      ? [['TLS', (stop) => tlsStep(end, stop)] satisfies [string, (stop: AbortSignal) => Promise<Result>]]
      : []),
  ]
  for (const [name, step] of steps) {
    const result = await runStep(name, where, signal, step)
    yield result
    if (!result.ok) return
  }
}

async function nameStep({ host }: FarEnd): Promise<Result> {
  if (isIP(host)) return { ok: true, detail: `${host} is an address` }
  const found = await lookup(host, { all: true })
  return { ok: true, detail: `${host} is ${found.map(({ address }) => address).join(', ')}` }
}

async function tcpStep({ host, port }: FarEnd, signal: AbortSignal): Promise<Result> {
  const socket = connectTcp({ host, port, signal })
  try {
    await settled(socket, 'connect', signal)
    return { ok: true, detail: `connected to ${socket.remoteAddress}:${socket.remotePort} from ${socket.localAddress}` }
  } finally {
    socket.destroy()
  }
}

/** Connects without insisting, so that a certificate can be shown that is then refused. Nothing is sent over it. */
async function tlsStep({ host, port, ca }: FarEnd, signal: AbortSignal): Promise<Result> {
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = connectTls({
    host,
    port,
    ...name,
    ...(ca !== undefined && { ca }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: false,
  })
  try {
    await settled(socket, 'secureConnect', signal)
    const certificate = socket.getPeerCertificate()
    const shown = `${socket.getProtocol()}, certificate of ${certificate.subject?.CN ?? 'nobody'} until ${certificate.valid_to}`
    const problem = socket.authorizationError ?? checkServerIdentity(host, certificate)
    if (!problem) return { ok: true, detail: `${shown}; trusted, and for ${host}` }
    const cause = typeof problem === 'string' ? Object.assign(new Error(problem), { code: problem }) : problem
    const { message, remedy } = unreachable(cause, `${host}:${port}`)
    return { ok: false, detail: `${message}; ${shown}`, ...(remedy !== undefined && { remedy }) }
  } finally {
    socket.destroy()
  }
}

function settled(emitter: NodeJS.EventEmitter, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once(event, () => resolve())
    // It may fail once more when it is closed.
    emitter.on('error', reject)
    emitter.once('close', () => reject(new Error('the far end closed the connection')))
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
