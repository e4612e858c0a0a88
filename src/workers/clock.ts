import type { Clock, ClockState } from '../core/clock.ts'
import { bootId } from '../machine/clock-boot.ts'
import { cellClock, monotonicUs } from '../machine/clock-cell.ts'

/**
 * The agent's time in any thread, read from the cell that the main thread keeps (`AgentClock.cell`, handed over as worker data).
 * Without a cell (commands, tests): the system's clock; it follows a step at once (performance.timeOrigin would not).
 */
export function systemClock(cell?: SharedArrayBuffer): Clock {
  const monotonic = () => performance.now()
  if (!cell) return { now: () => Date.now() * 1000, monotonic }
  return { ...cellClock(cell, monotonicUs), monotonic }
}

/** Of a process that keeps no clock of its own (commands, tests): the system's, trusted as it is. */
export function systemState(): ClockState {
  const now = Date.now() * 1000
  const bootUs = monotonicUs()
  return { bootId: bootId(), trusted: true, offsetUs: Math.round((now - bootUs) / 1000) * 1000, bootUs, now, version: 0 }
}
