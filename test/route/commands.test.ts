// What the cloud tells the box is done once and answered once: a real Kafka, a real agent, a PLC by pymodbus, over kill -9 at any moment and an outage.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CommandView } from '../../src/core/cloud-command.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Broker } from '../kafka/broker.ts'
import { adminOf, createLed, createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import { startDevice } from '../sources/modbus/help.ts'
import type { Agent, Site } from './agent.ts'
import { holdfast, siteIn, startAgent } from './agent.ts'
import type { Kept } from './topic.ts'
import { readTopics } from './topic.ts'
import { until } from './until.ts'

const DEVICE = 'hf-commands'
const COMMANDS = 'holdfast.commands.v1'
const AGAIN = 'again.v1'
const SETPOINT = 10
/** After so long from the first of its commands: from before they are read to after they are answered. */
const KILLS_AFTER_MS = [100, 400, 1_000]
let broker: Broker
let dir: string
let site: Site
let agent: Agent
let device: { stop(): Promise<void> }
let producer: kafkajs.Producer
let writesTo: string
let sent = 0

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-commands-'))
  writesTo = join(dir, 'writes')
  broker = await startBroker({ portFrom: 26_600 })
  await createTopics(broker.bootstrap, 1)
  const admin = adminOf(broker.bootstrap)
  await admin.connect()
  await createLed(admin, [
    { topic: COMMANDS, numPartitions: 2 },
    { topic: AGAIN, numPartitions: 1 },
  ])
  await admin.disconnect()
  const port = await freePort()
  device = await startDevice(
    { tcp: port, writesTo },
    {
      1: {
        holding: [
          [SETPOINT, [0, 0]],
          [20, [7]],
        ],
      },
    },
  )
  site = siteIn(dir, settingsText(port))
  producer = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING }).producer()
  await producer.connect()
  // Before the box has ever listened: passed over.
  await tell({ kind: 'write', tag: 'press/setpoint', value: 66 })
  agent = await startAgent(site)
}, 300_000)

afterAll(async () => {
  await producer?.disconnect()
  await agent?.end()
  await device?.stop()
  await broker?.down()
  rmSync(dir, { recursive: true, force: true })
})

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  return port
}

function settingsText(port: number, every = '500ms'): string {
  return `version: 1
device: { id: ${DEVICE} }
log: { bytesMax: 64MB, keepDelivered: 1h }
classes: [{ name: process }]
sources:
  - name: press
    protocol: modbus-tcp
    host: 127.0.0.1
    port: ${port}
    every: ${every}
    tags:
      - { tag: press/setpoint, register: "holding:${SETPOINT}", type: float32, class: process }
      - { tag: press/mode, register: "holding:20", type: uint16, class: process }
    writes:
      - { tag: press/setpoint, min: 0, max: 1000, changeMax: 900, every: 0ms }
failoverAfter: 10s
uplinks:
  - name: cloud
    kafka: { brokers: ["${broker.bootstrap}"], insecure: loopback, commands: { topic: ${COMMANDS}, kinds: [push, replay, settings, write] } }
`
}

/** Resolves with its id. Twice, as a producer without idempotence may. */
async function tell(command: object, key = DEVICE, id = `c-${++sent}`): Promise<string> {
  const value = JSON.stringify({ id, expires: (Date.now() + 600_000) * 1000, ...command })
  await producer.send({ topic: COMMANDS, messages: [{ key, value, partition: sent % 2 }] })
  if (sent % 5 === 0) await producer.send({ topic: COMMANDS, messages: [{ key, value }] })
  return id
}

const commands = () => connectAgent(site.data).commands(500)

async function answered(ids: readonly string[]): Promise<ReadonlyMap<string, CommandView>> {
  return until(
    `answers to ${ids.length} commands`,
    async () => {
      const all = new Map((await commands().catch(() => [])).map((it) => [it.id, it]))
      return ids.every((it) => all.get(it)?.state === 'done') && all
    },
    120_000,
  )
}

const answersIn = (records: readonly Kept[]) => records.filter((it) => it.value['type'] === 'command-answer')

/** The PLC's own account. */
function writes(): number[] {
  if (!existsSync(writesTo)) return []
  return readFileSync(writesTo, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { at, values } = JSON.parse(line) as { at: number; values: number[] }
      expect(at).toBe(SETPOINT)
      const bytes = Buffer.alloc(4)
      values.forEach((it, n) => bytes.writeUInt16BE(it, n * 2))
      return bytes.readFloatBE()
    })
}

/** A command of no use until one is answered: from then on all are read. */
async function listening(): Promise<void> {
  await until(
    'the box listens',
    async () => {
      await tell({ kind: 'nonsense' })
      return (await commands()).length > 0
    },
    60_000,
    500,
  )
}

