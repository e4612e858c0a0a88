// One cell of memory that all threads share: what has to be added to the machine's monotonic clock, which is the same in every thread.
// The main thread alone writes it (clock.ts); the sequence number is odd while it does, so that nobody reads halves of two steps.
import type { HeldClock } from '../core/clock.ts'

const SEQUENCE = 0
const VERSION = 1
const BASE_US = 2
const CELLS = 3
const US_PER_MS = 1000

interface ClockReading {
  readonly version: number
  /** Microseconds since 1970 UTC = monotonic microseconds + base. */
  readonly baseUs: number
}

export function newClockCell(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT)
}

export function writeCell(cell: SharedArrayBuffer, { version, baseUs }: ClockReading): void {
  const cells = new BigInt64Array(cell)
  Atomics.add(cells, SEQUENCE, 1n)
  Atomics.store(cells, VERSION, BigInt(version))
  Atomics.store(cells, BASE_US, BigInt(baseUs))
  Atomics.add(cells, SEQUENCE, 1n)
}

function readCell(cells: BigInt64Array): ClockReading {
  for (;;) {
    const before = Atomics.load(cells, SEQUENCE)
    const version = Number(Atomics.load(cells, VERSION))
    const baseUs = Number(Atomics.load(cells, BASE_US))
    if (before % 2n === 0n && Atomics.load(cells, SEQUENCE) === before) return { version, baseUs }
  }
}

/** The machine's monotonic clock: one for all threads and processes of a boot. Whole microseconds. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

export interface CellClock {
  /** Microseconds since 1970 UTC, whole milliseconds: what compresses well, and as fine as the system's clock is read. */
  now(): number
  held(): HeldClock
}

/** The agent's time, as any thread reads it. `monotonic` in microseconds. */
export function cellClock(cell: SharedArrayBuffer, monotonic: () => number): CellClock {
  const cells = new BigInt64Array(cell)
  const nowWith = (baseUs: number) => Math.floor((monotonic() + baseUs) / US_PER_MS) * US_PER_MS
  let latest = heldAt(readCell(cells))

  /** Within its version it follows what the clock follows silently; after the next step it stays as it was last seen. */
  function heldAt({ version, baseUs }: ClockReading) {
    let base = baseUs
    const see = (read: ClockReading) => {
      if (read.version === version) base = read.baseUs
    }
    const now = () => {
      see(readCell(cells))
      return nowWith(base)
    }
    return { version, now, see }
  }

  return {
    now: () => nowWith(readCell(cells).baseUs),
    held() {
      const read = readCell(cells)
      if (read.version === latest.version) latest.see(read)
      else latest = heldAt(read)
      return latest
    },
  }
}
