// Sticks and receipts that are damaged, forged, foreign or full.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFile } from '../../src/airgap/container.ts'
import { ownSigningKey } from '../../src/airgap/keys.ts'
import { makeKeys } from '../../src/airgap/new-keys.ts'
import { writeReceipt } from '../../src/airgap/receipt.ts'
import { openWhole } from '../../src/airgap/stick.ts'
import type { ReceiptContent } from '../../src/core/airgap.ts'
import { BadInput } from '../../src/core/errors.ts'
import { createDice } from '../faults/dice.ts'
import type { Answer } from '../route/agent.ts'
import { holdfast } from '../route/agent.ts'
import { isOnce } from './once.ts'
import type { Box, Yard } from './yard.ts'
import { openYard } from './yard.ts'

const FLIPS = 300
const SEED = 7
const FULL_BYTES = 160_000
const MS_MAX = 180_000
const SMALL = ['--file-bytes', '40kB']

let yard: Yard
const said: Answer[] = []
beforeAll(async () => {
  yard = await openYard(28_400)
})
afterAll(() => yard?.down())

async function boxWith(device: string, readings: number): Promise<Box> {
  const box = await yard.box(device)
  await box.start()
  await box.produce(readings)
  return box
}

async function run(what: Promise<Answer>): Promise<Answer> {
  const answer = await what
  said.push(answer)
  return answer
}

const memory = (name: string, bytes: Uint8Array) => ({
  name,
  size: bytes.length,
  read: (at: number, length: number) => bytes.subarray(at, at + length),
})

test('a flipped bit or a cut end anywhere in a file is found, with its name', { timeout: MS_MAX }, async () => {
  const box = await boxWith('hf-flips', 3_000)
  await box.exported()
  const [file] = box.files() as [string]
  const whole = readFileSync(file)
  const { sha256 } = openWhole(file, whole.length)
  expect(openFile(memory(file, whole)).sha256).toBe(sha256)
  const dice = createDice(SEED)
  for (let n = 0; n < FLIPS; n++) {
    const bytes = Buffer.from(whole)
    // Header and end are short: each byte of them, then some of the rest.
    const at = n < 100 ? n : n < 200 ? bytes.length - 1 - (n - 100) : dice.below(bytes.length)
    bytes[at] = (bytes[at] as number) ^ (1 << dice.below(8))
    expect(() => openFile(memory(file, bytes)), `byte ${at}`).toThrow(BadInput)
    expect(() => openFile(memory(file, whole.subarray(0, dice.below(whole.length))))).toThrow(basename(file))
  }
  expect(() => openWhole(file, whole.length - 1)).toThrow('at most')
})

test('a damaged file is refused by name, the others are taken, and the box writes it again', { timeout: MS_MAX }, async () => {
  const box = await boxWith('hf-damaged', 30_000)
  await box.exported(SMALL)
  const files = box.files()
  expect(files.length).toBeGreaterThan(2)
  const bytes = readFileSync(files[1] as string)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 4
  writeFileSync(files[1] as string, bytes)
  const refused = await run(box.import())
  expect(refused.code).toBe(1)
  expect(refused.err).toContain(`${files[1]}: its signature does not hold`)
  // What a killed import and a killed export leave behind.
  for (const whole of ['holdfast-hf-damaged-cloud-0001.receipt', basename(files[0] as string).replace('0001', '0099')])
    writeFileSync(join(box.stick, `${whole}.part`), 'cut off')
  const again = await run(box.export(SMALL))
  expect(box.files('.part')).toEqual([])
  expect(again.code).toBe(1)
  expect(again.out).toContain(basename(files[1] as string))
  rmSync(files[1] as string)
  expect((await box.imported()).refused).toEqual([])
  isOnce(await box.inKafka(30_000), 30_000)
  expect(await box.verify()).toMatchObject({ ok: true, totals: { proven: 30_000, missing: 0, doubled: 0 } })
})

