import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { BrowseEntry } from '../../../src/core/source.ts'
import type { Consumer, Row } from '../mqtt/harness.ts'
import { consume, tempDir, until } from '../mqtt/harness.ts'
import type { Mosquitto } from '../mqtt/mosquitto.ts'
import { startMosquitto } from '../mqtt/mosquitto.ts'
import type { Edge } from './help.ts'
import { openHost, startEdge } from './help.ts'
import { T, TYPES } from './types.ts'

const REBIRTH = 'Node Control/Rebirth'
const DOUBLE = 10

let broker: Mosquitto
let edge: Edge
let folder: ReturnType<typeof tempDir>
const running: Consumer[] = []
beforeAll(async () => {
  broker = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  edge = await startEdge(broker.port)
}, 60_000)
afterAll(async () => {
  await edge?.stop()
  await broker?.remove()
})
afterEach(async () => {
  for (const it of running.splice(0)) await it.stop()
  folder?.remove()
})

async function start(settings: object = {}) {
  folder = tempDir()
  const opened = openHost(broker.port, folder.path, settings)
  const consumer = consume(opened.source, { commitMs: 5 })
  running.push(consumer)
  await until('up', () => opened.source.status().state === 'up')
  const of = (tag: string) => consumer.rows.filter((it) => it.tag === tag)
  const came = async (tag: string, count: number): Promise<Row[]> => {
    await until(
      `${count} of ${tag}, there are ${JSON.stringify(consumer.rows.map((it) => it.tag))}`,
      () => of(tag).length >= count,
    )
    return of(tag)
  }
  return { ...opened, consumer, of, came, note: (name: string) => opened.source.status().notes?.[name] ?? 0 }
}

const raw = (topic: string, seq: number | undefined, metrics: object[], more: object = {}) =>
  edge.do({
    do: 'raw',
    topic: `spBv1.0/${topic}`,
    payload: { timestamp: String(T), ...(seq !== undefined && { seq: String(seq) }), metrics, ...more },
  })
const bdSeq = (n: number) => ({ name: 'bdSeq', datatype: 4, longValue: String(n) })
const double = (name: string, alias: number, value: number) => ({
  name,
  alias: String(alias),
  datatype: DOUBLE,
  doubleValue: value,
})
const short = (alias: number, value: number, ms = T) => ({ alias: String(alias), timestamp: String(ms), doubleValue: value })
const asked = (group: string, node: string) =>
  edge.heard.filter(
    (it) =>
      it.topic === `spBv1.0/${group}/NCMD/${node}` && it.payload?.metrics?.some((m) => m.name === REBIRTH && m.booleanValue),
  )

describe("pysparkplug's edge node", () => {
  test('births, data, a device that comes and goes, and its end', async () => {
    const { came, of } = await start({ groups: ['py'] })
    const level = { name: 'tank/level', type: 'DOUBLE', value: 1.5 }
    await edge.do({
      do: 'connect',
      group: 'py',
      node: 'n1',
      metrics: [level],
      devices: { pump: [{ name: 'on', type: 'BOOLEAN', value: true }] },
    })
    expect((await came('py/n1/tank/level', 1))[0]).toMatchObject({ value: 1.5, kind: 'double', quality: 0, time: T * 1000 })
    expect((await came('py/n1/pump/on', 1))[0]).toMatchObject({ value: 1, kind: 'bool', quality: 0 })
    await edge.do({ do: 'update', node: 'n1', metrics: [{ ...level, value: 2.5, timestamp: T + 1 }] })
    await edge.do({
      do: 'update',
      node: 'n1',
      device: 'pump',
      metrics: [{ name: 'on', type: 'BOOLEAN', value: false, timestamp: T + 2 }],
    })
    expect((await came('py/n1/tank/level', 2))[1]).toMatchObject({ value: 2.5, time: (T + 1) * 1000 })
    expect((await came('py/n1/pump/on', 2))[1]).toMatchObject({ value: 0, time: (T + 2) * 1000 })
    await edge.do({ do: 'deregister', node: 'n1', device: 'pump' })
    expect((await came('py/n1/pump/on', 3))[2]).toMatchObject({ value: undefined, quality: 2 })
    await edge.do({
      do: 'register',
      node: 'n1',
      device: 'pump',
      metrics: [{ name: 'on', type: 'BOOLEAN', value: true, timestamp: T + 3 }],
    })
    expect((await came('py/n1/pump/on', 4))[3]).toMatchObject({ value: 1, quality: 0 })
    await edge.do({ do: 'kill', node: 'n1' })
    expect((await came('py/n1/tank/level', 3))[2]).toMatchObject({ value: undefined, quality: 2, boxTime: true })
    expect((await came('py/n1/pump/on', 5))[4]).toMatchObject({ value: undefined, quality: 2 })
    expect(of('py/n1/bdSeq')).toEqual([])
  })

  test('every type that it has, exactly', async () => {
    const { came, consumer } = await start({ groups: ['types'] })
    const cases = TYPES
    const metrics = cases.map(([type, value], n) => ({ name: `m${n}`, type, value }))
    await edge.do({
      do: 'connect',
      group: 'types',
      node: 'n',
      metrics: [...metrics, { name: 'nothing', type: 'INT32', value: null }],
    })
    await came('types/n/nothing', 1)
    expect(consumer.rows.slice(0, cases.length).map(({ kind, value, quality }) => [kind, value, quality])).toEqual(
      cases.map(([, , kind, expected]) => [kind, expected, 0]),
    )
    expect(consumer.rows.at(-1)).toMatchObject({ tag: 'types/n/nothing', kind: 'long', value: undefined, quality: 2 })
    await edge.do({ do: 'disconnect', node: 'n' })
    expect((await came('types/n/m0', 2))[1]).toMatchObject({ value: undefined, quality: 2 })
  })
})

