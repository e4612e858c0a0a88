// A box's backup by the command line, and another box that takes its place by it: both are real agents.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenedBackup } from '../../src/core/backup.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import { cli } from '../run/holdfast.ts'
import type { Agent, Answer, Site } from './agent.ts'
import { siteIn, startAgent } from './agent.ts'

const CANARY = 'canary-b7d1-secret'
const PASSPHRASE = 'canary of five words here'
const KEYS = {
  'export/box.key': 'a key of exports',
  'protocols/opcua/pki/own/certs/holdfast.pem': 'our certificate',
  'protocols/opcua/pki/own/private/private_key.pem': 'canary-b7d1-key',
  'protocols/opcua/pki/trusted/certs/server.pem': 'a server',
}
let dir: string
let file: string
let old: Site
let fresh: Site
let agents: Agent[] = []

const uplinks = `uplinks:
  - { name: cloud, kafka: { brokers: ["127.0.0.1:9"], sasl: { mechanism: plain, user: u, password: { secret: cloud } }, insecure: loopback } }
`

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-backup-'))
  file = join(dir, 'old.backup.age')
  old = box('old', `# of the hall\nversion: 1\nlog: { bytesMax: 64MB }\n${uplinks}`)
  fresh = box('fresh', 'version: 1\nlog: { bytesMax: 64MB }\n')
  writeFileSync(join(old.data, 'secrets.json'), JSON.stringify({ cloud: CANARY }), { mode: 0o600 })
  for (const [path, text] of Object.entries(KEYS)) {
    mkdirSync(join(old.data, path, '..'), { recursive: true })
    writeFileSync(join(old.data, path), text)
  }
  agents = [await startAgent(old), await startAgent(fresh)]
})
afterAll(async () => {
  for (const it of agents) await it.end()
  rmSync(dir, { recursive: true, force: true })
})

function box(name: string, settings: string): Site {
  const own = join(dir, name)
  mkdirSync(join(own, 'data'), { recursive: true })
  return siteIn(own, settings)
}

async function backup(site: Site, words: readonly string[], passphrase = PASSPHRASE): Promise<Answer> {
  const child = spawn(process.execPath, [cli, 'backup', ...words, '--data', site.data])
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.err += text))
  child.stdin.end(`${passphrase}\n`)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...texts }
}

const statusOf = async (site: Site) => connectAgent(site.data).status()

/** Where a text stands, files of the old box's store and keys aside. */
function filesWith(text: string): string[] {
  const all = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
  return all.filter((it) => readFileSync(join(it.parentPath, it.name), 'latin1').includes(text)).map((it) => it.name)
}

test('a backup is a file for its owner alone, and is not written over another', async () => {
  expect(await backup(old, ['save', file], 'too short')).toMatchObject({ code: 2 })
  expect(await backup(old, ['save', file])).toMatchObject({ code: 0, err: '' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const again = await backup(old, ['save', file])
  expect(again.code).not.toBe(0)
  expect(again.err).toContain('is there already')
})

test('what it holds is shown without what is secret, and its own secrets count', async () => {
  const { out, code } = await backup(fresh, ['show', file, '--json'])
  expect(code).toBe(0)
  const opened = JSON.parse(out) as OpenedBackup
  const { device } = await statusOf(old)
  expect(opened).toMatchObject({ device, secrets: ['cloud'], ledgerLines: 0 })
  expect(opened.settings).toContain('# of the hall')
  expect(opened.settings).toContain(device)
  expect(opened.keys).toEqual([
    'exports: the key that signs them',
    'opcua: certificates that it trusts',
    'opcua: own certificate and key',
  ])
  expect(opened.check.problems).toEqual([])
  const [asks] = opened.check.warnings
  expect(asks).toContain(`replace ${device}?`)
  expect(asks).not.toContain('secrets')
  const wrong = await backup(fresh, ['show', file], `${PASSPHRASE}!`)
  expect(wrong.code).not.toBe(0)
  expect(out + wrong.out + wrong.err).not.toContain('canary')
})

test('another box takes its place by it, in an epoch of its own, and only where that is said', async () => {
  const was = await statusOf(old)
  const settings = readFileSync(fresh.settings, 'utf8')
  const asked = await backup(fresh, ['restore', file])
  expect(asked.code).not.toBe(0)
  expect(asked.err).toContain(`--replace ${was.device}`)
  expect(readFileSync(fresh.settings, 'utf8')).toBe(settings)
  await agents[0]?.end()
  const { out, err, code } = await backup(fresh, ['restore', file, '--replace', was.device])
  expect({ err, code }).toEqual({ err: '', code: 0 })
  expect(out).toContain(`backup of ${was.device}`)
  const now = await statusOf(fresh)
  expect(now.device).toBe(was.device)
  // An epoch is of one log alone: under the same name no number is there twice.
  expect(now.epoch).not.toBe(was.epoch)
  for (const [path, text] of Object.entries(KEYS)) expect(readFileSync(join(fresh.data, path), 'utf8')).toBe(text)
  expect(JSON.parse(readFileSync(join(fresh.data, 'secrets.json'), 'utf8'))).toEqual({ cloud: CANARY })
  expect((await connectAgent(fresh.data).settingsHistory())[0]).toMatchObject({ by: 'cli', note: `backup of ${was.device}` })
})

test('after a start it still is that box, and no secret stands where none belongs', async () => {
  const { device, epoch } = await statusOf(fresh)
  await agents[1]?.end()
  agents = [await startAgent(fresh)]
  expect(await statusOf(fresh)).toMatchObject({ device, epoch })
  expect(filesWith(CANARY)).toEqual(['secrets.json', 'secrets.json'])
  expect(filesWith('canary-b7d1-key')).toEqual(['private_key.pem', 'private_key.pem'])
  expect(filesWith(PASSPHRASE)).toEqual([])
})
