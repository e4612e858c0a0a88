// The archive for support: what is in it, and that no secret is. Canaries are planted wherever a secret can be.
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from '../prove/fast-check.ts'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { withoutSecretLooking, withoutSecrets } from '../../src/core/redact.ts'
import { tar } from '../../src/commands/diagnostics/tar.ts'
import type { Operation } from '../../src/commands/operation.ts'
import { COMMANDS } from '../../src/commands/index.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Agent, Site } from '../route/agent.ts'
import { holdfast, siteIn, startAgent } from '../route/agent.ts'
import { until } from '../route/until.ts'

const FILES = [
  'CONTENT.txt',
  'about.json',
  'agent-log.txt',
  'ledger.json',
  'log.json',
  'machine.json',
  'network.json',
  'secrets.json',
  'settings-history.json',
  'settings.yaml',
  'sources.json',
  'status.json',
  'uplinks.json',
]

const { privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})
const keyLine = privateKey.split('\n')[1] as string
const CANARIES = {
  store: 'canary/store+9f"2e',
  environment: 'canary-environment-77ab',
  url: 'canary-in-a-url',
  logged: 'canary-logged-0b1c',
  key: keyLine,
}

let dir: string
let site: Site
let agent: Agent

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-diag-'))
  site = siteIn(
    dir,
    `version: 1
# once we used mqtt://gateway:${CANARIES.url}@10.0.0.9 here
device: { id: hf-7f3a, site: plant-1 }
classes: [{ name: process }]
sources:
  - name: broker
    protocol: mqtt
    url: mqtt://127.0.0.1:1
    user: gateway
    password: { secret: broker }
    insecure: "the test's own network"
    subscribe: [{ topic: "a", qos: 1, tag: "a", class: process }]
uplinks:
  - { name: cloud, kafka: { brokers: ["127.0.0.1:1"], tls: { key: { secret: key }, cert: { secret: cert } }, sasl: { mechanism: plain, user: u, password: { secret: cloud } } } }
`,
    { HOLDFAST_SECRET_CLOUD: CANARIES.environment },
  )
  mkdirSync(site.data, { recursive: true })
  const cert = certificateOf(dir, privateKey)
  writeFileSync(join(site.data, 'secrets.json'), JSON.stringify({ broker: CANARIES.store, key: privateKey, cert }), {
    mode: 0o600,
  })
  agent = await startAgent(site)
  await until('the source has failed', async () => (await agent.status())?.sources[0]?.lastError !== undefined)
  writeFileSync(
    join(dir, 'agent-own.log'),
    `${readFileSync(agent.logFile, 'utf8')}
{"level":"warn","url":"https://user:${CANARIES.url}@proxy/","msg":"told"}
{"level":"warn","headers":{"authorization":"Bearer ${CANARIES.logged}"}}
the broker says: ${CANARIES.store} is no password, ${encodeURIComponent(CANARIES.store)} neither, nor ${CANARIES.environment}
password=${CANARIES.logged} token: "${CANARIES.logged}"
${privateKey}
`,
  )
})
afterAll(async () => {
  await agent?.end()
  rmSync(dir, { recursive: true, force: true })
})