describe('frames by protobuf', () => {
  test('aliases, units, qualities, historical values with their own time', async () => {
    const { came } = await start({ groups: ['q'] })
    const unit = {
      keys: ['engUnit', 'Quality'],
      values: [
        { type: 12, stringValue: '°C' },
        { type: 3, intValue: 192 },
      ],
    }
    const quality = (code: number) => ({ keys: ['Quality'], values: [{ type: 3, intValue: code }] })
    await raw('q/NBIRTH/n', 0, [bdSeq(0), { ...double('t', 7, 1), properties: unit }])
    await raw('q/NDATA/n', 1, [
      { ...short(7, 2, T - 3000), isHistorical: true },
      { ...short(7, 3, T - 2000), isHistorical: true },
      { ...short(7, 4, T + 1), properties: quality(500) },
      { ...short(7, 5, T + 2), properties: quality(0) },
      short(7, 6, T + 3),
    ])
    expect((await came('q/n/t', 6)).map((it) => [it.value, it.quality, it.status, it.unit, it.time / 1000 - T])).toEqual([
      [1, 0, 192, '°C', 0],
      [2, 0, undefined, '°C', -3000],
      [3, 0, undefined, '°C', -2000],
      [4, 1, 500, '°C', 1],
      [5, 2, undefined, '°C', 2],
      [6, 0, undefined, '°C', 3],
    ])
  })

  test('data sets and templates by path; a member may leave its type out once it was born', async () => {
    const { came, note } = await start({ groups: ['dt'] })
    const dataset = {
      numOfColumns: '2',
      columns: ['name', 'count'],
      types: [12, 8],
      rows: [{ elements: [{ stringValue: 'a' }, { longValue: '9007199254740993' }] }, { elements: [{ stringValue: 'b' }, {}] }],
    }
    const motor = (rpm: object, type: object) => ({
      templateRef: 'Motor',
      parameters: [{ name: 'maker', type: 12, stringValue: 'ACME' }],
      metrics: [
        { name: 'rpm', ...type, ...rpm },
        { name: 'in', datatype: 19, templateValue: { metrics: [{ name: 'deep', datatype: 3, intValue: 4294967295 }] } },
      ],
    })
    await raw('dt/NBIRTH/n', 0, [
      bdSeq(0),
      {
        name: '_types_/Motor',
        datatype: 19,
        templateValue: { isDefinition: true, metrics: [{ name: 'rpm', datatype: 5, intValue: 0 }] },
      },
      { name: 'table', datatype: 16, datasetValue: dataset },
      { name: 'm1', alias: '3', datatype: 19, templateValue: motor({ intValue: 7 }, { datatype: 5 }) },
      { name: 'odd', datatype: 20, stringValue: 'x' },
    ])
    await raw('dt/NDATA/n', 1, [{ alias: '3', templateValue: motor({ intValue: 8 }, {}) }])
    expect((await came('dt/n/m1/rpm', 2)).map((it) => [it.kind, it.value])).toEqual([
      ['long', 7n],
      ['long', 8n],
    ])
    expect((await came('dt/n/m1/in/deep', 1))[0]?.value).toBe(-1n)
    expect((await came('dt/n/m1/maker', 1))[0]?.value).toBe('ACME')
    expect((await came('dt/n/table/0/count', 1))[0]?.value).toBe(9_007_199_254_740_993n)
    expect((await came('dt/n/table/1/name', 1))[0]?.value).toBe('b')
    expect((await came('dt/n/table/1/count', 1))[0]?.value).toBeUndefined()
    expect(note('not-read')).toBe(1)
  })

  test('numbers in the wrong field or out of range are bad, never another number', async () => {
    const { came, note } = await start({ groups: ['r'] })
    const cases = [
      { datatype: 7, longValue: '4294967295' },
      { datatype: 1, intValue: 4_294_967_168 },
      { datatype: 1, longValue: '18446744073709551488' },
      { datatype: 5, intValue: 256 },
      { datatype: 1, intValue: 300 },
      { datatype: 4, intValue: 5 },
      { datatype: 3, stringValue: '5' },
      { datatype: 0, intValue: 5 },
      { datatype: 22, bytesValue: '' },
      { datatype: 24, bytesValue: 'AAA=' },
    ]
    await raw('r/NBIRTH/n', 0, [bdSeq(0), ...cases.map((it, n) => ({ name: `c${n}`, ...it }))])
    await came('r/n/c9', 1)
    const values = await Promise.all(cases.map(async (_, n) => (await came(`r/n/c${n}`, 1))[0]?.value))
    expect(values).toEqual([4_294_967_295n, -128n, -128n, undefined, undefined, undefined, undefined, undefined, '[]', undefined])
    expect([note('out-of-range'), note('type-mismatch'), note('no-datatype'), note('unreadable')]).toEqual([2, 2, 1, 1])
  })

  test('a late start: data waits for the birth that is asked for', async () => {
    const { came, source, of } = await start({ groups: ['late'] })
    await raw('late/NDATA/n', 41, [short(1, 10, T + 1)])
    await raw('late/DDATA/n/d', 42, [short(2, 20, T + 2)])
    await until('a rebirth was asked for', () => asked('late', 'n').length > 0)
    expect(asked('late', 'n')).toHaveLength(1)
    expect(source.status().details?.waitingBytes).toBeGreaterThan(0)
    expect(of('late/n/a')).toEqual([])
    await raw('late/NBIRTH/n', 0, [bdSeq(0), double('a', 1, 11)])
    await raw('late/DBIRTH/n/d', 1, [double('b', 2, 21)])
    expect((await came('late/n/a', 2)).map((it) => it.value)).toEqual([10, 11])
    expect((await came('late/n/d/b', 2)).map((it) => it.value)).toEqual([20, 21])
    expect(source.status().details?.waitingBytes).toBe(0)
    expect(source.status().notes).toBeUndefined()
  })

  test('a gap in the sequence: aliases are not trusted until the next birth', async () => {
    const { came, note, of } = await start({ groups: ['gap'] })
    await raw('gap/NBIRTH/n', 254, [bdSeq(0), double('a', 1, 0), double('b', 2, 0)])
    await raw('gap/DBIRTH/n/d', 255, [double('c', 3, 0)])
    await raw('gap/NDATA/n', 0, [short(1, 1, T + 1)])
    await came('gap/n/a', 2)
    expect(note('sequence-gap')).toBe(0)
    // Number 1 is lost: it may have been a birth, and indeed 1 and 2 have changed places.
    await raw('gap/NDATA/n', 2, [short(1, 77, T + 2)])
    await raw('gap/DDATA/n/d', 3, [short(3, 5, T + 3)])
    await until('a rebirth was asked for', () => asked('gap', 'n').length === 1)
    expect([of('gap/n/a').length, of('gap/n/d/c').length]).toEqual([2, 1])
    await raw('gap/NBIRTH/n', 0, [bdSeq(0), double('b', 1, 78), double('a', 2, 2)])
    await raw('gap/DBIRTH/n/d', 1, [double('c', 3, 6)])
    expect((await came('gap/n/b', 3)).map((it) => it.value)).toEqual([0, 77, 78])
    expect((await came('gap/n/a', 3)).map((it) => it.value)).toEqual([0, 1, 2])
    expect((await came('gap/n/d/c', 3)).map((it) => it.value)).toEqual([0, 5, 6])
    expect(note('sequence-gap')).toBe(1)
  })

  test('an unknown alias asks for a birth once; what even the birth does not know is named', async () => {
    const { consumer, came, note } = await start({ groups: ['al'] })
    await raw('al/NBIRTH/n', 0, [bdSeq(0), double('a', 1, 0)])
    await came('al/n/a', 1)
    await raw('al/NDATA/n', 1, [short(1, 1, T + 1), short(9, 9, T + 1)])
    // A birth has just been: the next is asked for a few seconds later.
    await until('a rebirth was asked for', () => asked('al', 'n').length === 1)
    await raw('al/NBIRTH/n', 0, [bdSeq(0), double('a', 1, 2)])
    await came('al/n/a', 3)
    expect(consumer.refused).toEqual({ 'unknown-alias': 1 })
    await raw('al/NDATA/n', 1, [short(1, 3, T + 3), short(9, 9, T + 3)])
    expect((await came('al/n/a', 4)).map((it) => it.value)).toEqual([0, 1, 2, 3])
    expect(consumer.refused).toEqual({ 'unknown-alias': 2 })
    expect(note('unknown-alias')).toBe(2)
    expect(asked('al', 'n')).toHaveLength(1)
  })

  test('a node dies with its devices; an old will counts for nothing; what waited is named', async () => {
    const { consumer, came, note } = await start({ groups: ['end'] })
    await raw('end/NBIRTH/n', 0, [bdSeq(0), double('a', 1, 0)])
    await raw('end/NBIRTH/n', 0, [bdSeq(1), double('a', 1, 1)], { timestamp: String(T + 1) })
    await raw('end/DBIRTH/n/d', 1, [double('b', 2, 1)])
    await raw('end/NDEATH/n', undefined, [bdSeq(0)])
    await raw('end/NDATA/n', 2, [short(1, 2, T + 2)])
    expect((await came('end/n/a', 3)).map((it) => it.value)).toEqual([0, 1, 2])
    expect(note('old-death')).toBe(1)
    await raw('end/NDATA/n', 7, [short(1, 3, T + 3)])
    await raw('end/NDEATH/n', undefined, [bdSeq(1)])
    expect((await came('end/n/a', 4))[3]).toMatchObject({ value: undefined, quality: 2 })
    expect((await came('end/n/d/b', 2))[1]).toMatchObject({ value: undefined, quality: 2 })
    expect(consumer.refused).toEqual({ 'no-birth': 1 })
  })

  test('a payload that is none is counted, kept as a sample, and blocks nothing', async () => {
    const { consumer, came, source, lines } = await start({ groups: ['bad'] })
    await raw('bad/NBIRTH/n', 0, [bdSeq(0), double('a', 1, 0)])
    await edge.do({ do: 'bytes', topic: 'spBv1.0/bad/NDATA/other', hex: 'ffffff' })
    await edge.do({ do: 'bytes', topic: 'spBv1.0/bad/NDATA/other', hex: '12050a' })
    await edge.do({ do: 'bytes', topic: 'spBv1.0/bad/NONSENSE/other', hex: '00' })
    await raw('bad/NDATA/n', 1, [short(1, 1, T + 1)])
    await came('bad/n/a', 2)
    expect(consumer.refused).toEqual({ unreadable: 2 })
    expect(lines.filter((it) => it.fields.code === 'unreadable')).toHaveLength(1)
    await until('the sample is written', () => source.status().details?.samples !== undefined)
    expect(source.status().details).toMatchObject({ unreadable: 2, lastUnreadable: expect.stringContaining('bad/NDATA/other') })
  })

  test('rules: another class, another tag, skipped', async () => {
    const { consumer, came } = await start({
      groups: ['rule'],
      tag: '{group}|{node}|{device}|{metric}',
      metrics: [
        { match: 'debug/*', skip: true },
        { match: '*alarm*', class: 'alarm', tag: 'alarms/{metric}' },
      ],
    })
    await raw('rule/NBIRTH/n', 0, [bdSeq(0), double('debug/x', 1, 0), double('an alarm!', 2, 1), double('v', 3, 2)])
    await came('rule|n||v', 1)
    expect(consumer.rows.map((it) => [it.tag, it.class])).toEqual([
      ['alarms/an alarm!', 'alarm'],
      ['rule|n||v', 'process'],
    ])
  })
})

