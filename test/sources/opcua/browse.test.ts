// `sources browse`, `sources test` and `find` against servers that others wrote: what they have, on the one session that the source has.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BadInput, Unreachable } from '../../../src/core/errors.ts'
import type { BrowseEntry, BrowseRequest, TestStep } from '../../../src/core/source.ts'
import { browse } from '../../../src/sources/opcua/browse.ts'
import { find } from '../../../src/sources/opcua/find.ts'
import { PER_CALL_DEFAULT } from '../../../src/sources/opcua/limits.ts'
import {
  asyncua,
  freePort,
  nodeOpcua,
  openSession,
  remove,
  type Running,
  run,
  type ServerProcess,
  temporary,
  until,
} from './helpers.ts'

const security = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
const plant = (name: string) => `nsu=urn:plant:line;s=${name}`
const signal = new AbortController().signal

let dir: string
let server: ServerProcess
let source: Running | undefined

beforeEach(() => {
  dir = temporary()
})

afterEach(async () => {
  await source?.stop()
  await server?.kill()
  source = undefined
  remove(dir)
})

async function all(entries: AsyncIterable<BrowseEntry> | undefined): Promise<BrowseEntry[]> {
  const found: BrowseEntry[] = []
  for await (const it of entries ?? []) found.push(it)
  return found
}

const look = (request: Partial<BrowseRequest>) => all(source?.source.browse?.({ limit: 100_000, ...request }, signal))

async function upOn(tag: string, endpoint: string): Promise<void> {
  source = run({ endpoint, security, tags: [{ tag: 'x', node: tag, class: 'process' }] }, dir)
  await until('a reading', () => source?.rows.length)
}

test('level by level: names, types, values, unit and range, and the line that reads it', async () => {
  server = await asyncua({ port: await freePort(), certificates: dir, browse: true })
  await upOn(plant('Int32'), server.endpoint)
  const root = await look({})
  expect(root.map((it) => it.name)).toEqual(expect.arrayContaining(['Server', 'Line']))
  const line = root.find((it) => it.name === 'Line') as BrowseEntry
  expect(line).toMatchObject({ isFolder: true, value: null, path: [], node: expect.stringMatching(/^nsu=urn:plant:line;i=\d+$/) })
  expect(line).not.toHaveProperty('line')

  const below = await look({ node: line.node })
  const named = (name: string) => below.find((it) => it.name === name)
  expect(named('Int64Max')).toEqual({
    node: plant('Int64Max'),
    name: 'Int64Max',
    path: ['Line'],
    isFolder: false,
    value: { kind: 'long', text: '9223372036854775807', quality: 'good', type: 'Int64' },
    line: { tag: 'Line/Int64Max', node: plant('Int64Max') },
  })
  expect(named('Boolean')?.value).toMatchObject({ kind: 'bool', text: 'true', type: 'Boolean' })
  expect(named('Dose')?.value).toMatchObject({ kind: 'string', type: 'Dose', text: expect.stringContaining('"Level":0.5') })
  expect(named('ByteString')?.value?.text).toHaveLength(200)
  expect(named('Press')).toMatchObject({ isFolder: true, value: null })

  const press = await look({ node: plant('Press') })
  expect(press[0]).toMatchObject({
    node: plant('Press.Temperature'),
    path: ['Line', 'Press'],
    isFolder: true,
    unit: '°C',
    range: [-40, 200],
    value: { kind: 'double', text: '21.5', type: 'Double' },
    line: { tag: 'Line/Press/Temperature', node: plant('Press.Temperature'), unit: '°C' },
  })
  // A node id with what separates namespaces in it comes back as the settings take it.
  const odd = press.find((it) => it.name === 'Odd') as BrowseEntry
  await source?.stop()
  await upOn(odd.node, server.endpoint)
  expect(source?.rows).toMatchObject([{ value: 7n, quality: 'good' }])
})

test('a search: all words, in names and in what is above them, variables below variables too', async () => {
  server = await asyncua({ port: await freePort(), certificates: dir, browse: true })
  await upOn(plant('Int32'), server.endpoint)
  expect((await look({ search: 'PRESS temp limit' })).map((it) => it.node)).toEqual([plant('Press.Temperature.Limit')])
  expect((await look({ search: 'line int64' })).map((it) => it.name).toSorted()).toEqual([
    'Int64Array',
    'Int64Max',
    'Int64Min',
    'Int64Odd',
    'UInt64Array',
    'UInt64Beyond',
    'UInt64Fits',
  ])
  expect(await look({ search: 'int64', node: plant('Press') })).toEqual([])
  expect(await look({ search: 'int64', limit: 2 })).toHaveLength(2)
})

