// Against Eclipse Milo: types and statuses exactly, few nodes a call, history in small pages, a folder by continuation points.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BrowseEntry } from '../../../src/core/source.ts'
import {
  freePort,
  type Link,
  milo,
  openLink,
  remove,
  type Running,
  run,
  type ServerProcess,
  temporary,
  until,
} from './helpers.ts'
import { EXPECTED, ISO, node, security, TIME } from './milo-types.ts'

const signal = new AbortController().signal

let dir: string
let server: ServerProcess
let source: Running | undefined
let link: Link | undefined

beforeEach(() => {
  dir = temporary()
})

afterEach(async () => {
  await source?.stop()
  await server?.kill()
  link?.close()
  source = link = undefined
  remove(dir)
})

test('every type, and statuses with their values', async () => {
  server = await milo({ port: await freePort(), perCall: 10 })
  const names = [...Object.keys(EXPECTED), 'Bad', 'Uncertain']
  const tags = names.map((name) => ({ tag: name, node: node(name), class: 'process' }))
  source = run({ endpoint: server.endpoint, security, publishing: '50ms', sampling: '50ms', tags }, dir)
  await until('a value of each', () => source?.rows.length === names.length)
  for (const [name, [kind, value]] of Object.entries(EXPECTED))
    expect(source.of(name), name).toMatchObject([{ kind, value, quality: 'good', status: 0 }])
  expect(source.of('Bad')).toMatchObject([{ value: 1.5, quality: 'bad', status: 0x808c0000, time: Number(TIME) }])
  expect(source.of('Uncertain')).toMatchObject([{ value: 2.5, quality: 'uncertain', status: 0x40900000, time: Number(TIME) }])
})

test('a gap, on a server that gives 7 values of 10 nodes at a time: all of it, each value once', async () => {
  const items = 25
  server = await milo({ port: await freePort(), counters: items, history: 1_000, page: 7, perCall: 10 })
  link = await openLink(Number(new URL(server.endpoint).port))
  const tags = [{ tag: 'line/{n}', node: node('Counter{n}'), class: 'process', count: items }]
  const endpoint = `opc.tcp://127.0.0.1:${link.port}`
  source = run({ endpoint, security, publishing: '50ms', sampling: '20ms', queueSize: 1, tags }, dir)
  await until('a value of each', () => source?.rows.length === items)
  const counting = server.command({ do: 'count', ticks: 60, hertz: 10 })
  await until('a few', () => source && source.rows.length > items * 5)
  link.cut()
  await until('down', () => source?.status().state === 'down')
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  link.heal()
  await counting
  await until('all', () => source && source.rows.length >= items * 61)
  for (const rows of Map.groupBy(source.rows, (it) => it.tag).values()) {
    const values = rows.toSorted((one, other) => one.time - other.time).map((it) => it.value)
    expect(values).toEqual(Array.from({ length: 61 }, (_, n) => BigInt(n - 1)))
  }
  expect(source.rows.filter((it) => it.status === 0x400).length).toBeGreaterThanOrEqual(items * 10)
  expect(source.status().notes).toBeUndefined()
})

test('events: fields that only some types have, the least severity, and an alarm', async () => {
  server = await milo({ port: await freePort() })
  const events = [
    { tag: 'all', class: 'alarm' },
    { tag: 'faults', class: 'alarm', severity: 600 },
  ]
  source = run({ endpoint: server.endpoint, security, publishing: '50ms', events }, dir)
  await until('up', () => source?.status().state === 'up')
  await server.command({ do: 'event', severity: 599 })
  await server.command({ do: 'event', severity: 600, alarm: 1 })
  await until('all', () => source && source.of('all').length >= 2 && source.of('faults').length > 0)
  const told = (tag: string) => (source as Running).of(tag).map((it) => JSON.parse(String(it.value)))
  const [first, second] = told('all')
  expect(first).toEqual({
    EventId: expect.stringMatching(/^[A-Za-z0-9+/]{48}$/),
    EventType: 'i=2041',
    Time: ISO,
    Severity: 599,
    SourceNode: node('Line'),
    SourceName: 'Line',
    Message: 'severity 599',
  })
  expect(second).toMatchObject({ EventType: 'i=10637', ConditionName: 'Off', 'ActiveState/Id': true, 'AckedState/Id': false })
  expect(told('faults').map((it) => it.Severity)).toEqual([600])
  expect(source.rows.map((it) => it.time)).toEqual([Number(TIME), Number(TIME), Number(TIME)])
  expect(source.status()).toMatchObject({ details: { eventStreams: 2 } })
})

test('a folder of 3,000 by continuation points, 100 nodes a call', async () => {
  server = await milo({ port: await freePort(), many: 3_000, perCall: 100 })
  source = run({ endpoint: server.endpoint, security, tags: [{ tag: 'x', node: node('Int32'), class: 'process' }] }, dir)
  await until('a reading', () => source?.rows.length)
  const found: BrowseEntry[] = []
  for await (const it of source.source.browse?.({ node: node('Many'), limit: 100_000 }, signal) ?? []) found.push(it)
  expect(found.map((it) => Number(it.value?.text)).toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: 3_000 }, (_, n) => n),
  )
})
