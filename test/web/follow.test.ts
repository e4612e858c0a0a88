// Consumers of a real box: agent and panel are processes, readings come out of a growing file, and everybody is killed now and then.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FOLLOWERS_MAX } from '../../src/core/bounds.ts'
import type { FollowedReading, FollowRow } from '../../src/core/follow.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import { followName, positionOf, positionText } from '../../src/log/follow-position.ts'
import type { Agent, Site } from '../route/agent.ts'
import { holdfast, siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'
import { csvLines } from '../sources/files/harness.ts'
import { createDice } from '../faults/dice.ts'
import { commitSeed } from '../prove/commit-seed.ts'
import type { Followed } from './follower.ts'
import { follow } from './follower.ts'
import type { Browser } from './panel.ts'
import { browser } from './panel.ts'

const TAG = 'legacy/value'
const MANUAL = join(import.meta.dirname, '../../rootfs/usr/share/doc/holdfast/manual/en/following.md')
let dir: string
let site: Site
let agent: Agent
let panel: Child
let anna: Browser
let url: string
let token: string
let written = 0
/** Rows of a stream whose token was removed as soon as it was there; it is found out within ten seconds. */
let removed: Promise<number>

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-follow-'))
  const folder = join(dir, 'in')
  mkdirSync(folder)
  site = siteIn(
    dir,
    `version: 1
device: { id: hf-follow }
log: { bytesMax: 64MB, keepDelivered: 1d }
classes: [{ name: process, commitEvery: 50ms }]
sources:
  - name: legacy
    protocol: files
    path: ${folder}
    pattern: "*.csv"
    every: 100ms
    format: csv
    time: time
    tags: [{ tag: ${TAG}, column: value, type: int, class: process }]
`,
  )
  appendFileSync(join(folder, 'log.csv'), 'time,value\n')
  agent = await startAgent(site)
  url = await startPanel('127.0.0.1:0')
  anna = browser(url)
  await anna.claim(readFileSync(join(site.data, 'access', 'claim-code'), 'utf8').trim())
  token = await tokenFor('consumer')
  const followed = await follow(url, await tokenFor('short'), 'from=now')
  expect(followed.status).toBe(200)
  expect((await anna.call('tokens remove', { name: 'short' })).status).toBe(200)
  removed = rowsTo(followed)
}, 180_000)

afterAll(async () => {
  await panel?.end()
  await agent?.end()
  rmSync(dir, { recursive: true, force: true })
})

async function startPanel(listen: string): Promise<string> {
  const said = join(site.data, 'run', 'panel.json')
  rmSync(said, { force: true })
  panel = startChild(dir, 'panel', process.execPath, [cli, 'panel', '--data', site.data, '--listen', listen])
  await until('the panel is up', () => existsSync(said), 120_000)
  return (JSON.parse(readFileSync(said, 'utf8')) as { url: string }).url
}

async function rowsTo(followed: Followed): Promise<number> {
  let rows = 0
  for await (const { row } of followed) rows += row ? 1 : 0
  return rows
}

async function tokenFor(name: string): Promise<string> {
  const reply = await anna.call('tokens add', { name, role: 'viewer', until: 4_000_000_000_000_000 })
  return reply.json<{ token: string }>().token
}

function write(lines: number): void {
  appendFileSync(join(dir, 'in', 'log.csv'), csvLines(written, lines))
  written += lines
}

const idOf = (it: FollowedReading) => `${it.device}:${it.epoch}:${it.class}:raw:${it.sequence}`
const isReading = (it: FollowRow): it is FollowedReading => it.type === 'reading'
const valuesOf = (rows: readonly FollowRow[]) => new Set(rows.filter(isReading).map((it) => Number(it.value)))

/** What the log holds, read by the agent's own socket. */
async function held(): Promise<FollowedReading[]> {
  const found: FollowedReading[] = []
  for await (const it of connectAgent(site.data).follow({ from: 'beginning' }, new AbortController().signal)) {
    if (isReading(it)) found.push(it)
    if (it.type === 'position' && it.isCaughtUp) return found
  }
  return found
}

async function restart(how: 'kill' | 'end'): Promise<void> {
  await agent[how]()
  if (how === 'end') expect(await agent.ended).toBe(0)
  agent = await startAgent(site)
}

/** The log is closed and opened again. */
async function changeSettings(): Promise<void> {
  const { text, revision } = (await anna.call('settings show')).json<{ text: string; revision: string }>()
  const changed = text.replace(/bytesMax: \d+MB/, 'bytesMax: 65MB')
  expect((await anna.call('settings apply', { text: changed, base: revision })).status).toBe(200)
}

/** By round. */
const HAPPENINGS: Readonly<Record<number, () => Promise<void>>> = {
  1: () => restart('kill'),
  3: changeSettings,
  5: () => restart('end'),
}

