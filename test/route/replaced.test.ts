// The backup of a box, with real agents: another takes its place by it, its name, secrets and keys, and numbers for itself; what is not secret alone is shown.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { AgentApi } from '../../src/core/agent-api.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import { cli } from '../run/holdfast.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Agent, Site } from './agent.ts'
import { siteIn, startAgent, sumsOf } from './agent.ts'
import { until } from './until.ts'

const PASSPHRASE = 'five words that nobody guesses'
const SECRET = 'what-only-the-owner-knows'
const CERTIFICATE = 'protocols/opcua/pki/own/certs/holdfast.pem'
const KEY = 'protocols/opcua/pki/own/private/private_key.pem'
const NOBODYS =
  'version: 1\ndevice: { site: unnamed }\nlog: { bytesMax: 64MB }\nclasses: [{ name: process }]\nsources: []\nuplinks: []\n'
/** Its name is the one that was drawn for it; the broker lets in who has the secret. */
const owners = () => `# Of the hall.
version: 1
device: { site: hall } # by the gate
log: { bytesMax: 64MB }
classes: [{ name: alarm }]
sources:
  - name: hall
    protocol: mqtt
    url: mqtt://127.0.0.1:${mosquitto.port}
    insecure: loopback
    user: box
    password: { secret: broker }
    subscribe: [{ topic: "hall/#", tag: "{$.tag}", value: v, class: alarm }]
uplinks: []
`

let mosquitto: Mosquitto
let publisher: mqtt.MqttClient
let dir: string
let one: Box
let two: Box

interface Box {
  readonly site: Site
  readonly api: AgentApi
  agent: Agent
}

beforeAll(async () => {
  mosquitto = await startMosquitto({
    lines: ['allow_anonymous false', 'password_file DIR/users'],
    prepare: (folder) => void execFileSync('mosquitto_passwd', ['-c', '-b', join(folder, 'users'), 'box', SECRET]),
  })
  publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { username: 'box', password: SECRET })
})
afterAll(async () => {
  await publisher?.endAsync()
  await mosquitto?.remove()
})
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-backup-'))
  one = await boxOf('one', owners(), { broker: SECRET, spare: 'not used' })
  two = await boxOf('two', NOBODYS, { spare: 'of the new box' })
})
afterEach(async () => {
  await Promise.all([one.agent.end(), two.agent.end()])
  rmSync(dir, { recursive: true, force: true })
})

async function boxOf(name: string, settings: string, secrets: Record<string, string>): Promise<Box> {
  mkdirSync(join(dir, name))
  const site = siteIn(join(dir, name), settings)
  mkdirSync(site.data)
  writeFileSync(join(site.data, 'identity.json'), `{"id":"hf-${name}"}\n`)
  writeFileSync(join(site.data, 'secrets.json'), JSON.stringify(secrets), { mode: 0o600 })
  if (name === 'one')
    for (const it of [CERTIFICATE, KEY]) {
      mkdirSync(dirname(join(site.data, it)), { recursive: true })
      writeFileSync(join(site.data, it), `${it} of ${name}`)
    }
  return { site, api: connectAgent(site.data), agent: await startAgent(site) }
}

async function readSome({ api }: Box, before = 0): Promise<number> {
  await until('the source is up', async () => (await api.status()).sources[0]?.state === 'up')
  for (let n = 0; n < 20; n++) await publisher.publishAsync('hall/x', JSON.stringify({ tag: `t${n}`, v: n }))
  return until('they are kept', async () => {
    const { stored } = sumsOf(await api.status())
    return stored === before + 20 && stored
  })
}

/** The command line, with a passphrase on its standard input. */
async function backup({ site }: Box, args: readonly string[], passphrase = PASSPHRASE) {
  const child = spawn(process.execPath, [cli, 'backup', ...args, '--data', site.data], { stdio: ['pipe', 'pipe', 'pipe'] })
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.err += text))
  child.stdin.end(`${passphrase}\n`)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out: texts.out.replaceAll(/\s+/g, ' '), err: texts.err.replaceAll(/\s+/g, ' ') }
}

