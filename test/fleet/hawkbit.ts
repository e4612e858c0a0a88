// A real hawkBit for tests, by hawkbit.sh beside this file, and its management API as a fleet operator's script calls it.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import net from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { until } from '../route/until.ts'
import { lastLines, startChild } from '../run/child.ts'

const SCRIPT = join(import.meta.dirname, 'hawkbit.sh')
const START_MS_MAX = 300_000

export const isFetched = (): boolean => spawnSync('bash', [SCRIPT, 'ready']).status === 0

export interface Action {
  readonly id: number
  /** pending, finished; `detailStatus`: running, downloaded, error … */
  readonly status: string
  readonly detailStatus?: string
}

export interface Hawkbit {
  readonly url: string
  /** Of the authority that signed its certificate, PEM. */
  readonly ca: string
  ask<T>(method: string, path: string, body?: unknown): Promise<T>
  /** Resolves with the token that the box logs in with. */
  addTarget(id: string): Promise<string>
  /** A distribution set of one bundle, with its index where one lies beside it; resolves with its id. */
  addBundle(file: string, version: string): Promise<number>
  assign(set: number, target: string, how?: object): Promise<void>
  actions(target: string): Promise<readonly Action[]>
  /** What the box has said of an action, the newest first. */
  said(target: string, action: number): Promise<readonly { readonly type: string; readonly messages: readonly string[] }[]>
  close(): Promise<void>
}

export async function startHawkbit(): Promise<Hawkbit> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-hawkbit-'))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-keyout', 'tls.key', '-out', 'tls.pem', ...names)
  openssl('pkcs12', '-export', '-in', 'tls.pem', '-inkey', 'tls.key', '-out', 'tls.p12', '-passout', 'pass:test')
  const ca = readFileSync(join(dir, 'tls.pem'), 'utf8')
  const port = await freePort()
  const url = `https://localhost:${port}`
  const child = startChild(dir, 'hawkbit', 'bash', [SCRIPT, 'serve', String(port), dir])
  const ask = <T>(method: string, path: string, body?: unknown) => call<T>(`${url}${path}`, ca, method, body)
  await until(
    'hawkBit answers',
    () => {
      if (!child.isRunning()) throw new Error(`hawkBit ended: ${lastLines(child.logFile, 20).join('\n')}`)
      return ask('GET', '/rest/v1/targets').catch(() => undefined)
    },
    START_MS_MAX,
    500,
  )
  await ask('PUT', '/rest/v1/system/configs/authentication.targettoken.enabled', { value: true })
  return {
    url,
    ca,
    ask,
    async addTarget(id) {
      await ask('POST', '/rest/v1/targets', [{ controllerId: id, name: id }])
      return (await ask<{ securityToken: string }>('GET', `/rest/v1/targets/${id}`)).securityToken
    },
    async addBundle(file, version) {
      const [module] = await ask<{ id: number }[]>('POST', '/rest/v1/softwaremodules', [
        { name: 'holdfast', version, type: 'os' },
      ])
      for (const it of [file, `${file}.index`])
        if (existsSync(it)) await ask('POST', `/rest/v1/softwaremodules/${module?.id}/artifacts`, new Upload(it))
      const set = { name: 'holdfast', version, type: 'os', modules: [{ id: module?.id }] }
      const [made] = await ask<{ id: number }[]>('POST', '/rest/v1/distributionsets', [set])
      return made?.id as number
    },
    assign: async (set, target, how = { type: 'forced' }) =>
      void (await ask('POST', `/rest/v1/distributionsets/${set}/assignedTargets`, [{ id: target, ...how }])),
    actions: async (target) =>
      (await ask<{ content: Action[] }>('GET', `/rest/v1/targets/${target}/actions?sort=id:DESC`)).content,
    said: async (target, action) =>
      (
        await ask<{ content: { type: string; messages: string[] }[] }>(
          'GET',
          `/rest/v1/targets/${target}/actions/${action}/status?sort=id:DESC&limit=100`,
        )
      ).content,
    async close() {
      await child.end()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

class Upload {
  readonly file: string
  constructor(file: string) {
    this.file = file
  }
  parts(boundary: string): Buffer {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${basename(this.file)}"\r\n`
    const type = 'Content-Type: application/octet-stream\r\n\r\n'
    return Buffer.concat([Buffer.from(head + type), readFileSync(this.file), Buffer.from(`\r\n--${boundary}--\r\n`)])
  }
}

const BOUNDARY = 'a-bundle-goes-here'

function call<T>(url: string, ca: string, method: string, body: unknown): Promise<T> {
  const isUpload = body instanceof Upload
  const content = isUpload ? body.parts(BOUNDARY) : body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const type = isUpload ? `multipart/form-data; boundary=${BOUNDARY}` : 'application/json'
  const authorization = `Basic ${Buffer.from('admin:admin').toString('base64')}`
  const headers = { authorization, accept: '*/*', ...(content && { 'content-type': type, 'content-length': content.length }) }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, ca, headers, agent: false })
    sent.once('error', reject)
    sent.once('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => (text += part))
      answer.once('end', () => {
        const { statusCode = 0 } = answer
        if (statusCode >= 300) reject(new Error(`${method} ${url}: ${statusCode} ${text.slice(0, 500)}`))
        else resolve((text === '' ? undefined : JSON.parse(text)) as T)
      })
    })
    sent.end(content)
  })
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  return port
}
