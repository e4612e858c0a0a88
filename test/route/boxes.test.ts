// lower box ─► post ─► a real Kafka: each reading once, under the lower box's name, and `verify` is green over the whole chain.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import type { Agent } from './agent.ts'
import { drained, startAgent, verify } from './agent.ts'
import type { Tier } from './boxes.ts'
import { makeTier } from './boxes.ts'
import { countsOf, readTopics, sequencesOf } from './topic.ts'
import { until } from './until.ts'

const PORT = 25_900
const COUNT = 300

let dir: string
let kafka: Broker
let tier: Tier
let lower: Agent
let post: Agent

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-boxes-'))
  kafka = await startBroker({ portFrom: PORT })
  await createTopics(kafka.bootstrap, 2)
  tier = await makeTier(dir, kafka.bootstrap)
  post = await startAgent(tier.post)
  lower = await startAgent(tier.lower)
  await until('the lower box reads', async () => (await lower.status())?.sources[0]?.state === 'up')
}, 120_000)
afterAll(async () => {
  await lower?.end()
  await post?.end()
  await tier?.remove()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

test('readings of the lower box are in Kafka once, under its own name and numbers', { timeout: 120_000 }, async () => {
  for (let n = 0; n < COUNT; n++) await tier.publish(n % 10 === 0 ? 'alarm/n' : 'process/n', n)
  await drained(lower)
  await drained(post)
  const seen = await readTopics(kafka.bootstrap, [TOPICS.telemetry], (it) => it.length >= COUNT)
  expect(seen).toHaveLength(COUNT)
  const counts = new Map([...countsOf(seen, 'process/n'), ...countsOf(seen, 'alarm/n')])
  expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, n) => n))
  expect(new Set(seen.map((it) => it.value['device']))).toEqual(new Set(['hf-lower']))
  const status = await lower.status()
  for (const [stream, sequences] of sequencesOf(seen)) {
    expect(stream).toMatch(new RegExp(`^hf-lower:${status?.epoch}:(alarm|process):raw$`))
    expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, n) => n))
  }
  expect(status?.uplinks[0]).toMatchObject({ name: 'post', state: 'up' })
  expect((await post.status())?.boxes).toMatchObject([{ device: 'hf-lower', readings: COUNT }])
  expect(await verify(tier.post)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0, maybeDuplicate: 0 } })
})
