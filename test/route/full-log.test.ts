// A log at its smallest, Kafka away, values that do not compress: it keeps accepting within its bound, and what it had to give up is named.
// And a data directory has one agent.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { LedgerLine } from '../../src/core/operator.ts'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Agent, Site } from './agent.ts'
import { agentArgs, drained, holdfast, siteIn, startAgent, sumsOf, verify } from './agent.ts'
import type { Kept } from './topic.ts'
import { readTopics, sequencesOf } from './topic.ts'
import { until } from './until.ts'

const PORT = 27_400
const BYTES_MAX = 32_000_000
const SAMPLE_MS = 20
/** 16 kB of random bytes as text: 12 kB at best. 4,000 of them are half as much again as the log takes. */
const VALUE_BYTES = 12_000
const BULK = 4_000
const ALARMS = 200
const AHEAD = 50

let dir: string
let kafka: Broker
let mosquitto: Mosquitto
let site: Site
let agent: Agent
let publisher: mqtt.MqttClient

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-full-'))
  kafka = await startBroker({ portFrom: PORT })
  await createTopics(kafka.bootstrap, 3)
  mosquitto = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_inflight_messages 100'] })
  site = siteIn(
    dir,
    `version: 1
device: { id: hf-full }
log: { bytesMax: ${BYTES_MAX}B }
classes: [{ name: alarm, floor: 1MB }, { name: bulk }]
sources:
  - name: hall
    protocol: mqtt
    url: mqtt://127.0.0.1:${mosquitto.port}
    insecure: loopback
    subscribe:
      - { topic: "alarm/{n}", tag: "alarm/{n}", value: v, class: alarm }
      - { topic: "bulk/{n}", tag: "bulk/{n}", value: v, class: bulk }
uplinks:
  - { name: cloud, kafka: { brokers: ["${kafka.bootstrap}"], insecure: loopback } }
`,
  )
  publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  agent = await startAgent(site)
  await until('the source is up', async () => (await agent.status())?.sources[0]?.state === 'up')
})
afterAll(async () => {
  publisher?.end(true)
  await agent?.end()
  await mosquitto?.remove()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

test('a second agent on the data directory is refused, and the first goes on', { timeout: 60_000 }, async () => {
  const { code, err, out } = await holdfast(site, agentArgs(site))
  expect(code).toBe(2)
  expect(`${err}${out}`).toMatch(new RegExp(`in use by the agent, process ${agent.pid}`))
  await publisher.publishAsync('alarm/n', '{"v":-1}', { qos: 1 })
  await until('the first takes a reading', async () => (await agent.status())?.classes[0]?.accepted === 1)
})

test('full: it keeps accepting within its bound, and all is delivered or named', { timeout: 300_000 }, async () => {
  await drained(agent)
  await kafka.kill()
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const sampling = sample(stop.signal)
  await fill()
  const full = await until('all is accepted', async () => {
    const status = await agent.status()
    return status && sumsOf(status).accepted === BULK + ALARMS + 1 && status
  })
  // A send that was under way when Kafka went notices it at its own deadline.
  await until('the issue shows', async () => (await agent.status())?.issues.some((it) => it.code === 'uplink-waiting'), 60_000)
  console.log(`full: the log says ${full.log.bytes} bytes`)
  const [alarm, bulk] = full.classes
  expect(alarm).toMatchObject({ name: 'alarm', accepted: ALARMS + 1, stored: ALARMS, delivered: 1, lost: {} })
  expect(bulk?.lost['full']).toBeGreaterThan(0)
  expect(bulk?.stored).toBeGreaterThan(BULK / 4)
  const sums = sumsOf(full)
  expect(sums.accepted).toBe(sums.delivered + sums.stored + sums.aggregated + sums.lost)

  await kafka.start()
  const empty = sumsOf(await drained(agent, 120_000))
  stop.abort()
  const { most, samples } = await sampling
  console.log(`${samples} samples, at most ${most} of ${BYTES_MAX} bytes; ${empty.delivered} delivered, ${empty.lost} given up`)
  expect(most).toBeLessThanOrEqual(BYTES_MAX)
  expect(most).toBeGreaterThan(BYTES_MAX / 2)
  expect(empty.delivered + empty.lost).toBe(BULK + ALARMS + 1)

  const isGap = (it: Kept) => it.topic === TOPICS.gaps
  const named = (list: readonly Kept[]) => list.filter(isGap).reduce((sum, it) => sum + Number(it.value['count']), 0)
  const isAll = (list: readonly Kept[]) => named(list) >= empty.lost && list.filter((it) => !isGap(it)).length >= empty.delivered
  const records = await readTopics(kafka.bootstrap, [TOPICS.telemetry, TOPICS.gaps], isAll)
  expect(named(records)).toBe(empty.lost)
  for (const { value } of records.filter(isGap))
    expect(value).toMatchObject({ class: 'bulk', action: 'dropped', reason: 'full', exact: true })
  const lines: LedgerLine[] = []
  for await (const it of connectAgent(site.data).ledger({ limit: 1_000 }, AbortSignal.timeout(10_000))) lines.push(it)
  expect(lines.reduce((sum, it) => sum + it.count, 0)).toBe(empty.lost)
  for (const it of lines)
    expect(it).toMatchObject({ class: 'bulk', form: 'raw', action: 'dropped', reason: 'full', count: it.to - it.from + 1 })
  const days = await connectAgent(site.data).logDays()
  expect(days.reduce((sum, it) => sum + (it.givenUp['dropped'] ?? 0), 0)).toBe(empty.lost)

  const sequences = [...sequencesOf(records.filter((it) => !isGap(it))).values()]
  for (const list of sequences) expect(new Set(list).size).toBe(list.length)
  expect(sequences.reduce((sum, list) => sum + list.length, 0)).toBe(empty.delivered)
  expect(records.filter((it) => it.value['tag'] === 'alarm/n').map((it) => it.value['value_double'])).toEqual([
    -1,
    ...Array.from({ length: ALARMS }, (_, n) => n),
  ])
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0, waiting: 0, named: empty.lost } })
})

/** Bulk and now and then an alarm, never more than AHEAD under way to the broker. */
async function fill(): Promise<void> {
  const sent: Promise<unknown>[] = []
  const publish = (topic: string, v: unknown) => sent.push(publisher.publishAsync(topic, JSON.stringify({ v }), { qos: 1 }))
  for (let n = 0; n < BULK; n++) {
    publish('bulk/n', randomBytes(VALUE_BYTES).toString('base64'))
    if (n % (BULK / ALARMS) === 0) publish('alarm/n', n / (BULK / ALARMS))
    if (sent.length >= AHEAD) await Promise.all(sent.splice(0))
  }
  await Promise.all(sent)
}

/** All files of the log, as long as the signal lets it. */
async function sample(signal: AbortSignal): Promise<{ most: number; samples: number }> {
  let most = 0
  let samples = 0
  while (!signal.aborted) {
    most = Math.max(most, sizeOf(join(site.data, 'log')))
    samples++
    await sleep(SAMPLE_MS)
  }
  return { most, samples }
}

function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
  // A file may go between the two.
  return files.reduce((sum, it) => sum + (statSync(join(it.parentPath, it.name), { throwIfNoEntry: false })?.size ?? 0), 0)
}
