import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands/index.ts'
import type { LocalApi } from '../../src/local-api/server.ts'
import { serveLocalApi } from '../../src/local-api/server.ts'
import { handMadeAgent, rowAt, silent, statusNow } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../settings/product-example.yaml', import.meta.url))
const SECRETS = {
  LINE_1: 'canary-one',
  HALL_BROKER: 'canary-two',
  CLOUD: 'canary-three',
  SIM: 'canary-4',
  WIFI: 'canary-5',
  HAWKBIT: 'canary-6',
}
const ENV = Object.fromEntries(Object.entries(SECRETS).map(([name, value]) => [`HOLDFAST_SECRET_${name}`, value]))

/** Control characters but the line feed, and those that turn the direction of writing. */
const STEERING = /[^\P{Cc}\n]|[\u202a-\u202e]/u

/** Of Debian's bsdutils: runs a command on a terminal of its own. */
const PTY = 'script'

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

let dir: string
let api: LocalApi

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hf-cli-'))
  const agent = handMadeAgent({
    async *testSource(name, signal) {
      if (name !== 'endless') return yield* handMadeAgent().testSource(name, signal)
      for (let made = 0; !signal.aborted; made++) yield { step: `step ${made}`, ok: true, detail: 'x'.repeat(200) }
    },
    async *query(request, signal) {
      if (request.tag === 'broken') {
        yield rowAt(0)
        throw new Error('a block cannot be read')
      }
      yield* handMadeAgent().query(request, signal)
    },
  })
  api = await serveLocalApi(dir, agent, silent)
})
afterAll(async () => {
  await api.close()
  await rm(dir, { recursive: true, force: true })
})

