import type { Clock } from '../core/source.ts'

/** The machine's clock. Wall time follows a stepped clock at once (performance.timeOrigin would not). */
export function systemClock(): Clock {
  return {
    now: () => Date.now() * 1000,
    monotonic: () => performance.now(),
  }
}
