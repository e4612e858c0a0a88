// A bundle into the other slot by the real RAUC, a boot, a look at the data path: it stays, or the one before comes back.
import { copyFileSync, existsSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { runHere } from '../commands/surroundings.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { box, canUpdate } from './box.ts'
import type { Cast } from './forged.ts'
import { castOf, refusedOf, takenOf } from './forged.ts'
import type { Signers } from './signers.ts'
import { signers } from './signers.ts'
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
    // Where the box starts anew between two looks, the command sees the end.
    expect(installed).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^(installed; the box starts anew with it|good: the data path is well)\n$/),
    })
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
    // Where it goes back to: the boot loader tries a version that was never good once only.
    await it.sees('the first boot is good', (now) => now.minimum?.version === '1.0.0')
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
    it = await box({ ca: made.ca })
    await it.sees('the first boot is good', (now) => now.minimum?.version === '1.0.0')
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

  describe('signers of every kind', () => {
    let forgers: Signers
    let cast: Cast

    beforeAll(() => {
      forgers = signers()
      cast = castOf(forgers)
    })
    afterAll(() => forgers?.close())

    /** All that an installation changes. */
    const state = () => ['slot-A', 'slot-B', 'grubenv', 'data/rauc.status'].map((name) => contentOf(join(it.dir, name)))
    const install = (bundle: Buffer) => {
      const file = join(it.dir, 'handed-over.raucb')
      writeFileSync(file, bundle)
      return run(`update install ${file}`)
    }
    const bundleOf = (version: string, format: 'plain' | 'verity' = 'plain') => readFileSync(made.bundle({ version, format }))

    test('what is wrong, missing, over, foreign or over something else writes nothing, neither to a slot nor for the boot loader', async () => {
      it = await box({ ca: cast.ca.certificate })
      await it.sees('the first boot is good', (now) => now.minimum?.version === '1.0.0')
      const before = state()
      for (const format of ['plain', 'verity'] as const) {
        const [bundle, another] = [bundleOf('2.0.0', format), bundleOf('2.0.1', format)]
        for (const { what, bundle: forged } of refusedOf(forgers, cast, bundle, another)) {
          const { status, out, err } = await install(forged)
          expect(`${status} ${out}${err}`, `${format}, ${what}`).toMatch(/^1 .*refused: |^2 .*is empty/s)
        }
      }
      expect(state().map((content, at) => content.equals(before[at] as Buffer))).toEqual([true, true, true, true])
      expect(it.boots()).toBe(1)
    })

    test('what was signed in its time is taken, whatever the clock says of its certificate now', async () => {
      it = await box({ ca: cast.ca.certificate })
      const taken = (version: string, what: RegExp) =>
        takenOf(forgers, cast, bundleOf(version)).find((each) => what.test(each.what))?.bundle as Buffer
      for (const [version, bundle] of [
        ['2.0.0', taken('2.0.0', /ended a year ago/)],
        ['3.0.0', taken('3.0.0', /has yet to reach/)],
      ] as const) {
        expect(await install(bundle)).toMatchObject({ status: 0 })
        await it.sees(`${version} stays`, ({ last }) => last?.outcome === 'good' && last.version === version)
      }
      expect(it.running()).toMatchObject({ slot: 'A', version: '3.0.0' })
    })
  })

  test('a bundle that is exchanged after it was looked at does not become the one that boots', async () => {
    it = await box({ ca: made.ca, hasAgent: false })
    const [good, old, foreign] = [
      made.bundle({ version: '2.0.0' }),
      made.bundle({ version: '0.9.0' }),
      made.bundle({ version: '2.0.0', signer: 'stranger' }),
    ]
    const stick = join(it.dir, 'stick', 'bundle.raucb')
    const exchanged = async (by: string) => {
      copyFileSync(good, stick)
      copyFileSync(by, `${stick}.new`)
      // The look needs no service; what comes after it waits for it.
      process.kill(it.raucChild().pid, 'SIGSTOP')
      const begun = it.updater.install({ stick: 'bundle.raucb' }, 'anna').catch((error: Error) => error)
      await until('it was looked at', () => jobOf(it)?.phase === 'ready')
      renameSync(`${stick}.new`, stick)
      process.kill(it.raucChild().pid, 'SIGCONT')
      await begun
      return it.sees('it is over', ({ job, last }) => job === null && last !== null)
    }
    const before = readFileSync(join(it.dir, 'slot-B'))
    expect((await exchanged(foreign)).last).toMatchObject({ outcome: 'failed', text: expect.stringContaining('signature') })
    expect(readFileSync(join(it.dir, 'slot-B')).equals(before)).toBe(true)

    const now = await exchanged(old)
    expect(now.last).toMatchObject({
      outcome: 'failed',
      text: '0.9.0 was written, and 2.0.0 was let in: it was exchanged',
    })
    expect(now.slots).toMatchObject([
      { name: 'A', isBooted: true, isNext: true },
      { name: 'B', isNext: false, isGood: false },
    ])
    await it.cut()
    await it.power()
    expect(it.running()).toMatchObject({ slot: 'A', version: '1.0.0' })
  })
})

const contentOf = (file: string): Buffer => (existsSync(file) ? readFileSync(file) : Buffer.alloc(0))

/** On its disk: with RAUC's service stopped, the updater's word of its slots would be waited for. */
function jobOf({ data }: Box): { readonly phase: string } | null | undefined {
  const file = join(data, 'update', 'update.json')
  if (!existsSync(file)) return undefined
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { job: { phase: string } | null }).job
  } catch {
    // In the middle of being written.
    return undefined
  }
}
