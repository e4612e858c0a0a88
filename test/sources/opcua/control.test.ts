// Values that somebody sets, against a server that somebody else wrote: what is read back is what was meant, in the node's own type.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Control } from '../../../src/core/cloud-command.ts'
import { BadInput } from '../../../src/core/errors.ts'
import { asyncua, freePort, remove, type Running, run, type ServerProcess, temporary, until } from './helpers.ts'

const security = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
const plant = (name: string) => `nsu=urn:plant:line;s=${name}`
const NAMES = ['Boolean', 'SByte', 'UInt16', 'Int32', 'Int64Odd', 'UInt64Fits', 'Float', 'Double', 'String', 'DateTime', 'Matrix']

let dir: string
let server: ServerProcess
let source: Running
let control: Control

beforeAll(async () => {
  dir = temporary()
  server = await asyncua({ port: await freePort(), certificates: dir })
  const tags = NAMES.map((it) => ({ tag: it, node: plant(it), class: 'process' }))
  source = run({ endpoint: server.endpoint, security, tags }, dir)
  await until('a session', () => source.status().state === 'up')
  control = source.source.control as Control
})

afterAll(async () => {
  await source?.stop()
  await server?.kill()
  remove(dir)
})

test.each([
  ['Boolean', false, true, false],
  ['SByte', 12.4, -128n, 12n],
  ['UInt16', 7, 65_535n, 7n],
  ['Int32', -5, -2_147_483_648n, -5n],
  ['Int64Odd', 9_007_199_254_740_993n, -9_007_199_254_740_993n, 9_007_199_254_740_993n],
  ['UInt64Fits', 3, 9_223_372_036_854_775_807n, 3n],
  ['Float', 0.7, 0.10000000149011612, Math.fround(0.7)],
  ['Double', -1.25, 74.93588199999998, -1.25],
  ['String', 'Rezept 9', 'Größe 10 µm, 日本, 𝛑', 'Rezept 9'],
])('%s', async (tag, value, from, to) => {
  expect(await control.prepare(tag, value)).toEqual({ from, to })
  expect(await control.read(tag)).toEqual(from)
  await control.write(tag, value)
  expect(await control.read(tag)).toEqual(to)
  await until('the subscription has it too', () => source.of(tag).at(-1)?.value === to)
})

test.each([
  ['Boolean', 1],
  ['SByte', 128],
  ['UInt16', -1],
  ['Float', 1e39],
  ['String', 4],
  ['DateTime', 5],
  ['Matrix', 5],
  ['nowhere', 5],
])('%s does not take %s, and nothing is sent', async (tag, value) => {
  await expect(control.prepare(tag, value)).rejects.toThrow(BadInput)
})
