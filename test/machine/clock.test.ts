import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { openClock, STEP_US_MAX } from '../../src/machine/clock.ts'
import { machineClock } from '../../src/machine/clock-parts.ts'
import { systemClock } from '../../src/workers/clock.ts'
import { BUILT, newMachine, S, YEAR } from './machine.ts'

const TRUE = 1_800_000_000 * S
const ntp = (mark: number) => ({ by: 'ntp', mark: String(mark) }) as const

test('a box without a battery begins in the past: its time is the floor, goes on evenly, and becomes right when somebody vouches for it', () => {
  const machine = newMachine(TRUE)
  machine.systemErrorUs = -TRUE
  const clock = openClock(machine.parts())
  expect(clock.current()).toMatchObject({ trusted: false, version: 0, bootUs: 0, now: BUILT })
  machine.pass(100 * S)
  expect(clock.check()).toBeUndefined()
  expect(clock.now()).toBe(BUILT + 100 * S)
  machine.systemErrorUs = 0
  machine.voucher = ntp(1)
  const before = clock.current()
  const step = clock.check()
  expect(step).toMatchObject({ trusted: true, version: 1, now: TRUE + 100 * S })
  expect((step?.offsetUs ?? 0) - before.offsetUs).toBe(TRUE - BUILT)
  expect(clock.now()).toBe(TRUE + 100 * S)
  expect(clock.status()).toEqual({ synchronised: true, offsetMs: 0, trusted: true, source: 'ntp' })
})

test('the floor is the later of build time and saved time; it binds nobody who is vouched for', () => {
  const machine = newMachine(TRUE)
  machine.systemErrorUs = -TRUE
  machine.saved = { bootId: 'earlier', now: BUILT + 50 * S, offsetUs: 1, trust: ntp(1) }
  const clock = openClock(machine.parts())
  expect(clock.current()).toMatchObject({ trusted: false, now: BUILT + 50 * S })
  machine.systemErrorUs = -5 * YEAR
  machine.voucher = ntp(2)
  expect(clock.check()).toMatchObject({ trusted: true, now: TRUE - 5 * YEAR })
  const again = openClock({ ...machine.parts(), bootId: 'next', floorUs: TRUE })
  expect(again.current()).toMatchObject({ trusted: true, now: TRUE - 5 * YEAR })
})

test('not trusted: the offset stands still below the threshold, steps above it, never goes below the floor', () => {
  const machine = newMachine(TRUE)
  const clock = openClock(machine.parts())
  const { offsetUs } = clock.current()
  for (const error of [STEP_US_MAX, -STEP_US_MAX, 1000]) {
    machine.systemErrorUs = error
    expect(clock.check()).toBeUndefined()
    expect(clock.current().offsetUs).toBe(offsetUs)
    expect(clock.now()).toBe(TRUE)
  }
  machine.systemErrorUs = STEP_US_MAX + 1000
  expect(clock.check()).toMatchObject({ version: 1, offsetUs: offsetUs + STEP_US_MAX + 1000 })
  machine.systemErrorUs = -30 * YEAR
  expect(clock.check()).toMatchObject({ version: 2, now: BUILT })
  machine.pass(S)
  expect(clock.check()).toBeUndefined()
})

test('trusted: what is below the threshold is followed without a step; what is above needs that somebody vouches anew', () => {
  const machine = newMachine(TRUE)
  machine.voucher = ntp(1)
  const clock = openClock(machine.parts())
  machine.systemErrorUs = 400_000
  expect(clock.check()).toBeUndefined()
  expect(clock.now()).toBe(TRUE + 400_000)
  // Followed counts from where the stretch began: no creeping away.
  machine.systemErrorUs = 800_000
  expect(clock.check()).toBeUndefined()
  expect(clock.now()).toBe(TRUE + 400_000)
  for (const error of [S, -S, 30 * YEAR, -30 * YEAR]) {
    machine.systemErrorUs = error
    machine.pass(S)
    expect(clock.check()).toBeUndefined()
    expect(clock.now()).toBe(machine.trueUs + 400_000)
    expect(clock.status().offsetMs).toBe((error - 400_000) / 1000)
  }
  machine.systemErrorUs = 2 * S
  machine.voucher = ntp(2)
  expect(clock.check()).toMatchObject({ trusted: true, version: 1 })
  expect(clock.now()).toBe(machine.trueUs + 2 * S)
  machine.voucher = null
  expect(clock.check()).toBeUndefined()
  expect(clock.status()).toMatchObject({ trusted: true, synchronised: false })
})

test("a battery clock vouches for the start alone, a container's host always, a time service after a battery clock too", () => {
  const machine = newMachine(TRUE)
  machine.voucher = { by: 'rtc', mark: 'start' }
  const clock = openClock(machine.parts())
  machine.systemErrorUs = 60 * S
  expect(clock.check()).toBeUndefined()
  machine.voucher = ntp(1)
  expect(clock.check()).toMatchObject({ trusted: true, version: 1 })
  machine.voucher = { by: 'rtc', mark: 'start' }
  machine.systemErrorUs = 0
  expect(clock.check()).toBeUndefined()
  machine.voucher = { by: 'host' }
  expect(clock.check()).toMatchObject({ version: 2, now: TRUE })
  machine.systemErrorUs = -S
  expect(clock.check()).toMatchObject({ version: 3, now: TRUE - S })
})

