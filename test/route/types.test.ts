// Every type of OPC UA, Modbus and Sparkplug, from what others wrote to Kafka: value, kind, quality and status exactly, each reading once.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import { startDevice } from '../sources/modbus/help.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { ServerProcess } from '../sources/opcua/helpers.ts'
import { freePort, milo } from '../sources/opcua/helpers.ts'
import { EXPECTED, node, TIME } from '../sources/opcua/milo-types.ts'
import type { Edge } from '../sources/sparkplug/help.ts'
import { startEdge } from '../sources/sparkplug/help.ts'
import { T, TYPES } from '../sources/sparkplug/types.ts'
import type { Agent } from './agent.ts'
import { drained, siteIn, startAgent, sumsOf, verify } from './agent.ts'
import type { Kept } from './topic.ts'
import { readTopics } from './topic.ts'
import { until } from './until.ts'

const PORT = 27_470
const BAD = 0x808c0000
const UNCERTAIN = 0x40900000

/** Registers from a buffer of bytes as they stand on the wire. */
function words(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, n) => bytes.readUInt16BE(n * 2))
}

const ORDERS = { ABCD: [0, 1], BADC: [1, 0] } as const

/** Bytes of a number, in the order of its name: words from the last one for CDAB and DCBA, bytes of a word turned for BADC and DCBA. */
function inOrder(bytes: Buffer, order: 'ABCD' | 'CDAB' | 'BADC' | 'DCBA'): Buffer {
  const pairs = Array.from({ length: bytes.length / 2 }, (_, n) => bytes.subarray(n * 2, n * 2 + 2))
  const placed = order === 'CDAB' || order === 'DCBA' ? pairs.toReversed() : pairs
  const [high, low] = ORDERS[order === 'BADC' || order === 'DCBA' ? 'BADC' : 'ABCD']
  return Buffer.concat(placed.map((it) => Buffer.from([it[high] as number, it[low] as number])))
}

function bytesOf(length: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length)
  write(bytes)
  return bytes
}

const LONG = -9007199254740993n
const CASES: readonly (readonly [
  type: string,
  order: 'ABCD' | 'CDAB' | 'BADC' | 'DCBA',
  bytes: Buffer,
  field: string,
  value: unknown,
])[] = [
  ['uint16', 'ABCD', Buffer.from([0xff, 0xff]), 'long', 65_535],
  ['int16', 'ABCD', Buffer.from([0x80, 0]), 'long', -32_768],
  ['int32', 'CDAB', bytesOf(4, (it) => it.writeInt32BE(-(2 ** 31))), 'long', -(2 ** 31)],
  ['uint32', 'BADC', bytesOf(4, (it) => it.writeUInt32BE(0x01020304)), 'long', 0x01020304],
  ['int64', 'DCBA', bytesOf(8, (it) => it.writeBigInt64BE(LONG)), 'long', String(LONG)],
  ['uint64', 'ABCD', bytesOf(8, (it) => it.writeBigUInt64BE(2n ** 63n - 1n)), 'long', String(2n ** 63n - 1n)],
  ['float32', 'DCBA', bytesOf(4, (it) => it.writeFloatBE(Math.fround(0.1))), 'double', Math.fround(0.1)],
  ['float64', 'CDAB', bytesOf(8, (it) => it.writeDoubleBE(0.1 + 0.2)), 'double', 0.1 + 0.2],
  ['bcd16', 'ABCD', Buffer.from([0x12, 0x34]), 'long', 1_234],
  ['bcd32', 'ABCD', Buffer.from([0x12, 0x34, 0x56, 0x78]), 'long', 12_345_678],
  ['string:6', 'ABCD', Buffer.from('Pump-1'), 'string', 'Pump-1'],
  ['bit:3', 'ABCD', Buffer.from([0, 0b1000]), 'bool', true],
]
const FROM = CASES.map((_, n) => CASES.slice(0, n).reduce((sum, [, , bytes]) => sum + bytes.length / 2, 0))

let dir: string
let kafka: Broker
let line: ServerProcess
let device: Awaited<ReturnType<typeof startDevice>>
let mosquitto: Mosquitto
let edge: Edge
let agent: Agent | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-types-'))
  kafka = await startBroker({ portFrom: PORT })
  await createTopics(kafka.bootstrap, 2)
  mosquitto = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  line = await milo({ port: await freePort(), perCall: 10 })
}, 180_000)

afterEach(async () => {
  await agent?.end()
  agent = undefined
})

