// Secrets planted in an agent and a panel at work, and in the addresses that somebody calls: where they stand afterwards, in whatever form, is known
// in full. The store has its own; nothing else has any, not the list of processes, no log, no answer, no archive, no file.
import { mkdtempSync, mkdirSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fromJson } from '../../src/core/json.ts'
import type { Agent } from '../route/agent.ts'
import { siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { familyOf } from '../run/processes.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { ALL_OPERATIONS, inputFor } from './inputs.ts'
import type { Browser, Reply } from './panel.ts'
import { askHttps, browser } from './panel.ts'

const STORED = { source: 'canary/source+41c7', uplink: 'canary uplink=9be2' }
const ADMIN = 'canary admin & 77d3 four words'
const TYPED = {
  query: 'canary-in-a-query-1a',
  path: 'canary-in-a-path-2b',
  bearer: 'canary-of-nobody-3c',
  user: 'canary-as-a-name-4d',
}

let dir: string
let data: string
let broker: Mosquitto
let agent: Agent
let panel: Child
let anna: Browser
let token = ''
const answers: [string, string][] = []

const said = () => JSON.parse(readFileSync(join(data, 'run', 'panel.json'), 'utf8')) as { url: string }
const keep = (name: string, reply: Reply) => void answers.push([name, `${JSON.stringify(reply.headers)} ${reply.text}`])

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-canaries-'))
  broker = await startMosquitto({ lines: ['allow_anonymous false'] })
  const site = siteIn(
    dir,
    `version: 1
device: { id: hf-7f3a }
classes: [{ name: process }]
sources:
  - { name: press-3, protocol: mqtt, url: "mqtt://127.0.0.1:${broker.port}", user: gateway, password: { secret: source }, insecure: loopback, subscribe: [{ topic: "a", tag: a, class: process }] }
uplinks:
  - { name: cloud, kafka: { brokers: ["127.0.0.1:1"], sasl: { mechanism: plain, user: u, password: { secret: uplink } }, insecure: loopback } }
`,
  )
  data = site.data
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'secrets.json'), JSON.stringify({ source: 'the old one', uplink: 'the old one too' }), { mode: 0o600 })
  agent = await startAgent(site)
  panel = startChild(dir, 'panel', process.execPath, [cli, 'panel', '--data', data, '--listen', '127.0.0.1:0'])
  await until('the panel is up', () => existsSync(join(data, 'run', 'panel.json')))
  anna = browser(said().url)
})
afterAll(async () => {
  await panel?.end()
  await agent?.end()
  await broker?.remove()
  rmSync(dir, { recursive: true, force: true })
})

/** All that a person does with secrets on the page, and what a script or somebody who errs puts into addresses. */
async function plant(): Promise<void> {
  const code = readFileSync(join(data, 'access', 'claim-code'), 'utf8').trim()
  const claimed = await anna.call('claim', { code, name: 'anna', password: ADMIN })
  anna.csrf = claimed.json<{ csrf: string }>().csrf
  for (const [name, text] of Object.entries(STORED)) expect((await anna.call('secrets set', { name, text })).status).toBe(200)
  const added = await anna.call('tokens add', { name: 'script', role: 'viewer', until: 4_000_000_000_000_000 })
  token = added.json<{ token: string }>().token
  expect(token.length).toBeGreaterThan(20)
  const { url } = said()
  const ask = async (path: string, authorization = `Bearer ${token}`) =>
    keep(path, await askHttps(url + path, { headers: { authorization } }))
  await ask('/metrics')
  await ask(`/api/v1/status?password=${TYPED.query}&token=${token}`)
  await ask(`/${TYPED.path}/%?x=${encodeURIComponent(ADMIN)}`)
  await ask('/api/v1/status', `Bearer ${TYPED.bearer}`)
  const stranger = browser(url)
  keep('login', await stranger.call('login', { name: TYPED.user, password: STORED.source }))
  // What it answers shows the text beside the one in force: to whoever has written it, and nobody else.
  expect((await anna.call('settings check', { text: `version: 1\npassword: ${STORED.source}\n` })).status).toBe(200)
}

/** Those that change nothing and come to an end. */
const LOOKS = new Set(['sources test', 'uplinks test', 'users list', 'sessions list', 'tokens list', 'audit list'])
const isLook = (it: (typeof ALL_OPERATIONS)[number]) =>
  LOOKS.has(it.name) || (it.access === 'viewer' && !('many' in it && it.many) && !/change|text/.test(it.name))

async function look(): Promise<void> {
  for (const { name } of ALL_OPERATIONS.filter(isLook)) keep(name, await anna.call(name, inputFor(name)))
  const [latest] = (await anna.call('settings history')).json<{ revision: string }[]>()
  keep('settings text', await anna.call('settings text', { revision: latest?.revision }))
  keep('page', await anna.ask('/'))
}

async function archive(): Promise<string> {
  const lines = (await anna.call('diagnostics')).text.trim().split('\n')
  const rows = lines.map((it) => fromJson(it) as { row?: { bytes: Uint8Array } })
  return gunzipSync(Buffer.concat(rows.flatMap((it) => it.row?.bytes ?? []))).toString('latin1')
}

function processes(): [string, string][] {
  const all = [agent.pid, panel.pid].flatMap((it) => familyOf(it))
  return all.flatMap((pid) => ['cmdline', 'environ'].map((it): [string, string] => [`${it} of ${pid}`, ofProcess(pid, it)]))
}

/** A process may have ended meanwhile. */
function ofProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}

function filesBelow(folder: string): [string, string][] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
  // Agent and panel are at work: what was there may have gone.
  return files.flatMap((it) => {
    try {
      return [[it.name, readFileSync(join(it.parentPath, it.name), 'latin1')]]
    } catch {
      return []
    }
  })
}

test('what was planted stands in the store, and nowhere else', async () => {
  await plant()
  await until('the new password is refused', async () => {
    const source = (await agent.status())?.sources[0]
    return source?.state === 'down' && source.code !== undefined
  })
  await look()
  expect(answers.length).toBeGreaterThan(25)
  const listed = processes()
  expect(listed.filter(([, it]) => it.includes('agent') || it.includes('panel')).length).toBeGreaterThanOrEqual(2)
  const seen = [...answers, ...listed, ['archive', await archive()] as const, ...filesBelow(dir)]
  expect(seen.find(([name]) => name === 'archive')?.[1]).toContain('holdfast-diagnostics/CONTENT.txt')
  const cookies = [...anna.cookies.values()]
  const places = [...Object.values(STORED), ...Object.values(TYPED), ADMIN, token, ...cookies].map((secret) => {
    const forms = [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64'),
    ]
    return [secret, seen.filter(([, text]) => forms.some((it) => text.includes(it))).map(([name]) => name)]
  })
  const store = Object.values(STORED).map((it) => [it, ['secrets.json']])
  expect(places.filter(([, where]) => where?.length !== 0)).toEqual(store)
})