test('another identity, a box that is not trusted, a file of another box under its name: refused, nothing is sent', {
  timeout: MS_MAX,
}, async () => {
  const [box, other] = await Promise.all([boxWith('hf-mine', 2_000), boxWith('hf-other', 2_000)])
  await Promise.all([box.exported(), other.exported()])
  const args = await box.importArgs()
  const stranger = await makeKeys(join(yard.dir, 'stranger'))
  const swapped = (key: string, value: string) => args.map((it, at) => (args[at - 1] === key ? value : it))
  const wrong = await run(holdfast(box.site, swapped('--identity', stranger.identity)))
  expect(wrong).toMatchObject({ code: 1, out: '' })
  expect(wrong.err).toContain(`${box.files()[0]}: cannot be decrypted with this identity`)
  const key = (await holdfast(other.site, ['export', 'key', '--data', other.site.data])).out.trim()
  const untrusted = await run(holdfast(box.site, swapped('--box-key', key)))
  expect(untrusted.code).toBe(1)
  expect(untrusted.err).toContain('is from the box hf-mine, whose key is not known here')
  const forged = await run(holdfast(box.site, swapped('--box-key', key.replace('hf-other', 'hf-mine'))))
  expect(forged.err).toContain('is signed by another key than that of hf-mine')
  const renamed = join(
    box.stick,
    basename(other.files()[0] as string)
      .replace('hf-other', 'hf-mine')
      .replace('0001', '0009'),
  )
  renameSync(other.files()[0] as string, renamed)
  const foreign = await run(holdfast(box.site, args))
  expect(foreign.err).toContain(`${renamed}: is from the box hf-other`)
  expect(await other.verify()).toMatchObject({ totals: { records: 0 } })
})

test('receipts: flipped, forged, foreign, of another uplink, for too much, replayed', { timeout: MS_MAX }, async () => {
  const box = await boxWith('hf-receipts', 5_000)
  await box.exported()
  const { receipts } = await box.imported()
  const [file] = receipts as [string]
  const text = readFileSync(file, 'utf8')
  rmSync(file)
  const content = JSON.parse(text.split('\n')[0] as string) as ReceiptContent
  const importer = ownSigningKey(yard.keys.receiptKey)
  const attacker = ownSigningKey(join(yard.dir, 'attacker', 'receipts.key'))
  const offer = async (receipt: string) => {
    writeFileSync(file, receipt)
    const answer = await run(box.export(['--receipts']))
    rmSync(file)
    expect(await box.sums()).toMatchObject({ stored: 5_000, delivered: 0 })
    return answer
  }
  const refusals: [string, string][] = [
    [text.replace('"to":5000', '"to":4999'), 'its signature does not hold'],
    [text.slice(0, -20), 'its signature does not hold'],
    ['nonsense', 'it is no receipt'],
    ['', 'it is no receipt'],
    [writeReceipt(content, attacker), 'signed by another key'],
    [writeReceipt(content, attacker).replace(attacker.public, importer.public), 'its signature does not hold'],
    [writeReceipt({ ...content, uplink: 'elsewhere' }, importer), 'for the uplink elsewhere'],
    [
      writeReceipt({ ...content, ranges: content.ranges.map((it) => ({ ...it, to: it.to + 1 })) }, importer),
      'was never given out',
    ],
    [writeReceipt({ ...content, ranges: content.ranges.map((it) => ({ ...it, from: it.to })) }, importer), 'cannot be read'],
  ]
  for (const [receipt, why] of refusals) {
    const { code, out } = await offer(receipt)
    expect({ code, out }, why).toMatchObject({ code: 1, out: expect.stringContaining(why) })
    expect(out).toContain(file)
  }
  // Of another box: passed over, for a stick goes round many.
  expect(await offer(writeReceipt({ ...content, device: 'hf-else' }, importer))).toMatchObject({ code: 0 })
  writeFileSync(file, text)
  for (const counted of [5_000, 0])
    expect(await box.exported(['--receipts'])).toMatchObject({ receipts: [{ received: { counted, known: 5_000 - counted } }] })
  expect(await box.sums()).toMatchObject({ stored: 0, delivered: 5_000 })
})

