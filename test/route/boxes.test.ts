// lower box ─► post ─► a real Kafka: each reading once, under the lower box's name, and `verify` is green over the whole chain.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BoxRig } from '../faults/h1.ts'
import { closeBoxRig, give, openBoxRig, proveChain } from '../faults/h1.ts'
import { TOPICS } from '../kafka/broker.ts'
import { startAgent } from './agent.ts'
import { readTopics, sequencesOf } from './topic.ts'
import { until } from './until.ts'

const PORT = 25_900
const COUNT = 400

let dir: string
let rig: BoxRig

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-boxes-'))
  rig = await openBoxRig(dir, PORT)
}, 180_000)
afterAll(async () => {
  if (rig) await closeBoxRig(rig)
  rmSync(dir, { recursive: true, force: true })
})

test('kill -9 of both while readings come: all are in Kafka once, under the lower box name and numbers', {
  timeout: 300_000,
}, async () => {
  await give(rig, COUNT, COUNT / 2, async () => {
    await rig.post.kill()
    await until('the lower box says so', async () =>
      (await rig.lower.status())?.issues.some((it) => it.code === 'uplink-waiting'),
    )
    await rig.lower.kill()
    rig.post = await startAgent(rig.tier.post)
    rig.lower = await startAgent(rig.tier.lower)
    await rig.tier.publish('alarm/n', 1)
  })
  await proveChain(rig)
  const seen = await readTopics(rig.kafka.bootstrap, [TOPICS.telemetry], (it) => it.length >= COUNT)
  const status = await rig.lower.status()
  expect([...sequencesOf(seen).keys()].toSorted()).toEqual(
    ['alarm', 'process'].map((it) => `hf-lower:${status?.epoch}:${it}:raw`),
  )
  expect(status?.uplinks[0]).toMatchObject({ name: 'post', state: 'up' })
  expect((await rig.post.status())?.boxes).toMatchObject([{ device: 'hf-lower', lastSeen: expect.any(Number) }])
})
