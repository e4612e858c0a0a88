// A box that reads a plant: its data partition's superblock is torn by a pulled plug and put right; then it is reset as a person asks for it, and is
// nobody's; then its backup makes of it, as of new hardware, the box that was there before. A copy of its disk in other hardware numbers for itself.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LogInspection } from '../../src/core/log-files.ts'
import type { SettingsCheck, SettingsNow } from '../../src/core/operator.ts'
import type { Status } from '../../src/core/status.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { statusNow } from './far-end.ts'
import { goesOn, isWhole, kept } from './kept.ts'
import { digestOf, journalOf, ofPartition, tear } from './machine.ts'
import { readPlant } from './plant-port.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const PLAN = loadPlan(14, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 10, mqttSensors: 0 })
/** Of the owner who parts with the box: nobody who has it next may find them. */
const OWNERS = {
  user: 'wilhelmina',
  password: 'some words of wilhelmina',
  secret: 'what-only-the-owner-knows',
  site: 'hall-of-the-owner',
}
const HASH = String.raw`argon2id[$]v=[0-9]+[$][^$]*[$][A-Za-z0-9+/=]+[$][A-Za-z0-9+/=]+`
const SLOTS = ['rootfs-a', 'rootfs-b']

let dir: string
let box: Box
let plant: Plant
/** Of the box as it was. */
const was = { id: '', epoch: '', fingerprint: '', claimCode: '', backup: '', numbers: 0 }

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-image-reset-'))
  plant = await startPlant({ plan: PLAN, dir, modbus: { port: 0, portEach: true }, failed: (error) => console.error(error) })
  box = newBox(board, {}, { plantReachesUs: true })
  ;[, was.id = ''] = await box.up()
  await box.claim()
  was.claimCode = claimCode()
  await readPlant(box, was.id, PLAN, plant, [])
  was.backup = (await box.ask<SettingsNow>('settings show')).text
  await becomesTheOwners()
  await until('the log grows', async () => (await kept(box).catch(() => 0)) > 200, BOOT_MS_MAX, 2_000)
  was.numbers = await kept(box)
  box.took(`it is set up, and has kept ${was.numbers} readings`)
}, 4 * BOOT_MS_MAX)
afterAll(async () => {
  await box?.remove()
  await plant?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const claimCode = () => /Claim code: (\S+)/.exec(box.machine().serial())?.[1] ?? ''

/** After the backup: it brings nothing of this back. */
async function becomesTheOwners(): Promise<void> {
  const { user, password, secret, site } = OWNERS
  await box.ask('users add', { name: user, role: 'technician', password })
  await box.ask('secrets set', { name: 'cloud', text: secret })
  const now = await box.ask<SettingsNow>('settings show')
  await box.ask('settings apply', { text: now.text.replace('site: hall', `site: ${site}`), base: now.revision })
  const has = async () => (await statusNow(box))?.site === site
  await until('the agent has the settings', has, BOOT_MS_MAX, 2_000)
}

async function fingerprint(): Promise<string> {
  const { hostname, port } = new URL(box.machine().page.service)
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
  const raw = await new Promise<Buffer>((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket.getPeerCertificate().raw))
    socket.once('error', reject)
  })
  socket.destroy()
  return new X509Certificate(raw).fingerprint256
}

const streams = async () => (await box.ask<LogInspection>('log inspect')).streams
const ofReadings = async () => (await streams()).filter((it) => it.form === 'raw' && it.next > 0)

/** Which of these stand in a file of a partition, or in its name, of a machine that is off. */
function foundIn(name: string, texts: readonly string[]): string[] {
  const one = (it: string) => `{ grep -rqaF -e '${it}' /mnt/it || find /mnt/it | grep -qF -e '${it}'; } && echo '${it}'`
  return ofPartition(box.disk, name, `${texts.map(one).join('; ')}; true`)
    .split('\n')
    .filter((it) => it !== '')
}

/** On the partition itself. */
function foundRaw(name: string, texts: readonly string[]): string[] {
  const one = (it: string) => `grep -qaF -e '${it}' "$(findmnt -nvo SOURCE /mnt/it)" && echo '${it}'`
  return ofPartition(box.disk, name, `${texts.map(one).join('; ')}; true`)
    .split('\n')
    .filter((it) => it !== '')
}

const hashesOf = (folder: string) =>
  ofPartition(box.disk, 'state', `grep -raohE '${HASH}' /mnt/it/${folder} || true`)
    .split('\n')
    .filter((it) => it !== '')
/** Laid anew it would be another file, however it reads. */
const minimum = () => ofPartition(box.disk, 'state', 'stat -c "%i %Y" /mnt/it/rauc/minimum.json; cat /mnt/it/rauc/minimum.json')

