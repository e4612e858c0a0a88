// The whole route in the other encodings: an agent whose one uplink sends blocks and whose other one sends Avro, the commands beside it, and
// `verify` at each end. The schema registry is ours (test/uplinks/kafka/registry-server.ts).
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { VerifyReport } from '../../src/core/verify.ts'
import type { Broker } from '../kafka/broker.ts'
import { startBroker } from '../kafka/broker.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { newTopics, readRaw } from '../uplinks/kafka/cluster.ts'
import type { RegistryServer } from '../uplinks/kafka/registry-server.ts'
import { startRegistry } from '../uplinks/kafka/registry-server.ts'
import type { Agent, Site } from './agent.ts'
import { drained, holdfast, siteIn, startAgent, sumsOf } from './agent.ts'
import { until } from './until.ts'

const READINGS = 2_000
const topicsOf = (name: string) => ({
  telemetry: `${name}.readings.{class}`,
  aggregates: `${name}.aggregates`,
  events: `${name}.events`,
  gaps: `${name}.gaps`,
  blocks: `${name}.blocks`,
})

let dir: string
let kafka: Broker
let mosquitto: Mosquitto
let registry: RegistryServer
let site: Site
let agent: Agent
let publisher: mqtt.MqttClient

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-encodings-'))
  kafka = await startBroker({ portFrom: 27_600 })
  const named = ['packed', 'avro'].flatMap((it) => Object.values(topicsOf(it)).map((one) => one.replace('{class}', 'process')))
  await newTopics(kafka.bootstrap, named, 3)
  mosquitto = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  registry = await startRegistry({ user: 'box', password: 'registry-secret' })
  const uplink = (name: string, more: string) =>
    `  - { name: ${name}, kafka: { brokers: ["${kafka.bootstrap}"], insecure: loopback, topics: ${JSON.stringify(topicsOf(name))} }, ${more} }`
  const avro = `{ registry: "${registry.url}", user: box, password: { secret: registry }, insecure: loopback }`
  site = siteIn(
    dir,
    `version: 1
device: { id: hf-encodings, site: plant-1 }
classes: [{ name: process }]
sources:
  - name: hall
    protocol: mqtt
    url: mqtt://127.0.0.1:${mosquitto.port}
    insecure: loopback
    subscribe: [{ topic: "hall/{n}", tag: "hall/{n}", value: v, class: process }]
uplinks:
${uplink('packed', 'records: blocks')}
${uplink('avro', `encoding: { avro: ${avro} }`)}
`,
    { HOLDFAST_SECRET_REGISTRY: 'registry-secret' },
  )
  publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  agent = await startAgent(site)
  await until('the source is up', async () => (await agent.status())?.sources[0]?.state === 'up')
})
afterAll(async () => {
  publisher?.end(true)
  await agent?.end()
  await registry?.close()
  await mosquitto?.remove()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

async function proof(uplink: string): Promise<VerifyReport> {
  const { out, err } = await holdfast(site, [
    'verify',
    '--settings',
    site.settings,
    '--data',
    site.data,
    '--uplink',
    uplink,
    '--json',
  ])
  if (out === '') throw new Error(err)
  return JSON.parse(out) as VerifyReport
}

test('blocks unpacked and Avro say the same, each reading once', { timeout: 240_000 }, async () => {
  const sent = Array.from({ length: READINGS }, (_, i) => publisher.publishAsync(`hall/${i % 5}`, `{"v":${i / 8}}`, { qos: 1 }))
  await Promise.all(sent)
  const status = await drained(agent)
  expect(sumsOf(status)).toMatchObject({ accepted: READINGS, delivered: READINGS })
  await until('a checkpoint says so', async () => (await proof('avro')).streams[0]?.proven === READINGS)

  const inAvro = await proof('avro')
  expect(inAvro).toMatchObject({ ok: true, foreign: 0, totals: { missing: 0, doubled: 0 } })
  expect(inAvro.checkpoints).toBeGreaterThan(0)
  const kept = readdirSync(join(site.data, 'cache', 'registry'))
  expect(kept).toEqual(['avro.json'])
  for (const [name, ok] of [
    ['packed', 'topic packed.blocks'],
    ['avro', 'schema of avro.readings.process'],
  ] as const) {
    const { code, out } = await holdfast(site, ['uplinks', 'test', name, '--data', site.data])
    expect({ name, code, out }).toMatchObject({ code: 0, out: expect.stringContaining(ok) })
  }

  const unpacked = await holdfast(site, [
    'unpack',
    '--settings',
    site.settings,
    '--uplink',
    'packed',
    '--data',
    site.data,
    '--from',
    'packed.blocks',
    '--to',
    'packed.readings.{class}',
    '--aggregates',
    'packed.aggregates',
    '--once',
    '--json',
  ])
  expect(unpacked).toMatchObject({ code: 0 })
  expect(JSON.parse(unpacked.out)).toMatchObject({ readings: READINGS, foreign: 0, deleted: 0 })
  const inBlocks = await proof('packed')
  expect(inBlocks).toMatchObject({ ok: true, totals: { missing: 0, doubled: 0 } })
  expect(inBlocks.streams[0]?.proven).toBe(READINGS)

  const records = await readRaw(kafka.bootstrap, 'packed.readings.process', (all) => all.length === READINGS)
  const values = records.map((it) => (JSON.parse(String(it.value)) as { value_double: number }).value_double)
  expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: READINGS }, (_, i) => i / 8))
})