test('sleep is no step: the boot goes on', () => {
  const machine = newMachine(TRUE)
  const clock = openClock(machine.parts())
  machine.pass(10 * S)
  machine.sleep(3600 * S)
  machine.pass(S)
  expect(clock.check()).toBeUndefined()
  expect(Math.abs(clock.now() - machine.trueUs)).toBeLessThan(20_000)
})

test('a start within one boot goes on with offset and trust, and does not go back', () => {
  const machine = newMachine(TRUE)
  machine.voucher = ntp(1)
  const before = openClock(machine.parts())
  before.save()
  machine.pass(5 * S)
  machine.voucher = null
  machine.systemErrorUs = -YEAR
  const after = openClock(machine.parts())
  expect(after.current()).toEqual({ ...before.current(), version: 0 })
  expect(after.check()).toBeUndefined()
  expect(after.now()).toBe(machine.trueUs)
  machine.reboot()
  const rebooted = openClock(machine.parts())
  expect(rebooted.current()).toMatchObject({ trusted: false })
  expect(rebooted.now()).toBeGreaterThanOrEqual(before.current().now - 5 * S)
})

test('the time is saved every ten minutes, and at each step', () => {
  const machine = newMachine(TRUE)
  const clock = openClock(machine.parts())
  for (let second = 0; second < 1900; second++) {
    machine.pass(S)
    clock.check()
  }
  expect(machine.saves).toBe(3)
  machine.voucher = ntp(1)
  clock.check()
  expect(machine.saves).toBe(4)
  expect(machine.saved).toMatchObject({ bootId: 'boot-0', now: machine.trueUs, trust: ntp(1) })
})

test('who is told hears of a step before any thread sees its time; whoever holds the clock goes on as it was', () => {
  const machine = newMachine(TRUE)
  const seen: number[] = []
  const clock = openClock(machine.parts(), () => seen.push(clock.now()))
  const thread = systemClock(clock.cell)
  const held = clock.held()
  machine.systemErrorUs = 60 * S
  clock.check()
  expect(seen).toEqual([TRUE])
  expect([held.version, held.now(), clock.held().version, clock.held().now()]).toEqual([0, TRUE, 1, TRUE + 60 * S])
  expect(thread.held?.().version).toBe(1)
  machine.pass(2 * S)
  expect([held.now(), clock.now()]).toEqual([TRUE + 2 * S, TRUE + 62 * S])
})

test('a machine that is too busy to read two clocks at one moment takes no step', () => {
  const machine = newMachine(TRUE)
  const parts = machine.parts()
  let isBusy = false
  const clock = openClock({
    ...parts,
    systemUs() {
      if (isBusy) machine.pass(900_000)
      return parts.systemUs()
    },
  })
  isBusy = true
  expect(clock.check()).toBeUndefined()
  isBusy = false
  expect(clock.check()).toBeUndefined()
  expect(clock.now()).toBe(Math.floor(machine.trueUs / 1000) * 1000)
})

test('on this machine: threads agree to the millisecond, through steps too, and clock.json is read again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'clock-'))
  const errors: Error[] = []
  const parts = machineClock(dir, (error) => errors.push(error))
  expect(parts.saved).toBeUndefined()
  let shiftUs = 0
  const clock = openClock({
    ...parts,
    systemUs: () => parts.systemUs() + shiftUs,
    voucher: () => ({ by: 'host' }),
  })
  expect(Math.abs(clock.now() - Date.now() * 1000)).toBeLessThan(1000 * 1000)
  expect(Math.abs(parts.bootUs() - parts.monotonicUs())).toBeLessThan(3e12)
  const url = new URL('../../src/workers/clock.ts', import.meta.url).href
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     import(${JSON.stringify(url)}).then(({ systemClock }) => {
       const clock = systemClock(workerData)
       parentPort.on('message', () => parentPort.postMessage([clock.held().version, clock.now()]))
       parentPort.postMessage('ready')
     })`,
    { eval: true, workerData: clock.cell },
  )
  try {
    await once(worker, 'message')
    for (const [version, shift] of [0, 30 * YEAR, -30 * YEAR, S].entries()) {
      shiftUs = shift
      if (version > 0) expect(clock.check()).toMatchObject({ version })
      const before = clock.now()
      worker.postMessage('')
      const [[seen, now]] = (await once(worker, 'message')) as [[number, number]]
      expect(seen).toBe(version)
      expect(now).toBeGreaterThanOrEqual(before)
      expect(now).toBeLessThanOrEqual(clock.now())
    }
    clock.save()
    const offsetUs = clock.current().offsetUs
    await expect.poll(() => machineClock(dir, () => {}).saved?.offsetUs, { timeout: 20_000 }).toBe(offsetUs)
    expect(JSON.parse(readFileSync(join(dir, 'clock.json'), 'utf8'))).toMatchObject({ bootId: parts.bootId })
    writeFileSync(join(dir, 'clock.json'), '{"now":')
    expect(machineClock(dir, () => {}).saved).toBeUndefined()
    expect(errors).toEqual([])
  } finally {
    await worker.terminate()
    rmSync(dir, { recursive: true, force: true })
  }
})

test('a mark that was seen while all was well is no news at the next start: what was done to the system clock since is not taken over', () => {
  const machine = newMachine(TRUE)
  machine.voucher = ntp(1)
  const before = openClock(machine.parts())
  expect(before.check()).toBeUndefined()
  machine.voucher = ntp(2)
  expect(before.check()).toBeUndefined()
  machine.systemErrorUs = 8 * YEAR
  const after = openClock(machine.parts())
  expect(after.check()).toBeUndefined()
  expect(after.now()).toBe(TRUE)
})
