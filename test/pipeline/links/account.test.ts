// What an interface carries in a period never exceeds its budget: whatever ends the process or the power, and whenever.
import fc from '../../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { SavedAccount } from '../../../src/core/links.ts'
import type { BudgetSettings } from '../../../src/core/settings.ts'
import type { Account } from '../../../src/pipeline/links/account.ts'
import { openAccount } from '../../../src/pipeline/links/account.ts'
import { periodOf } from '../../../src/pipeline/links/periods.ts'
import { timeZone } from '../../../src/core/zone.ts'

const HOUR_US = 3_600_000_000
const BUDGET: BudgetSettings = { bytes: 10_000_000, per: 'day', zone: 'Europe/Berlin' }
const START = Date.parse('2026-03-27T08:00Z') * 1000

interface Options {
  readonly budget?: BudgetSettings
  /** The interface tells what it counts. */
  readonly counts?: boolean
}

/** A box with one interface, whose far end counts what really goes. */
function box({ budget = BUDGET, counts = true }: Options = {}) {
  const disk = new Map<string, SavedAccount>()
  let now = START
  let counter = 0
  let boots = 1
  let cut: 'before' | 'after' | undefined
  const truth = new Map<number, number>()
  const zone = timeZone(budget.zone)

  const open = (saved: readonly SavedAccount[] | 'damaged' = [...disk.values()]): Account =>
    openAccount({
      interface: 'wwan0',
      budget,
      counter: () => (counts ? counter : undefined),
      boot: `boot ${boots}`,
      now: () => now,
      saved,
      async save(account) {
        await Promise.resolve()
        if (cut !== 'before') disk.set(`${account.zone} ${account.start}`, account)
        if (cut !== undefined) throw new Error('the power is cut')
      },
    })

  return {
    disk,
    truth,
    open,
    carry(bytes: number): void {
      counter += bytes
      const { start } = periodOf(budget.per, zone, now)
      truth.set(start, (truth.get(start) ?? 0) + bytes)
    },
    pass: (us: number) => void (now += us),
    reboot() {
      boots++
      counter = 0
    },
    cut: (when: typeof cut) => void (cut = when),
    today: () => truth.get(periodOf(budget.per, zone, now).start) ?? 0,
  }
}

/** On the wire, bytes of sockets take up to a tenth more. */
const WIRE = 1.1

type Step =
  | {
      readonly do: 'send'
      readonly bytes: number
      readonly share: number
      readonly wire: number
      readonly end: 'well' | 'crash' | 'power' | 'stop'
    }
  | { readonly do: 'cut'; readonly bytes: number; readonly when: 'before' | 'after' }
  | { readonly do: 'pass'; readonly hours: number }
  | { readonly do: 'back' }

const size = fc.integer({ min: 1, max: 1_500_000 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      bytes: size,
      share: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1, noNaN: true })),
      wire: fc.double({ min: 1, max: WIRE, noNaN: true }),
      end: fc.oneof(
        { weight: 20, arbitrary: fc.constant('well' as const) },
        { weight: 3, arbitrary: fc.constantFrom('crash' as const, 'power' as const, 'stop' as const) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('cut' as const),
      bytes: size,
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'back' as const }) },
)

async function play(steps: readonly Step[], options: Options): Promise<{ sent: number; most: number }> {
  const it = box(options)
  let account = it.open()
  let sent = 0
  for (const step of steps) {
    if (step.do === 'pass') it.pass(step.hours * HOUR_US)
    // A clock that is set back to yesterday: those are the bytes of a day that was.
    else if (step.do === 'back') it.pass(-24 * HOUR_US)
    else if (step.do === 'cut') {
      it.cut(step.when)
      // Nothing goes without a grant, and there is none when the disk does not say so.
      const grant = await account.reserve(step.bytes).catch(() => undefined)
      if (grant) it.carry(step.bytes)
      it.cut(undefined)
      account = it.open()
    } else {
      const grant = await account.reserve(step.bytes)
      if (!grant) continue
      sent++
      const gone = Math.floor(step.bytes * step.share)
      it.carry(Math.floor(gone * step.wire))
      if (step.end === 'well' || step.end === 'stop') {
        expect(grant.spent(gone)).toBe(true)
        grant.end()
      }
      if (step.end === 'stop') await account.close()
      if (step.end === 'power') it.reboot()
      if (step.end !== 'well') account = it.open()
    }
  }
  return { sent, most: Math.max(0, ...it.truth.values()) }
}

