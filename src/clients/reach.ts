// The first steps of a test of a far end: its name, the way there, its certificate. Who tests brings the words for what goes wrong.
import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP } from 'node:net'
import type { ConnectionOptions, DetailedPeerCertificate } from 'node:tls'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import { TEST_STEP_MS_MAX } from '../core/bounds.ts'
import type { TestStep } from '../core/source.ts'

export interface FarEnd {
  readonly host: string
  readonly port: number
  /** Undefined: without TLS. */
  readonly tls: ConnectionOptions | undefined
  readonly localAddress?: string | undefined
}

export type Result = Omit<TestStep, 'step'>

/** `where`: host and port, no more of an address: the rest may be secret. */
export type Explain = (error: unknown, where: string) => { readonly text: string; readonly remedy?: string | undefined }

/** A step that fails or takes too long is a line, never an exception. */
export async function runStep(
  step: string,
  where: string,
  signal: AbortSignal,
  explain: Explain,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<TestStep> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(TEST_STEP_MS_MAX)])
  try {
    return { step, ...(await Promise.race([work(stop), ended(stop)])) }
  } catch (error) {
    if (signal.aborted) return { step, ok: false, detail: 'broken off' }
    const late = Object.assign(new Error(`no answer within ${TEST_STEP_MS_MAX / 1000} s`), { code: 'ETIMEDOUT' })
    return { step, ...failed(stop.aborted ? late : error, where, explain) }
  }
}

function failed(error: unknown, where: string, explain: Explain): Result & { readonly ok: false } {
  const { text, remedy } = explain(error, where)
  return { ok: false, detail: text, ...(remedy !== undefined && { remedy }) }
}

/** Rejects when it aborts: the question for a name cannot be broken off. */
function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** Ends with the first that fails. */
export async function* reachSteps(end: FarEnd, explain: Explain, signal: AbortSignal): AsyncGenerator<TestStep> {
  const where = `${end.host}:${end.port}`
  const steps: (readonly [string, (stop: AbortSignal) => Promise<Result>])[] = [
    ['DNS', () => nameStep(end)],
    ['TCP', (stop) => tcpStep(end, stop)],
    ...(end.tls ? [['TLS', (stop: AbortSignal) => tlsStep(end, explain, stop)] as const] : []),
  ]
  for (const [name, step] of steps) {
    const result = await runStep(name, where, signal, explain, step)
    yield result
    if (!result.ok) return
  }
}

async function nameStep({ host }: FarEnd): Promise<Result> {
  if (isIP(host)) return { ok: true, detail: `${host} is an address` }
  const found = await lookup(host, { all: true })
  return { ok: true, detail: `${host} is ${found.map(({ address }) => address).join(', ')}` }
}

const placeOf = ({ host, port, localAddress }: FarEnd) => ({ host, port, ...(localAddress !== undefined && { localAddress }) })

async function tcpStep(end: FarEnd, signal: AbortSignal): Promise<Result> {
  const socket = connectTcp(placeOf(end))
  try {
    await settled(socket, 'connect', signal)
    return { ok: true, detail: `connected to ${socket.remoteAddress}:${socket.remotePort} from ${socket.localAddress}` }
  } finally {
    socket.destroy()
  }
}

/** Connects without insisting, so that a certificate can be shown that is then refused. Nothing is sent over it. */
async function tlsStep(end: FarEnd, explain: Explain, signal: AbortSignal): Promise<Result> {
  const { host, port, tls } = end
  const name = tls?.servername ?? host
  const socket = connectTls({
    ...placeOf(end),
    minVersion: 'TLSv1.2',
    ...tls,
    ...(isIP(name) === 0 && { servername: name }),
    rejectUnauthorized: false,
  })
  try {
    await settled(socket, 'secureConnect', signal)
    const certificate = socket.getPeerCertificate(true)
    const shown = `${socket.getProtocol()}, certificate of ${describe(certificate)}`
    const problem = socket.authorizationError ?? checkServerIdentity(name, certificate)
    if (!problem) return { ok: true, detail: `${shown}; trusted, and for ${name}` }
    const cause = typeof problem === 'string' ? Object.assign(new Error(problem), { code: problem }) : problem
    const refused = failed(cause, `${host}:${port}`, explain)
    return { ...refused, detail: `${refused.detail}; ${shown}` }
  } finally {
    socket.destroy()
  }
}

function describe({ subject, issuer, subjectaltname, valid_to: validTo, fingerprint256 }: DetailedPeerCertificate): string {
  const names = subjectaltname ? ` (${subjectaltname})` : ''
  return `${subject?.CN ?? 'nobody'}${names}, signed by ${issuer?.CN ?? 'nobody'}, valid until ${validTo}, SHA-256 ${fingerprint256}`
}

/** Resolves with the event, rejects with 'error', an early 'close' or the signal's reason. */
export function settled(emitter: NodeJS.EventEmitter, event: string, signal: AbortSignal, who = 'the far end'): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once(event, () => resolve())
    // It may fail once more when it is closed: without a listener that would end the thread.
    emitter.on('error', reject)
    emitter.once('close', () => reject(new Error(`${who} closed the connection`)))
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
