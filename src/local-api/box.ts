// Another box, as seen over its panel's HTTP API: an AgentApi, as far as the panel has an operation for a call. Whoever is there must show the
// certificate that we know, or one that an authority of ours vouches for.
import type { IncomingMessage } from 'node:http'
import { createHash, X509Certificate } from 'node:crypto'
import type { AgentApi } from '../core/agent-api.ts'
import type { ProtocolCertificate } from '../core/certificates.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import { fromJson, toJson } from '../core/json.ts'
import { unpackError } from './wire.ts'

const { request } = process.getBuiltinModule('node:https')

export interface Box {
  /** `https://HOST[:PORT]` */
  readonly url: string
  readonly token: string
  /** SHA-256 of its certificate, hex, with colons or without. */
  readonly fingerprint?: string | undefined
  /** PEM. */
  readonly ca?: string | undefined
}

const ANSWER_MS_MAX = 30_000

/** Throws BadInput where url or fingerprint are none. */
export function connectBox(box: Box): AgentApi {
  const checked = { ...box, url: originOf(box.url), fingerprint: fingerprintOf(box.fingerprint) }
  const one = <T>(name: string, input: object = {}) => ask<T>(checked, name, input)
  const many = <T>(name: string, input: object, signal: AbortSignal) => stream<T>(checked, name, input, signal)
  const local = (): never => {
    throw new BadInput([
      {
        where: '--box',
        text: 'this is not offered to other machines',
        remedy: 'run it on the box itself, at its console for instance',
      },
    ])
  }
  return {
    status: () => one('status'),
    issues: () => one('issues'),
    uplinks: () => one('uplinks'),
    commands: (limit) => one('commands', { limit }),
    testSource: (name, signal) => many('sources test', { name }, signal),
    browseSource: (input, signal) => many('sources browse', input, signal),
    trustSource: (input, signal) => many('sources trust', input, signal),
    certificates: async () => (await one<{ protocols: readonly ProtocolCertificate[] }>('certificate show')).protocols,
    scan: (input, signal) => many('sources scan', input, signal),
    testUplink: (name, signal) => many('uplinks test', { name }, signal),
    testNotifier: (name, signal) => many('notify test', { name }, signal),
    query: (input, signal) => many('query', input, signal),
    testRule: (input, signal) => many('rules test', input, signal),
    follow: (input, signal) => many('follow', input, signal),
    forecast: (offlineMs, whatIf) => one('forecast', { offlineMs, whatIf }),
    logCheck: (signal) => many('log check', {}, signal),
    logRepair: (signal) => many('log repair', {}, signal),
    logInspect: (segment) => one('log inspect', { segment }),
    ledger: (input, signal) => many('log ledger', input, signal),
    logDays: () => one('log days'),
    live: (input, signal) => many('live', input, signal),
    exportKey: () => one('export key'),
    models: () => one('models list'),
    addModel: (piece) => one('models add', { ...piece }),
    removeModel: async (name) => void (await one('models remove', { name })),
    settings: () => one('settings show'),
    settingsCheck: (text) => one('settings check', { text }),
    // Who it was by, the box knows from the token.
    settingsApply: ({ text, base, confirmWithinMs, note }) => one('settings apply', { text, base, confirmWithinMs, note }),
    settingsConfirm: (revision) => one('settings confirm', { revision }),
    settingsRevert: (revision) => one('settings revert', { revision }),
    settingsHistory: () => one('settings history'),
    settingsText: async (revision) => (await one<{ text: string }>('settings text', { revision })).text,
    secrets: () => one('secrets list'),
    setSecret: async (name, text) => void (await one('secrets set', { name, text })),
    removeSecret: async (name) => void (await one('secrets remove', { name })),
    backupSave: (request) => one('backup save', { ...request }),
    backupOpen: (request) => one('backup open', { ...request }),
    backupRestore: ({ file, passphrase, base }) => one('backup restore', { file, passphrase, base }),
    takeEvents: local,
    logExport: local,
    exportFiles: local,
    fileIsWhole: local,
    takeReceipt: local,
    withoutSecrets: local,
  }
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:' && url.username === '' && url.pathname === '/') return url.origin
  throw new BadInput([{ where: '--box', text: `"${text}" is not https://HOST or https://HOST:PORT` }])
}

function fingerprintOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const digits = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(digits)) return digits
  throw new BadInput([
    { where: '--fingerprint', text: 'is not a SHA-256 fingerprint: 64 hexadecimal digits', remedy: 'console and page show it' },
  ])
}

async function ask<T>(box: Box, name: string, input: object): Promise<T> {
  const response = await post(box, name, input, AbortSignal.timeout(ANSWER_MS_MAX))
  const answer = fromJson(await textOf(response))
  if (response.statusCode === 200) return answer as T
  throw errorOf(answer)
}

async function* stream<T>(box: Box, name: string, input: object, signal: AbortSignal): AsyncIterable<T> {
  const response = await post(box, name, input, signal)
  if (response.statusCode !== 200) throw errorOf(fromJson(await textOf(response)))
  let rest = ''
  try {
    for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + part).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const item = fromJson(line) as { row?: T; done?: true; error?: unknown }
        if (item.error !== undefined) throw errorOf(item)
        if (item.done) return
        yield item.row as T
      }
    }
  } finally {
    response.destroy()
  }
  signal.throwIfAborted()
  throw unreachable('the box went away in the middle of its answer')
}

/** What the panel itself refuses is for whoever called. */
function errorOf(answer: unknown): Error {
  const { error } = answer as { error?: { name?: string; text?: string; remedy?: string; code?: string } }
  if (error?.name !== 'Refused') return unpackError(error)
  return new Unreachable(
    error.code ?? 'refused',
    `the box refuses this: ${error.text ?? ''}`,
    error.remedy === undefined ? {} : { remedy: error.remedy },
  )
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

function post(box: Box, name: string, input: object, signal: AbortSignal): Promise<IncomingMessage> {
  const body = toJson(input)
  const headers = {
    authorization: `Bearer ${box.token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  return new Promise((resolve, reject) => {
    const sent = request(`${box.url}/api/v1/${name.replaceAll(' ', '/')}`, {
      method: 'POST',
      headers,
      agent: false,
      signal,
      ...trustOf(box),
    })
    sent.once('response', resolve)
    sent.once('error', (error: NodeJS.ErrnoException) =>
      reject(signal.aborted && !isTimeout(signal) ? signal.reason : explained(error, box)),
    )
    if (box.fingerprint === undefined) return void sent.end(body)
    // Nothing of ours leaves, the token above all, before the box has shown that it is the one.
    sent.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        const shown = (socket as import('node:tls').TLSSocket).getPeerX509Certificate()
        if (shown && hashOf(shown) === box.fingerprint) sent.end(body)
        else sent.destroy(new WrongCertificate(shown ? hashOf(shown) : 'none'))
      }),
    )
  })
}

class WrongCertificate extends Error {}

const isTimeout = (signal: AbortSignal) => (signal.reason as Error).name === 'TimeoutError'
const hashOf = (it: X509Certificate) => createHash('sha256').update(it.raw).digest('hex')

/** A fingerprint names the certificate itself: who vouches for it and what stands in it says nothing more. */
const trustOf = ({ fingerprint, ca }: Box) =>
  fingerprint !== undefined ? { rejectUnauthorized: false } : ca === undefined ? {} : { ca }

function explained(error: NodeJS.ErrnoException, box: Box): Unreachable {
  if (error instanceof WrongCertificate)
    return new Unreachable('certificate-untrusted', `${box.url} shows another certificate: SHA-256 ${error.message}`, {
      cause: error,
      remedy: 'compare with the console of the box; do not go on if they differ',
    })
  const isCertificate = /CERT|SELF_SIGNED|ALTNAME|ISSUER|VERIFY/.test(error.code ?? '')
  if (!isCertificate) return unreachable(`${box.url} does not answer: ${error.message}`, error)
  return new Unreachable('certificate-untrusted', `the certificate of ${box.url} is not trusted: ${error.message}`, {
    cause: error,
    remedy: 'give its --fingerprint, as console and page show it, or the --ca that vouches for it',
  })
}

function unreachable(text: string, cause?: unknown): Unreachable {
  return new Unreachable('agent-unreachable', text, { cause, remedy: 'see that the box is on and its address is right' })
}
