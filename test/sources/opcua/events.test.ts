// Events and alarms: each once, at its own time, and what nobody can have heard is named.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TestStep } from '../../../src/core/source.ts'
import {
  asyncua,
  freePort,
  nodeOpcua,
  openLink,
  remove,
  type Running,
  run,
  type ServerProcess,
  temporary,
  until,
} from './helpers.ts'

const security = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
const quick = { publishing: '50ms', sampling: '0ms' } as const
const stream = { tag: 'line-1/alarms', class: 'alarm' }
const tags = [{ tag: 'x', node: 'nsu=urn:plant:line;s=Int32', class: 'process' }]

let dir: string
let server: ServerProcess | undefined
let source: Running | undefined

beforeEach(() => {
  dir = temporary()
})

afterEach(async () => {
  await source?.stop()
  await server?.kill()
  source = server = undefined
  remove(dir)
})

function told(tag = stream.tag): Record<string, unknown>[] {
  return (source as Running).of(tag).map((it) => JSON.parse(String(it.value)))
}

const messages = () => told().map((it) => it.Message)
const isUp = () => until('up', () => source?.status().state === 'up')
const raise = (message: string, more: object = {}) => (server as ServerProcess).command({ do: 'event', message, ...more })

describe('an asyncua server', () => {
  beforeEach(async () => {
    server = await asyncua({ port: await freePort(), certificates: dir })
  })

  test('an event is a reading at its own time; the severity and the fields of the settings hold; values flow beside it', async () => {
    const events = [
      stream,
      { tag: 'line-1/faults', class: 'alarm', severity: 600, fields: ['Message', 'ActiveState/Id', 'nsu=urn:none;Heat'] },
    ]
    source = run({ endpoint: server?.endpoint ?? '', security, ...quick, tags, events }, dir)
    await isUp()
    const time = '2026-03-01T06:30:00.123456+00:00'
    const { id } = await raise('oil is "low"', { severity: 599, time })
    await raise('oil is gone', { severity: 600, type: 2915, fields: { 'ActiveState/Id': true, ConditionName: 'Oil' } })
    await until('all', () => told().length === 2 && told('line-1/faults').length === 1)
    expect(source.of(stream.tag)[0]).toMatchObject({ time: Date.parse('2026-03-01T06:30:00.123Z') * 1000 + 456, kind: 'string' })
    expect(source.of(stream.tag)[0]).toMatchObject({ quality: 'good', status: 0 })
    const [first, second] = told()
    expect(first).toEqual({
      EventId: Buffer.from(String(id), 'hex').toString('base64'),
      EventType: 'i=2041',
      Time: '2026-03-01T06:30:00.123456Z',
      Severity: 599,
      SourceNode: 'i=2253',
      SourceName: 'Server',
      Message: 'oil is "low"',
    })
    expect(second).toMatchObject({ EventType: 'i=2915', ConditionName: 'Oil', 'ActiveState/Id': true })
    const [fault] = told('line-1/faults')
    expect(Object.keys(fault ?? {})).toEqual(['EventId', 'EventType', 'Time', 'Severity', 'Message', 'ActiveState/Id'])
    expect(fault).toMatchObject({ Severity: 600, Message: 'oil is gone' })
    expect(source.of('x').length).toBe(1)
    expect(source.refused).toEqual([])
    expect(source.status().details).toMatchObject({ items: 1, eventStreams: 2 })
  })

  test('a server that comes back: the gap has a note and a line in the ledger, and events go on', async () => {
    const lines: string[] = []
    const port = Number(new URL(server?.endpoint ?? '').port)
    source = run({ endpoint: server?.endpoint ?? '', security, ...quick, events: [stream] }, dir, { lines })
    await isUp()
    await raise('before')
    await until('before', () => messages().includes('before'))
    const before = Date.now() * 1000
    await server?.kill()
    server = await asyncua({ port, certificates: dir, shift: true })
    await until('the gap', () => source?.refused.length)
    await isUp()
    await raise('after')
    await until('after', () => messages().includes('after'))
    expect(messages()).toEqual(['before', 'after'])
    expect(source.refused).toMatchObject([{ class: 'alarm', reason: 'session-gap', count: 1 }])
    const [{ timeFrom, timeTo } = { timeFrom: 0, timeTo: 0 }] = source.refused
    expect(timeFrom).toBeLessThan(before + 1_000_000)
    expect(timeTo).toBeGreaterThan(before)
    expect(source.status().notes).toEqual({ 'session-gap': 1 })
    expect(lines.join('\n')).toContain('events may be missing since')
  })

  test('an agent that was away: named when it is back, and not the first time', async () => {
    const input = { endpoint: server?.endpoint ?? '', security, ...quick, events: [stream] }
    source = run(input, dir)
    await isUp()
    await raise('heard')
    await until('heard', () => messages().length === 1)
    expect(source.refused).toEqual([])
    await source.stop()
    await raise('unheard')
    source = run(input, dir)
    await until('the gap', () => source?.refused.length)
    expect(source.refused).toMatchObject([{ class: 'alarm', reason: 'session-gap', count: 1 }])
  })

  test('what it drops, and what is too large, is in the ledger', async () => {
    source = run({ endpoint: server?.endpoint ?? '', security, ...quick, events: [stream] }, dir)
    await isUp()
    await raise('queue overflow', { type: 3035 })
    await raise('x'.repeat(300_000))
    await raise('small')
    await until('small', () => messages().length === 1)
    expect(source.refused.map((it) => `${it.reason} ${it.count}`).toSorted()).toEqual(['server-queue-overflow 1', 'too-large 1'])
    expect(source.status().notes).toEqual({ 'server-queue-overflow': 1 })
  })

  test('a node without events is one bad reading and is named, in `sources test` too', async () => {
    const none = { tag: 'none', node: 'nsu=urn:plant:line;s=Gone', class: 'alarm' }
    source = run({ endpoint: server?.endpoint ?? '', security, ...quick, events: [stream, none] }, dir)
    await isUp()
    await until('a reading', () => source?.of('none').length)
    expect(source.of('none')).toMatchObject([{ value: undefined, quality: 'bad', status: 0x800b0000 }])
    expect(source.status()).toMatchObject({
      code: 'node-refused',
      lastError: '1 of 2 tags get no values; the first is none, node nsu=urn:plant:line;s=Gone: BadServiceUnsupported',
    })
    const steps: TestStep[] = []
    for await (const it of source.source.test?.(new AbortController().signal) ?? []) steps.push(it)
    expect(steps.map((it) => it.step)).toEqual(['session', 'namespaces', 'events'])
    expect(steps.at(-1)).toMatchObject({
      ok: false,
      detail: '1 of 2 nodes give no events; the first is none, node nsu=urn:plant:line;s=Gone: BadNodeIdUnknown',
      remedy: expect.stringContaining('i=2253'),
    })
  })

  test('a cable that is cut and comes back: what the server kept comes, each once', async () => {
    const link = await openLink(Number(new URL(server?.endpoint ?? '').port))
    try {
      source = run({ endpoint: `opc.tcp://127.0.0.1:${link.port}`, security, ...quick, events: [stream] }, dir)
      await isUp()
      await raise('e0')
      await until('e0', () => messages().length === 1)
      link.cut()
      await until('down', () => source?.status().state === 'down')
      for (const n of [1, 2, 3]) await raise(`e${n}`)
      link.heal()
      await isUp()
      await raise('e4')
      await until('e4', () => messages().includes('e4'))
      await until('all', () => messages().length === 5 || (source?.refused.length ?? 0) > 0)
      expect(messages().toSorted()).toEqual(['e0', 'e1', 'e2', 'e3', 'e4'])
      expect(source.refused).toEqual([])
    } finally {
      link.close()
    }
  })
})

