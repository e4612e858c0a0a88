// The whole way through a box that runs what ships: a plant at one port, a real Kafka at the other, and an update while readings flow.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import { readTopics } from '../route/topic.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { brokerOf, flows, forTheBox, verified } from './far-end.ts'
import { readPlant } from './plant-port.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const NEXT = '99.3.0-development'
const LAST = '99.4.0-development'
const PLANT = loadPlan(11, { opcuaItems: 0, modbusDevices: 2, modbusRegisters: 20, mqttSensors: 0 })
const KAFKA_PORT = 28_900

let dir: string
let kafka: Broker
let box: Box
let plant: Plant
let id: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-image-route-'))
  kafka = await startBroker({ portFrom: KAFKA_PORT, properties: (port) => forTheBox(port) })
  await createTopics(kafka.bootstrap, 3)
  plant = await startPlant({
    plan: PLANT,
    dir,
    modbus: { port: 0, portEach: true },
    failed: (error) => console.error(error),
  })
  box = newBox(board, { [NEXT]: {}, [LAST]: {} }, { plantReachesUs: true })
  const [, found = ''] = await box.up()
  id = found
  await box.claim()
}, 3 * BOOT_MS_MAX)
afterAll(async () => {
  await box?.remove()
  await plant?.stop()
  await kafka?.down()
  rmSync(dir, { recursive: true, force: true })
})

test('with an address and its settings, a box carries what it reads of the plant to Kafka', {
  timeout: 4 * BOOT_MS_MAX + TRIAL_MS_MAX,
}, async () => {
  await readPlant(box, id, PLANT, plant, [brokerOf(kafka)])
  const delivered = await flows(box, 1_000)
  box.took(`${delivered} readings came through`)
  const { proven } = await verified(kafka, id)
  expect(proven).toBeGreaterThanOrEqual(1_000)
})

test('an update under load: the next version stays, readings flow on, and nothing is lost or doubled', {
  timeout: 6 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
}, async () => {
  await box.installFromStick(NEXT)
  const [, , version] = await box.up()
  expect(version).toBe(NEXT)
  await box.logIn()
  const now = await box.sees('the trial is over', (it) => it.job === null)
  expect(now).toMatchObject({ version: NEXT, last: { outcome: 'good', version: NEXT } })
  const delivered = await flows(box, 500)
  box.took(`the next version is good, ${delivered} readings came through`)
  await verified(kafka, id)
})

test('an update while every device of the plant is off: the version stays, says so, and reads them when they are back', {
  timeout: 6 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
}, async () => {
  // Begun while they give readings, else they would count as down before.
  await box.askFor(LAST)
  await box.machine().says(/99\.4\.0-development install/, BOOT_MS_MAX)
  for (const { name } of PLANT.devices) plant.setFault(name, { kind: 'stop' })
  await box.goesDownWith(LAST)
  const [, , version] = await box.up()
  expect(version).toBe(LAST)
  await box.logIn()
  const { last } = await box.sees('the trial is over', (it) => it.job === null)
  expect(last).toMatchObject({ outcome: 'good', version: LAST })
  for (const { name } of PLANT.devices) expect(last?.text).toContain(`source ${name}: `)
  expect(last?.text).toMatch(/does not answer us either/)
  box.took(`it stays: ${last?.text}`)
  for (const { name } of PLANT.devices) plant.setFault(name, { kind: 'none' })
  await flows(box, 200)
  await verified(kafka, id)
})

test('what the registers counted is there once, and nothing between two polls came twice', { timeout: 180_000 }, async () => {
  const kept = await readTopics(kafka.bootstrap, [TOPICS.telemetry], (it) => it.length > 0)
  for (const device of PLANT.devices) {
    if (device.protocol !== 'modbus') continue
    const counts = kept
      .filter(({ value }) => value['tag'] === device.counterTag && value['quality'] === 'good')
      .map(({ value }) => Number(value['value_long']))
      .toSorted((a, b) => a - b)
    expect(counts.length).toBeGreaterThan(20)
    expect(new Set(counts).size).toBe(counts.length)
  }
})
