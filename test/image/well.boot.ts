// What ships, booted: whether it is well at its first and its second start, and what a copy of its disk is in other hardware. KIND=production: of
// images that were made so, with CERTIFICATE and KEY of the keyring.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogInspection } from '../../src/core/log-files.ts'
import type { SettingsEntry } from '../../src/core/operator.ts'
import type { Status } from '../../src/core/status.ts'
import type { UpdateStatus } from '../../src/core/update.ts'
import { until } from '../route/until.ts'
import type { Browser, Reply } from '../web/panel.ts'
import { browser } from '../web/panel.ts'
import type { Disk, Machine } from './machine.ts'
import { banner } from './banner.ts'
import type { Signer } from './bundles.ts'
import { smallBundle } from './bundles.ts'
import { boot, bootEnvironment, cloneOf, journalOf, newDisk, partitions } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const { version: release } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  version: string
}
const isProduction = process.env['KIND'] === 'production'
const VERSION = isProduction ? release : `${release}-development`

const DEVELOPMENT = keysIn(join(import.meta.dirname, '../../images/keys'), 'development')
/** Of production: a key whose certificate is in the keyring, as CERTIFICATE and KEY. */
const OURS: Signer = isProduction ? { certificate: process.env['CERTIFICATE'] ?? '', key: process.env['KEY'] ?? '' } : DEVELOPMENT

/** Of production those for development, else ones that nobody knows. */
function theirs(): Signer {
  if (isProduction) return DEVELOPMENT
  execFileSync('bash', [join(import.meta.dirname, '../../images/keys/make.sh'), dir, 'other'])
  return keysIn(dir, 'other')
}

function keysIn(folder: string, name: string): Signer {
  return { certificate: join(folder, `${name}.cert.pem`), key: join(folder, `${name}.key.pem`) }
}

let dir: string
let disk: Disk
let machine: Machine
let id: string
let code: string
let epoch: string
let begun: number
const seconds = () => Math.round((performance.now() - begun) / 1000)

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-image-well-'))
  disk = newDisk(board)
})
afterAll(async () => {
  await machine?.kill()
  // Kept for a look where somebody wants one.
  if (process.env['KEEP'] === undefined) disk?.remove()
  rmSync(dir, { recursive: true, force: true })
})

