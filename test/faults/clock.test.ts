// Campaign T1: steps of the system clock of ±1 s to ±30 years at any moment, boots that nobody ever vouches for, kills, power cuts. The
// agent's clock, the builder that sources fill and the periods' table are the real ones, on a real SQLite file; the machine is the test's.
//
// To hold:
//   sequences   are in the order of the readings, whatever the clocks say
//   corrected   a time that is sent as corrected is off by at most what the vouched-for clock was off when the trust began, one grain of
//               each of the two clocks read, and what the boot clock drifted between the reading and then
//   synchronised  is off by at most the vouched-for clock's error when the stretch began, what is followed silently (STEP_US_MAX), grain
//               and drift: steps of the system clock that nobody vouches for change nothing
//   relative    exactly the readings of boots in which nobody ever vouched for the time before their end; distances within a period hold
//   once        the shift of a period never changes
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder } from '../../src/core/batch.ts'
import type { SliceTime } from '../../src/core/log.ts'
import type { Periods } from '../../src/log/periods.ts'
import { loadPeriods, PERIOD_SCHEMA, periodReader } from '../../src/log/periods.ts'
import type { AgentClock } from '../../src/machine/clock.ts'
import { openClock, STEP_US_MAX } from '../../src/machine/clock.ts'
import { systemClock } from '../../src/workers/clock.ts'
import type { Machine } from '../machine/machine.ts'
import { newMachine, S, YEAR } from '../machine/machine.ts'

const CASES = Number(process.env['HOLDFAST_CASES'] ?? 500)
const SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const STEPS_A_CASE = 40
const START_US = 1_800_000_000 * S
/** What a time service is off by when it vouches. */
const NTP_ERROR_US_MAX = 50_000
const DRIFT_MAX = 100e-6
/** Two clocks, each read to the millisecond, and the reading's own time. */
const GRAIN_US = 3_000

interface Reading {
  readonly trueUs: number
  readonly time: number
  readonly period: number
  readonly boot: number
}

interface World {
  readonly machine: Machine
  readonly random: () => number
  readonly db: Database.Database
  clock: AgentClock
  periods: Periods
  builder: BatchBuilder
  /** True times of what waits in the builder. */
  held: number[]
  /** Batches taken and not yet with the log. */
  inFlight: { readonly batch: ReadingBatch; readonly trueUs: readonly number[] }[]
  readings: Reading[]
  /** Boots whose trust has been committed. */
  trustedBoots: Set<number>
  boot: number
  marks: number
  /** By period: the shift once known. */
  shifts: Map<number, number>
}

/** mulberry32: small, and the same everywhere. */
function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

let dir = ''
let db: Database.Database
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'clock-faults-'))
  db = new Database(join(dir, 'journal.db'))
  db.pragma('journal_mode = WAL')
  // What is committed counts here, not whether the disk has it.
  db.pragma('synchronous = OFF')
  db.exec(PERIOD_SCHEMA)
})
afterAll(() => {
  db.close()
  rmSync(dir, { recursive: true, force: true })
})

/** ±1 s to ±30 years, each size as likely as the other. */
function leap(random: () => number): number {
  const size = Math.exp(Math.log(S) + random() * Math.log((30 * YEAR) / S))
  return Math.round(random() < 0.5 ? size : -size)
}

function start(world: World): void {
  world.clock = openClock(world.machine.parts(), (state) => world.periods.step(state))
  world.periods = loadPeriods(world.db, world.clock.current())
  world.builder = new BatchBuilder(1, systemClockOf(world))
  world.held = []
  world.inFlight = []
}

/** As a protocol's thread sees it: the cell alone, and the machine's monotonic clock. */
function systemClockOf({ clock }: World) {
  return { now: clock.now, held: clock.held, monotonic: systemClock().monotonic }
}

function read(world: World): void {
  const { builder, machine } = world
  const series = builder.series({ tag: 't', class: 'c', kind: 'double', boxTime: true })
  builder.add(series, builder.now(), world.readings.length + world.held.length)
  world.held.push(machine.trueUs)
}

function take(world: World): void {
  if (world.builder.isEmpty) return
  world.inFlight.push({ batch: world.builder.take(world.builder.now()), trueUs: world.held })
  world.held = []
}

function commit(world: World): void {
  world.db.transaction(() => world.periods.save())()
  if (world.clock.current().trusted) world.trustedBoots.add(world.boot)
  for (const { batch, trueUs } of world.inFlight) {
    const period = world.periods.of(batch.clock)
    for (const [at, time] of batch.time.entries())
      world.readings.push({ trueUs: trueUs[at] as number, time, period, boot: world.boot })
  }
  world.inFlight = []
  const timeOf = periodReader(world.db)
  for (const period of new Set(world.readings.map((it) => it.period))) noteShift(world, period, timeOf(period))
}