describe('looking round', () => {
  const list = async (entries: AsyncIterable<BrowseEntry>) => {
    const all: BrowseEntry[] = []
    for await (const it of entries) all.push(it)
    return all
  }

  test('groups, nodes, devices and metrics, as the births have named them', async () => {
    const { came, source } = await start({ groups: ['look'] })
    const browse = (request: object) =>
      list(source.browse?.({ limit: 100, ...request }, new AbortController().signal) as AsyncIterable<BrowseEntry>)
    const unit = { keys: ['engUnit'], values: [{ type: 12, stringValue: 'bar' }] }
    await raw('look/NBIRTH/n', 0, [bdSeq(0), { ...double('in/pressure', 1, 2.5), properties: unit }])
    await raw('look/DBIRTH/n/d', 1, [double('b', 2, 3)])
    await came('look/n/d/b', 1)
    expect((await browse({})).map((it) => [it.node, it.isFolder])).toEqual([['look', true]])
    expect(await browse({ node: 'look' })).toMatchObject([{ node: 'look/n', name: 'n', description: 'on line' }])
    const below = await browse({ node: 'look/n' })
    expect(below.map((it) => it.node)).toEqual(['look/n/d', 'look/n:bdSeq', 'look/n:in/pressure'])
    expect(below[2]).toEqual({
      node: 'look/n:in/pressure',
      name: 'in/pressure',
      path: ['look', 'n'],
      isFolder: false,
      unit: 'bar',
      value: { kind: 'double', text: '2.5', quality: 'good', type: 'Double' },
      line: { match: 'in/pressure' },
    })
    expect((await browse({ search: 'LOOK b', limit: 2 })).map((it) => it.node)).toEqual(['look/n/d:b', 'look/n:bdSeq'])
    await expect(browse({ node: 'look/m' })).rejects.toThrow('no group, node or device')
  })

  test('a test of the source at work uses its connection', async () => {
    const { source } = await start({ groups: ['probe'] })
    const clients = () => (broker.log().match(/New client connected/g) ?? []).length
    const before = clients()
    const steps = list(source.test?.(new AbortController().signal) as unknown as AsyncIterable<BrowseEntry>)
    await raw('probe/NBIRTH/n', 0, [bdSeq(0)])
    expect(await steps).toMatchObject([
      { step: 'CONNECT', ok: true },
      { step: 'SUBSCRIBE', ok: true },
      { step: 'next message', ok: true, detail: expect.stringContaining('spBv1.0/probe/NBIRTH/n') },
    ])
    expect(clients()).toBe(before)
  })
})

