// A box whose data partition others have filled to the last byte while it was off: what people need works, status says what is wrong, and an update is
// the way out.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NetworkNow } from '../../src/core/host.ts'
import type { Status } from '../../src/core/status.ts'
import { until } from '../route/until.ts'
import { browser, PASSWORD } from '../web/panel.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { fill, filesBelow, journalOf } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const NEXT = '99.8.0-development'
const OTHER_PASSWORD = 'five other words by chance'
const ADDRESS = '10.20.1.17/24'

let box: Box

beforeAll(async () => {
  box = newBox(board, { [NEXT]: {} })
  await box.up()
  await box.claim()
  await box.sees('it is marked good', (it) => it.minimum !== null)
  await box.machine().off()
  // Without the space that the log has set aside for itself, of which this test is.
  expect(filesBelow(box.disk, 'data', '')).toContain('/mnt/it/ballast')
  expect(fill(box.disk, 'data')).toBe(0)
  box.took('a first start, then the data partition is full')
}, 4 * BOOT_MS_MAX)
afterAll(() => box?.remove())

/** Of the agent: where it does not run, nobody answers. */
async function saysWhatIsWrong(): Promise<void> {
  const status = await until('the agent answers', () => box.ask<Status>('status').catch(() => undefined), BOOT_MS_MAX, 2_000)
  const issue = status.issues.find((it) => it.code.startsWith('disk-'))
  expect(issue).toMatchObject({ severity: 'problem', text: expect.stringContaining('The disk that the log lies on') })
  expect(issue?.remedy).toMatch(/Delete what other programs have left there/)
}

test('it starts, people log in, and status says what is wrong and what to do', async () => {
  const [, , , how] = await box.up()
  expect(['PROBLEM', 'ATTENTION']).toContain(how)
  await box.logIn()
  await saysWhatIsWrong()
})

test('a password is changed', async () => {
  const changed = await box.anna().call('password change', { current: PASSWORD, password: OTHER_PASSWORD })
  expect(changed.status, changed.text).toBe(200)
  const again = browser(box.machine().page.service)
  expect((await again.logIn('anna')).status).not.toBe(200)
  expect((await again.logIn('anna', OTHER_PASSWORD)).status).toBe(200)
  // And back, so that the others can log in.
  const back = await again.call('password change', { current: OTHER_PASSWORD, password: PASSWORD })
  expect(back.status, back.text).toBe(200)
  await box.logIn()
})

test('the network is shown and changed', async () => {
  const { interfaces } = await box.ask<NetworkNow>('network show')
  const port = interfaces.find((it) => it.mac.endsWith(':57'))
  await box.ask('network apply', { ports: [{ interface: port?.name, zone: 'plant', address: ADDRESS }] })
  await box.ask('network confirm')
  const has = async () => {
    const now = await box.ask<NetworkNow>('network show')
    return now.interfaces.find((it) => it.name === port?.name)?.addresses.includes(ADDRESS)
  }
  await until('the port has its address', has, BOOT_MS_MAX, 1_000)
})

test('diagnostics are packed', async () => {
  const packed = await box.anna().call('diagnostics')
  expect(packed.status, packed.text.slice(0, 300)).toBe(200)
  expect(packed.text.length).toBeGreaterThan(1_000)
})

test('a version comes from the stick, stays, and has the same to say', {
  timeout: 6 * BOOT_MS_MAX + 2 * TRIAL_MS_MAX,
}, async () => {
  await box.installFromStick(NEXT)
  const [, , version] = await box.up()
  expect(version).toBe(NEXT)
  await box.logIn()
  const now = await box.sees('the trial is over', (it) => it.job === null)
  box.took('the next version is good')
  expect(now).toMatchObject({ version: NEXT, last: { outcome: 'good', version: NEXT }, minimum: { version: NEXT } })
  await saysWhatIsWrong()
})

test('what others have put there is there still, and the agent did not die of it', async () => {
  await box.machine().off()
  expect(filesBelow(box.disk, 'data', '')).toContain('/mnt/it/others-last')
  expect(journalOf(box.disk)).not.toMatch(/SQLITE_FULL|disk is full/)
})