function noteShift(world: World, period: number, { quality, shiftUs }: SliceTime): void {
  if (quality === 'relative') return
  if (world.shifts.has(period)) expect(shiftUs).toBe(world.shifts.get(period))
  world.shifts.set(period, shiftUs)
}

/** One thing that happens to a box. */
function act(world: World): void {
  const { machine, random } = world
  const roll = random()
  if (roll < 0.4) read(world)
  else if (roll < 0.5) take(world)
  else if (roll < 0.6) commit(world)
  else if (roll < 0.7) machine.systemErrorUs += leap(random)
  else if (roll < 0.75) machine.systemErrorUs += (random() - 0.5) * 1.8 * STEP_US_MAX
  else if (roll < 0.85) world.clock.check()
  else if (roll < 0.9) vouch(world)
  else if (roll < 0.94) kill(world)
  else if (roll < 0.97) reboot(world)
  else machine.pass(random() * 3600 * S)
  machine.pass(random() * 2 * S)
}

/** A time service sets the clock, says so, and the agent looks. */
function vouch({ machine, random, clock, ...world }: World): void {
  machine.systemErrorUs = (random() * 2 - 1) * NTP_ERROR_US_MAX
  machine.voucher = { by: 'ntp', mark: `${world.boot} ${random()}` }
  clock.check()
}

/** What was not committed is gone; the boot goes on. */
function kill(world: World): void {
  start(world)
}

function reboot(world: World): void {
  const { machine, random } = world
  machine.reboot()
  world.boot++
  machine.pass(random() * 3600 * S)
  machine.drift = (random() * 2 - 1) * DRIFT_MAX
  // Without a battery the system's clock begins anywhere in the past.
  machine.systemErrorUs = random() < 0.5 ? -machine.trueUs : leap(random)
  start(world)
}

function run(random: () => number): { world: World; timeOf: (period: number) => SliceTime } {
  db.exec('DELETE FROM period')
  const machine = newMachine(START_US)
  const world = {
    machine,
    random,
    db,
    readings: [],
    trustedBoots: new Set(),
    boot: 0,
    marks: 0,
    shifts: new Map(),
  } as unknown as World
  reboot(world)
  for (let step = 0; step < STEPS_A_CASE; step++) act(world)
  take(world)
  commit(world)
  return { world, timeOf: periodReader(db) }
}

function judge({ world, timeOf }: ReturnType<typeof run>, seen: Record<SliceTime['quality'], number>): void {
  const { readings } = world
  const span = world.machine.trueUs - START_US
  const boundOf = { corrected: NTP_ERROR_US_MAX, synchronised: NTP_ERROR_US_MAX + STEP_US_MAX }
  for (const [sequence, it] of readings.entries()) {
    const before = readings[sequence - 1]
    if (before) expect(it.trueUs).toBeGreaterThanOrEqual(before.trueUs)
    const { quality, shiftUs } = timeOf(it.period)
    seen[quality]++
    expect(quality === 'relative').toBe(!world.trustedBoots.has(it.boot))
    if (quality !== 'relative')
      expect(Math.abs(it.time + shiftUs - it.trueUs)).toBeLessThanOrEqual(boundOf[quality] + GRAIN_US + 2 * DRIFT_MAX * span)
    else if (before?.period === it.period)
      expect(Math.abs(it.time - before.time - (it.trueUs - before.trueUs))).toBeLessThanOrEqual(GRAIN_US + DRIFT_MAX * span)
  }
}

test(`T1: ${CASES} boxes whose clocks step, seed ${SEED}`, { timeout: 3_600_000 }, () => {
  const seen = { synchronised: 0, corrected: 0, relative: 0 }
  let failed = 0
  let first: unknown
  for (let at = 0; at < CASES; at++) {
    try {
      judge(run(dice(SEED + at)), seen)
    } catch (error) {
      failed++
      first ??= new Error(`seed ${SEED + at}`, { cause: error })
    }
  }
  console.log(
    `T1: ${CASES - failed} passed, ${failed} failed, seed ${SEED}; readings: ${JSON.stringify(seen)}`,
    failed > 0 ? `; again: HOLDFAST_CASES=1 HOLDFAST_SEED=${/\d+/.exec(String(first))?.[0]}` : '',
  )
  if (first) throw first
  // The campaign has met what it is about.
  if (CASES >= 100) for (const count of Object.values(seen)) expect(count).toBeGreaterThan(CASES / 10)
})
