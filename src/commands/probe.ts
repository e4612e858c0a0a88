// Is there a way to a host: its name, its port, its certificate, an echo. From this box, step by step, without anything that is set up for it.
import { execFile } from 'node:child_process'
import { lookup, Resolver } from 'node:dns/promises'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { z } from 'zod'
import { BadInput } from '../core/errors.ts'
import type { TestStep } from '../core/source.ts'
import type { Command } from './command.ts'
import { operation } from './operation.ts'
import { testStep } from './shapes/common.ts'
import { showSteps } from './test-steps.ts'

const KINDS = ['ping', 'dns', 'tcp', 'tls'] as const
const HOST_ALLOWED = 'must be a host name or an address'
const host = z
  .string({ error: HOST_ALLOWED })
  .regex(/^[A-Za-z0-9:]([A-Za-z0-9._:-]{0,252}[A-Za-z0-9.:])?$/, { error: HOST_ALLOWED })
const probeInput = z.strictObject({
  kind: z.enum(KINDS, { error: `must be one of ${KINDS.join(', ')}` }),
  host,
  port: z.number().int().min(1).max(65_535).optional(),
})
type ProbeInput = z.output<typeof probeInput>

const STEP_MS_MAX = 10_000
const PING_COUNT = 3
const PORT_DEFAULT = 443
const DAY_MS = 86_400_000

const probing = operation({
  name: 'probe',
  access: 'technician',
  summary: 'ping a host, look a name up, try a port, look at its certificate',
  input: probeInput,
  output: testStep,
  many: true,
  audited: ['kind', 'host', 'port'],
  run: (input, { signal }) => probe(input, signal),
})

export const probeCommand: Command = {
  name: 'probe',
  role: 'local',
  summary: probing.summary,
  arguments: ['KIND', 'HOST'],
  options: { port: { value: 'N', summary: 'of tcp and tls, 443 where it is missing' } },
  operation: probing,
  run(context) {
    const [kind, name = ''] = context.args
    const { port } = context.options
    const read = probeInput.safeParse({ kind, host: name, ...(port !== undefined && { port: Number(port) }) })
    if (!read.success) throw new BadInput(read.error.issues.map((it) => ({ where: String(it.path[0]), text: it.message })))
    return showSteps(context, name, probe(read.data, context.signal))
  },
}

async function* probe({ kind, host, port = PORT_DEFAULT }: ProbeInput, signal: AbortSignal): AsyncIterable<TestStep> {
  if (isIP(host) === 0) {
    const found = await nameStep(host)
    yield found
    if (!found.ok) return
  }
  if (kind === 'dns') yield* isIP(host) === 0 ? serverSteps(host) : [await reverseStep(host)]
  else if (kind === 'ping') yield pingStep(host, signal)
  else {
    const open = await tcpStep(host, port, signal)
    yield open
    if (open.ok && kind === 'tls') yield* tlsSteps(host, port, signal)
  }
}

async function nameStep(name: string): Promise<TestStep> {
  try {
    const found = await lookup(name, { all: true })
    return { step: 'name', ok: true, detail: `${name} is ${found.map((it) => it.address).join(', ')}` }
  } catch (error) {
    const remedy = 'is the name spelled right, and is there a name server that knows it?'
    return { step: 'name', ok: false, detail: `${name}: ${codeOf(error)}`, remedy }
  }
}

/** What each name server of this system says. */
async function* serverSteps(name: string): AsyncIterable<TestStep> {
  const servers = new Resolver().getServers()
  for (const server of servers) {
    const resolver = new Resolver({ timeout: 3_000, tries: 1 })
    resolver.setServers([server])
    const step = `server ${server}`
    try {
      yield { step, ok: true, detail: (await resolver.resolve4(name)).join(', ') }
    } catch (error) {
      const text = codeOf(error)
      // A name of /etc/hosts, or one that has an IPv6 address alone: the server did answer.
      const hasAnswered = text === 'ENOTFOUND' || text === 'ENODATA'
      const detail = hasAnswered ? 'answers: it knows no IPv4 address' : text
      yield { step, ok: hasAnswered, detail, ...(!hasAnswered && { remedy: 'is it reachable from here? set another one' }) }
    }
  }
}

async function reverseStep(address: string): Promise<TestStep> {
  const names = await new Resolver({ timeout: 3_000, tries: 1 }).reverse(address).catch((error: unknown) => codeOf(error))
  if (Array.isArray(names)) return { step: 'name', ok: true, detail: `${address} is ${names.join(', ')}` }
  return { step: 'name', ok: false, detail: `${address}: ${names}`, remedy: 'many addresses have no name: nothing need be wrong' }
}

