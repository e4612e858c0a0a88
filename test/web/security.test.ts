// What stands in the way of whoever is not let in: headers, cookies, forged and replayed requests, and everything that has been tried elsewhere.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { connect, getCiphers } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCertificates } from '../../src/access/certificate.ts'
import { insisting } from '../../src/web/headers.ts'
import type { Redirect } from '../../src/web/redirect.ts'
import { serveRedirect } from '../../src/web/redirect.ts'
import { authority } from '../access/authority.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { until } from '../route/until.ts'
import { BODIES, INJECTIONS, TRAVERSALS, TYPES } from './corpora.ts'
import { ALL_OPERATIONS, inputFor } from './inputs.ts'
import type { Browser, TestPanel } from './panel.ts'
import { askHttps, browser, PASSWORD, startPanel } from './panel.ts'

const CANARY = 'canary-7f3a-secret'
let panel: TestPanel
let anna: Browser
let code: string
const stored: string[] = []

beforeAll(async () => {
  panel = await startPanel({ agent: handMadeAgent({ setSecret: async (_, text) => void stored.push(text) }) })
  anna = browser(panel.url)
  code = panel.access.claimCode() ?? ''
  await anna.claim(code)
})
afterAll(() => panel.close())

describe('every answer', () => {
  test.each<readonly [string, string]>([
    ['/', 'GET'],
    ['/nothing.js', 'GET'],
    ['/api/v1/me', 'GET'],
    ['/api/v1/openapi.json', 'GET'],
    ['/api/v1/session', 'POST'],
    ['/api/v1/login', 'POST'],
    ['/api/v1/claim', 'POST'],
    ['/api/v1/nothing', 'POST'],
    ['/%', 'GET'],
    ...ALL_OPERATIONS.map((it) => [`/api/v1/${it.name.replaceAll(' ', '/')}`, 'POST'] as const),
  ])('%s (%s) carries the headers that hold a browser back', async (path, method) => {
    for (const asker of [anna, browser(panel.url)]) {
      const { headers } = await asker.ask(path, { method, ...(method === 'POST' && { body: {} }) })
      expect(headers['content-security-policy']).toContain("default-src 'none';script-src 'self'")
      expect(headers['content-security-policy']).not.toMatch(/unsafe|\*/)
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
      // Its own certificate is none that a browser should insist on.
      expect(headers['strict-transport-security']).toBeUndefined()
      expect(headers['server'] ?? headers['x-powered-by']).toBeUndefined()
      expect(headers['access-control-allow-origin']).toBeUndefined()
      if (path.startsWith('/api/')) expect(headers['cache-control']).toBe('no-store')
    }
  })

  test('cookies are for this host, for HTTPS and for the server alone', async () => {
    const { headers } = await browser(panel.url).logIn('anna')
    expect(headers['set-cookie']).toHaveLength(2)
    for (const it of headers['set-cookie'] ?? [])
      expect(it).toMatch(/^__Host-[\w-]+=[\w-]{43};.* Path=\/; HttpOnly; Secure; SameSite=Strict$/)
  })
})

describe('forged requests', () => {
  test('of other pages do nothing', async () => {
    const host = new URL(panel.url).host
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://${host}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    ])
      for (const path of ['secrets set', 'login', 'claim', 'session'])
        expect((await anna.call(path, inputFor(path), { headers })).json()).toMatchObject({ error: { code: 'other-origin' } })
    expect((await anna.call('status', {}, { headers: { origin: panel.url, 'sec-fetch-site': 'same-origin' } })).status).toBe(200)
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect((await anna.ask('/', { headers: link })).status).toBe(200)
  })

  test('with the cookie alone do nothing', async () => {
    for (const token of ['', 'x', `${anna.csrf}x`, (await login()).csrf ?? ''])
      expect(
        (await anna.call('secrets set', inputFor('secrets set'), { headers: { 'x-csrf-token': token } })).json(),
      ).toMatchObject({
        error: { code: 'no-csrf-token' },
      })
    expect(stored).toEqual([])
  })

  test('are none with the session of somebody who has left', async () => {
    const bert = await login()
    const headers = { cookie: `__Host-holdfast=${bert.cookies.get('__Host-holdfast')}`, 'x-csrf-token': bert.csrf ?? '' }
    const ask = () => askHttps(`${panel.url}/api/v1/status`, { method: 'POST', body: {}, headers })
    expect((await ask()).status).toBe(200)
    await bert.call('logout')
    expect((await ask()).status).toBe(401)
    const token = panel.access.addToken({ name: 'gone', role: 'admin', until: 4e15 }, { by: 'anna', address: '' })
    panel.access.removeToken('gone', { by: 'anna', address: '' })
    const withToken = { authorization: `Bearer ${token}` }
    expect((await askHttps(`${panel.url}/api/v1/me`, { headers: withToken })).status).toBe(401)
  })
})