test('a full stick: what is whole stays, and the next stick goes on', { timeout: MS_MAX }, async () => {
  const box = await boxWith('hf-full', 60_000)
  const small = mkdtempSync(join(yard.dir, 'small-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${FULL_BYTES}`, 'tmpfs', small])
  const more = join(yard.dir, 'more')
  mkdirSync(more)
  const args = (dir: string) => ['export', dir, '--data', box.site.data, ...SMALL]
  try {
    const full = await run(holdfast(box.site, args(small)))
    expect(full.code).toBe(1)
    expect(full.err).toContain(`${small}: the stick is full; `)
    // The same again: full at once, nothing of what is there is touched.
    expect((await run(holdfast(box.site, args(small)))).err).toContain('the stick is full; 0 files')
    const rest = await run(holdfast(box.site, [...args(more), '--more']))
    expect(rest).toMatchObject({ code: 0, err: '' })
    const { boxes, refused } = await box.imported([more, small])
    expect({ boxes, refused }).toMatchObject({ boxes: [{ readings: 60_000, there: 0 }], refused: [] })
    isOnce(await box.inKafka(60_000), 60_000)
  } finally {
    execFileSync('umount', [small])
  }
})

test('what is missing is said: stick, keys, settings', { timeout: MS_MAX }, async () => {
  const box = await boxWith('hf-words', 10)
  const gone = await run(holdfast(box.site, ['export', join(yard.dir, 'nowhere'), '--data', box.site.data]))
  expect(gone).toMatchObject({ code: 2, err: expect.stringContaining('is the stick mounted?') })
  const keys = await run(holdfast(box.site, ['import', box.stick, '--brokers', yard.broker.bootstrap]))
  expect(keys.err).toContain('--identity: is needed')
  expect(keys.err).toContain('--box-key: is needed')
  const empty = await run(holdfast(box.site, await box.importArgs([dirname(box.stick)])))
  expect(empty).toMatchObject({ code: 2, err: expect.stringContaining('there is no file of an export') })
  expect((await run(holdfast(box.site, ['import', join(yard.dir, 'keys'), '--new-keys']))).err).toContain('is there already')
  await box.agent?.end()
  const alone = await run(box.export())
  expect(alone).toMatchObject({ code: 2, err: expect.stringContaining('--settings: is needed where no agent runs') })
})

test('where no agent runs the log gives out by itself, and counts receipts', { timeout: MS_MAX }, async () => {
  const box = await boxWith('hf-alone', 8_000)
  await box.agent?.end()
  const alone = ['--settings', box.site.settings]
  expect(await box.exported(alone)).toMatchObject({ readings: 8_000 })
  await box.start()
  expect((await box.imported()).boxes).toMatchObject([{ readings: 8_000 }])
  await box.agent?.end()
  expect(await box.exported(alone)).toMatchObject({ readings: 0, receipts: [{ received: { counted: 8_000 } }] })
  await box.start()
  expect(await box.sums()).toMatchObject({ accepted: 8_000, delivered: 8_000, stored: 0 })
})

test('nothing that is secret was said, or stands on a stick', async () => {
  const box = await boxWith('hf-secrets', 100)
  await box.exported()
  const own = join(box.site.data, 'export', 'box.key')
  const files = [own, yard.keys.identity, yard.keys.receiptKey]
  for (const it of files) expect(statSync(it).mode & 0o777).toBe(0o600)
  const secrets = files
    .flatMap((it) => readFileSync(it, 'utf8').split('\n'))
    .filter((it) => /^[A-Z0-9+/=-]{40,}$/i.test(it) && !it.includes('PRIVATE'))
  expect(secrets).toHaveLength(3)
  const texts = [
    ...said.map((it) => it.out + it.err),
    readFileSync(box.files()[0] as string, 'latin1'),
    readFileSync(box.agent?.logFile ?? '', 'utf8'),
  ]
  for (const secret of secrets) for (const it of texts) expect(it).not.toContain(secret)
  expect(readFileSync(box.files()[0] as string, 'latin1')).not.toContain('count/')
})