afterAll(async () => {
  await edge?.stop()
  await mosquitto?.remove()
  await device?.stop()
  await line?.kill()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

function folder(name: string): string {
  const path = join(dir, name)
  mkdirSync(path)
  return path
}

/** What the table of Sparkplug has as a batch does: a bool as 0 or 1, bytes in hex. */
function asSent(kind: string, expected: unknown): unknown {
  if (kind === 'bool') return expected === 1
  return kind === 'bytes' ? Buffer.from(expected as string, 'hex') : expected
}

/** As JSON in Kafka has it: what no double holds exactly is a text, bytes are base64. */
function inKafka(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  return value
}

const settings = (modbusPort: number) => `version: 1
device: { id: hf-types }
log: { bytesMax: 32MB }
classes: [{ name: process }]
sources:
  - { name: line, protocol: opcua, endpoint: "${line.endpoint}", security: { policy: None, mode: None, insecure: loopback }, publishing: 50ms, sampling: 50ms, tags: [
${[...Object.keys(EXPECTED), 'Bad', 'Uncertain'].map((it) => `      { tag: line/${it}, node: "${node(it)}", class: process }`).join(',\n')} ] }
  - { name: press, protocol: modbus-tcp, host: 127.0.0.1, port: ${modbusPort}, every: 1s, tags: [
      { tag: press/coil, register: "coil:0", type: bool, class: process },
      { tag: press/discrete, register: "discrete:0", type: bool, class: process },
      { tag: press/input, register: "input:0", type: int16, class: process },
${CASES.map(([type, order], n) => `      { tag: press/${n}, register: "holding:${FROM[n]}", type: "${type}", order: ${order}, class: process }`).join(',\n')} ] }
uplinks:
  - { name: cloud, kafka: { brokers: ["${kafka.bootstrap}"], insecure: loopback } }
`

test('OPC UA and Modbus: each value arrives as it was, with its quality and status', { timeout: 180_000 }, async () => {
  const port = await freePort()
  const holding = words(Buffer.concat(CASES.map(([, order, bytes]) => inOrder(bytes, order))))
  device = await startDevice(
    { tcp: port },
    { 1: { holding: [[0, holding]], coil: [[0, [true]]], discrete: [[0, [true]]], input: [[0, [0xfffe]]] } },
  )
  const site = siteIn(folder('plant'), settings(port))
  const started = (agent = await startAgent(site))
  const names = Object.keys(EXPECTED)
  await until('all are in the log', async () => {
    const status = await started.status()
    const of = (name: string) => status?.sources.find((it) => it.name === name)?.readings ?? 0
    return status && sumsOf(status).lost === 0 && of('line') === names.length + 2 && of('press') >= CASES.length + 3
  })
  const count = names.length + 2 + CASES.length + 3
  const records = await readTopics(
    kafka.bootstrap,
    [TOPICS.telemetry],
    (all) => new Set(all.map((it) => it.value['tag'])).size === count,
  )
  const of = (all: readonly Kept[], tag: string) => all.filter((it) => it.value['tag'] === tag).map((it) => it.value)
  for (const [name, [kind, value]] of Object.entries(EXPECTED)) {
    expect(of(records, `line/${name}`), name).toMatchObject([
      { [`value_${kind}`]: inKafka(value), quality: 'good', status_code: 0 },
    ])
  }
  expect(of(records, 'line/Bad')).toMatchObject([{ value_double: 1.5, quality: 'bad', status_code: BAD, ts: Number(TIME) }])
  expect(of(records, 'line/Uncertain')).toMatchObject([
    { value_double: 2.5, quality: 'uncertain', status_code: UNCERTAIN, ts: Number(TIME) },
  ])
  for (const [n, [type, order, , field, value]] of CASES.entries()) {
    const [first] = of(records, `press/${n}`)
    expect([type, order, first?.[`value_${field}`], first?.['quality']]).toEqual([type, order, value, 'good'])
  }
  expect(of(records, 'press/coil')[0]).toMatchObject({ value_bool: true })
  expect(of(records, 'press/discrete')[0]).toMatchObject({ value_bool: true })
  expect(of(records, 'press/input')[0]).toMatchObject({ value_long: -2 })
  expect(await verify(site)).toMatchObject({ totals: { missing: 0, doubled: 0 } })
})

test('Sparkplug: each arrives exactly, with quality and time, once, and the end of its node as a bad reading', {
  timeout: 180_000,
}, async () => {
  edge = await startEdge(mosquitto.port)
  const site = siteIn(
    folder('sparkplug'),
    `version: 1
device: { id: hf-spark }
log: { bytesMax: 32MB }
classes: [{ name: process }]
sources:
  - { name: plant, protocol: sparkplug, url: "mqtt://127.0.0.1:${mosquitto.port}", insecure: loopback, groups: [types], class: process }
uplinks:
  - { name: cloud, kafka: { brokers: ["${kafka.bootstrap}"], insecure: loopback } }
`,
  )
  const started = (agent = await startAgent(site))
  await until('the source is up', async () => (await started.status())?.sources.some((it) => it.state === 'up'))
  const metrics = TYPES.map(([type, value], n) => ({ name: `m${n}`, type, value }))
  await edge.do({ do: 'connect', group: 'types', node: 'n', metrics })
  await until('all are in the log', async () => {
    const status = await started.status()
    return status && sumsOf(status).accepted >= TYPES.length
  })
  await edge.do({ do: 'disconnect', node: 'n' })
  await until('the end is in the log', async () => {
    const status = await started.status()
    return status && sumsOf(status).accepted === 2 * TYPES.length
  })
  await drained(started)
  const mine = (all: readonly Kept[]) => all.filter((it) => it.value['device'] === 'hf-spark')
  const found = await readTopics(kafka.bootstrap, [TOPICS.telemetry], (all) => mine(all).length >= 2 * TYPES.length)
  const records = mine(found)
  expect(records).toHaveLength(2 * TYPES.length)
  for (const [n, [type, , kind, expected]] of TYPES.entries()) {
    const [born, dead, ...more] = records.filter((it) => it.value.tag === `types/n/m${n}`).map((it) => it.value)
    expect(more).toEqual([])
    expect([type, born?.[`value_${kind}`]]).toEqual([type, inKafka(asSent(kind, expected))])
    expect(born).toMatchObject({ quality: 'good', ts: T * 1000, class: 'process', device: 'hf-spark' })
    expect(dead?.quality).toBe('bad')
    expect(Object.keys(dead ?? {}).filter((it) => it.startsWith('value_') && dead?.[it] !== null)).toEqual([])
  }
  expect(await verify(site)).toMatchObject({ exit: 0 })
})
