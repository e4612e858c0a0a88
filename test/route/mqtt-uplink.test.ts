// plant ─► broker ─► agent ─► broker on site ─► a subscriber with a session of its own: the real agent, real brokers, kills in between.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { makeCertificates } from '../sources/mqtt/certificates.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { freePort, startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Heard } from '../uplinks/mqtt/harness.ts'
import { retained, subscriber } from '../uplinks/mqtt/harness.ts'
import type { Agent } from './agent.ts'
import { siteIn, startAgent, sumsOf } from './agent.ts'
import { until } from './until.ts'

const TAGS = 10

let dir: string
let plant: Mosquitto
let publisher: MqttClient
const ends: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-mqtt-uplink-'))
  plant = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0', 'max_inflight_messages 500'] })
  publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`)
})

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

afterAll(async () => {
  publisher.end(true)
  await plant.remove()
  rmSync(dir, { recursive: true, force: true })
})

async function siteBroker(): Promise<Mosquitto> {
  const broker = await startMosquitto({
    lines: ['allow_anonymous true', 'max_queued_messages 1000000', 'max_inflight_messages 0'],
  })
  ends.push(() => broker.remove())
  return broker
}

const settings = (device: string, uplinks: string) => `
version: 1
device: { id: ${device}, site: hall }
log: { bytesMax: 64MB }
classes: [{ name: process }]
sources:
  - name: plant
    protocol: mqtt
    url: mqtt://127.0.0.1:${plant.port}
    insecure: a test
    subscribe: [{ topic: "${device}/{n}", tag: "line/{n}", value: v, class: process }]
uplinks:
${uplinks}`

const siteUplink = (port: number) => `  - name: site
    mqtt: { url: "mqtt://127.0.0.1:${port}", insecure: a test }
`

async function agentOf(site: ReturnType<typeof siteIn>): Promise<Agent> {
  const agent = await startAgent(site)
  ends.push(() => agent.end())
  return agent
}

/** From then on the plant's broker keeps for it what is published. */
async function sourceIsUp(agent: Agent): Promise<void> {
  await until('the source is up', async () => (await agent.status())?.sources[0]?.state === 'up')
}

function folder(name: string): string {
  mkdirSync(join(dir, name), { recursive: true })
  return join(dir, name)
}

/** Values from `from` on, the tags in turn. */
async function publish(device: string, from: number, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, n) => from + n)
  await Promise.all(all.map((n) => publisher.publishAsync(`${device}/${n % TAGS}`, `{"v":${n}}`, { qos: 1 })))
}

/** By tag: the values in the order in which each came first. */
function firstOf(heard: readonly Heard[]): Map<string, number[]> {
  const seen = new Map<string, Set<number>>()
  for (const { json } of heard) {
    const tag = String(json['tag'])
    seen.set(tag, (seen.get(tag) ?? new Set()).add(Number(json['value_double'])))
  }
  return new Map([...seen].map(([tag, values]) => [tag, [...values]]))
}

test('an agent killed while it sends: a subscriber misses nothing, each tag in its order', {
  timeout: 240_000,
}, async () => {
  const broker = await siteBroker()
  const device = 'hf-kills'
  const listens = await subscriber(
    broker.port,
    { clientId: 'scada', clean: false, properties: { sessionExpiryInterval: 3_600 }, reconnectPeriod: 50 },
    `holdfast/${device}/#`,
  )
  ends.push(() => listens.end())
  const site = siteIn(folder('kills'), settings(device, siteUplink(broker.port)))
  let agent = await agentOf(site)
  await sourceIsUp(agent)
  const total = 1_000
  const first = publish(device, 0, total / 2)
  await until('something of it is heard', () => listens.heard.length > 0, 60_000, 5)
  await agent.kill()
  const second = publish(device, total / 2, total / 2)
  agent = await agentOf(site)
  await Promise.all([first, second])
  const complete = () => [...firstOf(listens.heard).values()].reduce((sum, it) => sum + it.length, 0) === total
  await until('all is heard', complete, 90_000)
  const expected = Array.from({ length: TAGS }, (_, tag): [string, number[]] => [
    `line/${tag}`,
    Array.from({ length: total / TAGS }, (_none, n) => n * TAGS + tag),
  ])
  expect(Object.fromEntries(firstOf(listens.heard))).toEqual(Object.fromEntries(expected))
  const status = await until('nothing waits', async () => {
    const it = await agent.status()
    return it && sumsOf(it).stored === 0 && it
  })
  expect(status.uplinks).toMatchObject([{ name: 'site', state: 'up', guarantee: 'at-least-once', parked: 0 }])
  const kept = await retained(broker.port, `holdfast/${device}/#`)
  expect([...kept.values()].map((it) => it['value_double']).toSorted()).toEqual(
    Array.from({ length: TAGS }, (_, n) => total - TAGS + n),
  )
})

test('a broker that is off holds nothing back beside another uplink, and gets what is kept when it comes', {
  timeout: 240_000,
}, async () => {
  const broker = await siteBroker()
  await broker.stop()
  const { ca, server } = makeCertificates(folder('certificates'))
  const port = await freePort()
  const secrets = {
    HOLDFAST_SECRET_WORD: 'a word between two boxes',
    HOLDFAST_SECRET_CA: ca,
    HOLDFAST_SECRET_CERT: server.cert,
    HOLDFAST_SECRET_KEY: server.key,
  }
  const post = `version: 1
device: { id: hf-keeper }
log: { bytesMax: 64MB }
classes: [{ name: process }]
boxes:
  listen: 127.0.0.1:${port}
  tls: { cert: { secret: cert }, key: { secret: key } }
  allow: [{ device: hf-fed, password: { secret: word } }]
`
  const keeper = `  - name: keeper
    box: { url: "https://127.0.0.1:${port}", password: { secret: word }, tls: { ca: { secret: ca }, serverName: localhost } }
`
  await agentOf(siteIn(folder('keeper'), post, secrets))
  const site = siteIn(folder('fed'), settings('hf-fed', keeper + siteUplink(broker.port)), secrets)
  const agent = await agentOf(site)
  await sourceIsUp(agent)
  await publish('hf-fed', 0, 200)
  const away = await until('the keeper has all', async () => {
    const it = await agent.status()
    return it && it.classes[0]?.delivered === 200 && it.uplinks[1]?.state === 'waiting' && it
  })
  expect(away.classes[0]).toMatchObject({ accepted: 200, stored: 0 })
  expect(away.issues.map((it) => it.code)).toContain('uplink-waiting')
  await broker.start()
  const hears = await subscriber(broker.port, {}, 'holdfast/#')
  ends.push(() => hears.end())
  await until(
    'it has got what is kept',
    async () => (await retained(broker.port, 'holdfast/#')).size === TAGS && hears.heard.length >= TAGS,
    60_000,
  )
  const status = await until('nothing is behind', async () => {
    const it = await agent.status()
    return it && it.uplinks[1]?.state === 'up' && it.uplinks[1].readings >= 200 && it
  })
  expect(status.uplinks[1]).toMatchObject({ name: 'site', readings: 200, parked: 0 })
  expect((await retained(broker.port, 'holdfast/#')).get('holdfast/hf-fed/process/line/9')).toMatchObject({ value_double: 199 })
})
