// An update of what ships from a server of updates: the updater, in its sandbox, finds in the slot that runs what the bundle has, and fetches next to nothing.
// The bundle is that of the image itself; the server wants it kept ready, so that one start is enough.
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { SettingsNow } from '../../src/core/operator.ts'
import { sha256Of } from '../../src/update/part.ts'
import type { Box } from './box.ts'
import { newBox } from './box.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const out = join(import.meta.dirname, '../../.cache/images', board, 'out')
const BUNDLE = `holdfast-${board}.raucb`
/** As the box sees this machine. */
const US = '10.0.2.2'
/** Head and end of a bundle, and what shares a chunk with them. */
const BYTES_MAX = 300_000

let dir: string
let server: Server
let url: string
let box: Box
let hashes: Readonly<Record<string, string>>
const sent = { bundle: 0, index: 0 }

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-image-fetch-'))
  const made = ['-keyout', 'tls.key', '-out', 'tls.pem', '-subj', '/CN=updates', '-addext', `subjectAltName=IP:${US}`]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', ...made], { cwd: dir, stdio: 'pipe' })
  hashes = { [BUNDLE]: await sha256Of(join(out, BUNDLE)), [`${BUNDLE}.index`]: await sha256Of(join(out, `${BUNDLE}.index`)) }
  const tls = { key: readFileSync(join(dir, 'tls.key')), cert: readFileSync(join(dir, 'tls.pem')) }
  server = createServer(tls, answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `https://${US}:${(server.address() as AddressInfo).port}`
  box = newBox(board)
}, 120_000)
afterAll(async () => {
  await box?.remove()
  server?.closeAllConnections()
  server?.close()
  rmSync(dir, { recursive: true, force: true })
})

/** What a device is told of one deployment, and its two artifacts by ranges. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? ''
  const json = (it: object) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(it))
  request.resume()
  if (path.endsWith('/feedback') || path.endsWith('/configData')) return json({})
  if (path.endsWith('/deploymentBase/1')) {
    const artifacts = [BUNDLE, `${BUNDLE}.index`].map((filename) => ({
      filename,
      hashes: { sha256: hashes[filename] },
      size: statSync(join(out, filename)).size,
      _links: { download: { href: `${url}/${filename}` } },
    }))
    const chunks = [{ part: 'os', name: 'holdfast', version: '1', artifacts }]
    return json({ id: '1', deployment: { download: 'forced', update: 'skip', chunks } })
  }
  const name = path.slice(1)
  if (name in hashes) return file(name, request.headers.range, response)
  json({ config: { polling: { sleep: '00:00:10' } }, _links: { deploymentBase: { href: `${url}${path}/deploymentBase/1` } } })
}

function file(name: string, range: string | undefined, response: ServerResponse): void {
  const { size } = statSync(join(out, name))
  const [, from = '0', to = String(size - 1)] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  const content = Buffer.alloc(Number(to) + 1 - Number(from))
  const fd = openSync(join(out, name), 'r')
  readSync(fd, content, 0, content.length, Number(from))
  closeSync(fd)
  sent[name === BUNDLE ? 'bundle' : 'index'] += content.length
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': content.length,
    ...(range !== undefined && { 'content-range': `bytes ${from}-${to}/${size}` }),
  })
  response.end(content)
}

test('of its own bundle a box fetches head and end, and RAUC finds it to be whole', { timeout: 6 * BOOT_MS_MAX }, async () => {
  await box.up()
  await box.claim()
  const call = async <T>(name: string, input: object = {}): Promise<T> => {
    const { status, text, json } = await box.anna().call(name, input)
    if (status !== 200) throw new Error(`${name}: ${status} ${text}`)
    return json<T>()
  }
  await box.sees('the factory version is good', (it) => it.minimum !== null)
  const before = await call<SettingsNow>('settings show')
  const update = { server: url, ca: readFileSync(join(dir, 'tls.pem'), 'utf8') }
  const settings = { version: 1, ...(parse(before.text) as object | null), update }
  await call('settings apply', { text: stringify(settings), base: before.revision })
  box.took('its settings name the server')
  const now = await box.sees('it is ready, or over', (it) => it.job?.phase === 'ready' || it.last !== null)
  box.took(`${sent.bundle} bytes of the bundle and ${sent.index} of its index were fetched`)
  expect(now).toMatchObject({ last: null, job: { phase: 'ready', wait: { code: 'agreement' } } })
  expect(sent.index).toBe(statSync(join(out, `${BUNDLE}.index`)).size)
  expect(sent.bundle).toBeGreaterThan(0)
  expect(sent.bundle).toBeLessThan(BYTES_MAX)
})
