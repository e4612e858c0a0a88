// Readings of 1970, 2014 and 2099 in a topic of default retention: still there after HOLDFAST_OLD_TIMES_SECONDS (20; ten minutes: 600).
// That retention is at work there shows by a record of 2014 from a plain producer in a topic of the same settings, which is deleted.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { partitionOf } from '../../src/clients/kafka/partition.ts'
import type { Broker } from '../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../kafka/broker.ts'
import type { Mosquitto } from '../sources/mqtt/mosquitto.ts'
import { startMosquitto } from '../sources/mqtt/mosquitto.ts'
import type { Agent, Site } from './agent.ts'
import { drained, siteIn, startAgent, verify } from './agent.ts'
import type { Kept } from './topic.ts'
import { readTopics } from './topic.ts'
import { until } from './until.ts'

const SECONDS = Number(process.env['HOLDFAST_OLD_TIMES_SECONDS'] ?? 20)
const PORT = 27_100
const PARTITIONS = 12
const CONTROL = 'control'
const DEVICE = 'hf-old'
/** Microseconds; what stands in the payload is ISO 8601 to the microsecond. */
const TIMES: Readonly<Record<string, readonly [text: string, micros: number]>> = {
  first: ['1970-01-01T00:00:00.000001Z', 1],
  old: ['2014-02-14T21:30:00.123456Z', 1_392_413_400_123_456],
  late: ['2099-12-31T23:59:59.999999Z', 4_102_444_799_999_999],
}
const EACH = 5

let dir: string
let kafka: Broker
let mosquitto: Mosquitto
let site: Site
let agent: Agent | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-old-'))
  kafka = await startBroker({
    portFrom: PORT,
    // A segment ends when a record comes that is more than a second younger than its first: a record of 2014 does not share one with
    // a commit of today, which would keep it alive.
    properties: { 'log.retention.check.interval.ms': 1000, 'log.initial.task.delay.ms': 500, 'log.roll.ms': 1000 },
  })
  await createTopics(kafka.bootstrap, PARTITIONS)
  mosquitto = await startMosquitto()
  site = siteIn(
    dir,
    `version: 1
device: { id: ${DEVICE} }
sources:
  - name: archive
    protocol: mqtt
    url: mqtt://127.0.0.1:${mosquitto.port}
    insecure: loopback
    subscribe:
      - { topic: "old/{name}", tag: "old/{name}", value: v, time: t, class: default }
uplinks:
  - { name: cloud, kafka: { brokers: ["${kafka.bootstrap}"], insecure: loopback } }
`,
  )
})
afterAll(async () => {
  await agent?.end()
  await mosquitto?.remove()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

/** A tag for each time, each in a partition of its own: no younger neighbour keeps an old record's segment alive. */
function tagsApart(): Record<string, string> {
  const taken = new Set<number>()
  const apart = (name: string) => {
    for (let n = 0; ; n++) {
      const partition = partitionOf(Buffer.from(`${DEVICE}/old/${name}-${n}`), PARTITIONS)
      if (taken.size !== taken.add(partition).size) return `${name}-${n}`
    }
  }
  return Object.fromEntries(Object.keys(TIMES).map((name) => [name, apart(name)]))
}

/** Two records of 2014 and one of now, as a producer would send them that knows nothing of retention. Yields how to tell whether the old ones are gone. */
async function sendControl(): Promise<() => Promise<boolean>> {
  const admin = adminOf(kafka.bootstrap)
  await admin.connect()
  await createLed(admin, [{ topic: CONTROL, numPartitions: 1 }])
  const client = new kafkajs.Kafka({ brokers: [kafka.bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  const then = String(Math.floor((TIMES['old']?.[1] ?? 0) / 1000))
  for (const timestamp of [then, then, String(Date.now())])
    await producer.send({ topic: CONTROL, messages: [{ value: timestamp, timestamp }] })
  await producer.disconnect()
  await admin.disconnect()
  return async () => {
    const asking = adminOf(kafka.bootstrap)
    await asking.connect()
    const [offsets] = await asking.fetchTopicOffsets(CONTROL)
    await asking.disconnect()
    expect(offsets?.high).toBe('3')
    return offsets?.low === '2'
  }
}

async function publish(tags: Readonly<Record<string, string>>): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  for (const [name, [text]] of Object.entries(TIMES))
    for (let v = 0; v < EACH; v++) await client.publishAsync(`old/${tags[name]}`, JSON.stringify({ v, t: text }), { qos: 1 })
  await client.endAsync()
}

function expectAll(records: readonly Kept[], tags: Readonly<Record<string, string>>): void {
  expect(records).toHaveLength(EACH * Object.keys(TIMES).length)
  for (const [name, [, micros]] of Object.entries(TIMES)) {
    const mine = records.filter((it) => it.key === `${DEVICE}/old/${tags[name]}`)
    expect(mine.map((it) => it.value['value_double']).sort()).toEqual([0, 1, 2, 3, 4])
    for (const it of mine) {
      expect(it.value).toMatchObject({ ts: micros, quality: 'good' })
      // The record itself bears the time of sending: the topic would delete or refuse the other.
      expect(Math.abs(it.timestamp - Date.now())).toBeLessThan((SECONDS + 300) * 1000)
    }
  }
}

test(`they are there, and after ${SECONDS} s of retention still`, { timeout: (SECONDS + 240) * 1000 }, async () => {
  agent = await startAgent(site)
  const running = agent
  await until('the source is up', async () => (await running.status())?.sources[0]?.state === 'up')
  const isControlGone = await sendControl()
  const tags = tagsApart()
  await publish(tags)
  await until('all is accepted', async () => (await running.status())?.classes[0]?.accepted === EACH * 3)
  await drained(running)
  const sentAt = performance.now()
  const all = (records: readonly Kept[]) => records.length >= EACH * 3
  expectAll(await readTopics(kafka.bootstrap, [TOPICS.telemetry], all), tags)

  await until('retention has deleted the records of 2014 of the control', isControlGone, 90_000, 500)
  await sleep(Math.max(0, sentAt + SECONDS * 1000 - performance.now()))
  expectAll(await readTopics(kafka.bootstrap, [TOPICS.telemetry], all), tags)
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0, expired: 0 } })
})