const secretsOf = ({ site }: Box) => JSON.parse(readFileSync(join(site.data, 'secrets.json'), 'utf8')) as unknown
const everything = ({ site }: Box) => {
  const files = readdirSync(site.dir, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
  return files.map((it) => join(it.parentPath, it.name))
}

test("on new hardware: its name by a question, its secrets and keys, its source read on, under its name by another epoch's numbers", {
  timeout: 120_000,
}, async () => {
  await readSome(one)
  const { epoch } = await one.api.status()
  const file = join(dir, 'one.backup.age')
  expect(await backup(one, ['save', file])).toMatchObject({ code: 0, out: expect.stringContaining('written: ') })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const text = readFileSync(file, 'utf8')
  for (const it of [SECRET, 'hf-one', 'hall', PASSPHRASE]) expect(text).not.toContain(it)
  // Nowhere else, in no log and no list.
  for (const it of everything(one))
    if (!it.endsWith('secrets.json')) expect(readFileSync(it).includes(PASSPHRASE), it).toBe(false)
  expect(await backup(one, ['save', file])).toMatchObject({ code: 2, err: expect.stringContaining('is there already') })

  const shown = await backup(two, ['show', file])
  expect(shown.out).toContain('backup of hf-one, made ')
  expect(shown.out).toContain('secrets: broker, spare')
  expect(shown.out).toContain('keys: opcua: own certificate and key')
  expect(shown.out).toContain('mind: replace hf-one? ')
  expect(shown.out).not.toContain('secrets are not in the settings')
  expect(shown.out).not.toContain(SECRET)
  expect(await two.api.status()).toMatchObject({ device: 'hf-two', sources: [] })

  const asked = await backup(two, ['restore', file])
  expect(asked).toMatchObject({ code: 2, err: expect.stringContaining('--replace hf-one') })
  expect(secretsOf(two)).toEqual({ spare: 'of the new box' })
  await one.agent.end()
  const restored = await backup(two, ['restore', file, '--replace', 'hf-one'])
  expect(restored).toMatchObject({ code: 0, out: expect.stringContaining('in force: revision ') })
  expect(secretsOf(two)).toEqual({ broker: SECRET, spare: 'not used' })
  for (const it of [CERTIFICATE, KEY]) {
    expect(readFileSync(join(two.site.data, it), 'utf8')).toBe(`${it} of one`)
    expect(statSync(join(two.site.data, it)).mode & 0o077).toBe(0)
  }
  expect(existsSync(join(two.site.data, 'restore.json'))).toBe(false)
  const status = await until('it is the box that was', async () => {
    const now = await two.api.status().catch(() => undefined)
    return now?.device === 'hf-one' && now
  })
  expect(status.epoch).not.toBe(epoch)
  // The broker lets in nobody without the secret.
  await readSome(two)
  const rows = []
  for await (const it of two.api.query({ tag: '*', from: 0, to: 4e15, limit: 100, origin: true }, new AbortController().signal))
    rows.push(it)
  expect(rows).toHaveLength(20)
  expect(new Set(rows.map((it) => `${it.device} ${it.epoch}`))).toEqual(new Set([`hf-one ${status.epoch}`]))
  const [entry] = await two.api.settingsHistory()
  expect(entry).toMatchObject({ by: 'cli', note: 'backup of hf-one', outcome: 'current' })
  const now = readFileSync(two.site.settings, 'utf8')
  expect(now).toContain('# Of the hall.')
  expect(now).toMatch(/^device: \{ site: hall, id: hf-one \} # by the gate$/m)
  for (const it of everything(two)) if (!it.endsWith('secrets.json')) expect(readFileSync(it).includes(SECRET), it).toBe(false)
})

test('on the box itself: secrets and keys that were changed since are what they were, and its name is not asked for', {
  timeout: 120_000,
}, async () => {
  const { file, name } = await one.api.backupSave({ passphrase: PASSPHRASE })
  expect(name).toMatch(/^hf-one-[0-9]{8}T[0-9]{6}Z\.backup\.age$/)
  await one.api.setSecret('broker', 'of somebody else')
  await one.api.setSecret('later', 'stays')
  writeFileSync(join(one.site.data, CERTIFICATE), 'another')
  const { revision: base } = await one.api.settings()
  const opened = await one.api.backupOpen({ file, passphrase: PASSPHRASE })
  expect(opened.check.warnings.filter((it) => it.startsWith('replace'))).toEqual([])
  await one.api.backupRestore({ file, passphrase: PASSPHRASE, base, by: 'anna' })
  expect(secretsOf(one)).toEqual({ broker: SECRET, later: 'stays', spare: 'not used' })
  expect(readFileSync(join(one.site.data, CERTIFICATE), 'utf8')).toBe(`${CERTIFICATE} of one`)
  await readSome(one)
  expect((await one.api.status()).device).toBe('hf-one')
})

test('nothing changes by a passphrase that is wrong, settings that came meanwhile, or a change that waits for its confirmation', {
  timeout: 120_000,
}, async () => {
  const { file } = await one.api.backupSave({ passphrase: PASSPHRASE })
  await expect(one.api.backupSave({ passphrase: 'too short' })).rejects.toThrow('passphrase')
  const { revision: base, text } = await two.api.settings()
  const restore = (passphrase = PASSPHRASE, from = base) => two.api.backupRestore({ file, passphrase, base: from, by: 'anna' })
  await expect(restore('another one, which is wrong')).rejects.toThrow('does not open this backup')
  await expect(two.api.backupOpen({ file: text, passphrase: PASSPHRASE })).rejects.toThrow('is no backup of a box')
  await expect(restore(PASSPHRASE, '0'.repeat(64))).rejects.toThrow('changed meanwhile')
  await two.api.settingsApply({ text: text.replace('unnamed', 'other'), base, by: 'anna', confirmWithinMs: 60_000 })
  const pending = await two.api.settings()
  await expect(restore(PASSPHRASE, pending.revision)).rejects.toThrow('waits for its confirmation')
  await two.api.settingsRevert(undefined, 'anna')
  expect(secretsOf(two)).toEqual({ spare: 'of the new box' })
  for (const it of ['restore.json', 'protocols']) expect(existsSync(join(two.site.data, it)), it).toBe(false)
  expect(await two.api.status()).toMatchObject({ device: 'hf-two', sources: [] })
})
