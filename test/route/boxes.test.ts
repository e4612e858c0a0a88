// lower box ─► post ─► a real Kafka: each reading once, under the lower box's name, and `verify` is green over the whole chain.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDice } from '../faults/dice.ts'
import type { BoxRig } from '../faults/h1.ts'
import { closeBoxRig, give, giveAndKill, openBoxRig, proveChain } from '../faults/h1.ts'
import { TOPICS } from '../kafka/broker.ts'
import { startAgent } from './agent.ts'
import { readTopics, sequencesOf } from './topic.ts'
import { until } from './until.ts'

const PORT = 25_900
const COUNT = 200
const KILLS = 3

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

test('readings of the lower box are in Kafka once, under its own name and numbers', { timeout: 180_000 }, async () => {
  await give(rig, COUNT, 0, async () => {
    for (let n = 0; n < 10; n++) await rig.tier.publish('alarm/n', n)
  })
  await proveChain(rig)
  const seen = await readTopics(rig.kafka.bootstrap, [TOPICS.telemetry], (it) => it.length >= COUNT + 10)
  const status = await rig.lower.status()
  expect([...sequencesOf(seen).keys()].toSorted()).toEqual(
    ['alarm', 'process'].map((it) => `hf-lower:${status?.epoch}:${it}:raw`),
  )
  expect(status?.uplinks[0]).toMatchObject({ name: 'post', state: 'up' })
  expect((await rig.post.status())?.boxes).toMatchObject([{ device: 'hf-lower', readings: COUNT + 10 }])
})

test('the post is away: the lower box waits and says so; what came meanwhile follows', { timeout: 180_000 }, async () => {
  await rig.post.end()
  await give(rig, COUNT, 0, async () => {})
  await until('the lower box says so', async () => (await rig.lower.status())?.issues.some((it) => it.code === 'uplink-waiting'))
  rig.post = await startAgent(rig.tier.post)
  await proveChain(rig)
})

test('kill -9 of either or both at any moment', { timeout: 300_000 }, async () => {
  const seed = Math.floor(Math.random() * 1e9)
  console.log(`seed ${seed}`)
  const dice = createDice(seed)
  for (let n = 0; n < KILLS; n++) await giveAndKill(rig, dice)
  await proveChain(rig)
})