test('where the plug was pulled while the superblock of the data partition was written, it starts, and its log has all that it had', {
  timeout: 4 * BOOT_MS_MAX + TRIAL_MS_MAX,
}, async () => {
  was.numbers = await kept(box)
  await box.machine().kill()
  tear(box.disk, 'data')
  const [, id] = await box.up()
  expect(id).toBe(was.id)
  await box.logIn()
  await goesOn(box, was.numbers)
  expect(await isWhole(box)).toBeGreaterThan(was.numbers)
  const { epoch, classes } = await until('the agent answers', () => statusNow(box), BOOT_MS_MAX, 2_000)
  expect(classes.flatMap((it) => Object.entries(it.lost)).filter(([, count]) => count > 0)).toEqual([])
  Object.assign(was, { epoch, fingerprint: await fingerprint() })
  // From then on there is a least version.
  await box.sees('it is marked good', (it) => it.minimum !== null)
})

const left = { hashes: [] as string[], minimum: '', slots: [] as string[] }

test('asked for a factory reset, by the name of the box and no other, it goes down', { timeout: 2 * BOOT_MS_MAX }, async () => {
  expect((await box.anna().call('factory reset', { name: `${was.id}0` })).status).not.toBe(200)
  // The answer may be cut off: the box goes down at once.
  const answer = await box
    .anna()
    .call('factory reset', { name: was.id, overwrite: true })
    .catch(() => undefined)
  if (answer) expect(answer.status, answer.text).toBe(200)
  await box.machine().goesOff()
  box.took('it is down')
  // All that is looked for afterwards is found before.
  left.hashes = hashesOf('access')
  expect(left.hashes.length).toBeGreaterThan(1)
  const { user, secret, site } = OWNERS
  expect(foundIn('state', [was.id, user, secret, site])).toEqual([was.id, user, secret, site])
  expect(foundIn('data', [was.id, was.epoch])).toEqual([was.id, was.epoch])
  expect(foundRaw('state', [secret, site])).toEqual([secret, site])
  expect(foundRaw('data', [was.epoch])).toEqual([was.epoch])
  expect(journalOf(box.disk)).toMatch(/systemd-fsck.*(trying backup blocks|FILE SYSTEM WAS MODIFIED)/)
  left.minimum = minimum()
  left.slots = await Promise.all(SLOTS.map((it) => digestOf(box.disk, it)))
})

test("it starts as nobody's: another name, claim code and certificate, nothing set up, an empty log", {
  timeout: 3 * BOOT_MS_MAX,
}, async () => {
  const [, id] = await box.up()
  expect(id).not.toBe(was.id)
  await box.claim()
  expect(was.claimCode).not.toBe('')
  expect(claimCode()).not.toBe(was.claimCode)
  expect(await fingerprint()).not.toBe(was.fingerprint)
  const status = await until('the agent answers', () => statusNow(box), BOOT_MS_MAX, 2_000)
  expect(status).toMatchObject({ device: id, sources: [], uplinks: [] })
  expect(status.epoch).not.toBe(was.epoch)
  expect(await ofReadings()).toEqual([])
  expect((await box.ask<{ name: string }[]>('users list')).map((it) => it.name)).toEqual(['anna'])
  expect(await box.ask<unknown[]>('secrets list')).toEqual([])
  expect((await box.sees('the updater answers', () => true)).minimum).toMatchObject({ version: status.version })
})

test('its backup says that it makes another box of it, and does: readings go on under the old name, by numbers of another epoch', {
  timeout: 2 * BOOT_MS_MAX,
}, async () => {
  const { revision: base } = await box.ask<SettingsNow>('settings show')
  const check = await box.ask<SettingsCheck>('settings check', { text: was.backup })
  expect(check).toMatchObject({ problems: [], restarts: ['agent'] })
  expect(check.warnings[0]).toContain(`replace ${was.id}?`)
  await box.ask('settings apply', { text: was.backup, base })
  const inForce = () => box.ask<SettingsNow>('settings show').catch(() => undefined)
  const { system } = await until('its settings are in force', inForce, BOOT_MS_MAX, 2_000)
  await box.ask('network apply', { ports: system.ports })
  await box.ask('network confirm')
  const numbered = async () => (await ofReadings().catch(() => [])).find((it) => it.device === was.id && it.next > 100)
  const stream = await until('readings are kept', numbered, BOOT_MS_MAX, 2_000)
  const { device, epoch } = await until<Status>('the agent answers', () => statusNow(box), BOOT_MS_MAX, 2_000)
  expect(device).toBe(was.id)
  expect(epoch).not.toBe(was.epoch)
  expect(stream.epoch).toBe(epoch)
  box.took('it has the place of the box that was')
})

test('of the owner before nothing was left; of the versions, and of the least that may be installed, all', async () => {
  await box.machine().off()
  const { user, secret, site } = OWNERS
  expect(foundIn('state', [user, secret, site, was.epoch, ...left.hashes])).toEqual([])
  expect(foundIn('data', [user, secret, site, was.epoch])).toEqual([])
  // Nor where the files were: it was written over.
  expect(foundRaw('state', [secret, site, ...left.hashes])).toEqual([])
  expect(foundRaw('data', [was.epoch])).toEqual([])
  expect(hashesOf('access').filter((it) => left.hashes.includes(it))).toEqual([])
  expect(minimum()).toBe(left.minimum)
  expect(await Promise.all(SLOTS.map((it) => digestOf(box.disk, it)))).toEqual(left.slots)
})