async function login(): Promise<Browser> {
  const it = browser(panel.url)
  expect((await it.logIn('anna')).status).toBe(200)
  return it
}

describe('what has been tried elsewhere', () => {
  test.each(TRAVERSALS)('GET %s leads to no file', async (path) => {
    for (const raw of [await getRaw(path), (await anna.ask(path.replaceAll('\\', '%5c'))).text])
      expect(raw).not.toMatch(/root:|SQLite format|BEGIN PRIVATE KEY|fingerprint|\[core\]/)
  })

  test.each(INJECTIONS.map((it) => [it.slice(0, 40), it]))('%j is a name that nothing has', async (_, text) => {
    const names = [
      'sources test',
      'sources browse',
      'sources scan',
      'query',
      'secrets remove',
      'users role',
      'settings check',
      'users add',
    ]
    for (const name of names) {
      const spoilt = Object.fromEntries(
        Object.entries(inputFor(name)).map(([key, it]) => [key, typeof it === 'string' && it !== 'viewer' ? text : it]),
      )
      const reply = await anna.call(name, spoilt)
      expect([200, 400, 413], `${name}: ${reply.text.slice(0, 200)}`).toContain(reply.status)
      expect(reply.text).not.toMatch(/uid=\d|root:x|node_modules|\.ts:\d+/)
      expect(reply.headers['content-type']).toMatch(/^application\/(json|x-ndjson)/)
    }
    for (const key of ['name', 'password', 'code']) {
      const reply = await anna.call(key === 'code' ? 'claim' : 'login', {
        name: 'a',
        password: 'b',
        ...(key === 'code' && { code: 'c' }),
        [key]: text,
      })
      expect([400, 401, 409, 429], reply.text.slice(0, 200)).toContain(reply.status)
    }
    expect(panel.access.users().filter((it) => /[^\w\p{L}. -]/u.test(it.name))).toEqual([])
    expect((await anna.call('status')).status).toBe(200)
  })

  test.each(BODIES.map((it) => [it.slice(0, 40), it]))('%j is no input', async (_, body) => {
    for (const name of ['sources test', 'secrets set', 'users add', 'login']) {
      const reply = await anna.call(name, body)
      expect([400, 401], reply.text.slice(0, 200)).toContain(reply.status)
    }
    expect(({} as { role?: string }).role).toBeUndefined()
  })

  test.each(TYPES)('content-type %j is not taken', async (type) => {
    for (const name of ['secrets set', 'login']) {
      const reply = await anna.call(name, inputFor(name), { headers: { 'content-type': type } })
      expect(reply.status).toBe(415)
    }
    expect(stored).toEqual([])
  })

  test('what is too large, or compressed, is not taken', async () => {
    // Who sends on after the answer finds the connection closed.
    const outcome = (asked: Promise<{ status: number }>) => asked.then((it) => it.status).catch(() => 'cut')
    const connection = { connection: 'close' }
    const large = anna.call('secrets set', { name: 'a', text: 'x'.repeat(70_000) }, { headers: connection })
    expect([413, 'cut']).toContain(await outcome(large))
    expect([431, 'cut']).toContain(await outcome(anna.ask('/', { headers: { ...connection, x: 'y'.repeat(50_000) } })))
    const packed = anna.call('status', {}, { headers: { ...connection, 'content-encoding': 'gzip' } })
    expect([415, 'cut']).toContain(await outcome(packed))
    expect(stored).toEqual([])
    const settings = await anna.call('settings check', { text: 'x'.repeat(2_000_000) }, { headers: connection })
    expect(settings.status).toBe(200)
  })

  test('no method but those that are needed', async () => {
    for (const method of ['TRACE', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'PATCH'])
      for (const path of ['/', '/api/v1/status', '/api/v1/nothing'])
        expect([400, 404, 405], `${method} ${path}`).toContain((await anna.ask(path, { method })).status)
  })

  test('what is no HTTP, or two requests in one, ends the connection', async () => {
    for (const junk of [
      'GET / HTTP/1.1\r\n\r\n',
      'POST /api/v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST /api/v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef',
      'POST /api/v1/status HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n',
      '\x00\x01\x02\x03\r\n\r\n',
      'GET / HTTP/9.9\r\nhost: x\r\n\r\n',
    ])
      expect(await sendRaw(junk), JSON.stringify(junk)).toMatch(/^HTTP\/1\.1 [45]|^$/)
  })
})

