// T1: steps of the system clock of ±1 s to ±30 years at any moment, boots that nobody ever vouches for, kills, power cuts. Clock, builder
// and log are the real ones; the machine is the test's.
//
// To hold:
//   sequences     are in the order of the readings, and commits come when they are due, whatever the clocks say
//   corrected     a time that is sent as corrected is off by at most what the vouched-for clock was off when the trust began, what its two
//                 clocks are read to, and what the boot clock drifted between the reading and then
//   synchronised  is off by at most the same of the stretch's beginning and what is followed silently (STEP_US_MAX): steps that nobody
//                 vouches for change nothing
//   relative      exactly the readings of boots in which nobody has vouched for the time yet; distances within a stretch hold
//   once          the shift of a period never changes
//   others'       times that the far end gave are sent as they came
import { strict as assert } from 'node:assert'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BatchBuilder } from '../../src/core/batch.ts'
import type { AgentClock } from '../../src/machine/clock.ts'
import { openClock, STEP_US_MAX } from '../../src/machine/clock.ts'
import type { Machine } from '../machine/machine.ts'
import { newMachine, S, YEAR } from '../machine/machine.ts'
import type { Campaign } from '../prove/campaign.ts'
import type { Dice } from './dice.ts'
import type { BoxLog, Sent } from './t1-log.ts'
import { BOX_SERIES, tableOnly, wholeLog } from './t1-log.ts'

const CASES_A_ROUND = 50
/** Of them with the whole log. */
const WHOLE_A_ROUND = 2
const ACTS = 40
const START_US = 1_800_000_000 * S
/** What a time service is off by when it vouches. */
const NTP_ERROR_US_MAX = 50_000
const DRIFT_MAX = 100e-6
/** Two clocks, each read to the millisecond, and the reading's own time. */
const GRAIN_US = 3_000

interface Truth {
  readonly trueUs: number
  readonly boot: number
}

interface Box {
  readonly machine: Machine
  readonly dice: Dice
  readonly log: BoxLog
  clock: AgentClock
  builder: BatchBuilder
  /** By value. */
  readonly truths: Truth[]
  /** Values in the builder, and those that the log has not committed. */
  held: number[]
  appended: number[]
  readonly durable: number[]
  /** Boots whose trust is committed. */
  readonly trustedBoots: Set<number>
  boot: number
}

export const t1: Campaign = {
  id: 'T1',
  what: 'steps of the clock at any moment, boots that never know the time',
  short: 500,
  long: 50_000,
  async run({ dir, dice, isOver, case: one }) {
    const seen = { synchronised: 0, corrected: 0, relative: 0 }
    for (let n = 0; n < CASES_A_ROUND && !isOver(); n++) {
      const isWhole = n < WHOLE_A_ROUND
      await one(`box ${n}${isWhole ? ', the whole log' : ''}`, async () => {
        const machine = newMachine(START_US)
        const place = join(dir, `box-${n}`)
        mkdirSync(place)
        live(dice, machine, isWhole ? wholeLog(place, machine) : tableOnly(place), seen)
      })
    }
    // The round has met what it is about.
    if (!isOver()) for (const count of Object.values(seen)) assert.ok(count > CASES_A_ROUND / 10, JSON.stringify(seen))
  },
}

function live(dice: Dice, machine: Machine, log: BoxLog, seen: Record<Sent['quality'], number>): void {
  const box = { machine, dice, log, truths: [], durable: [], trustedBoots: new Set(), boot: 0 } as unknown as Box
  try {
    reboot(box)
    for (let n = 0; n < ACTS; n++) act(box)
    take(box)
    commit(box)
    judge(box, log.sent(), seen)
  } finally {
    log.close()
  }
}

// --- what happens to a box -----------------------------------------------------------------------------------------------

/** ±1 s to ±30 years, each size as likely as the other. */
function leap(dice: Dice): number {
  const size = Math.exp(Math.log(S) + dice.next() * Math.log((30 * YEAR) / S))
  return Math.round(dice.once(2) ? size : -size)
}

const between = (dice: Dice, most: number) => (dice.next() * 2 - 1) * most

const DEEDS: readonly (readonly [weight: number, (box: Box) => void])[] = [
  [40, read],
  [10, take],
  [10, commit],
  [10, ({ machine, dice }) => void (machine.systemErrorUs += leap(dice))],
  [5, ({ machine, dice }) => void (machine.systemErrorUs += between(dice, 0.9 * STEP_US_MAX))],
  [10, ({ clock }) => void clock.check()],
  [5, vouch],
  [4, start],
  [3, reboot],
  [3, ({ machine, dice }) => machine.pass(dice.next() * 3600 * S)],
  [2, ({ log }) => log.seal()],
]
const WEIGHTS = DEEDS.reduce((sum, [weight]) => sum + weight, 0)

