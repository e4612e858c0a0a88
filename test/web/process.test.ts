// The panel as a process of its own: what it says, that it needs no agent, that a kill gives no guess back, and that it ends when it is told to.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { commandOf, startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import type { Browser } from './panel.ts'
import { browser, PASSWORD } from './panel.ts'

let dir: string
let data: string
let child: Child
let anna: Browser

interface Said {
  readonly url: string
  readonly fingerprint: string
}
const said = () => JSON.parse(readFileSync(join(data, 'run', 'panel.json'), 'utf8')) as Said

async function start(): Promise<Said> {
  rmSync(join(data, 'run', 'panel.json'), { force: true })
  const words = ['panel', '--data', data, '--listen', '127.0.0.1:0', '--redirect', '127.0.0.1:0']
  child = startChild(dir, 'panel', process.execPath, [cli, ...words])
  await until('the panel is up', () => existsSync(join(data, 'run', 'panel.json')))
  return said()
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-process-'))
  data = join(dir, 'data')
  const { url } = await start()
  anna = browser(url)
  await anna.claim(readFileSync(join(data, 'access', 'claim-code'), 'utf8').trim())
})
afterAll(async () => {
  await child.end()
  rmSync(dir, { recursive: true })
})

test('without an agent it says so, and what is its own goes on', async () => {
  const reply = await anna.call('status')
  expect(reply.status).toBe(503)
  expect(reply.json()).toMatchObject({ error: { code: 'agent-unreachable', remedy: expect.any(String) } })
  expect((await anna.call('users list')).json()).toMatchObject([{ name: 'anna', role: 'admin' }])
})

test('it gives way to the data path', () => {
  // The nineteenth word of stat, counted from behind the name.
  const [, rest = ''] = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')
  expect(Number(rest.split(' ')[16])).toBeGreaterThanOrEqual(10)
})

test('a kill gives no guess back, ends no session, and the certificate stays', async () => {
  const eve = () =>
    browser(said().url).call('login', { name: 'anna', password: 'wrong, and wrong again' }, { from: '127.0.0.66' })
  const before = said()
  while ((await eve()).status === 401);
  await child.kill()
  const { url, fingerprint } = await start()
  expect(fingerprint).toBe(before.fingerprint)
  const kept = browser(url)
  for (const [name, value] of anna.cookies) kept.cookies.set(name, value)
  expect((await kept.ask('/api/v1/me')).json()).toMatchObject({ name: 'anna' })
  expect(await eve()).toMatchObject({ status: 429, headers: { 'retry-after': expect.stringMatching(/^\d+$/) } })
  expect((await browser(url).logIn('anna')).status).toBe(200)
})

test('neither its log nor the list of processes holds a secret; it ends when it is told to', async () => {
  const line = commandOf(child.pid)
  await child.end()
  expect(await child.ended).toBe(0)
  const log = readFileSync(child.logFile, 'utf8')
  expect(log).toContain(said().fingerprint)
  const { cookies } = anna
  for (const it of [PASSWORD, anna.csrf ?? '', ...cookies.values()])
    for (const text of [line, log]) expect(text.includes(it)).toBe(false)
})
