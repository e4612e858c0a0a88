// Default settings. How fast they are is printed, not judged (`node test/route/defaults.main.ts` on an idle machine); what they yield must be exact.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker } from '../kafka/broker.ts'
import { verify } from './agent.ts'
import { measureModbus, measureMqtt } from './measures.ts'
import { countsOf } from './topic.ts'

const PORT = 27_200

let dir: string
let kafka: Broker

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-defaults-'))
  kafka = await startBroker({ portFrom: PORT })
  await createTopics(kafka.bootstrap, 3)
})
afterAll(async () => {
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

test('MQTT 3.1.1 at a window of 20: each message once', { timeout: 240_000 }, async () => {
  const { site, published, acknowledgedPerSecond, window, records } = await measureMqtt(dir, kafka.bootstrap)
  console.log(`MQTT 3.1.1, window 20 (${window ?? 'not'} learned): ${acknowledgedPerSecond} messages acknowledged a second`)
  const counts = countsOf(records, 'a/b')
  expect(counts.size).toBe(published)
  expect([...counts].filter(([, count]) => count !== 1)).toEqual([])
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0, waiting: 0 } })
})

test('Modbus at every: 50ms: each point of the grid once, or noted as left out', { timeout: 120_000 }, async () => {
  const { site, leftOut, pollsPerSecond, records } = await measureModbus(dir, kafka.bootstrap)
  console.log(`Modbus at 50 ms: ${pollsPerSecond} polls a second, left out: ${JSON.stringify(leftOut)}`)
  const times = records.map((it) => Number(it.value['ts'])).sort((a, b) => a - b)
  for (const { value } of records) expect(value).toMatchObject({ value_long: 7, quality: 'good' })
  expect(new Set(times).size).toBe(times.length)
  expect(times.length).toBeGreaterThan(30)
  const points = Math.round(((times.at(-1) ?? 0) - (times[0] ?? 0)) / 50_000) + 1
  const noted = Object.values(leftOut).reduce((sum, count) => sum + count, 0)
  // The status is up to a second old, and the last poll may be late in its slot.
  expect(points - times.length - noted).toBeGreaterThanOrEqual(-1)
  expect(points - times.length - noted).toBeLessThanOrEqual(noted === 0 ? 1 : 21)
  expect(await verify(site)).toMatchObject({ exit: 0, totals: { missing: 0, doubled: 0, waiting: 0 } })
})