describe('the first boot', () => {
  beforeAll(async () => {
    begun = performance.now()
    machine = await boot(disk, {}, { hardware: '1' })
  })

  test('says on the serial line who it is, what it is for, that its agent answers, and its claim code', async () => {
    const [, name = '', version] = await banner(machine)
    console.log(`first boot: banner after ${seconds()} s`)
    id = name
    expect(version).toBe(VERSION)
    const [, claim = ''] = await machine.says(/Claim code: (\S+)/)
    code = claim
    expect(code.replaceAll('-', '').length).toBeGreaterThanOrEqual(13)
  })

  test('serves the page at the service port by the certificate that the serial line names', async () => {
    const page = browser(machine.page.service)
    const reply = await until('the page answers', () => page.ask('/').catch(() => undefined), BOOT_MS_MAX, 1_000)
    expect(reply.status).toBe(200)
    expect(reply.text).toContain('<html')
    expect((await page.call('status')).status).toBe(401)
  })

  test('is claimed by its code, once; then its agent says over the page that all is in order', async () => {
    const anna: Browser = browser(machine.page.service)
    expect((await anna.claim(code)).status).toBe(200)
    expect((await browser(machine.page.service).claim(code)).status).not.toBe(200)
    const status = (await anna.call('status')).json<Status>()
    epoch = status.epoch
    expect(status).toMatchObject({ device: id, version: VERSION, sources: [], uplinks: [] })
    // Four fifths of the data partition, which has grown from 64 MiB.
    expect(status.log.bytesMax).toBeGreaterThan(1_000_000_000)
  })

  test('lets nobody in from the uplink', async () => {
    await expect(browser(machine.page.uplink).ask('/')).rejects.toThrow()
  })

  test('takes what a key of its keyring signed as far as its version, and of another key nothing', async () => {
    const anna: Browser = browser(machine.page.service)
    await until('log-in', async () => (await anna.logIn('anna').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 2_000)
    const asked = () => anna.call('update status').catch(() => undefined)
    const now = async () => found(await asked())?.json<UpdateStatus>()
    // From then on there is a least version.
    await until('the slot is marked good', async () => (await now())?.minimum, BOOT_MS_MAX, 2_000)
    const endOf = async (signer: Signer) => {
      const before = (await now())?.last?.at
      const base64 = smallBundle(board, '0.0.1', signer).toString('base64')
      expect(await anna.call('update take', { offset: 0, base64 })).toMatchObject({ status: 200 })
      expect(await anna.call('update install', { from: { taken: true } })).toMatchObject({ status: 200 })
      const over = async (it = now()) => (await it)?.job === null && (await it)?.last?.at !== before && (await it)?.last
      return until('it is over', () => over(), BOOT_MS_MAX, 2_000)
    }
    expect(await endOf(OURS)).toMatchObject({ outcome: 'refused', text: expect.stringMatching(/0\.0\.1 is older than/) })
    expect(await endOf(theirs())).toMatchObject({ outcome: 'refused', text: expect.stringMatching(/signature/) })
  })

  test('nothing failed, no ordering was broken, and the slot is good', async () => {
    await until('the slot is marked good', () => bootEnvironment(disk)['A_GOOD'] === '1', BOOT_MS_MAX, 5_000)
    await machine.off()
    const journal = journalOf(disk)
    const bad = journal
      .split('\n')
      .filter((it) => /Failed with result|ordering cycle|Dependency failed|segfault|Failed to start/.test(it))
    expect(bad).toEqual([])
    expect(journal).toContain(`the updater is up, version ${VERSION}`)
    expect(bootEnvironment(disk)).toMatchObject({ ORDER: 'A B', A_OK: '1', A_TRY: '0', A_GOOD: '1', B_OK: '1', B_TRY: '0' })
    expect(Object.keys(partitions(disk))).toEqual(['esp', 'rootfs-a', 'rootfs-b', 'state', 'data'])
  })
})

describe('the second boot', () => {
  test('is the same box, claimed, with one machine id in the journal', async () => {
    // Where the first boot failed it is still there, on the same disk.
    await machine.kill()
    begun = performance.now()
    machine = await boot(disk, {}, { hardware: '1' })
    const [, name] = await banner(machine)
    console.log(`second boot: banner after ${seconds()} s`)
    expect(name).toBe(id)
    // Behind the banner, with all its lines.
    await machine.says(/Name \(or: reset/)
    expect(machine.serial()).not.toContain('Claim code')
    expect(await epochOf(machine)).toBe(epoch)
  })
})

describe('a copy of its disk in other hardware', () => {
  test("is nobody's, under another name, and says whose disk it was; the log is there, in an epoch of its own", async () => {
    await machine.off()
    const copy = cloneOf(disk)
    disk.remove()
    disk = copy
    begun = performance.now()
    machine = await boot(disk, {}, { hardware: '2' })
    const [, name] = await banner(machine)
    console.log(`a copy elsewhere: banner after ${seconds()} s`)
    expect(name).not.toBe(id)
    const [, claim = ''] = await machine.says(/Claim code: (\S+)/)
    expect(claim).not.toBe(code)
    const bert: Browser = browser(machine.page.service)
    await until('the page answers', async () => (await bert.ask('/').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 1_000)
    expect((await bert.logIn('anna')).status).not.toBe(200)
    expect((await bert.claim(claim)).status).toBe(200)
    const asked = (what: string) =>
      until(what, async () => found(await bert.call(what).catch(() => undefined)), BOOT_MS_MAX, 2_000)
    const status = (await asked('status')).json<Status>()
    expect(status).toMatchObject({ device: name, sources: [], uplinks: [] })
    expect(status.epoch).not.toBe(epoch)
    expect(status.issues.find((it) => it.code === 'other-hardware')).toMatchObject({ of: id })
    const streams = (await asked('log inspect')).json<LogInspection>().streams.map((it) => it.device)
    // Who claimed the first one is an event of its log.
    expect(streams).toContain(id)
    const notes = (await asked('settings history')).json<SettingsEntry[]>().map((it) => it.note)
    expect(notes).toContain(`of ${id}, in other hardware`)
  })

  test('starts there again as it is, and goes back to what it was where somebody says so', async () => {
    await machine.off()
    machine = await boot(disk, {}, { hardware: '2' })
    const [, name] = await banner(machine)
    expect(name).not.toBe(id)
    await machine.says(/Name \(or: reset/)
    expect(machine.serial()).not.toContain('Claim code')
    const anna: Browser = browser(machine.page.service)
    await until('log-in', async () => (await anna.logIn('anna').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 2_000)
    const asked = (what: string) =>
      until(what, async () => found(await anna.call(what).catch(() => undefined)), BOOT_MS_MAX, 2_000)
    const entries = (await asked('settings history')).json<SettingsEntry[]>()
    const revision = entries.find((it) => it.note === `of ${id}, in other hardware`)?.revision
    expect((await anna.call('settings revert', { revision })).status).toBe(200)
    const status = async () => (await asked('status')).json<Status>()
    await until('it is the box that it was', async () => (await status()).device === id, BOOT_MS_MAX, 2_000)
    expect((await status()).issues.map((it) => it.code)).not.toContain('other-hardware')
  })
})

/** As its agent says it to who is logged in. */
async function epochOf({ page }: Machine): Promise<string> {
  const anna: Browser = browser(page.service)
  await until('log-in', async () => (await anna.logIn('anna').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 2_000)
  const asked = () => anna.call('status').catch(() => undefined)
  const reply = await until('the agent answers', async () => found(await asked()), BOOT_MS_MAX, 2_000)
  return reply.json<Status>().epoch
}

const found = (reply: Reply | undefined) => (reply?.status === 200 ? reply : undefined)
