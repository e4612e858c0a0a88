// A bundle from a stick at the serial line, by a technician; then the other slot. The agent does not run, the panel is down.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAccess } from '../../src/access/index.ts'
import type { Box } from '../update/box.ts'
import { box, canUpdate } from '../update/box.ts'
import type { Vendor } from '../update/signing.ts'
import { vendor } from '../update/signing.ts'
import type { Line } from './pty.ts'
import { openLine } from './pty.ts'
import { ADMIN, PASSWORD, TECHNICIAN } from './site.ts'

const CHOICE = 'Choice (- is not on this system): '
const BACK = 'Enter: menu '
const MS_MAX = 90_000

const can = canUpdate()
if (!can) console.warn('SKIPPED: updates need root, rauc, grub-editenv, dbus-daemon and mksquashfs')

describe.skipIf(!can)('updates at the serial line', { timeout: 240_000 }, () => {
  let made: Vendor
  let it: Box
  let line: Line

  beforeAll(async () => {
    made = vendor()
    it = await box({ ca: made.ca, hasAgent: false, settings: 'version: 1\ndevice: { id: hf-7f3a }\n' })
    const access = await openAccess(it.data)
    await access.claim({ code: access.claimCode() as string, user: ADMIN, password: PASSWORD }, { address: '10.0.0.1' })
    await access.addUser({ name: TECHNICIAN, role: 'technician', password: PASSWORD }, { by: ADMIN, address: '10.0.0.1' })
    access.close()
    line = openLine(['--data', it.data, '--settings', join(it.dir, 'settings.yaml'), '--stick', join(it.dir, 'stick')])
    await line.see('Name', MS_MAX)
    line.enter(TECHNICIAN)
    await line.see('Password: ', MS_MAX)
    line.enter(PASSWORD)
    await line.see(CHOICE, MS_MAX)
  }, 180_000)
  afterAll(async () => {
    line?.hangUp()
    await it?.close()
    made?.close()
  })

  test('what is not signed for this box is refused', async () => {
    copyFileSync(made.bundle({ version: '6.0.0', signer: 'stranger' }), join(it.dir, 'stick', 'foreign.raucb'))
    line.enter('11')
    await line.see('Which (Enter: none): ', MS_MAX)
    line.enter('u')
    await line.see('(1-1, Enter: none): ', MS_MAX)
    line.enter('1')
    await line.see('(y/n) ', MS_MAX)
    line.enter('y')
    expect(await line.see(BACK, MS_MAX)).toContain('refused: the bundle is refused')
    line.enter('')
    await line.see(CHOICE, MS_MAX)
  })

  test('the other slot wants the name of the box, and boots', async () => {
    line.enter('12')
    await line.see('Name: ', MS_MAX)
    line.enter('another')
    expect(await line.see(BACK, MS_MAX)).toContain('nothing was done')
    line.enter('')
    await line.see(CHOICE, MS_MAX)
    expect(it.boots()).toBe(1)
    line.enter('12')
    await line.see('Name: ', MS_MAX)
    line.enter('hf-7f3a')
    await line.see('starts anew with the other slot', MS_MAX)
    await it.sees('the other slot runs', (now) => now.slots.find((slot) => slot.name === 'B')?.isBooted === true)
  })
})
