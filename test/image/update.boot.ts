// Updates of what ships: a good version comes and stays, one whose agent dies goes by itself, and an old one is never installed.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, closeSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UpdateStatus } from '../../src/core/update.ts'
import { until } from '../route/until.ts'
import type { Browser } from '../web/panel.ts'
import { browser } from '../web/panel.ts'
import { banner } from './banner.ts'
import type { Disk, Machine } from './machine.ts'
import { boot, bootEnvironment, newDisk } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const root = join(import.meta.dirname, '../..')
const machines = join(root, '.cache/images/machines')
const GOOD = '99.1.0-development'
const SICK = '99.2.0-development'
const PIECE_BYTES = 3_000_000
/** `--well-within`, and what is around it. */
const TRIAL_MS_MAX = 480_000

let bundles: string
let disk: Disk
let machine: Machine
let anna: Browser
let begun = performance.now()

/** With the time since the last one. */
function took(what: string): void {
  console.log(`${what}: ${Math.round((performance.now() - begun) / 1000)} s`)
  begun = performance.now()
}

beforeAll(() => {
  mkdirSync(machines, { recursive: true })
  bundles = mkdtempSync(join(machines, 'b-'))
  // An agent that dies at each start.
  const unit = join(bundles, 'sick/etc/systemd/system/holdfast-agent.service.d')
  mkdirSync(unit, { recursive: true })
  writeFileSync(join(unit, 'sick.conf'), '[Service]\nExecStart=\nExecStart=/bin/false\n')
  bundle(GOOD)
  bundle(SICK, 'sick')
  disk = newDisk(board)
  took('two bundles')
})
afterAll(async () => {
  await machine?.kill()
  rmSync(bundles, { recursive: true, force: true })
  if (process.env['KEEP'] === undefined) disk?.remove()
})

const fileOf = (version: string) => join(bundles, `${version}.raucb`)
function bundle(version: string, over?: string): void {
  const args = [join(import.meta.dirname, 'bundle.sh'), board, version, fileOf(version)]
  execFileSync('bash', over === undefined ? args : [...args, join(bundles, over)], { stdio: 'ignore' })
}

const status = async () => (await anna.call('update status')).json<UpdateStatus>()
/** Not there while the box is on its way down, or up. */
const statusOrNone = () => status().catch(() => undefined)

async function handOver(file: string): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES)
  const handle = openSync(file, 'r')
  for (let offset = 0; offset < statSync(file).size; offset += PIECE_BYTES) {
    const bytes = readSync(handle, piece, 0, PIECE_BYTES, offset)
    const reply = await anna.call('update take', { offset, base64: piece.toString('base64', 0, bytes) })
    expect(reply.status, reply.text).toBe(200)
  }
  closeSync(handle)
}

/** Until the box goes down with it. */
async function install(version: string): Promise<void> {
  await handOver(fileOf(version))
  took(`${version} is handed over`)
  const reply = await anna.call('update install', { from: { taken: true } })
  expect(reply.status, reply.text).toBe(200)
  const end = await until(
    `${version} is installed`,
    async () => {
      const now = await statusOrNone()
      return (!now?.job || now.job.phase === 'reboot') && { now }
    },
    BOOT_MS_MAX + TRIAL_MS_MAX,
    1_000,
  )
  expect(end.now?.job, end.now?.last?.text).not.toBeNull()
  took(`${version} is installed`)
  await machine.goesOff()
  took('the box is down')
}

async function up(): Promise<RegExpExecArray> {
  machine = await boot(disk)
  const found = await banner(machine, 'any')
  took(`${found[2]} says its banner`)
  return found
}

async function logIn(): Promise<void> {
  anna = browser(machine.page.service)
  await until('log-in', async () => (await anna.logIn('anna').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 2_000)
}

test('the version that left the factory is found to be well, and is the least from then on', {
  timeout: 4 * BOOT_MS_MAX,
}, async () => {
  const [, , version = ''] = await up()
  const [, code = ''] = await machine.says(/Claim code: (\S+)/)
  anna = browser(machine.page.service)
  await until('the page answers', async () => (await anna.ask('/').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 1_000)
  expect((await anna.claim(code)).status).toBe(200)
  const now = await until(
    'it is marked good',
    async () => {
      const it = await statusOrNone()
      return it?.minimum ? it : undefined
    },
    BOOT_MS_MAX + TRIAL_MS_MAX,
    2_000,
  )
  took('the factory version is good')
  expect(now).toMatchObject({ version, job: null, minimum: { version, generation: 0 } })
  expect(now.slots.map((it) => [it.name, it.isBooted, it.isNext, it.isGood])).toEqual([
    ['A', true, true, true],
    ['B', false, false, true],
  ])
})

test('what is no bundle is refused, and says so', { timeout: 2 * BOOT_MS_MAX }, async () => {
  await anna.call('update take', { offset: 0, base64: Buffer.alloc(5_000, 'no bundle').toString('base64') })
  await anna.call('update install', { from: { taken: true } })
  const now = await until(
    'it is over',
    async () => {
      const it = await statusOrNone()
      return it?.job === null && it.last !== null ? it : undefined
    },
    BOOT_MS_MAX,
    1_000,
  )
  expect(now.last).toMatchObject({ outcome: 'refused' })
})

test('a good version is handed over by the page, starts in the other slot, and stays', {
  timeout: 6 * BOOT_MS_MAX + 2 * TRIAL_MS_MAX,
}, async () => {
  await install(GOOD)
  const [, , version] = await up()
  expect(version).toBe(GOOD)
  await logIn()
  const now = await until(
    'the trial is over',
    async () => {
      const it = await statusOrNone()
      return it?.job === null ? it : undefined
    },
    BOOT_MS_MAX + TRIAL_MS_MAX,
    2_000,
  )
  took('the good version stays')
  expect(now).toMatchObject({ version: GOOD, last: { outcome: 'good', version: GOOD }, minimum: { version: GOOD } })
  expect(now.slots.find((it) => it.name === 'B')).toMatchObject({ isBooted: true, isNext: true, isGood: true, version: GOOD })
})

test('one whose agent dies at each start is given up by itself: the version before runs again, and says why', {
  timeout: 8 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
}, async () => {
  await install(SICK)
  const [, , version] = await up()
  expect(version).toBe(SICK)
  await machine.goesOff(BOOT_MS_MAX + TRIAL_MS_MAX)
  took('the sick version gave up')
  const [, , after] = await up()
  expect(after).toBe(GOOD)
  await logIn()
  const now = await until(
    'it is over',
    async () => {
      const it = await statusOrNone()
      return it?.job === null ? it : undefined
    },
    BOOT_MS_MAX + TRIAL_MS_MAX,
    2_000,
  )
  expect(now.last).toMatchObject({ outcome: 'fell-back', version: SICK, text: expect.stringContaining('agent') })
  expect(now.minimum).toMatchObject({ version: GOOD })
  await machine.off()
  expect(bootEnvironment(disk)).toMatchObject({ A_OK: '0', A_GOOD: '0', B_OK: '1', B_GOOD: '1' })
})
