// The two figures that default settings are judged by, each from a real run through the agent to Kafka:
// MQTT 3.1.1 messages acknowledged a second at a window of 20, and Modbus polls a second at `every: 50ms`.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import type { SourceReport } from '../../src/core/status.ts'
import { TOPICS } from '../kafka/broker.ts'
import { addressesAsData, answerFrame, serve } from '../sources/modbus/help.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import { startWindowGate } from '../sources/mqtt/window-gate.ts'
import type { Agent, Site } from './agent.ts'
import { drained, siteIn, startAgent } from './agent.ts'
import type { Kept } from './topic.ts'
import { readTopics } from './topic.ts'
import { until } from './until.ts'

const WINDOW = 20
/** On a busy machine the source may take a while to be sure of the window. */
const LEARN_MS_MAX = 15_000
const MEASURE_MS = 8_000
/** So many messages wait in the broker at least, so that the window is what limits. */
const AHEAD = 2_000
const EVERY_MS = 50
const POLL_MS = 5_000

export interface MqttFigures {
  readonly site: Site
  readonly published: number
  readonly acknowledgedPerSecond: number
  /** What the source took the window to be; undefined when it was not sure. */
  readonly window: number | undefined
  readonly records: readonly Kept[]
}

/** Starts an agent with a source of defaults behind the gate, runs it for about ten seconds once the window is known, ends it. `dir` keeps its files. */
export async function measureMqtt(dir: string, bootstrap: string): Promise<MqttFigures> {
  const mosquitto = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  const gate = await startWindowGate(mosquitto.port, WINDOW)
  const site = newSite(
    dir,
    bootstrap,
    'hf-mqtt',
    `protocol: mqtt
    url: mqtt://127.0.0.1:${gate.port}
    insecure: loopback
    subscribe: [{ topic: "a/{b}", tag: "a/{b}", value: v, class: default }]`,
  )
  const agent = await startAgent(site)
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  try {
    await untilUp(agent)
    const stop = new AbortController()
    const feeding = feed(client, agent, stop.signal)
    const window = await learned(agent)
    const before = await acknowledged(agent)
    await sleep(MEASURE_MS)
    const after = await acknowledged(agent)
    stop.abort()
    const published = await feeding
    await until('all is accepted', async () => ((await sourceOf(agent))?.readings ?? 0) >= published, 90_000)
    await drained(agent)
    const records = await readTopics(bootstrap, [TOPICS.telemetry], (it) => of(it, 'hf-mqtt').length >= published)
    const acknowledgedPerSecond = Math.round(((after.count - before.count) * 1000) / (after.atMs - before.atMs))
    return { site, published, acknowledgedPerSecond, window, records: of(records, 'hf-mqtt') }
  } finally {
    client.end(true)
    await agent.end()
    await gate.close()
    await mosquitto.remove()
  }
}

/** Publishes 0, 1, 2 … as fast as keeps the broker's queue filled. Yields how many. */
async function feed(client: mqtt.MqttClient, agent: Agent, signal: AbortSignal): Promise<number> {
  let sent = 0
  while (!signal.aborted) {
    const taken = (await sourceOf(agent))?.readings ?? 0
    const batch: Promise<unknown>[] = []
    for (; sent < taken + 2 * AHEAD; sent++) batch.push(client.publishAsync('a/b', `{"v":${sent}}`, { qos: 1 }))
    await Promise.all(batch)
    await sleep(20)
  }
  return sent
}

async function learned(agent: Agent): Promise<number | undefined> {
  const end = performance.now() + LEARN_MS_MAX
  for (;;) {
    const window = (await sourceOf(agent))?.details?.['window']
    if (window !== undefined || performance.now() > end) return window === undefined ? undefined : Number(window)
    await sleep(100)
  }
}

async function acknowledged(agent: Agent): Promise<{ count: number; atMs: number }> {
  const source = await sourceOf(agent)
  if (!source) throw new Error('the agent does not answer')
  return { count: source.readings - Number(source.details?.['unacknowledged'] ?? 0), atMs: performance.now() }
}

export interface ModbusFigures {
  readonly site: Site
  /** Points of the grid that were left out, by reason: their time had gone, or what was read before still waited for the disk. */
  readonly leftOut: Readonly<Record<string, number>>
  readonly pollsPerSecond: number
  readonly records: readonly Kept[]
}

/** An agent with one device at `every: 50ms` that answers at once, for about six seconds. */
export async function measureModbus(dir: string, bootstrap: string): Promise<ModbusFigures> {
  const device = await serve((asked) => answerFrame(asked, addressesAsData(asked)))
  const site = newSite(
    dir,
    bootstrap,
    'hf-modbus',
    `protocol: modbus-tcp
    host: 127.0.0.1
    port: ${device.port}
    every: ${EVERY_MS}ms
    tags: [{ tag: press, register: "holding:7", type: uint16, class: default }]`,
  )
  const agent = await startAgent(site)
  try {
    await untilUp(agent)
    await sleep(POLL_MS + 1_000)
    const leftOut = (await sourceOf(agent))?.notes ?? {}
    const asked = device.requests.length
    const good = (it: readonly Kept[]) => of(it, 'hf-modbus').filter(({ value }) => value['quality'] === 'good')
    // Without it there comes an end: a bad reading now and then, further and further apart.
    await device.stop()
    await drained(agent)
    const records = of(await readTopics(bootstrap, [TOPICS.telemetry], (it) => good(it).length >= asked), 'hf-modbus')
    return { site, leftOut, pollsPerSecond: rateOf(good(records)), records: good(records) }
  } finally {
    await agent.end()
    await device.stop().catch(() => undefined)
  }
}

/** Over the five seconds after the first. */
function rateOf(records: readonly Kept[]): number {
  const times = records.map((it) => Number(it.value['ts'])).sort((a, b) => a - b)
  const from = (times[0] ?? 0) + 1_000_000
  return times.filter((it) => it >= from && it < from + POLL_MS * 1000).length / (POLL_MS / 1000)
}

function newSite(parent: string, bootstrap: string, device: string, source: string): Site {
  const dir = join(parent, device)
  mkdirSync(dir)
  return siteIn(
    dir,
    `version: 1
device: { id: ${device} }
sources:
  - name: only
    ${source}
uplinks:
  - { name: cloud, kafka: { brokers: ["${bootstrap}"], insecure: loopback } }
`,
  )
}

const of = (records: readonly Kept[], device: string) => records.filter((it) => it.value['device'] === device)
const sourceOf = async (agent: Agent): Promise<SourceReport | undefined> => (await agent.status())?.sources[0]
const untilUp = (agent: Agent) => until('the source is up', async () => (await sourceOf(agent))?.state === 'up')