describe('TLS', () => {
  test('older than 1.2 is refused, 1.3 is taken', async () => {
    const { hostname: host, port } = new URL(panel.url)
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    expect(socket.getProtocol()).toBe('TLSv1.3')
    expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(await served())
    socket.destroy()
    const old = connect({
      host,
      port: Number(port),
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    })
    await expect(once(old, 'secureConnect')).rejects.toThrow(/alert|protocol/i)
  })

  test('of all ciphers that a client may offer only those that hide earlier talks, by an authenticated cipher', async () => {
    const { hostname: host, port } = new URL(panel.url)
    const taken: string[] = []
    const offered = getCiphers().filter((it) => !it.startsWith('tls_'))
    for (const it of offered) {
      const options = { ciphers: `${it.toUpperCase()}:@SECLEVEL=0`, maxVersion: 'TLSv1.2' } as const
      const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...options })
      const isTaken = await once(socket, 'secureConnect').then(
        () => true,
        () => false,
      )
      if (isTaken) taken.push(it)
      socket.destroy()
    }
    expect(offered.length).toBeGreaterThan(30)
    // The key is one of EC: those with RSA are for an owner's.
    expect(taken.toSorted()).toEqual([
      'ecdhe-ecdsa-aes128-gcm-sha256',
      'ecdhe-ecdsa-aes256-gcm-sha384',
      'ecdhe-ecdsa-chacha20-poly1305',
    ])
  })

  test.each([
    [['-tls1'], false],
    [['-tls1_1'], false],
    [['-tls1_2', '-cipher', 'AES128-SHA:@SECLEVEL=0'], false],
    [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0'], false],
    [['-tls1_2'], true],
    [['-tls1_3'], true],
  ])('a client of another make with %j: %s', async (words, isTaken) => {
    const { hostname, port } = new URL(panel.url)
    const child = spawn('openssl', ['s_client', '-connect', `${hostname}:${port}`, '-brief', ...words], {
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    child.stdin.end()
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    await once(child, 'close')
    expect(/CONNECTION ESTABLISHED/.test(said), said).toBe(isTaken)
  })

  test('the certificate names the box and its addresses, its key is its owner’s', () => {
    const dir = join(panel.dir, 'access', 'tls')
    for (const it of readdirSync(dir)) expect(statSync(join(dir, it)).mode & 0o777).toBe(0o600)
  })
})

describe('another certificate', () => {
  const shown = async () => {
    const { hostname: host, port } = new URL(panel.url)
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { fingerprint256 } = socket.getPeerX509Certificate() as { fingerprint256: string }
    socket.destroy()
    return fingerprint256
  }

  test('of the owner is served at once, and a browser is told to insist on HTTPS; one that cannot be is refused', async () => {
    const plant = await authority('Plant root')
    const pair = await plant.issue()
    const { key } = await plant.issue()
    const before = await served()
    for (const wrong of [{ ...pair, key }, { ...pair, cert: 'x' }, { ...pair, key: 'x' }, { cert: pair.cert }])
      expect((await anna.call('certificate replace', wrong)).status).toBe(400)
    expect(await shown()).toBe(before)
    const replaced = (await anna.call('certificate replace', pair)).json<{ fingerprint: string }>()
    expect(replaced).toMatchObject({ isOwners: true, names: ['box.plant.example'] })
    expect(await shown()).toBe(replaced.fingerprint)
    expect((await browser(panel.url).call('session')).json()).toMatchObject({ user: null, fingerprint: replaced.fingerprint })
    expect((await anna.call('certificate show')).json()).toMatchObject({ ...replaced, protocols: [] })
    expect((await anna.ask('/')).headers['strict-transport-security']).toMatch(/^max-age=\d+$/)
    const renewed = (await anna.call('certificate renew')).json<{ fingerprint: string }>()
    expect(await shown()).toBe(renewed.fingerprint)
    expect((await anna.ask('/')).headers['strict-transport-security']).toBeUndefined()
    const events = panel.access.auditLatest(10).events.filter((it) => it.what.startsWith('certificate'))
    expect(events.slice(0, 6).map(({ what, detail }) => [what, detail['outcome'], detail['fingerprint']])).toEqual([
      ['certificate renew', 'done', renewed.fingerprint],
      ['certificate replace', 'done', replaced.fingerprint],
      ...Array.from({ length: 4 }, () => ['certificate replace', 'failed: BadInput', undefined]),
    ])
    expect(JSON.stringify(events)).not.toContain('PRIVATE KEY')
  })

  test('that somebody else put there, at the console or by a script, is served within seconds', async () => {
    const plant = await authority('Plant root')
    const { fingerprint } = await openCertificates(panel.dir, 'holdfast-7f3a.local').replace(await plant.issue())
    await until('it is served', async () => (await shown()) === fingerprint)
    expect(JSON.parse(readFileSync(join(panel.dir, 'run', 'panel.json'), 'utf8'))).toMatchObject({ fingerprint })
    const own = await openCertificates(panel.dir, 'holdfast-7f3a.local').renew()
    await until('the own one is served', async () => (await shown()) === own.fingerprint)
  })
})

test('no browser insists on HTTPS for longer than the certificate is valid', () => {
  const now = Date.parse('2026-11-29T12:00:00Z')
  expect(insisting('2028-11-29T12:00:00Z', now)).toEqual({ 'strict-transport-security': 'max-age=31536000' })
  expect(insisting('2026-11-29T12:01:00Z', now)).toEqual({ 'strict-transport-security': 'max-age=60' })
  expect(insisting('2026-11-29T12:00:00Z', now)).toEqual({})
})

describe('plain HTTP', () => {
  let redirect: Redirect
  beforeAll(async () => {
    redirect = await serveRedirect({ host: '127.0.0.1', port: 0 }, 8443)
  })
  afterAll(() => redirect.close())

  test('only leads to the page', async () => {
    const ask = (init: RequestInit, path = '/sources?x=1') =>
      fetch(`http://127.0.0.1:${redirect.port}${path}`, { redirect: 'manual', ...init })
    const led = await ask({})
    expect([led.status, led.headers.get('location')]).toEqual([308, 'https://127.0.0.1:8443/sources?x=1'])
    expect((await ask({ method: 'POST', body: 'x' }, '/api/v1/login')).status).toBe(405)
    expect((await ask({}, '//evil.example/')).status).toBe(400)
  })

  test('leads nowhere else', async () => {
    for (const host of ['a/b', 'evil.example@x', 'x y', '', '"'])
      expect(await plain(redirect.port, `GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/)
  })
})

test('secrets are in no answer, event or file of the panel', async () => {
  await anna.call('secrets set', { name: 'cloud', text: CANARY })
  expect(stored).toEqual([CANARY])
  await browser(panel.url).call('login', { name: CANARY, password: CANARY })
  await anna.call('secrets set', { name: '', text: CANARY })
  await anna.call('password change', { current: CANARY, password: CANARY })
  const answers = []
  for (const it of ALL_OPERATIONS.filter(({ access }) => access === 'viewer'))
    answers.push((await anna.call(it.name, inputFor(it.name))).text)
  for (const name of ['users list', 'sessions list', 'tokens list', 'audit list'])
    answers.push((await anna.call(name, inputFor(name))).text)
  const events = JSON.stringify(panel.access.auditFrom(0, 100_000))
  const token = anna.cookies.get('__Host-holdfast') ?? ''
  for (const secret of [CANARY, PASSWORD, token, code]) {
    expect(events).not.toContain(secret)
    expect(answers.join('\n')).not.toContain(secret)
    expect(filesWith(panel.dir, secret)).toEqual([])
  }
  expect(events).toContain('"what":"secrets set"')
})

const served = async () => (await anna.call('certificate show')).json<{ fingerprint: string }>().fingerprint

function filesWith(dir: string, text: string): string[] {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
  return files.map((it) => join(it.parentPath, it.name)).filter((it) => readFileSync(it).includes(text))
}

/** A path as it stands: clients tidy it up. */
const getRaw = (path: string) => sendRaw(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)

async function sendRaw(text: string): Promise<string> {
  const { hostname: host, port } = new URL(panel.url)
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
  return talk(socket, text)
}

const plain = (port: number, text: string) => talk(createConnection(port, '127.0.0.1'), text)

function talk(socket: ReturnType<typeof createConnection>, text: string): Promise<string> {
  let received = ''
  socket.setEncoding('utf8').setTimeout(15_000, () => socket.destroy())
  socket.on('data', (part: string) => {
    received += part
    // An answer that is whole: the connection may well stay.
    if (/^HTTP\/1\.1 \d+[\s\S]*\r\n\r\n/.test(received)) socket.end()
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  return new Promise((resolve) => socket.once('close', () => resolve(received)))
}
