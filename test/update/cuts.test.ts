// Power is cut again and again in the middle of an update: what boots is the old version or the new one, whole, and the update comes to its end.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runHere } from '../commands/surroundings.ts'
import type { Box } from './box.ts'
import { box, canUpdate } from './box.ts'
import type { Vendor } from './signing.ts'
import { slotImage, vendor } from './signing.ts'

/** After it was asked for: from before the first byte is written to the first look at the new version. */
const CUTS_MS = [0, 150, 400, 900, 2_500]

const can = canUpdate()
if (!can) console.warn('SKIPPED: updates need root, rauc, grub-editenv, dbus-daemon and mksquashfs')

describe.skipIf(!can)('an update that is cut', { timeout: 400_000 }, () => {
  let made: Vendor
  let it: Box

  beforeAll(async () => {
    made = vendor()
    it = await box({ ca: made.ca })
  }, 180_000)
  afterAll(async () => {
    await it?.close()
    made?.close()
  })

  test('boots the old or the new version, and is over in the end', async () => {
    const bundle = made.bundle({ version: '2.0.0' })
    const begin = () => runHere(`update install ${bundle} --data ${it.data}`, { connectUpdater: async () => it.updater })
    const isWhole = () => {
      const { slot, version } = it.running()
      return readFileSync(join(it.dir, `slot-${slot}`)).equals(slotImage({ version }))
    }
    for (const ms of CUTS_MS) {
      const { job, version } = await it.updater.status()
      const asked = job === null && version === '1.0.0' ? begin().catch(() => undefined) : undefined
      await it.sees('it is under way', (now) => asked === undefined || now.job !== null)
      await sleep(ms)
      await it.cut()
      // Whoever asked waits for minutes to hear of it again, and is not waited for.
      await it.power()
      expect(['1.0.0', '2.0.0']).toContain(it.running().version)
      expect(isWhole(), `after a cut at ${ms} ms`).toBe(true)
    }
    const end = await it.sees(
      'it is over',
      (now) => now.job === null && (now.version === '1.0.0' || now.last?.outcome === 'good'),
      120_000,
    )
    // A version that never got to show that it is well is tried once; it may come again.
    if (end.version !== '2.0.0') await begin()
    await it.sees('it stays', (now) => now.version === '2.0.0' && now.last?.outcome === 'good', 120_000)
    expect(isWhole()).toBe(true)
  })
})