describe('never exceeded, whenever the process, the power or the disk ends', () => {
  test.each([{ counts: true }, { counts: false }])('interface counts: $counts', { timeout: 120_000 }, async (options) => {
    let sent = 0
    let most = 0
    const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const found = await play(steps, options)
      expect(found.most).toBeLessThanOrEqual(BUDGET.bytes)
      sent += found.sent
      most = Math.max(most, found.most)
    })
    await fc.assert(property, { numRuns: 200 })
    // It did send, and came near.
    expect(sent).toBeGreaterThan(1_000)
    expect(most).toBeGreaterThan(BUDGET.bytes * 0.9)
  })
})

async function spend(account: Account, carry: (bytes: number) => void, bytes: number): Promise<boolean> {
  const grant = await account.reserve(bytes)
  if (!grant) return false
  carry(bytes)
  grant.spent(bytes)
  grant.end()
  return true
}

test('of a budget nearly all can be used, a crash costs a step and a clean stop nothing', async () => {
  const it = box()
  let account = it.open()
  await spend(account, it.carry, 1_000_000)
  await account.close()
  account = it.open()
  expect(account.state().spent).toBeCloseTo(1_100_000, -1)
  account = it.open()
  expect(account.state().spent).toBeLessThan(1_100_000 + BUDGET.bytes * 0.01)
  while (await spend(account, it.carry, 50_000));
  expect(it.today()).toBeGreaterThan((BUDGET.bytes / WIRE) * 0.97)
  expect(it.today()).toBeLessThanOrEqual(BUDGET.bytes)
})

test('what others send by the interface counts, while we run and while we do not', async () => {
  const it = box()
  let account = it.open()
  expect(await spend(account, it.carry, 100_000)).toBe(true)
  it.carry(4_000_000)
  account.look()
  expect(account.state().spent).toBe(4_100_000)
  await account.close()
  it.carry(3_000_000)
  account = it.open()
  expect(account.state().spent).toBe(7_100_000)
  // Seen once is on disk soon after: the power may go at any time.
  account.look()
  await Promise.resolve()
  it.reboot()
  it.carry(2_000_000)
  account = it.open()
  expect(account.state().left).toBeLessThan(1_000_000)
  expect(await account.reserve(1_000_000)).toBeUndefined()
})

test('many ask at once: all that is granted is on disk', async () => {
  const it = box()
  const account = it.open()
  const grants = await Promise.all(Array.from({ length: 20 }, () => account.reserve(600_000)))
  const given = grants.filter((one) => one !== undefined).length
  expect(given).toBe(Math.floor(BUDGET.bytes / WIRE / 600_000))
  expect([...it.disk.values()][0]?.reserved).toBeGreaterThanOrEqual(given * 600_000 * WIRE)
})

test('a period ends at midnight of its zone, and one that is not known counts as spent', async () => {
  const it = box()
  let account = it.open('damaged')
  expect(account.state()).toMatchObject({ left: 0, isUnknown: true, start: Date.parse('2026-03-26T23:00Z') * 1000 })
  expect(await account.reserve(1)).toBeUndefined()
  it.pass(15 * HOUR_US - 1_000_000)
  expect(await account.reserve(1)).toBeUndefined()
  it.pass(1_000_000)
  expect(await spend(account, it.carry, 1_000_000)).toBe(true)
  expect(account.state()).toMatchObject({ isUnknown: false, end: Date.parse('2026-03-28T23:00Z') * 1000 })
  // The day on which the clocks are changed has 23 hours.
  it.pass(24 * HOUR_US)
  account = it.open()
  expect(account.state()).toMatchObject({ spent: 0, end: Date.parse('2026-03-29T22:00Z') * 1000 })
})