function act(box: Box): void {
  let roll = box.dice.next() * WEIGHTS
  const deed = DEEDS.find(([weight]) => (roll -= weight) < 0) ?? DEEDS[0]
  deed?.[1](box)
  box.machine.pass(box.dice.next() * 2 * S)
}

/** Two readings: one that this box's clock gives its time, one that brings its own. */
function read({ builder, machine, truths, held, boot }: Box): void {
  const trueUs = Math.round(machine.trueUs)
  for (const boxTime of [true, false]) {
    const series = builder.series({ tag: `${boxTime}`, class: 'c', kind: 'double', ...(boxTime && { boxTime }) })
    assert.equal(series === BOX_SERIES, boxTime)
    builder.add(series, boxTime ? builder.now() : trueUs, truths.length)
    held.push(truths.length)
    truths.push({ trueUs, boot })
  }
}

function take(box: Box): void {
  if (box.builder.isEmpty) return
  box.log.append(box.builder.take(box.builder.now()))
  box.appended.push(...box.held)
  box.held = []
}

function commit(box: Box): void {
  box.log.commit()
  if (box.clock.current().trusted) box.trustedBoots.add(box.boot)
  box.durable.push(...box.appended)
  box.appended = []
}

/** A time service sets the clock, says so, and the agent looks. */
function vouch({ machine, dice, clock, boot }: Box): void {
  machine.systemErrorUs = between(dice, NTP_ERROR_US_MAX)
  machine.voucher = { by: 'ntp', mark: `${boot} ${dice.next()}` }
  clock.check()
}

/** A start of the agent: what the one before had not committed is gone. */
function start(box: Box): void {
  const { log } = box
  box.clock = openClock(box.machine.parts(), (state) => log.step(state))
  log.open(box.clock.current(), box.clock.now)
  if (box.clock.current().trusted) box.trustedBoots.add(box.boot)
  box.builder = new BatchBuilder(box.truths.length, box.clock)
  box.held = []
  box.appended = []
}

function reboot(box: Box): void {
  const { machine, dice } = box
  machine.reboot()
  box.boot++
  machine.pass(dice.next() * 3600 * S)
  machine.drift = between(dice, DRIFT_MAX)
  // Without a battery the system's clock begins anywhere in the past.
  machine.systemErrorUs = dice.once(2) ? -machine.trueUs : leap(dice)
  start(box)
}

// --- what must hold ------------------------------------------------------------------------------------------------------

function judge(box: Box, sent: readonly Sent[], seen: Record<Sent['quality'], number>): void {
  const elapsed = box.machine.trueUs - START_US
  for (const boxTime of [true, false]) {
    const mine = sent.filter((it) => it.boxTime === boxTime)
    // Values count up: their order is that of the readings.
    assert.deepEqual(
      mine.map((it) => it.value),
      box.durable.filter((value) => (value % 2 === 0) === boxTime),
    )
    for (const [n, it] of mine.entries()) judgeOne(box, it, mine[n - 1], elapsed)
  }
  for (const it of sent) seen[it.quality]++
}

function judgeOne(box: Box, it: Sent, before: Sent | undefined, elapsed: number): void {
  const { trueUs, boot } = box.truths[it.value] as Truth
  const about = JSON.stringify({ ...it, trueUs, boot })
  assert.equal(it.quality === 'relative', !box.trustedBoots.has(boot), about)
  if (!it.boxTime) assert.equal(it.time, trueUs, about)
  else if (it.quality !== 'relative') {
    const most = NTP_ERROR_US_MAX + (it.quality === 'synchronised' ? STEP_US_MAX : 0) + GRAIN_US + 2 * DRIFT_MAX * elapsed
    assert.ok(Math.abs(it.time - trueUs) <= most, `off by ${it.time - trueUs} µs: ${about}`)
    // Received when its batch was handed out: at the reading's time or later.
    assert.ok(it.received >= it.time - STEP_US_MAX && it.received <= it.time + elapsed + STEP_US_MAX, about)
  } else if (before?.stretch === it.stretch) {
    const distance = trueUs - (box.truths[before.value] as Truth).trueUs
    assert.ok(Math.abs(it.time - before.time - distance) <= GRAIN_US + DRIFT_MAX * elapsed, about)
  }
}