test('each is done once and answered once, whatever is killed', { timeout: 600_000 }, async () => {
  await listening()
  const ids: string[] = []
  const values = new Map<string, number>()
  let value = 0
  for (const [kill, afterMs] of KILLS_AFTER_MS.entries()) {
    for (let n = 0; n < 4; n++) {
      const id = await tell({ kind: 'write', tag: 'press/setpoint', value: ++value })
      values.set(id, value)
      ids.push(id, await tell({ kind: 'push', tag: `recipe/${kill}-${n}`, value: n }))
    }
    await sleep(afterMs)
    await agent.kill()
    if (kill === 1) await broker.kill()
    const back = startAgent(site)
    if (kill === 1) await broker.start()
    agent = await back
  }
  const seen = await answered(ids)
  const done = writes()
  for (const [id, it] of values) {
    const count = done.filter((one) => one === it).length
    const result = seen.get(id)?.answer?.result
    expect
      .soft({ id, count, result })
      .toEqual({ id, count: result === 'unknown' ? count : 1, result: result === 'unknown' ? result : 'done' })
    expect(count).toBeLessThanOrEqual(1)
  }
  expect(done).not.toContain(66)
  const records = await readTopics(broker.bootstrap, [TOPICS.events, TOPICS.telemetry], (all) =>
    ids.every((id) => answersIn(all).some((it) => it.value['id'] === id)),
  )
  const answers = answersIn(records)
  expect(
    answers
      .filter((it) => ids.includes(String(it.value['id'])))
      .map((it) => it.value['id'])
      .toSorted(),
  ).toEqual(ids.toSorted())
  const pushed = records.filter((it) => String(it.value['tag']).startsWith('cloud/recipe/')).map((it) => it.value['tag'])
  expect(pushed.toSorted()).toEqual(KILLS_AFTER_MS.flatMap((_, kill) => [0, 1, 2, 3].map((n) => `cloud/recipe/${kill}-${n}`)))
  const audits = records.filter((it) => it.value['type'] === 'audit' && it.value['what'] === 'write')
  expect(audits).toHaveLength(values.size)
  expect(audits[0]?.value).toMatchObject({ by: expect.stringMatching(/^command c-/), detail: { tag: 'press/setpoint' } })
})

test('what may not be is refused and answered; a range is replayed; settings come in force, or go back by themselves', {
  timeout: 600_000,
}, async () => {
  const before = writes().length
  const codes = new Map([
    [await tell({ kind: 'write', tag: 'press/setpoint', value: 50, expires: (Date.now() - 1_000) * 1000 }), 'command-stale'],
    [await tell({ kind: 'write', tag: 'press/setpoint', value: 1001 }), 'write-out-of-limits'],
    [await tell({ kind: 'write', tag: 'press/mode', value: 1 }), 'write-not-allowed'],
    [await tell({ kind: 'erase' }), 'command-unknown'],
    [await tell({ kind: 'settings', text: 'version: 1\n' }), 'settings-own-rights'],
    [await tell({ kind: 'settings', text: 'version: 2\n' }), 'settings-refused'],
    [await tell({ kind: 'replay', tags: ['press/none'], from: 0, to: 1, topic: AGAIN }), 'replay-nothing'],
  ])
  const other = await tell({ kind: 'write', tag: 'press/setpoint', value: 51 }, 'hf-another')
  await producer.send({ topic: COMMANDS, messages: [{ key: DEVICE, value: 'no JSON', partition: 0 }] })
  const replay = await tell({ kind: 'replay', tags: ['press/*'], from: 0, to: '2099-01-01T00:00:00Z', topic: AGAIN })
  const seen = await answered([...codes.keys(), replay])
  for (const [id, code] of codes) expect(seen.get(id)?.answer).toMatchObject({ code, reason: expect.any(String) })
  expect(writes()).toHaveLength(before)
  expect(seen.has(other)).toBe(false)
  await until('what is no command is answered', async () =>
    (await commands()).some((it) => it.id.startsWith(`${COMMANDS}/0@`) && it.answer?.code === 'command-invalid'),
  )
  expect(seen.get(replay)?.answer).toMatchObject({ result: 'done' })
  const detail = seen.get(replay)?.answer?.detail
  const again = await readTopics(broker.bootstrap, [AGAIN], (all) => all.length >= Number(detail?.['readings']))
  expect(again).toHaveLength(Number(detail?.['readings']))
  expect(again.length).toBeGreaterThan(0)

  const text = readFileSync(site.settings, 'utf8')
  const good = await tell({ kind: 'settings', text: text.replace('failoverAfter: 10s', 'failoverAfter: 20s') })
  expect((await answered([good])).get(good)?.answer).toMatchObject({ result: 'done' })
  expect(readFileSync(site.settings, 'utf8')).toContain('failoverAfter: 20s')
  expect((await connectAgent(site.data).settings()).pending).toBeNull()
  // Nobody listens there: the box would be cut off.
  const away = readFileSync(site.settings, 'utf8').replace(broker.bootstrap, '127.0.0.1:9')
  const cut = await tell({ kind: 'settings', text: away, confirmWithinMs: 3_000 })
  expect((await answered([cut])).get(cut)?.answer).toMatchObject({ result: 'failed', code: 'settings-taken-back' })
  expect(readFileSync(site.settings, 'utf8')).toContain(broker.bootstrap)
  await readTopics(broker.bootstrap, [TOPICS.events], (all) => answersIn(all).some((it) => it.value['id'] === cut))
  const { out, code } = await holdfast(site, ['commands', '--data', site.data])
  expect({ out, code }).toMatchObject({ code: 0, out: expect.stringContaining('settings-taken-back') })
})
