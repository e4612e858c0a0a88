// What systemd hears of an agent: that it is up, that it goes on, and nothing any more once what it asks hangs or it is frozen.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWatchdog } from '../../src/machine/watchdog.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { cli } from '../run/holdfast.ts'

const LIMIT_MS = 1_500
let dir: string
let socket: string
let listener: ReturnType<typeof spawn>
let heard = ''
let agent: Child | undefined
const words = () => heard.match(/WATCHDOG=1/g)?.length ?? 0
const env = () => ({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: String(LIMIT_MS * 1000) })

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-watchdog-'))
  socket = join(dir, 'notify')
  listener = spawn('socat', ['-u', `UNIX-RECV:${socket}`, '-'], { stdio: ['ignore', 'pipe', 'inherit'] })
  listener.stdout?.on('data', (part: Buffer) => (heard += part.toString()))
  await until('somebody listens', () => existsSync(socket))
})
afterAll(async () => {
  await agent?.kill()
  listener.kill()
  rmSync(dir, { recursive: true })
})

test('an agent says that it is up, and that it goes on; frozen, it says nothing', async () => {
  const settings = join(dir, 'settings.yaml')
  writeFileSync(settings, 'version: 1\nlog: { bytesMax: 100MB }\nclasses: [{ name: process }]\nsources: []\nuplinks: []\n')
  agent = startChild(dir, 'agent', process.execPath, [cli, 'agent', '--settings', settings, '--data', join(dir, 'data')], env())
  await until('it is up', () => heard.includes('READY=1'))
  await until('it goes on', () => words() >= 2)
  process.kill(agent.pid, 'SIGSTOP')
  // What was under way still comes.
  await sleep(LIMIT_MS)
  const before = words()
  await sleep(2 * LIMIT_MS)
  expect(words()).toBe(before)
  process.kill(agent.pid, 'SIGCONT')
  await until('it goes on again', () => words() > before)
  await agent.kill()
})

test('nothing is said for a writer that does not answer, and the rest of the process goes on', async () => {
  heard = ''
  let asked = 0
  const watchdog = startWatchdog(
    { PATH: process.env['PATH'], ...env() },
    () => (asked++, new Promise(() => undefined)),
    () => undefined,
  )
  await until('it is up', () => heard.includes('READY=1'))
  await sleep(2 * LIMIT_MS)
  watchdog.close()
  expect(words()).toBe(0)
  expect(asked).toBe(1)
})

test('one that no systemd started says nothing to anybody', () => {
  let asked = 0
  startWatchdog(
    {},
    async () => asked++,
    () => expect.fail(),
  ).close()
  expect(asked).toBe(0)
})