async function pingStep(host: string, signal: AbortSignal): Promise<TestStep> {
  const step = 'ping'
  try {
    const args = ['-n', '-c', String(PING_COUNT), '-W', '2', '--', host]
    const { stdout } = await promisify(execFile)('ping', args, { signal, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } })
    const [, loss = '?'] = /([\d.]+)% packet loss/.exec(stdout) ?? []
    const [, mean = '?'] = /= [\d.]+\/([\d.]+)\//.exec(stdout) ?? []
    return { step, ok: true, detail: `${host} answers: ${mean} ms, ${loss} % lost` }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { step, ok: false, detail: 'this system has no ping', remedy: 'try a port: probe tcp' }
    const remedy = 'many firewalls let no ping through: try a port that should be open (probe tcp)'
    return { step, ok: false, detail: `${host} does not answer`, remedy }
  }
}

function tcpStep(host: string, port: number, signal: AbortSignal): Promise<TestStep> {
  const begun = performance.now()
  const step = `port ${port}`
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, signal: AbortSignal.any([signal, AbortSignal.timeout(STEP_MS_MAX)]) })
    socket.once('connect', () => {
      socket.destroy()
      resolve({ step, ok: true, detail: `open, ${(performance.now() - begun).toFixed(1)} ms` })
    })
    socket.on('error', (error) => resolve({ step, ok: false, detail: codeOf(error), remedy: portRemedy(codeOf(error)) }))
  })
}

function portRemedy(code: string): string {
  if (code === 'ECONNREFUSED') return 'the host is there and nothing listens on this port: is the service up, is the port right?'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'there is no way there: look at addresses, gateway and cable'
  return 'nothing comes back: a firewall in between, or a wrong address'
}

async function* tlsSteps(host: string, port: number, signal: AbortSignal): AsyncIterable<TestStep> {
  const begun = performance.now()
  // Looked at, never used: nothing is sent over it.
  const options = { host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) }
  const socket = connectTls({ ...options, signal: AbortSignal.any([signal, AbortSignal.timeout(STEP_MS_MAX)]) } as typeof options)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      // Not once: a far end that has gone may say so twice.
      socket.on('error', reject)
      socket.setTimeout(STEP_MS_MAX, () => reject(new Error('no answer to the hand-shake')))
    })
    const ms = (performance.now() - begun).toFixed(0)
    yield { step: 'TLS', ok: true, detail: `${socket.getProtocol()}, ${socket.getCipher().name}, ${ms} ms` }
    yield* certificateSteps(socket.getPeerCertificate(), socket.authorizationError)
  } catch (error) {
    yield { step: 'TLS', ok: false, detail: codeOf(error), remedy: 'does this port speak TLS at all?' }
  } finally {
    socket.destroy()
  }
}

function* certificateSteps(
  found: import('node:tls').PeerCertificate,
  wrong: Error | string | undefined | null,
): Iterable<TestStep> {
  const { subject, issuer, valid_from: from, valid_to: to, fingerprint256, subjectaltname } = found
  const one = (name: string | string[] | undefined) => [name ?? []].flat().join(', ') || '-'
  yield {
    step: 'certificate',
    ok: true,
    detail: `for ${one(subject?.CN)} (${subjectaltname ?? 'no other names'}) by ${one(issuer?.CN)}`,
  }
  yield { step: 'SHA-256', ok: true, detail: fingerprint256 }
  const now = Date.now()
  const isValid = Date.parse(from) <= now && now <= Date.parse(to)
  const days = Math.floor((Date.parse(to) - now) / DAY_MS)
  const remedy = 'is the clock of this box right? else the server needs a new certificate'
  yield { step: 'valid', ok: isValid, detail: `${from} to ${to}, ${days} days left`, ...(!isValid && { remedy }) }
  const text = wrong
    ? String((wrong as Error).message ?? wrong)
    : 'an authority that this system knows has signed it, for this name'
  yield {
    step: 'trust',
    ok: !wrong,
    detail: text,
    ...(wrong && { remedy: 'where its authority is your own, name it in the settings (tls: ca)' }),
  }
}

function codeOf(error: unknown): string {
  const { code, message, name } = error as NodeJS.ErrnoException
  if (name === 'AbortError' || name === 'TimeoutError' || code === 'ABORT_ERR') return 'no answer in time'
  return code ?? message
}
