// A box whose clock begins in 1970, that reaches no time server, and whose data partition is destroyed: what people need works all the same.
import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UpdateStatus } from '../../src/core/update.ts'
import { until } from '../route/until.ts'
import type { Browser } from '../web/panel.ts'
import { browser, PASSWORD } from '../web/panel.ts'
import { banner } from './banner.ts'
import type { Disk, Machine } from './machine.ts'
import { boot, bootEnvironment, destroy, filesBelow, journalOf, newDisk } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
let disk: Disk
let machine: Machine
let anna: Browser

beforeAll(async () => {
  disk = newDisk(board)
  destroy(disk, 'data')
  machine = await boot(disk, {}, { qemu: ['-rtc', 'base=1970-01-01T00:00:00'] })
}, 2 * BOOT_MS_MAX)
afterAll(async () => {
  await machine?.kill()
  if (process.env['KEEP'] === undefined) disk?.remove()
})

test('the serial line says that there is a problem, and gives the claim code', async () => {
  const [, , , how] = await banner(machine, 'any')
  expect(how).toBe('PROBLEM')
  const [, code = ''] = await machine.says(/Claim code: (\S+)/)
  anna = browser(machine.page.service)
  await until('the page answers', async () => (await anna.ask('/').catch(() => undefined))?.status === 200, BOOT_MS_MAX, 1_000)
  expect((await anna.claim(code)).status).toBe(200)
})

test('the certificate of the page is from no year before this software was made', async () => {
  const { hostname, port } = new URL(machine.page.service)
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
  const raw = await new Promise<Buffer>((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket.getPeerCertificate().raw))
    socket.once('error', reject)
  })
  socket.destroy()
  expect(new Date(new X509Certificate(raw).validFrom).getFullYear()).toBeGreaterThanOrEqual(2025)
})

test('log-in, a new password, the network, the update and diagnostics work', async () => {
  const changed = await anna.call('password change', { current: PASSWORD, password: 'five other words by chance' })
  expect(changed.status, changed.text).toBe(200)
  const again = browser(machine.page.service)
  expect((await again.logIn('anna')).status).not.toBe(200)
  expect((await again.logIn('anna', 'five other words by chance')).status).toBe(200)

  const network = await again.call('network show')
  expect(network.status, network.text).toBe(200)
  expect(network.text).toContain('192.168.77.1')

  const update = (await again.call('update status')).json<UpdateStatus>()
  expect(update.slots.map((it) => it.name)).toEqual(['A', 'B'])
  const packed = await again.call('diagnostics')
  expect(packed.status, packed.text.slice(0, 300)).toBe(200)
  expect(packed.text.length).toBeGreaterThan(1_000)
})

test('nothing was written where the log would be, and the version was not found to be well', async () => {
  await machine.off()
  const journal = journalOf(disk)
  expect(journal).toMatch(/data-log\.mount|\/data\/log/)
  expect(journal).not.toMatch(/starting again/)
  expect(filesBelow(disk, 'state', 'agent/log')).toEqual([])
  // Nor found to be bad: no other version would bring the disk back.
  const { A_OK, A_GOOD } = bootEnvironment(disk)
  expect([A_OK, A_GOOD ?? '0']).toEqual(['1', '0'])
})
