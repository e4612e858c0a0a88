// A machine's clocks as tests need them: they own every one of them.
import type { ClockParts, SavedClock, Voucher } from '../../src/machine/clock.ts'

export const S = 1_000_000
export const YEAR = 365 * 86_400 * S
export const BUILT = 1_760_000_000 * S

export interface Machine {
  /** True time since 1970 UTC and since this boot, microseconds. */
  trueUs: number
  /** System clock less true time. */
  systemErrorUs: number
  /** The boot clock's rate is off by so much. */
  drift: number
  asleepUs: number
  voucher: Voucher | null
  saved: SavedClock | undefined
  saves: number
  parts(): ClockParts
  /** True time goes on. */
  pass(us: number): void
  sleep(us: number): void
  reboot(): void
}

export function newMachine(trueUs: number): Machine {
  let boots = 0
  let uptimeUs = 0
  const machine: Machine = {
    trueUs,
    systemErrorUs: 0,
    drift: 0,
    asleepUs: 0,
    voucher: null,
    saved: undefined,
    saves: 0,
    parts: () => ({
      // As the system's clock is read: whole milliseconds.
      systemUs: () => Math.floor((machine.trueUs + machine.systemErrorUs) / 1000) * 1000,
      monotonicUs: () => Math.floor(uptimeUs),
      bootUs: () => Math.floor((uptimeUs + machine.asleepUs) / 10_000) * 10_000,
      voucher: () => machine.voucher,
      bootId: `boot-${boots}`,
      floorUs: BUILT,
      saved: machine.saved,
      save(saved) {
        machine.saved = saved
        machine.saves++
      },
    }),
    pass(us) {
      machine.trueUs += us
      // The boot clock and the system's tick by the same crystal.
      uptimeUs += us * (1 + machine.drift)
      machine.systemErrorUs += us * machine.drift
    },
    sleep(us) {
      machine.trueUs += us
      machine.asleepUs += us
    },
    reboot() {
      boots++
      uptimeUs = 0
      machine.asleepUs = 0
      machine.voucher = null
    },
  }
  return machine
}
