// The panel over HTTPS: claim, log-in, log-out, and operations as one answer, as lines and as events.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Browser, TestPanel } from './panel.ts'
import { askHttps, browser, PASSWORD, startPanel } from './panel.ts'

let panel: TestPanel
let anna: Browser
let code: string
let pageDir: string

beforeAll(async () => {
  pageDir = mkdtempSync(join(tmpdir(), 'hf-page-'))
  mkdirSync(join(pageDir, 'assets'))
  writeFileSync(join(pageDir, 'index.html'), '<!doctype html><title>the page</title>')
  writeFileSync(join(pageDir, 'assets', 'index-B4xY_9zQ.js'), `// ${'x'.repeat(2_000)}`)
  panel = await startPanel({ pageDir })
  anna = browser(panel.url)
  code = panel.access.claimCode() ?? ''
})
afterAll(async () => {
  await panel.close()
  rmSync(pageDir, { recursive: true })
})

describe('a box that nobody has claimed', () => {
  test('says so and does nothing else', async () => {
    const me = await anna.ask('/api/v1/me')
    expect(me.status).toBe(401)
    expect(me.json()).toMatchObject({ error: { code: 'unclaimed' } })
    expect((await anna.call('status')).status).toBe(401)
    expect((await anna.logIn('anna')).json()).toMatchObject({ error: { code: 'unclaimed' } })
  })

  test('is claimed by the code alone, and once', async () => {
    const file = join(panel.dir, 'access', 'claim-code')
    expect(readFileSync(file, 'utf8').trim()).toBe(code)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect((await anna.claim('2222-2222-2222-2222')).json()).toMatchObject({ error: { code: 'wrong-code' } })
    const weak = await anna.call('claim', { code, name: 'anna', password: 'password1' })
    expect(weak.status).toBe(400)
    expect((await anna.claim(code.toLowerCase().replaceAll('-', ' '))).status).toBe(200)
    expect(() => statSync(file)).toThrow('ENOENT')
    expect(panel.access.claimCode()).toBeUndefined()
    expect((await browser(panel.url).claim(code, 'eve')).json()).toMatchObject({ error: { code: 'claimed' } })
  })
})

describe('operations', () => {
  test('one answer', async () => {
    const reply = await anna.call('status')
    expect(reply.json()).toMatchObject({ device: 'hf-7f3a', classes: [{ name: 'alarm' }, { name: 'process' }] })
    expect(reply.headers['content-type']).toMatch(/^application\/json/)
  })

  test('many rows as lines, with what JSON has no word for', async () => {
    const reply = await anna.call('query', { tag: 'a', from: 0, to: 1, limit: 10 })
    expect(reply.headers['content-type']).toBe('application/x-ndjson')
    const lines = reply.text
      .trim()
      .split('\n')
      .map((it) => JSON.parse(it) as { row?: { value: unknown } })
    expect(lines.at(-1)).toEqual({ done: true })
    expect(lines.slice(0, -1).map((it) => it.row?.value)).toEqual([
      1.5,
      { $bigint: '9007199254740993' },
      true,
      'a "quoted", text',
      { $bytes: 'AP8=' },
      null,
      { $number: 'NaN' },
    ])
  })

  test('many rows as server-sent events', async () => {
    const reply = await anna.call('sources test', { name: 'press-3' }, { headers: { accept: 'text/event-stream' } })
    expect(reply.headers['content-type']).toBe('text/event-stream')
    const events = reply.text.trim().split('\n\n')
    expect(events).toHaveLength(3)
    expect(JSON.parse((events[0] ?? '').replace('data: ', ''))).toMatchObject({ row: { step: 'connect', ok: true } })
    expect(events.at(-1)).toBe('data: {"done":true}')
  })

  test('bad input says what, where, and what to do', async () => {
    const unknown = await anna.call('sources test', { name: 'nobody' })
    expect(unknown.status).toBe(400)
    expect(unknown.json()).toMatchObject({ error: { name: 'BadInput', problems: [{ where: 'nobody' }] } })
    const wrong = await anna.call('query', { tag: 'a', from: 'yesterday', to: 1, limit: 10, more: 1 })
    expect(wrong.json<{ error: { problems: { where: string }[] } }>().error.problems.map((it) => it.where)).toContain('from')
  })
})

describe('the page', () => {
  test('stands at every path of it; what has a hash in its name is kept for a year', async () => {
    for (const path of ['/', '/sources', '/sources/press-3?tab=tags', '/index.html']) {
      const reply = await anna.ask(path)
      expect({ path, status: reply.status, text: reply.text }).toMatchObject({
        status: 200,
        text: expect.stringContaining('the page'),
      })
      expect(reply.headers['cache-control']).toBe('no-cache')
    }
    const script = await anna.ask('/assets/index-B4xY_9zQ.js')
    expect(script.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
    })
    const same = await anna.ask('/', { headers: { 'if-none-match': String((await anna.ask('/')).headers.etag) } })
    expect(same.status).toBe(304)
    for (const path of ['/nothing.js', '/assets/', '/api/v1/nothing', '/api/']) {
      const { status, text } = await anna.ask(path)
      expect({ path, isPage: status === 200 && text.includes('the page') }).toEqual({ path, isPage: path === '/assets/' })
    }
  })

  test('goes out packed where that is understood', async () => {
    const { default: https } = await import('node:https')
    const packed = await new Promise<Buffer>((resolve) => {
      https.get(
        `${panel.url}/assets/index-B4xY_9zQ.js`,
        { rejectUnauthorized: false, headers: { 'accept-encoding': 'gzip' } },
        async (it) => {
          expect(it.headers['content-encoding']).toBe('gzip')
          resolve(Buffer.concat(await it.toArray()))
        },
      )
    })
    expect(packed.length).toBeLessThan(200)
    expect(gunzipSync(packed).length).toBe(2_003)
  })
})

test('log-out ends the session, log-in begins another', async () => {
  const before = new Map(anna.cookies)
  expect((await anna.ask('/api/v1/me')).json()).toMatchObject({ name: 'anna', role: 'admin' })
  expect((await anna.call('logout')).status).toBe(200)
  const cookie = [...before].map(([name, value]) => `${name}=${value}`).join('; ')
  expect((await askHttps(`${panel.url}/api/v1/me`, { headers: { cookie } })).status).toBe(401)
  expect((await anna.logIn('anna', `${PASSWORD}!`)).status).toBe(401)
  expect((await anna.logIn('anna')).status).toBe(200)
  expect(anna.cookies.get('__Host-holdfast')).not.toBe(before.get('__Host-holdfast'))
  expect((await anna.call('status')).status).toBe(200)
})

test('figures for Prometheus, for whoever has a token', async () => {
  const { token } = (
    await anna.call('tokens add', { name: 'prometheus', role: 'viewer', until: (Date.now() + 60_000) * 1_000 })
  ).json<{ token: string }>()
  const reply = await askHttps(`${panel.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(reply.text).toMatch(/^# HELP holdfast_\w+ .+\n# TYPE holdfast_\w+ (?:gauge|counter)\nholdfast_\w+/)
  expect((await askHttps(`${panel.url}/metrics`, {})).status).toBe(401)
})
