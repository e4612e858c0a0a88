// `--box`: the commands of one machine on another, over the panel of that one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SettingsApply } from '../../src/core/operator.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import type { TestPanel } from './panel.ts'
import { browser, startPanel } from './panel.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../settings/product-example.yaml', import.meta.url))
const NEVER = 4_000_000_000_000_000
let panel: TestPanel
let dir: string
const tokens = { admin: '', viewer: '' }
const applied: SettingsApply[] = []
const secrets: string[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-box-'))
  const made = handMadeAgent()
  const agent = handMadeAgent({
    settingsApply: (request) => (applied.push(request), made.settings()),
    setSecret: async (name, text) => void secrets.push(`${name}=${text}`),
  })
  panel = await startPanel({ agent })
  await browser(panel.url).claim(panel.access.claimCode() ?? '')
  for (const role of ['admin', 'viewer'] as const)
    tokens[role] = panel.access.addToken({ name: role, role, until: NEVER }, { by: 'anna', address: '' })
})
afterAll(async () => {
  await panel.close()
  rmSync(dir, { recursive: true })
})

async function holdfast(words: readonly string[], { token = tokens.admin, input = '', url = panel.url } = {}) {
  const env = { PATH: process.env['PATH'] ?? '', ...(token !== '' && { HOLDFAST_TOKEN: token }) }
  const child = spawn(process.execPath, [CLI, ...words, '--box', url], { env, stdio: 'pipe' })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (part) => (texts.out += part))
  child.stderr.on('data', (part) => (texts.err += part))
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...texts }
}

/** Its key and its certificate. */
const ownPair = () => join(panel.dir, 'access', 'tls', 'own.pem')
const known = () => ['--fingerprint', panel.fingerprint]

test.each<readonly [words: string, expected: string | RegExp]>([
  ['status', 'hf-7f3a'],
  ['sources test press-3', 'all 2 steps hold'],
  ['query a --from -10m', '9007199254740993'],
  ['forecast', 'process'],
  ['rules test press-hot', 'would have fired 3 times'],
  ['settings show', 'version: 1'],
])('%s', async (words, expected) => {
  const ended = await holdfast([...words.split(' '), ...known()])
  expect(ended, ended.err).toMatchObject({ status: 0 })
  expect(ended.out).toMatch(expected)
})

test('settings are applied in the name of the token, secrets go by standard input', async () => {
  copyFileSync(EXAMPLE, join(dir, 'settings.yaml'))
  const ended = await holdfast([
    'settings',
    'apply',
    join(dir, 'settings.yaml'),
    '--confirm-within',
    '2m',
    '--note',
    'why',
    ...known(),
  ])
  expect(ended, ended.err).toMatchObject({ status: 0 })
  expect(applied).toMatchObject([{ by: 'token admin', confirmWithinMs: 120_000, note: 'why' }])
  expect(await holdfast(['secrets', 'set', 'cloud', ...known()], { input: 'pa ss\n' })).toMatchObject({ status: 0 })
  expect(secrets).toEqual(['cloud=pa ss'])
})

test('a token does what its role may, and none does nothing', async () => {
  const refused = await holdfast(['secrets', 'remove', 'cloud', ...known()], { token: tokens.viewer })
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining('viewer') })
  expect(await holdfast(['status', ...known()], { token: '' })).toMatchObject({
    status: 2,
    err: expect.stringContaining('HOLDFAST_TOKEN'),
  })
  expect(await holdfast(['status', ...known()], { token: 'holdfast_x' })).toMatchObject({
    status: 1,
    err: expect.stringContaining('not logged in'),
  })
})

test('whoever shows another certificate gets not one byte, the token least of all', async () => {
  const pair = readFileSync(ownPair())
  let bytes = 0
  let connections = 0
  const stranger = createServer({ key: pair, cert: pair }, (socket) => {
    socket.on('data', (part) => (bytes += part.length)).on('error', () => {})
  })
  stranger.on('connection', () => connections++)
  stranger.listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  const url = `https://127.0.0.1:${(stranger.address() as AddressInfo).port}`
  const wrong = await holdfast(['status', '--fingerprint', '12'.repeat(32)], { url })
  expect(wrong).toMatchObject({ status: 1, err: expect.stringContaining('another certificate') })
  expect(await holdfast(['status'], { url })).toMatchObject({ status: 1, err: expect.stringContaining('is not trusted') })
  stranger.close()
  expect({ connections: connections > 0, bytes }).toEqual({ connections: true, bytes: 0 })
})

test('an authority vouches for a box as well as its fingerprint does', async () => {
  const [cert = ''] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/.exec(readFileSync(ownPair(), 'utf8')) ?? []
  const ca = join(panel.dir, 'box.pem')
  writeFileSync(ca, cert)
  expect(await holdfast(['status', '--ca', ca])).toMatchObject({ status: 0 })
  expect(await holdfast(['status', '--fingerprint', '12'])).toMatchObject({ status: 2 })
})