describe('the host', () => {
  const states = () =>
    edge.heard
      .filter((it) => it.topic === 'spBv1.0/STATE/HF-1')
      .map((it) => JSON.parse(it.text ?? '') as { online: boolean; timestamp: number })

  test('says that it is there, says so again when somebody denies it, and that it leaves', async () => {
    const { consumer } = await start({ host: 'HF-1', groups: ['none'] })
    await until('on line', () => states().at(-1)?.online === true)
    const said = states().at(-1)?.timestamp as number
    expect(Math.abs(Date.now() - said)).toBeLessThan(60_000)
    await edge.do({
      do: 'text',
      topic: 'spBv1.0/STATE/HF-1',
      text: JSON.stringify({ online: false, timestamp: said }),
      retain: true,
    })
    await until('on line again', () => states().at(-1)?.online === true && states().length >= 3)
    expect(states().at(-1)?.timestamp).toBe(said)
    await consumer.stop()
    await until('off line', () => states().at(-1)?.online === false)
    expect(states().at(-1)?.timestamp).toBe(said)
  })

  test('back after the broker was away: nodes are asked for a birth, their values go on', async () => {
    const { came, source, consumer } = await start({ groups: ['back'] })
    await raw('back/NBIRTH/n', 0, [bdSeq(0), double('a', 1, 0)])
    await came('back/n/a', 1)
    await edge.stop()
    await broker.stop()
    await until('down', () => source.status().state === 'down')
    await broker.start()
    edge = await startEdge(broker.port)
    await until('up', () => source.status().state === 'up')
    await until('a rebirth was asked for', () => asked('back', 'n').length === 1)
    await raw('back/NDATA/n', 8, [short(1, 1, T + 1)])
    await raw('back/NBIRTH/n', 0, [bdSeq(0), double('a', 1, 2)])
    expect((await came('back/n/a', 3)).map((it) => it.value)).toEqual([0, 1, 2])
    expect(consumer.refused).toEqual({})
    expect(source.status().notes).toBeUndefined()
  })
})
