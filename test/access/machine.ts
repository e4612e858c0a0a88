// A machine whose clocks the test moves.
import type { MachineTime } from '../../src/access/clock.ts'

export interface TestMachine extends MachineTime {
  boot: string
  /** Both clocks. */
  pass(ms: number): void
  /** The wall clock alone. */
  set(wallMs: number): void
  restart(offMs: number): void
}

export function testMachine(): TestMachine {
  const at = { monotonic: 1_000_000, wall: Date.parse('2026-11-29T10:00:00Z') }
  return {
    boot: 'boot-1',
    monotonicMs: () => at.monotonic,
    wallMs: () => at.wall,
    pass(ms) {
      at.monotonic += ms
      at.wall += ms
    },
    set(wallMs) {
      at.wall = wallMs
    },
    restart(offMs) {
      this.boot = `${this.boot}+`
      at.monotonic = 5_000
      at.wall += offMs
    },
  }
}
