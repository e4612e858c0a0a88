// Every type that another's Sparkplug library has, from its edge node to Kafka, and the end of the node as a bad reading of each.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Edge } from '../sources/sparkplug/help.ts'
import { startEdge } from '../sources/sparkplug/help.ts'
import { T, TYPES } from '../sources/sparkplug/types.ts'
import type { Agent } from './agent.ts'
import { drained, siteIn, startAgent, sumsOf, verify } from './agent.ts'
import { readTopics } from './topic.ts'
import { until } from './until.ts'

const PORT = 27_450

let dir: string
let kafka: Broker
let mosquitto: Mosquitto
let edge: Edge
let agent: Agent

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-sparkplug-'))
  kafka = await startBroker({ portFrom: PORT })
  await createTopics(kafka.bootstrap, 2)
  mosquitto = await startMosquitto({ lines: ['allow_anonymous true', 'max_queued_messages 0'] })
  edge = await startEdge(mosquitto.port)
}, 120_000)

afterAll(async () => {
  await agent?.end()
  await edge?.stop()
  await mosquitto?.remove()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

/** As JSON in Kafka has it: what no double holds exactly is a text, bytes are base64. */
function inKafka(kind: string, expected: unknown): unknown {
  if (kind === 'bool') return expected === 1
  if (kind === 'bytes') return Buffer.from(expected as string, 'hex').toString('base64')
  if (typeof expected === 'bigint') return Number.isSafeInteger(Number(expected)) ? Number(expected) : String(expected)
  return expected
}

test('each arrives exactly, with quality and time, once', { timeout: 180_000 }, async () => {
  const site = siteIn(
    dir,
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
  agent = await startAgent(site)
  await until('the source is up', async () => (await agent.status())?.sources.some((it) => it.state === 'up'))
  const metrics = TYPES.map(([type, value], n) => ({ name: `m${n}`, type, value }))
  await edge.do({ do: 'connect', group: 'types', node: 'n', metrics })
  await until('all are in the log', async () => {
    const status = await agent.status()
    return status && sumsOf(status).accepted >= TYPES.length
  })
  await edge.do({ do: 'disconnect', node: 'n' })
  await until('the end is in the log', async () => {
    const status = await agent.status()
    return status && sumsOf(status).accepted === 2 * TYPES.length
  })
  await drained(agent)
  const records = await readTopics(kafka.bootstrap, [TOPICS.telemetry], (all) => all.length >= 2 * TYPES.length)
  expect(records).toHaveLength(2 * TYPES.length)
  for (const [n, [type, , kind, expected]] of TYPES.entries()) {
    const [born, dead, ...more] = records.filter((it) => it.value.tag === `types/n/m${n}`).map((it) => it.value)
    expect(more).toEqual([])
    expect([type, born?.[`value_${kind}`]]).toEqual([type, inKafka(kind, expected)])
    expect(born).toMatchObject({ quality: 'good', ts: T * 1000, class: 'process', device: 'hf-spark' })
    expect(dead?.quality).toBe('bad')
    expect(Object.keys(dead ?? {}).filter((it) => it.startsWith('value_') && dead?.[it] !== null)).toEqual([])
  }
  expect(await verify(site)).toMatchObject({ exit: 0 })
})