function start(words: readonly string[], env: Record<string, string> = {}) {
  return spawn(process.execPath, [CLI, ...words], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function holdfast(words: string, env: Record<string, string> = {}): Promise<Ended> {
  const child = start(words.replaceAll('DIR', dir).split(' ').filter(Boolean), env)
  let out = ''
  let err = ''
  child.stdout.on('data', (part) => (out += part))
  child.stderr.on('data', (part) => (err += part))
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, out, err }
}

describe('exit status', () => {
  test.each([
    ['status --data DIR', 0],
    ['sources --data DIR', 0],
    ['uplinks --data DIR', 0],
    ['sources test press-3 --data DIR', 0],
    ['uplinks test cloud --data DIR', 1],
    ['query a --from -10m --data DIR', 0],
    ['query broken --from -10m --data DIR', 1],
    ['forecast --data DIR', 0],
    ['forecast --offline 12h --data DIR', 0],
    ['sources test nobody --data DIR', 2],
    ['help', 0],
    ['help query', 0],
    ['status --help', 0],
    ['--version', 0],
    ['', 2],
    ['nonsense', 2],
    ['status --nonsense --data DIR', 2],
    ['status one-too-many --data DIR', 2],
    ['status --data', 2],
    ['status --watch --json --data DIR', 2],
    ['query --from -10m --data DIR', 2],
    ['query a --data DIR', 2],
    ['query a --from tomorrow --data DIR', 2],
    ['query a --from now --to -1h --data DIR', 2],
    ['query a --from -1h --every 5x --data DIR', 2],
    ['query a --from -1h --format xml --data DIR', 2],
    ['query a --from -1h --format toString --data DIR', 2],
    ['query a --from -1h --limit 0 --data DIR', 2],
    ['forecast --offline 30 --data DIR', 2],
    ['forecast --offline 0s --data DIR', 2],
    ['forecast --offline 9999d --data DIR', 2],
    ['check DIR/none.yaml', 2],
    ['check DIR', 2],
    ['verify', 2],
    ['verify --brokers localhost', 2],
    ['agent --data DIR', 2],
    ['status --data DIR/nowhere', 3],
    ['forecast --data DIR/nowhere', 3],
    ['query a --from -10m --data DIR/nowhere', 3],
    ['uplinks test cloud --data DIR/nowhere', 3],
    ['status --box https://box --data DIR', 2],
  ])('holdfast %s: %i', async (words, status) => {
    const ended = await holdfast(words)
    expect({ status: ended.status, err: ended.err }).toMatchObject({ status })
    // What went wrong stands on stderr, and only there.
    if (status >= 2) expect(ended.out).toBe('')
    if (status >= 2) expect(ended.err).not.toBe('')
    expect(ended.err).not.toMatch(/^\s+at .*\.ts:\d+/m)
  })

  test.each(COMMANDS.map((it) => [it.name, it.summary] as const))('help %s is about that command', async (name, summary) => {
    const { status, out } = await runHere(`help ${name}`)
    expect({ status, first: out.split('\n')[0] }).toEqual({ status: 0, first: `${name}: ${summary}` })
  })
})

describe('--json', () => {
  test.each([
    ['status --json --data DIR', (it: ReturnType<typeof statusNow>) => it.device === 'hf-7f3a' && it.classes.length === 2],
    ['sources --json --data DIR', (it: unknown[]) => it.length === 3],
    ['uplinks --json --data DIR', (it: unknown[]) => it.length === 1],
    ['uplinks test cloud --json --data DIR', (it: { ok: boolean; steps: unknown[] }) => !it.ok && it.steps.length === 2],
    [
      'query a --from -10m --json --data DIR',
      (it: { value: unknown }[]) => it.length === 7 && it[1]?.value === '9007199254740993',
    ],
    ['query nothing --from -10m --format json --data DIR', (it: unknown[]) => it.length === 0],
    [
      'forecast --json --data DIR',
      (it: { offlineMs: number; classes: unknown[] }) => it.offlineMs === 2_592_000_000 && it.classes.length === 4,
    ],
    ['schema', (it: { properties: object }) => Object.keys(it.properties).includes('uplinks')],
    ['schema --json', (it: { $schema: string }) => it.$schema.includes('2020-12')],
    ['check DIR/wrong.yaml --json', (it: { ok: boolean; problems: { line: number }[] }) => !it.ok && it.problems[0]?.line === 2],
  ])('%s is one document', async (words, holds) => {
    await writeFile(join(dir, 'wrong.yaml'), 'version: 1\nlogs: {}\n')
    const { out, err } = await holdfast(words)
    expect(holds(JSON.parse(out) as never)).toBe(true)
    expect(err).toBe('')
  })

  test('query as NDJSON and CSV', async () => {
    const ndjson = await holdfast('query a --from -10m --format ndjson --limit 3 --data DIR')
    expect(
      ndjson.out
        .trim()
        .split('\n')
        .map((it) => (JSON.parse(it) as { value: unknown }).value),
    ).toEqual([1.5, '9007199254740993', true])
    expect(ndjson.err).toContain('stopped after 3 rows')
    const csv = await holdfast('query a --from -10m --data DIR')
    expect(csv.out.split('\r\n')[4]).toMatch(/^2026-11-18T11:06:40\.300000Z,a,"a ""quoted"", text",string,°C,good,0,process,3,/)
    const windows = await holdfast('query a --from -10m --every 1m --data DIR')
    expect(windows.out.split('\r\n')[1]).toMatch(
      /^2026-11-18T11:06:40\.000000Z,a,1\.5,double,°C,good,.*,60000000,10,8,0,2,8,12,2,1\.5,0\.5,/,
    )
  })
})

describe('text', () => {
  test.each([
    'status --data DIR',
    'sources --data DIR',
    'uplinks --data DIR',
    'uplinks test cloud --data DIR',
    'forecast --data DIR',
    'forecast --offline 61m --data DIR',
    'help',
    'help query',
    'help verify',
  ])('holdfast %s fits 80 columns and steers no terminal', async (words) => {
    const { out } = await holdfast(words)
    for (const line of out.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80)
    expect(out).not.toMatch(STEERING)
  })

  test('status shows whether the counts add up', async () => {
    expect((await holdfast('status --data DIR')).out).toContain('holds for every class')
    const other = await mkdtemp(join(tmpdir(), 'hf-off-'))
    const [first, second] = statusNow().classes as unknown as [never, { accepted: number }]
    const off = statusNow({ classes: [first, { ...second, accepted: second.accepted + 1 } as never] })
    const wrong = await serveLocalApi(other, handMadeAgent({ status: () => Promise.resolve(off) }), silent)
    const { out } = await holdfast(`status --data ${other}`)
    await wrong.close()
    await rm(other, { recursive: true })
    expect(out).toMatch(/^HOLDFAST .* Problem$/m)
    expect(out).toContain('DOES NOT ADD UP in process: accepted 1234568')
  })

  test('texts of devices cannot steer the terminal', async () => {
    const other = await mkdtemp(join(tmpdir(), 'hf-esc-'))
    const issues = [{ code: 'x', severity: 'warning' as const, text: 'a\x1b[2Jb\u202ec', remedy: '\x07' }]
    const [source] = statusNow().sources
    const sources = [{ ...(source as NonNullable<typeof source>), name: 'a\x1b]0;b\x07', lastError: '\x1b[31mred' }]
    const steering = await serveLocalApi(
      other,
      handMadeAgent({ status: () => Promise.resolve(statusNow({ issues, sources })) }),
      silent,
    )
    const { out } = await holdfast(`status --data ${other}`)
    await steering.close()
    await rm(other, { recursive: true })
    expect(out).not.toMatch(STEERING)
  })

  test('the example of the product passes check, and nothing that is set is passed over in silence', async () => {
    const { status, out, err } = await holdfast(`check ${EXAMPLE}`, ENV)
    expect({ status, err }).toEqual({ status: 0, err: '' })
    for (const key of ['network', 'time']) {
      expect(out).toContain(`${key}: not in force yet`)
    }
    expect(out).not.toContain('classes[')
    for (const value of Object.values(SECRETS)) expect(out).not.toContain(value)
  })
})

describe('long runs', () => {
  test('status --watch prints a line at once and ends on SIGTERM', async () => {
    const child = start(['status', '--watch', '--data', dir])
    const [first] = (await once(child.stdout, 'data')) as [Buffer]
    expect(String(first)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}Attention {2}in 51,255\/s {2}kept 12\.3 MB/)
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([0, null])
  })

  test('on a terminal that tells no size, status --watch draws 80 columns anew and anew', async () => {
    const command = `${process.execPath} ${CLI} status --watch --data ${dir}`
    const child = spawn(PTY, ['-qfec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    child.stdout.on('data', (part) => (out += part))
    await expect.poll(() => out.split('HOLDFAST').length, { timeout: 30_000 }).toBeGreaterThan(2)
    child.kill('SIGTERM')
    await once(child, 'close')
    expect(out).toMatch(/HOLDFAST {2}hf-7f3a {2}plant-1 {40,50}\S*Attention/)
    expect(out).toContain('version 0.1.0, up 2 h 14 min, epoch 3f2a1b2c, clock synchronised (0.3 ms off)')
  })

  test('a reader that goes away ends it quietly', async () => {
    const child = start(['sources', 'test', 'endless', '--data', dir])
    let err = ''
    child.stderr.on('data', (part) => (err += part))
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect(await once(child, 'close')).toEqual([0, null])
    expect(err).toBe('')
  })

  test('SIGINT ends a call that would never end', async () => {
    const child = start(['sources', 'test', 'endless', '--data', dir])
    child.stdout.resume()
    await once(child.stdout, 'data')
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([1, null])
  })
})
