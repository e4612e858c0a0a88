// MirrorMaker 2, as Apache ships it, between the Kafka of a site and that of the cloud: the site's topics go up under the site's name, a topic of the
// cloud comes down under its own, and `verify` proves the far end.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { VerifyReport } from '../../src/core/verify.ts'
import { verifyTopics } from '../../src/uplinks/kafka/verify/index.ts'
import type { Broker } from '../kafka/broker.ts'
import { adminOf, createTopics, startBroker, TOPICS, createLed } from '../kafka/broker.ts'
import { until } from '../route/until.ts'
import type { Child } from '../run/child.ts'
import { lastLines, startChild } from '../run/child.ts'
import { settled } from '../uplinks/kafka/cluster.ts'
import type { Day } from './day.ts'
import { sendDay } from './day.ts'

const SCRIPT = join(import.meta.dirname, 'consumers.sh')
const READINGS = 8_000
/** Three Java programs start at once: on a loaded machine that alone takes a minute. */
const MS_MAX = 300_000

let dir: string
let site: Broker
let cloud: Broker
let mirror: Child | undefined
let day: Day
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-mirror-'))
  ;[site, cloud] = await Promise.all([startBroker({ portFrom: 27_500 }), startBroker({ portFrom: 27_800 })])
  await createTopics(site.bootstrap, 4)
  await settled(site.bootstrap)
  day = await sendDay(site.bootstrap, 'box-1', READINGS)
  await write(cloud.bootstrap, 'recipes.v1', ['bread', 'cake'])
}, MS_MAX)
afterAll(async () => {
  await mirror?.end()
  await Promise.all([site?.down(), cloud?.down()])
  if (dir) await rm(dir, { recursive: true, force: true })
})

async function write(bootstrap: string, topic: string, values: readonly string[]): Promise<void> {
  const admin = adminOf(bootstrap)
  await admin.connect()
  await createLed(admin, [{ topic, numPartitions: 1 }])
  await admin.disconnect()
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  await producer.send({ topic, messages: values.map((value) => ({ value })) })
  await producer.disconnect()
}

/** The lines that README.md beside this file gives, and what a cluster of one broker needs. */
async function startMirror(): Promise<Child> {
  const file = join(dir, 'mirror.properties')
  const ones = ['replication.factor', 'checkpoints.topic.replication.factor', 'heartbeats.topic.replication.factor']
  const internal = [
    'offset-syncs.topic.replication.factor',
    'offset.storage.replication.factor',
    'status.storage.replication.factor',
  ]
  const lines = [
    'clusters = site, cloud',
    `site.bootstrap.servers = ${site.bootstrap}`,
    `cloud.bootstrap.servers = ${cloud.bootstrap}`,
    'site->cloud.enabled = true',
    'site->cloud.topics = holdfast\\\\..*',
    'cloud->site.enabled = true',
    'cloud->site.topics = recipes\\\\..*',
    'cloud->site.replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy',
    'site.consumer.isolation.level = read_committed',
    // A transaction for each poll.
    'site.consumer.max.poll.records = 5000',
    'cloud.exactly.once.source.support = enabled',
    'dedicated.mode.enable.internal.rest = true',
    'listeners = http://127.0.0.1:0',
    'refresh.topics.interval.seconds = 2',
    'emit.heartbeats.enabled = false',
    ...[...ones, ...internal, 'config.storage.replication.factor'].map((it) => `${it} = 1`),
  ]
  await writeFile(file, lines.join('\n'))
  return startChild(dir, 'mirror', SCRIPT, ['mirror', file])
}

test(
  'all topics of a site arrive, each sequence once; a topic of the cloud comes back',
  async () => {
    mirror = await startMirror()
    const source = await verifyTopics({ brokers: [site.bootstrap] })
    expect(source).toMatchObject({ ok: true, totals: { missing: 0, named: 7, waiting: 0 }, checkpoints: 1 })
    let far: VerifyReport | undefined
    const report = await until(
      'the mirror has all',
      async () => {
        if (!mirror?.isRunning()) throw new Error(lastLines(join(dir, 'mirror.log'), 5).join('\n'))
        far = await verifyTopics({ brokers: [cloud.bootstrap], prefix: 'site.' })
        return far.checkpoints === 1 && far.totals.records >= source.totals.records && far
      },
      200_000,
      1_000,
    ).catch((error: Error) => {
      const log = lastLines(join(dir, 'mirror.log'), 200).filter((it) => /WARN|ERROR|Caused/.test(it))
      throw new Error(`${error.message}; it has ${JSON.stringify(far)}; ${log.slice(-3).join('\n')}`)
    })
    expect(report).toMatchObject({ ok: true, totals: source.totals, unread: [], contradictions: [] })
    expect(report.topics.map((it) => [it.topic, it.partitions])).toContainEqual([`site.${TOPICS.telemetry}`, 4])
    expect(report.totals.proven).toBe(day.readings + 1)

    const admin = adminOf(site.bootstrap)
    await admin.connect()
    const back = await until(
      'the recipes are at the site',
      async () => {
        const [found] = await admin.fetchTopicOffsets('recipes.v1').catch(() => [])
        return Number(found?.high ?? 0) >= 2 && found
      },
      60_000,
    )
    await admin.disconnect()
    expect(back).toBeDefined()
  },
  MS_MAX,
)
