// `sources test`: each step that holds, and at the first that does not, what to do.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TestStep } from '../../../src/core/source.ts'
import { opcuaSettings } from '../../../src/sources/opcua/settings.ts'
import { opcuaWith } from '../../../src/sources/opcua/source.ts'
import { asyncua, contextIn, freePort, HURRY, type Input, remove, type ServerProcess, temporary, trustBy } from './helpers.ts'

const user = { user: 'gateway', password: 'a word' }
const good = [{ tag: 'x', node: 'nsu=urn:plant:line;s=Int32', class: 'process' }]

let dir: string
let server: ServerProcess | undefined

beforeEach(() => {
  dir = temporary()
})

afterEach(async () => {
  await server?.kill()
  server = undefined
  remove(dir)
})

async function steps(input: Input): Promise<TestStep[]> {
  const found: TestStep[] = []
  const { signal } = new AbortController()
  for await (const step of opcuaWith(HURRY).test(opcuaSettings.parse(input), contextIn(dir), signal)) found.push(step)
  return found
}

/** `ok` or the text of each step. */
function summary(all: readonly TestStep[]): string[] {
  return all.map((it) => `${it.step}: ${it.ok ? 'ok' : it.detail}`)
}

test('no such host; nobody there', async () => {
  const [step] = await steps({ endpoint: 'opc.tcp://no-such-host.invalid:4840', security: user, tags: good })
  expect(step).toMatchObject({ step: 'name', ok: false, remedy: 'Check the name, or give the address.' })
  const refused = await steps({ endpoint: `opc.tcp://127.0.0.1:${await freePort()}`, security: user, tags: good })
  expect(summary(refused)).toEqual(['name: ok', expect.stringMatching(/^connection: nobody listens there/)])
})

test('from the unknown certificate to the values, remedy by remedy', async () => {
  server = await asyncua({ port: await freePort(), certificates: dir, secure: true, ...user })
  const input = { endpoint: server.endpoint, security: user, tags: good }
  const first = await steps(input)
  expect(summary(first)).toEqual([
    'name: ok',
    'connection: ok',
    'endpoints: ok',
    expect.stringMatching(/^security: .*is not trusted/),
  ])
  expect(first[2]?.detail).toBe('the server offers Basic256Sha256 SignAndEncrypt (UserName)')
  await trustBy(opcuaWith(HURRY).open(opcuaSettings.parse(input), contextIn(dir)), first[3]?.remedy ?? '')

  const wrong = await steps({ ...input, security: { ...user, password: 'another' } })
  expect(wrong.at(-1)).toMatchObject({ step: 'session', ok: false, remedy: expect.stringContaining('Check user and password') })

  const right = await steps(input)
  expect(summary(right)).toEqual(
    ['name', 'connection', 'endpoints', 'security', 'session', 'namespaces', 'nodes'].map((it) => `${it}: ok`),
  )
  expect(right.at(-2)?.detail).toContain('urn:plant:line')
  expect(right.at(-1)?.detail).toBe('1 of 1 nodes have a value')

  const bad = await steps({ ...input, tags: [...good, { tag: 'y', node: 'nsu=urn:plant:line;s=Gone', class: 'process' }] })
  expect(bad.at(-1)).toMatchObject({
    step: 'nodes',
    ok: false,
    detail: '1 of 2 nodes have no good value; the first is y, node nsu=urn:plant:line;s=Gone: BadNodeIdUnknown',
    remedy: expect.stringContaining('Check the node id'),
  })
})

test('a server without what the settings ask for', async () => {
  server = await asyncua({ port: await freePort(), certificates: dir })
  const found = await steps({ endpoint: server.endpoint, security: user, tags: good })
  expect(found.at(-1)).toMatchObject({ step: 'security', ok: false })
  expect(found.at(-1)?.detail).toContain('does not offer Basic256Sha256 SignAndEncrypt, but None None')
})