test('node-opcua: an alarm that is there already is told as it is and marked; then each change, once', async () => {
  server = await nodeOpcua({ port: await freePort(), dir, policies: ['None'], modes: ['None'], alarms: true })
  await server.command({ do: 'write', node: 'Level', value: 95 })
  const fields = ['ConditionName', 'ActiveState/Id', 'AckedState/Id', 'SourceName', 'Retain']
  source = run({ endpoint: server.endpoint, security, ...quick, events: [{ ...stream, fields }] }, dir)
  await isUp()
  const high = () => told().filter((it) => it.ConditionName === 'High')
  await until('the alarm', () => high().length > 0)
  expect(high()).toMatchObject([
    { 'ActiveState/Id': true, 'AckedState/Id': false, SourceName: '1:Tank', Retain: true, refresh: true },
  ])
  // The server wants to be asked again: what is told then was told before.
  await server.command({ do: 'refresh' })
  while ((await server.command({ do: 'refreshes' })).refreshes !== 2) await new Promise((resolve) => setTimeout(resolve, 50))
  await server.command({ do: 'write', node: 'Level', value: 20 })
  await until('its end', () => high().some((it) => it['ActiveState/Id'] === false))
  expect(high().filter((it) => it.refresh === true).length).toBe(1)
  expect(new Set(high().map((it) => it.EventId)).size).toBe(high().length)
})

test('node-opcua: a server without filters: what is beneath the least severity is sorted out here', async () => {
  server = await nodeOpcua({ port: await freePort(), dir, policies: ['None'], modes: ['None'], filterless: true })
  const events = [
    { ...stream, severity: 400 },
    { ...stream, tag: 'all' },
  ]
  source = run({ endpoint: server.endpoint, security, ...quick, events }, dir)
  await isUp()
  for (const value of [399, 400]) await server.command({ do: 'raise', value })
  await until('both', () => told('all').length === 2 && told().length > 0)
  expect(told('all').map((it) => it.Severity)).toEqual([399, 400])
  expect(told().map((it) => it.Severity)).toEqual([400])
})