/** As openssl makes it: the archive is asked about keys that are really in use. */
function certificateOf(folder: string, key: string): string {
  const file = join(folder, 'key.pem')
  writeFileSync(file, key)
  return execFileSync('openssl', ['req', '-x509', '-new', '-key', file, '-subj', '/CN=hf', '-days', '30'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString()
}

async function pack(name: string): Promise<{ texts: Map<string, string>; out: string }> {
  const file = join(dir, `${name}.tar.gz`)
  const words = ['diagnostics', file, '--data', site.data, '--settings', site.settings, '--agent-log', join(dir, 'agent-own.log')]
  const { code, out, err } = await holdfast(site, words)
  expect(code, err).toBe(0)
  const into = join(dir, name)
  mkdirSync(into)
  // By a program that somebody else wrote.
  execFileSync('tar', ['-xzf', file, '-C', into])
  return { texts: textsIn(into), out }
}

/** As the panel does it: it asks the agent, and the journal, for which a program of its name stands here. */
async function packAsPanel(name: string): Promise<ReadonlyMap<string, string>> {
  const operation = COMMANDS.find((it) => it.name === 'diagnostics')?.operation as Operation
  expect(operation.access).toBe('technician')
  const into = join(dir, name)
  mkdirSync(into)
  const journal = join(into, 'journalctl')
  writeFileSync(journal, `#!/bin/sh\ncat '${join(dir, 'agent-own.log')}'\n`, { mode: 0o755 })
  vi.stubEnv('PATH', `${into}:${process.env['PATH']}`)
  const context = { agent: connectAgent(site.data), signal: new AbortController().signal, by: 'tom' }
  const parts: Uint8Array[] = []
  for await (const row of operation.run({}, context as never) as AsyncIterable<{ bytes: Uint8Array }>) parts.push(row.bytes)
  vi.unstubAllEnvs()
  expect(spawnSync('tar', ['-xz', '-C', into], { input: Buffer.concat(parts) }).status).toBe(0)
  return textsIn(into)
}

function textsIn(into: string): Map<string, string> {
  const folder = join(into, 'holdfast-diagnostics')
  return new Map(readdirSync(folder).map((it) => [it, readFileSync(join(folder, it), 'utf8')]))
}

function expectNoCanary(texts: ReadonlyMap<string, string>): void {
  const forms = Object.entries(CANARIES).flatMap(([where, it]) =>
    [it, encodeURIComponent(it), JSON.stringify(it).slice(1, -1), Buffer.from(it).toString('base64')].map(
      (form) => [where, form] as const,
    ),
  )
  const found = [...texts].flatMap(([name, text]) =>
    forms.filter(([, form]) => text.includes(form)).map(([where]) => `${where} in ${name}`),
  )
  expect(found).toEqual([])
}

test('with the agent: everything is in it and named, and no secret', async () => {
  const { texts, out } = await pack('up')
  expect([...texts.keys()].toSorted()).toEqual(FILES)
  const content = texts.get('CONTENT.txt') ?? ''
  for (const name of FILES) expect(content, name).toMatch(new RegExp(`^${name.replace('.', '\\.')} +\\w`, 'm'))
  expect(content).not.toContain('Not in it')
  expect(JSON.parse(texts.get('status.json') ?? '')).toMatchObject({ device: 'hf-7f3a' })
  expect(JSON.parse(texts.get('sources.json') ?? '')[0].lastError).toBeTypeOf('string')
  expect(texts.get('settings.yaml')).toContain('password: { secret: broker }')
  expect(JSON.parse(texts.get('secrets.json') ?? '').map((it: { name: string }) => it.name)).toContain('broker')
  expect(texts.get('agent-log.txt')).toContain('the agent is up')
  expect(texts.get('agent-log.txt')).toContain('[removed]')
  expectNoCanary(texts)
  expectNoCanary(new Map([['the output', out]]))
})

test('as an operation, of a panel that may read no secret: the agent takes out what only it knows', async () => {
  const rows = await packAsPanel('panel')
  expect([...rows.keys()].toSorted()).toEqual(FILES)
  expect(rows.get('agent-log.txt')).toContain('the broker says: [removed] is no password')
  expect(rows.get('settings.yaml')).toContain('password: { secret: broker }')
  expect(rows.get('CONTENT.txt')).not.toContain('store of secrets')
  expectNoCanary(rows)
})

test('without the agent: less is in it, and what is not is said; no secret', async () => {
  await agent.end()
  const { texts, out } = await pack('down')
  const content = texts.get('CONTENT.txt') ?? ''
  for (const name of ['settings.yaml', 'log.json', 'ledger.json', 'machine.json', 'network.json', 'agent-log.txt', 'about.json'])
    expect(texts.has(name), name).toBe(true)
  for (const name of ['status.json', 'uplinks.json', 'settings-history.json', 'secrets.json']) {
    expect(texts.has(name), name).toBe(false)
    expect(content).toContain(`  ${name}: no agent runs`)
  }
  expect(out).toContain('not in it:')
  expect(JSON.parse(texts.get('log.json') ?? '').epoch).toMatch(/^[0-9a-f]{32}$/)
  expectNoCanary(texts)
  expect((await packAsPanel('panel-alone')).get('CONTENT.txt')).toMatch(
    /no look for texts of the store of secrets.*: no agent runs/,
  )
})

test('where nothing can be written nothing is left, and it is said', async () => {
  const { code, err } = await holdfast(site, ['diagnostics', join(dir, 'not-there', 'x.tar.gz'), '--data', site.data])
  expect(code).toBe(2)
  expect(err).toContain('cannot be written: ENOENT')
})

describe('what is removed', () => {
  const known = withoutSecrets(['hunter2-hunter2', 'two words'])
  const clean = (text: string) => withoutSecretLooking(known(text))
  test.each([
    ['mqtts://gateway:s3cret!@10.0.0.1:8883/x', 'mqtts://[removed]@10.0.0.1:8883/x'],
    ['{"password":"a\\"b","n":1}', '{"password":"[removed]","n":1}'],
    ['sasl.password = geheim', 'sasl.password = [removed]'],
    [`${'x'.repeat(80)}-token: geheim`, `${'x'.repeat(80)}-token: [removed]`],
    ['Authorization: Bearer abcdef123456', 'Authorization: [removed] [removed]'],
    ['x hunter2-hunter2 y', 'x [removed] y'],
    ['aHVudGVyMi1odW50ZXIy', '[removed]'],
    ['GET /x?y=two+words&z=two%20words', 'GET /x?y=[removed]&z=[removed]'],
  ])('%s', (text, left) => {
    expect(clean(text)).toBe(left)
  })

  test.each([
    'password: { secret: line-1 }',
    'key: hf-7f3a/tag',
    'spinning: 3',
    'mode: SignAndEncrypt',
    'opc.tcp://10.20.1.50:4840/path@x',
  ])('%s stays', (text) => {
    expect(clean(text)).toBe(text)
  })

  // A device says what it likes, and the panel waits for this.
  test.each(['a.', 'a', 'pin', '"pin', 'password: ', 'secret ', 'a://', ' '])(
    'a megabyte of %j is looked through in no time',
    (piece) => {
      for (const before of ['', 'password:', '"']) {
        const begun = performance.now()
        clean(`${before}${piece.repeat(1_000_000 / piece.length)},`)
        expect(performance.now() - begun, before).toBeLessThan(3_000)
      }
    },
  )

  test('a secret is found whatever stands around it', () => {
    const secret = fc.string({ minLength: 6 }).filter((it) => it.trim().length >= 6)
    fc.assert(
      fc.property(
        fc.string(),
        secret,
        fc.string(),
        (before, it, after) => !withoutSecrets([it])(before + it + after).includes(it) || '[removed]'.includes(it),
      ),
    )
  })
})

test('the archive is what tar reads: any names and any contents, byte by byte', () => {
  const files = [0, 1, 511, 512, 513, 70_000].map((size) => ({ name: `d/${size}`, bytes: Buffer.alloc(size, size % 251) }))
  const into = mkdtempSync(join(dir, 'tar-'))
  const archive = tar(files, 1_795_000_000)
  expect(spawnSync('tar', ['-x', '-C', into], { input: archive }).status).toBe(0)
  for (const { name, bytes } of files) expect(readFileSync(join(into, name)).equals(bytes), name).toBe(true)
  expect(() => tar([{ name: 'x'.repeat(101), bytes: Buffer.alloc(0) }], 0)).toThrow(RangeError)
  expect(archive.length % 512).toBe(0)
})
