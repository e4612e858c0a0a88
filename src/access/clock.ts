// Time for sessions and guesses: it never goes back and never jumps with the wall clock. It goes on where it was after a restart of a process or
// of the machine; what passed while the machine was off counts as far as the wall clock tells.
import { readFileSync } from 'node:fs'
import type { Store } from './store.ts'

/** What a machine tells of time. */
export interface MachineTime {
  /** Of this boot. */
  readonly boot: string
  /** Milliseconds since some instant of this boot; the same for all processes. */
  monotonicMs(): number
  /** Milliseconds since 1970 UTC, as far as the machine knows. */
  wallMs(): number
}

export interface AccessClock {
  /** Access time in milliseconds. */
  now(): number
  /** Microseconds since 1970 UTC, for people. */
  wall(): number
  /** Keeps the time: what is written after it is not younger after a boot. Called within each transaction. */
  keep(): void
}

export function machineTime(): MachineTime {
  return {
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    // Linux: CLOCK_MONOTONIC, one for the whole machine.
    monotonicMs: () => Number(process.hrtime.bigint() / 1_000_000n),
    wallMs: () => Date.now(),
  }
}

interface Kept {
  readonly boot: string
  readonly access: number
  readonly monotonic: number
  readonly wall: number
}

export function openAccessClock({ db }: Store, time: MachineTime): AccessClock {
  const read = db.prepare<[], Kept>('SELECT boot, access, monotonic, wall FROM clock')
  const write = db.prepare('INSERT OR REPLACE INTO clock (one, boot, access, monotonic, wall) VALUES (1, ?, ?, ?, ?)')
  const kept = read.get()
  const at = { monotonic: time.monotonicMs(), access: 0 }
  if (kept) {
    const passed = kept.boot === time.boot ? at.monotonic - kept.monotonic : time.wallMs() - kept.wall
    at.access = kept.access + Math.max(0, passed)
  }
  const now = (): number => at.access + (time.monotonicMs() - at.monotonic)
  const keep = (): void => void write.run(time.boot, now(), time.monotonicMs(), time.wallMs())
  keep()
  return { now, wall: () => time.wallMs() * 1000, keep }
}
