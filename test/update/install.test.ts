// A bundle into the other slot by the real RAUC, a boot, a look at the data path: it stays, or the one before comes back.
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { runHere } from '../commands/surroundings.ts'
import type { Box } from './box.ts'
import { box, canUpdate } from './box.ts'
import type { Vendor } from './signing.ts'
import { vendor } from './signing.ts'

const can = canUpdate()
if (!can) console.warn('SKIPPED: updates need root, rauc, grub-editenv, dbus-daemon and mksquashfs')

describe.skipIf(!can)('updates', { timeout: 240_000 }, () => {
  let made: Vendor
  let it: Box

  beforeAll(() => {
    made = vendor()
  })
  afterEach(() => it?.close())
  afterAll(() => made?.close())

  const run = (words: string) => runHere(`${words} --data ${it.data}`, { connectUpdater: async () => it.updater })

  test('a file: handed over, checked, written, booted, well; then back to the one before', async () => {
    it = await box({ ca: made.ca })
    await it.sees('the first boot is good', (now) => now.minimum?.version === '1.0.0')
    const installed = await run(`update install ${made.bundle({ version: '2.0.0', generation: 3 })}`)
    expect(installed).toMatchObject({ status: 0, out: 'installed; the box starts anew with it\n' })
    const now = await it.sees('it stays', ({ last }) => last?.outcome === 'good')
    expect(now).toMatchObject({
      version: '2.0.0',
      job: null,
      last: { version: '2.0.0' },
      minimum: { generation: 3, version: '2.0.0' },
    })
    expect(it.running()).toEqual({ slot: 'B', version: '2.0.0', sick: '' })
    expect(it.env()).toMatchObject({ ORDER: 'B A', B_OK: '1', B_TRY: '0' })
    expect((await run('update status')).out).toContain('B     runs  good   2.0.0')

    expect((await run('update rollback')).status).toBe(0)
    await it.sees('back', ({ version, job, last }) => version === '1.0.0' && job === null && last?.version !== '2.0.0')
    expect(it.running()).toMatchObject({ slot: 'A', version: '1.0.0' })
    // What raises the generation stays out for good, whatever anybody goes back to.
    expect(await run(`update install ${made.bundle({ version: '1.5.0', generation: 2 })}`)).toMatchObject({
      status: 1,
      out: expect.stringContaining('generation 2 is below 3'),
    })
  })

  test('a version whose agent does not start: the one before comes back and says why', async () => {
    it = await box({ ca: made.ca })
    await run(`update install ${made.bundle({ version: '2.0.0', sick: 'no-agent' })}`)
    const now = await it.sees('it fell back', ({ last }) => last?.outcome === 'fell-back')
    expect(now).toMatchObject({
      version: '1.0.0',
      last: { version: '2.0.0', text: expect.stringMatching(/^not well in its time: agent: /) },
    })
    expect(it.running().slot).toBe('A')
    expect(it.env()['B_OK']).toBe('0')
    expect(now.minimum?.version).not.toBe('2.0.0')
  })

  test('a version that never comes up: the boot loader goes back, and that is told', async () => {
    it = await box({ ca: made.ca, hasAgent: false })
    await run(`update install ${made.bundle({ version: '2.0.0', sick: 'panic' })}`)
    const now = await it.sees('it fell back', ({ last }) => last?.outcome === 'fell-back')
    expect(now.last?.text).toContain('did not come up')
    expect(it.running()).toMatchObject({ slot: 'A', version: '1.0.0' })
  })

  test('what was not signed for this box, is damaged, old or for other hardware is not installed', async () => {
    it = await box({ ca: made.ca })
    await it.sees('the first boot is good', (now) => now.minimum?.version === '1.0.0')
    const before = readFileSync(join(it.dir, 'slot-B'))
    const good = made.bundle({ version: '2.0.0' })
    const cut = join(it.dir, 'cut.raucb')
    copyFileSync(good, cut)
    truncateSync(cut, statSync(cut).size - 5_000)
    const changed = join(it.dir, 'changed.raucb')
    const bytes = readFileSync(good)
    bytes[400_000] = (bytes[400_000] as number) ^ 1
    writeFileSync(changed, bytes)
    const none = join(it.dir, 'none.raucb')
    writeFileSync(none, 'no bundle at all')
    const cases: readonly [string, string, RegExp][] = [
      ['signed by somebody else', made.bundle({ version: '2.0.0', signer: 'stranger' }), /refused: /],
      ['cut short', cut, /refused: /],
      ['one bit changed', changed, /refused: /],
      ['no bundle', none, /refused: /],
      ['older than what runs', made.bundle({ version: '0.9.0' }), /version 0\.9\.0 is older than 1\.0\.0/],
      ['for other hardware', made.bundle({ version: '2.0.0', compatible: 'another' }), /failed: .*compatible/i],
    ]
    for (const [what, file, says] of cases) {
      const answer = await run(`update install ${file}`)
      expect(answer, what).toMatchObject({ status: 1, out: expect.stringMatching(says) })
    }
    expect(readFileSync(join(it.dir, 'slot-B')).equals(before)).toBe(true)
    expect(it.running()).toMatchObject({ slot: 'A', version: '1.0.0' })
    expect(it.boots()).toBe(1)
  })
})
