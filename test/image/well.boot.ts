// What ships, booted: whether it is well at its first and its second start.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../route/until.ts'
import type { Browser } from '../web/panel.ts'
import { browser } from '../web/panel.ts'
import type { Disk, Machine } from './machine.ts'
import { banner } from './banner.ts'
import { boot, bootEnvironment, journalOf, newDisk, partitions } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const { version: release } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  version: string
}
const VERSION = `${release}-development`

let disk: Disk
let machine: Machine
let id: string
let code: string
let begun: number
const seconds = () => Math.round((performance.now() - begun) / 1000)

beforeAll(() => {
  disk = newDisk(board)
})
afterAll(async () => {
  await machine?.kill()
  // Kept for a look where somebody wants one.
  if (process.env['KEEP'] === undefined) disk?.remove()
})

describe('the first boot', () => {
  beforeAll(async () => {
    begun = performance.now()
    machine = await boot(disk)
  })

  test('says on the serial line who it is, that it is for development, that its agent answers, and its claim code', async () => {
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
    const status = (await anna.call('status')).json<{ device: string; version: string; log: { bytesMax: number } }>()
    expect(status).toMatchObject({ device: id, version: VERSION, sources: [], uplinks: [] })
    // Four fifths of the data partition, which has grown from 64 MiB.
    expect(status.log.bytesMax).toBeGreaterThan(1_000_000_000)
  })

  test('lets nobody in from the uplink', async () => {
    await expect(browser(machine.page.uplink).ask('/')).rejects.toThrow()
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
    machine = await boot(disk)
    const [, name] = await banner(machine)
    console.log(`second boot: banner after ${seconds()} s`)
    expect(name).toBe(id)
    // Behind the banner, with all its lines.
    await machine.says(/Name \(or: reset/)
    expect(machine.serial()).not.toContain('Claim code')
    const anna = browser(machine.page.service)
    await until('log-in', async () => (await anna.logIn('anna').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 2_000)
  })
})