const allIsThere = () =>
  until(
    'all lines are in the log',
    async () => {
      const status = await agent.status()
      return (status?.classes[0]?.accepted ?? 0) >= written
    },
    180_000,
  )

/** Takes rows until there are enough; says what the last id was. Throws where the stream ends before. */
async function take(
  from: Followed,
  rows: FollowRow[],
  isEnough: (readings: number, last: FollowRow) => boolean,
): Promise<string> {
  let readings = rows.filter(isReading).length
  for await (const { id, row, error } of from) {
    if (error || !row) throw new Error(error?.text ?? 'neither row nor error')
    if (row.position !== id) throw new Error(`the id ${id} is not the position ${row.position}`)
    rows.push(row)
    if (isReading(row)) readings++
    if (isEnough(readings, row)) {
      from.cut()
      return id
    }
  }
  throw new Error(`the stream ended after ${rows.length} rows`)
}

test('a consumer that is killed at any row, and an agent that is: each reading once by its id', {
  timeout: 300_000,
}, async () => {
  const dice = createDice(commitSeed())
  const rows: FollowRow[] = []
  let last: string | undefined
  write(500)
  for (let round = 0; round < 6; round++) {
    const followed = await follow(url, token, 'from=beginning', last)
    expect(followed.status).toBe(200)
    const enough = rows.filter(isReading).length + dice.below(400)
    const taken = take(followed, rows, (readings) => readings >= enough)
    write(200 + dice.below(400))
    // Those that it takes meanwhile, and those that it waits for: the stream lives on.
    await HAPPENINGS[round]?.()
    last = await taken
  }
  await allIsThere()
  const there = await held()
  await take(await follow(url, token, 'from=beginning', last), rows, (readings) => readings >= there.length)
  expect(rows.filter(isReading).map(idOf)).toEqual(there.map(idOf))
  expect(rows.filter((it) => it.type === 'gap')).toEqual([])
  expect(valuesOf(rows).size).toBe(written)
})

test('a slow consumer holds up nobody, and has all in the end', { timeout: 300_000 }, async () => {
  const slow = await follow(url, token, 'from=now')
  expect(slow.status).toBe(200)
  slow.pause()
  const begun = written
  write(12_000)
  await allIsThere()
  const quick: FollowRow[] = []
  await take(await follow(url, token, 'from=beginning'), quick, (_, last) => last.type === 'position' && last.isCaughtUp)
  expect(valuesOf(quick).size).toBe(written)
  slow.resume()
  const rows: FollowRow[] = []
  await take(slow, rows, (readings) => readings >= written - begun)
  expect(Math.min(...valuesOf(rows))).toBe(begun)
})