test('a node that is none, or not there; a source that is down', async () => {
  server = await asyncua({ port: await freePort(), certificates: dir })
  await upOn(plant('Int32'), server.endpoint)
  for (const node of ['nsu=urn:nobody;s=X', plant('Gone'), 'nonsense']) await expect(look({ node })).rejects.toThrow(BadInput)
  await server.kill()
  await until('down', () => source?.status().state === 'down')
  await expect(look({})).rejects.toThrow(Unreachable)
})

test.each([{ silent: false }, { silent: true }])(
  'a folder of 2,500 by continuation points, on a server that takes 7 nodes a call (and does not say so: $silent)',
  async ({ silent }) => {
    const limits = { nodesPerRead: 70, nodesPerBrowse: 7, itemsPerCall: 9 }
    server = await nodeOpcua({
      port: await freePort(),
      dir,
      policies: ['None'],
      modes: ['None'],
      extras: 2_500,
      counters: 30,
      ...limits,
      silent,
    })
    const tags = [{ tag: 'line/{n}', node: 'ns=1;s=Counter{n}', class: 'process', count: 30 }]
    source = run({ endpoint: server.endpoint, security, tags }, dir)
    await until('a reading of each', () => source?.rows.length === 30)
    const found = await look({ node: 'ns=1;s=Many' })
    expect(found.map((it) => it.value?.text)).toEqual(Array.from({ length: 2_500 }, (_, n) => String(n)))
    expect(found.length).toBeGreaterThan(2 * PER_CALL_DEFAULT)
  },
)

test('a search that is too long says where it stopped', async () => {
  server = await asyncua({ port: await freePort(), certificates: dir, browse: true, extras: 150 })
  const opened = await openSession(server.endpoint, dir)
  try {
    const found = await all(browse(opened.open, { search: 'limit', limit: 10 }, signal, { nodesMax: 100, msMax: 60_000 }))
    expect(found.at(-1)).toMatchObject({
      name: '…',
      value: null,
      description: expect.stringMatching(/^The search stopped here, before .*: it has seen \d+ nodes\./),
    })
    const late = await all(browse(opened.open, { search: 'limit', limit: 10 }, signal, { nodesMax: 1e6, msMax: 0 }))
    expect(late.at(-1)?.description).toMatch(/it has taken \d+ s\./)
  } finally {
    await opened.close()
  }
})

test('`sources test` of a source that is up: no second session', async () => {
  server = await nodeOpcua({ port: await freePort(), dir, policies: ['None'], modes: ['None'], counters: 2 })
  const tags = [
    { tag: 'good', node: 'ns=1;s=Counter0', class: 'process' },
    { tag: 'gone', node: 'ns=1;s=Gone', class: 'process' },
  ]
  source = run({ endpoint: server.endpoint, security, tags }, dir)
  await until('readings', () => source?.rows.length === 2)
  const steps: TestStep[] = []
  let sessions: unknown
  for await (const step of source.source.test?.(signal) ?? []) {
    steps.push(step)
    sessions = await server.command({ do: 'sessions' })
    expect(sessions).toEqual({ sessions: 1 })
  }
  expect(steps.map((it) => [it.step, it.ok])).toEqual([
    ['session', true],
    ['namespaces', true],
    ['nodes', false],
  ])
  expect(steps[2]?.detail).toContain('1 of 2 nodes have no good value; the first is gone')
})

test('find: what answers at the port and what the discovery server there knows; nothing where nobody is', async () => {
  const port = await freePort()
  server = await asyncua({ port, certificates: dir })
  expect(await find('127.0.0.1', signal, port)).toEqual([
    {
      address: `127.0.0.1:${port}`,
      detail: expect.stringMatching(/\(urn:plant:server\): the server offers|\(urn:plant:server\): None None/),
      entry: { protocol: 'opcua', endpoint: `opc.tcp://127.0.0.1:${port}` },
    },
  ])
  expect(await find('127.0.0.1', signal, await freePort())).toEqual([])
})
