// Who may sign, when, and over what: bundles by the real openssl and rauc, judged by the updater's own look with what an image says of bundles.
// That what is refused is not installed either, and what is taken is, `install.test.ts` shows on a whole box.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Slots } from '../../src/update/slots.ts'
import type { Cast } from './forged.ts'
import { castOf, refusedOf, takenOf } from './forged.ts'
import { canSign, judge } from './judged.ts'
import type { Signers } from './signers.ts'
import { joined, partsOf, signers } from './signers.ts'
import { vendor } from './signing.ts'

const can = canSign()
if (!can) console.warn('SKIPPED: signatures need rauc, mksquashfs and openssl')

const FORMATS = ['verity', 'plain'] as const

describe.skipIf(!can)('a signature', () => {
  let made: Signers
  let cast: Cast
  /** Of each format: two that are right. */
  const bundles = new Map<string, readonly [Buffer, Buffer]>()

  beforeAll(() => {
    made = signers()
    cast = castOf(made)
    const by = vendor()
    try {
      const bundle = (version: string, format: (typeof FORMATS)[number]) =>
        made.signedAgain(readFileSync(by.bundle({ version, generation: 3, format })), [cast.good])
      for (const format of FORMATS) bundles.set(format, [bundle('2.0.0', format), bundle('2.0.1', format)])
    } finally {
      by.close()
    }
  })
  afterAll(() => made?.close())

  const judgeOf = (format: string, isByClock = false) =>
    judge(made.dir, cast.ca.certificate, { takesPlain: format === 'plain', isByClock })
  async function look(slots: Slots, bundle: Buffer): Promise<string> {
    const file = join(made.dir, 'judged.raucb')
    writeFileSync(file, bundle)
    return slots.inspect(file).then(
      ({ version, generation }) => `taken: ${version}, generation ${generation}`,
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    )
  }
  const lookAll = async (slots: Slots, all: readonly { what: string; bundle: Buffer }[]) => {
    const seen: Record<string, string> = {}
    for (const { what, bundle } of all) seen[what] = await look(slots, bundle)
    return seen
  }
  const each = (all: readonly { what: string }[], expected: unknown) =>
    Object.fromEntries(all.map(({ what }) => [what, expected]))

  test.each(FORMATS)('of a %s bundle that is wrong, missing, over, foreign or over something else: refused', async (format) => {
    const [bundle, another] = bundles.get(format) ?? []
    const all = refusedOf(made, cast, bundle as Buffer, another as Buffer)
    expect(await lookAll(judgeOf(format), all)).toEqual(
      each(all, expect.stringMatching(/^bundle-refused: the bundle is refused: ./)),
    )
  })

  test.each(FORMATS)('of a %s bundle counts by the time in which it was signed, whatever the clock says', async (format) => {
    const [bundle] = bundles.get(format) ?? []
    const all = takenOf(made, cast, bundle as Buffer)
    expect(await lookAll(judgeOf(format), all)).toEqual(each(all, 'taken: 2.0.0, generation 3'))
    // It is what images say that does it: by the clock, only what is signed by a certificate of today is taken.
    expect(await lookAll(judgeOf(format, true), all)).toEqual({
      ...each(all, expect.stringMatching(/refused: .*(expired|not yet valid)/)),
      'signed now': 'taken: 2.0.0, generation 3',
    })
  })

  test('an image takes no bundle without a hash tree, however well it is signed', async () => {
    const [plain] = bundles.get('plain') ?? []
    expect(await look(judgeOf('verity'), plain as Buffer)).toMatch(/^bundle-refused: .*'plain' not allowed/)
  })

  test('what is longer than a slot is refused before a byte of it is read, were its first bytes ever so well signed', async () => {
    const [plain] = bundles.get('plain') ?? []
    const { payload, signature } = partsOf(plain as Buffer)
    const file = join(made.dir, 'long.raucb')
    // RAUC before 1.15.2 counts with 32 bits how much of it is signed, and takes what lies 4 GiB behind it.
    writeFileSync(file, payload)
    truncateSync(file, 2 ** 32 + payload.length)
    writeFileSync(file, joined(Buffer.alloc(0), signature), { flag: 'a' })
    const before = process.resourceUsage().maxRSS
    await expect(judgeOf('plain').inspect(file)).rejects.toMatchObject({
      code: 'bundle-refused',
      message: 'the bundle is refused: 4.3 GB are more than a slot takes',
    })
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(100_000)
    truncateSync(file, 2 ** 31)
    await expect(judgeOf('verity').inspect(file)).rejects.toThrow('2.15 GB are more than a slot takes')
  })
})