test('the command line keeps its place in a file, over a kill', { timeout: 300_000 }, async () => {
  const place = join(dir, 'place')
  const out = join(dir, 'lines.ndjson')
  writeFileSync(out, '')
  const words = ['follow', TAG, '--data', site.data, '--from', 'beginning', '--position-file', place]
  const rows = () =>
    readFileSync(out, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((it) => JSON.parse(it) as FollowRow)
  for (let round = 0; round < 3; round++) {
    write(300)
    const child = startChild(dir, `follow-${round}`, 'sh', ['-c', `exec "$0" "$@" >>"${out}"`, process.execPath, cli, ...words])
    await until('it has kept its place', () => existsSync(place) && valuesOf(rows()).size > round * 100)
    await child.kill()
    // A line that was cut is written again.
    const text = readFileSync(out, 'utf8')
    writeFileSync(out, text.slice(0, text.lastIndexOf('\n') + 1))
  }
  const last = startChild(dir, 'follow-last', 'sh', ['-c', `exec "$0" "$@" >>"${out}"`, process.execPath, cli, ...words])
  await until('it has all', () => valuesOf(rows()).size === written, 120_000)
  await last.end()
  expect(await last.ended).toBe(0)
  expect(readFileSync(place, 'utf8').trim()).toBe(rows().at(-1)?.position)
  const bad = await holdfast(site, ['follow', '--data', site.data, '--from', 'p1-1-x'])
  expect([bad.code, bad.err]).toEqual([2, expect.stringContaining('begin with a position')])
})

test("the manual's program has each reading once, however often it or the panel is killed", { timeout: 300_000 }, async () => {
  const [, program = ''] = /```python\n([^]*?)```/.exec(readFileSync(MANUAL, 'utf8')) ?? []
  writeFileSync(join(dir, 'consumer.py'), program)
  writeFileSync(join(dir, 'token'), token)
  writeFileSync(join(dir, 'box.pem'), await certificateOf(url))
  const args = [join(dir, 'consumer.py'), url, join(dir, 'token'), join(dir, 'box.pem'), join(dir, 'readings.db')]
  const count = () => {
    if (!existsSync(join(dir, 'readings.db'))) return 0
    const db = new Database(join(dir, 'readings.db'), { readonly: true })
    try {
      return db.prepare<[], number>('SELECT count(DISTINCT value) FROM reading').pluck().get() ?? 0
    } catch {
      return 0
    } finally {
      db.close()
    }
  }
  for (let round = 0; round < 3; round++) {
    const child = startChild(dir, `python-${round}`, 'python3', args)
    write(500)
    await sleep(700 + 300 * round)
    await child.kill()
  }
  const child = startChild(dir, 'python', 'python3', args)
  const said = () => readFileSync(child.logFile, 'utf8')
  await until('it has all', () => count() === written, 120_000)
  // In the midst of what it takes: nothing, while more comes than fits on the way, which another one sees that takes all.
  process.kill(child.pid, 'SIGSTOP')
  write(12_000)
  await allIsThere()
  await take(await follow(url, token, 'from=beginning'), [], (_, last) => last.type === 'position' && last.isCaughtUp)
  await panel.kill()
  process.kill(child.pid, 'SIGCONT')
  await until('it has noticed', () => said().includes('again in a moment'), 120_000)
  await startPanel(new URL(url).host)
  write(300)
  await until('it has all', () => count() === written, 120_000)
  await child.end()
  expect(said()).not.toContain('Traceback')
})

test("an answer that is cut within a row, or within a chunk: the manual's program goes on behind the last whole row", {
  timeout: 120_000,
}, async () => {
  const asked: (string | undefined)[] = []
  const row = (position: string) =>
    `id: ${position}\ndata: {"row":{"type":"position","position":"${position}","isCaughtUp":false}}\n\n`
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
  const cuts = [
    chunk(row('p1-1') + row('p1-x').slice(0, -10)),
    chunk(row('p1-2')) + chunk(row('p1-y')).slice(0, 40),
    chunk(row('p1-3')),
  ]
  const server = createServer((request) => {
    asked.push(request.headers['last-event-id'] as string | undefined)
    request.socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${cuts.shift() ?? ''}`)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const files = ['consumer.py', `http://127.0.0.1:${port}`, 'token', 'box.pem', 'cut.db']
  const child = startChild(
    dir,
    'python-cut',
    'python3',
    files.map((it) => (it.startsWith('http') ? it : join(dir, it))),
  )
  try {
    await until('it has asked four times', () => asked.length >= 4 || !child.isRunning())
    expect([...asked.slice(0, 4), readFileSync(child.logFile, 'utf8')]).toEqual([
      undefined,
      'p1-1',
      'p1-2',
      'p1-3',
      expect.not.stringContaining('Traceback'),
    ])
  } finally {
    await child.end()
    server.close()
  }
})

test('so many at once; one that has gone makes room', { timeout: 240_000 }, async () => {
  await removed
  const letIn = () =>
    until('one is let in', async () => {
      const it = await follow(url, token, 'from=now')
      if (it.status === 200) return it
      it.cut()
      return undefined
    })
  const all: Followed[] = []
  while (all.length < FOLLOWERS_MAX) all.push(await letIn())
  const refused = await until('the ninth is refused', async () => {
    const more = await follow(url, token, 'from=now')
    if (more.status === 503) return more.body()
    more.cut()
    return undefined
  })
  expect(JSON.parse(refused)).toMatchObject({ error: { code: 'too-many-followers', remedy: expect.any(String) } })
  for (const it of all) it.cut()
  const next = await letIn()
  next.cut()
})

test('a token that is removed ends its stream; a position that is none is refused with what to do', {
  timeout: 240_000,
}, async () => {
  expect(await removed).toBeGreaterThan(0)
  // Of as many streams as a box may have, it is taken in a header, and in a question.
  const rows: FollowRow[] = []
  const last = await take(await follow(url, token, 'from=now'), rows, () => true)
  const others = Array.from({ length: 2_000 }, (_, n) => [followName(`gone-${n}`), 1_000_000 + n])
  const long = positionText({ ...positionOf(last), ...Object.fromEntries(others) })
  expect(long.length).toBeGreaterThan(25_000)
  for (const it of [await follow(url, token, 'from=beginning', long), await follow(url, token, `from=${long}`)]) {
    expect(it.status).toBe(200)
    it.cut()
  }
  const wrong = await follow(url, token, 'from=p1-abc-AAAAAAAAz')
  expect(wrong.status).toBe(400)
  expect(JSON.parse(await wrong.body())).toMatchObject({
    error: { problems: [{ where: 'from', remedy: expect.stringContaining('beginning') }] },
  })
})

async function certificateOf(of: string): Promise<string> {
  const child = spawn('sh', ['-c', `openssl s_client -connect ${new URL(of).host} </dev/null 2>/dev/null | openssl x509`])
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  await once(child, 'close')
  return text
}
