// Aggregates leave, raw data stays and can be asked for: an agent whose Kafka gets aggregates and gap records alone of one class, `verify` over them,
// and `replay` of the readings that stayed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { newTopics } from '../uplinks/kafka/cluster.ts'
import type { Agent, Site } from './agent.ts'
import { holdfast, siteIn, startAgent, verify } from './agent.ts'
import { readTopics } from './topic.ts'
import { until } from './until.ts'

const READINGS = 1_500
const ALARMS = 5
const REPLAYED = 'asked.for'

let dir: string
let kafka: Broker
let mosquitto: Mosquitto
let site: Site
let agent: Agent
let publisher: mqtt.MqttClient

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-forwarding-'))
  kafka = await startBroker({ portFrom: 27_640 })
  await createTopics(kafka.bootstrap, 2)
  await newTopics(kafka.bootstrap, [REPLAYED], 1)
  mosquitto = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  site = siteIn(
    dir,
    `version: 1
device: { id: hf-forwarding, site: pad }
log: { bytesMax: 64MB }
classes:
  - { name: alarm }
  - { name: wells, forward: { aggregate: 10s, keepRaw: 1d } }
sources:
  - name: field
    protocol: mqtt
    url: mqtt://127.0.0.1:${mosquitto.port}
    insecure: loopback
    subscribe:
      - { topic: "wells/{n}", tag: "wells/{n}", value: v, class: wells }
      - { topic: "alarm/{n}", tag: "alarm/{n}", value: v, class: alarm }
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

const classNamed = async (name: string) => (await agent.status())?.classes.find((it) => it.name === name)

async function publish(topic: string, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, n) => publisher.publishAsync(`${topic}/${n % 3}`, JSON.stringify({ v: n }), { qos: 1 })),
  )
}

test('Kafka gets aggregates and gap records alone; verify holds; the readings can be asked for', {
  timeout: 240_000,
}, async () => {
  await publish('wells', READINGS / 2)
  // A kill between two windows makes none of it twice.
  await agent.kill()
  agent = await startAgent(site)
  await until('the source is up again', async () => (await agent.status())?.sources[0]?.state === 'up')
  await publish('wells', READINGS / 2)
  await publish('alarm', ALARMS)
  await until('aggregates stand for all', async () => {
    const wells = await classNamed('wells')
    return wells !== undefined && wells.accepted >= READINGS && wells.aggregated === wells.accepted
  })
  const wells = await classNamed('wells')
  const accepted = wells?.accepted ?? 0
  expect(wells).toMatchObject({ stored: 0, delivered: 0, lost: {}, step: '10s' })
  await until('alarms are there', async () => (await classNamed('alarm'))?.delivered === ALARMS)

  const counted = (records: readonly { value: Record<string, unknown> }[]) =>
    records.reduce((sum, it) => sum + (it.value['class'] === 'wells' ? Number(it.value['count']) : 0), 0)
  const aggregates = await readTopics(kafka.bootstrap, [TOPICS.aggregates], (all) => counted(all) >= accepted)
  expect(counted(aggregates)).toBe(accepted)
  const gaps = await readTopics(kafka.bootstrap, [TOPICS.gaps], (all) => counted(all) >= accepted)
  expect(counted(gaps)).toBe(accepted)
  expect(gaps.filter((it) => it.value['class'] === 'wells').every((it) => it.value['action'] === 'aggregated')).toBe(true)
  expect(gaps.filter((it) => it.value['class'] === 'wells').every((it) => it.value['reason'] === 'forward-10s')).toBe(true)
  const readings = await readTopics(kafka.bootstrap, [TOPICS.telemetry], (all) => all.length >= ALARMS)
  expect(readings.map((it) => it.value['class'])).toEqual(Array.from({ length: ALARMS }, () => 'alarm'))

  await until('a checkpoint says so', async () => {
    const { totals } = await verify(site)
    return totals.waiting === 0
  })
  expect(await verify(site)).toMatchObject({ exit: 0, ok: true, totals: { missing: 0, doubled: 0, waiting: 0 } })

  // Asked on the spot and from afar: each reading once, and no aggregate of it beside it.
  const rows = []
  for await (const row of connectAgent(site.data).query(
    { tag: 'wells/*', from: 0, to: Date.now() * 1000 + 1e9, limit: 1e5 },
    AbortSignal.timeout(60_000),
  ))
    rows.push(row)
  expect(rows.length).toBe(accepted)
  const range = ['--from', '2020-01-01', '--to', '2100-01-01']
  const said = await holdfast(site, [
    'replay',
    'wells/*',
    ...range,
    '--to-topic',
    REPLAYED,
    '--settings',
    site.settings,
    '--data',
    site.data,
  ])
  expect(said, said.err).toMatchObject({ code: 0 })
  const replayed = await readTopics(kafka.bootstrap, [REPLAYED], (all) => all.length >= accepted)
  expect(replayed.length).toBe(accepted)
  expect(new Set(replayed.map((it) => it.value['seq'])).size).toBe(accepted)
  expect(await verify(site)).toMatchObject({ exit: 0, ok: true })
})
