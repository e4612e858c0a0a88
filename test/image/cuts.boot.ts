// The plug is pulled while a box that reads a plant is updated, and while a version that was well starts. CUTS=10 pulls it more often, SEED=… at the
// same moments again.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UpdateStatus } from '../../src/core/update.ts'
import type { Plant } from '../../src/plant/index.ts'
import { startPlant } from '../../src/plant/index.ts'
import { loadPlan } from '../../src/plant/presets.ts'
import { createDice } from '../faults/dice.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { goesOn, isWhole, kept } from './kept.ts'
import { bootEnvironment } from './machine.ts'
import { readPlant } from './plant-port.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const CUTS = Number(process.env['CUTS'] ?? 3)
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const CUTS_AT_START = 5
/** What is cut off may have come that far that it stays: there are two to go on to. */
const VERSIONS = ['99.5.0-development', '99.6.0-development', '99.7.0-development']
const PLAN = loadPlan(12, { opcuaItems: 0, modbusDevices: 1, modbusRegisters: 10, mqttSensors: 0 })

const dice = createDice(SEED)
let dir: string
let box: Box
let plant: Plant
/** Of one update that nobody disturbs: from the question at the serial line until it is good, and of that until the box is down. */
const ms = { whole: 0, down: 0 }

beforeAll(async () => {
  console.log(`SEED=${SEED} CUTS=${CUTS}`)
  dir = mkdtempSync(join(tmpdir(), 'hf-image-cuts-'))
  plant = await startPlant({ plan: PLAN, dir, modbus: { port: 0, portEach: true }, failed: (error) => console.error(error) })
  box = newBox(board, Object.fromEntries(VERSIONS.map((it) => [it, {}])), { plantReachesUs: true })
  const [, id = ''] = await box.up()
  await box.claim()
  await box.sees('it is marked good', (it) => it.minimum !== null)
  await readPlant(box, id, PLAN, plant, [])
  await until('the log grows', async () => (await kept(box).catch(() => 0)) > 100, BOOT_MS_MAX, 2_000)
}, 4 * BOOT_MS_MAX)
afterAll(async () => {
  await box?.remove()
  await plant?.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** Asked for at the serial line and left alone until it is good or not. */
async function updatedTo(version: string): Promise<UpdateStatus> {
  const begun = performance.now()
  await box.installFromStick(version)
  ms.down = performance.now() - begun
  await box.up()
  await box.logIn()
  const now = await box.sees('the trial is over', (it) => it.job === null)
  ms.whole = performance.now() - begun
  box.took(`${version}: ${now.last?.outcome}, ${now.last?.text}`)
  return now
}

/** The plug is pulled so long after the question, whatever the box is at then. What it was at. */
async function cutDuring(version: string, afterMs: number): Promise<string> {
  const end = performance.now() + afterMs
  await box.askFor(version)
  let starts = 0
  while (performance.now() < end) {
    if (box.machine().isOff()) {
      starts++
      await box.start()
    }
    await sleep(Math.min(200, Math.max(0, end - performance.now())))
  }
  await box.machine().kill()
  const said = box.machine().serial().trimEnd().split('\n').at(-1) ?? ''
  return starts === 0 ? `before it was down (${said})` : `after ${starts} start${starts > 1 ? 's' : ''} (${said})`
}

test('without a cut it is updated, and its log goes on', { timeout: 6 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX }, async () => {
  const before = await kept(box)
  const [first = ''] = VERSIONS
  expect(await updatedTo(first)).toMatchObject({ version: first, last: { outcome: 'good', version: first } })
  expect(await kept(box)).toBeGreaterThan(before)
  await isWhole(box)
})

test('whenever the plug is pulled meanwhile, the version before or the new one starts, and the log is whole; another try ends well', {
  timeout: (CUTS + 1) * (6 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX),
}, async () => {
  const outcomes = new Set<string>()
  for (let cut = 0; cut < CUTS; cut++) {
    const before = (await box.sees('nothing is under way', (it) => it.job === null)).version
    const next = VERSIONS.find((it) => it > before) ?? before
    const [numbers, afterMs] = [await kept(box), Math.round(((cut + dice.next()) / CUTS) * ms.whole)]
    const what = await cutDuring(next, afterMs)
    box.took(`cut ${cut + 1} on the way to ${next}, after ${Math.round(afterMs / 1000)} s: ${what}`)
    const environment = bootEnvironment(box.disk)
    const [, , version = ''] = await box.up()
    expect([before, next]).toContain(version)
    await box.logIn()
    const now = await box.sees('it is over', (it) => it.job === null)
    box.took(`… ${now.version} runs; ${now.last?.version} ${now.last?.outcome}: ${now.last?.text}`)
    expect([before, next], JSON.stringify(environment)).toContain(now.version)
    // Of one that was cut off before it was on disk that it was asked for, nothing is known.
    if (now.last?.version === next) expect(now.version).toBe(now.last.outcome === 'good' ? next : before)
    await goesOn(box, numbers)
    await isWhole(box)
    outcomes.add(`${now.last?.outcome}`)
  }
  console.log(`outcomes: ${[...outcomes].join(', ')}`)
  const { version } = await box.sees('nothing is under way', (it) => it.job === null)
  const next = VERSIONS.find((it) => it > version) ?? version
  expect(await updatedTo(next)).toMatchObject({ version: next, last: { outcome: 'good', version: next } })
  await isWhole(box)
})

test('a version that was well is not given up for a plug that is pulled five times while it starts', {
  timeout: 4 * BOOT_MS_MAX + TRIAL_MS_MAX + CUTS_AT_START * 120_000,
}, async () => {
  const { version, slots } = await box.sees('nothing is under way', (it) => it.job === null)
  const numbers = await kept(box)
  const attempts = () => Number(bootEnvironment(box.disk)[`${bootedOf(slots)}_TRY`])
  // As long as it runs: this start is none of the five.
  await until('this start is marked good', () => attempts() === 0, BOOT_MS_MAX + TRIAL_MS_MAX, 5_000)
  await box.machine().off()
  for (let cut = 0; cut < CUTS_AT_START; cut++) {
    const before = attempts()
    await box.start()
    // Before the boot loader has counted it there is nothing that could be given up.
    await until(`start ${cut + 1} is counted`, () => attempts() === before + 1, BOOT_MS_MAX, 2_000)
    await sleep(dice.below(30_000))
    await box.machine().kill()
  }
  box.took(`${CUTS_AT_START} cuts while it starts, ${attempts()} attempts counted`)
  const [, , after] = await box.up()
  expect(after).toBe(version)
  await box.logIn()
  const now = await box.sees('it is marked good', () => attempts() === 0)
  expect(now.version).toBe(version)
  expect(bootedOf(now.slots)).toBe(bootedOf(slots))
  await goesOn(box, numbers)
  await isWhole(box)
})

const bootedOf = (slots: UpdateStatus['slots']) => slots.find((it) => it.isBooted)?.name ?? ''
