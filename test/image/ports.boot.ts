// Who may come in where, before anybody has set anything: seen from the far end of each port.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../route/until.ts'
import { browser } from '../web/panel.ts'
import { banner } from './banner.ts'
import type { Disk, Machine } from './machine.ts'
import { boot, newDisk } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'
import type { Desk } from './zones.ts'
import { desk } from './zones.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
/** By the number that QEMU gives a card; what a port without an address calls itself. */
const linkLocal = (card: number) => `fe80::5054:ff:fe12:345${6 + card}%`

let disk: Disk
let machine: Machine
let desks: Readonly<Record<'uplink' | 'plant' | 'service', Desk>>
let id: string

beforeAll(async () => {
  disk = newDisk(board)
  desks = { uplink: desk('10.0.2.77/24'), plant: desk('10.20.1.77/24'), service: desk('192.168.77.77/24') }
  const { uplink, plant, service } = desks
  machine = await boot(disk, { uplink: uplink.tap, plant: plant.tap, service: service.tap })
  for (const it of [uplink, plant, service]) await it.plugIn()
  id = (await banner(machine))[1] ?? ''
  const page = browser(machine.page.service)
  await until('the page answers', async () => (await page.ask('/').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 1_000)
  await machine.tapsAlone()
}, 3 * BOOT_MS_MAX)
afterAll(async () => {
  await machine?.kill()
  for (const it of Object.values(desks ?? {})) it.close()
  if (process.env['KEEP'] === undefined) disk?.remove()
})

test('the service port takes the page and its redirect, by both families, and nothing else', async () => {
  expect(await desks.service.scan('192.168.77.1')).toEqual([80, 443])
  expect(await desks.service.scan(linkLocal(2))).toEqual([80, 443])
})

test('it gives a phone an address, and answers to its own name', async () => {
  const offers = JSON.parse(await desks.service.run('ask.ts', 'dhcp')) as { by: string; address: string }[]
  expect(offers.find((it) => it.by === '192.168.77.1')?.address).toMatch(/^192\.168\.77\.\d+$/)
  const name = `holdfast-${id.slice(-4)}.local`
  expect(JSON.parse(await desks.service.run('ask.ts', 'name', name, '192.168.77.77'))).toContain('192.168.77.1')
})

test('the uplink takes nothing, from nobody', async () => {
  expect(await desks.uplink.scan('10.0.2.15')).toEqual([])
  expect(await desks.uplink.scan(linkLocal(0))).toEqual([])
  expect(JSON.parse(await desks.uplink.run('ask.ts', 'name', `holdfast-${id.slice(-4)}.local`, '10.0.2.77'))).toEqual([])
  // It was there and heard all that.
  expect(desks.uplink.neighbours()).toMatch(/10\.0\.2\.15 .*lladdr 52:54:00:12:34:56/)
})

test('the plant port has no address until one is set', async () => {
  expect(await desks.plant.scan(linkLocal(1))).toEqual([])
})
