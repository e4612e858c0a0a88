// A clock that is set, by whomever, is an event: what is written before it and after it stands on different times.
import type { Access } from '../access/index.ts'
import type { MachineTime } from '../access/clock.ts'

const LOOK_EVERY_MS = 1_000
/** What time servers correct bit by bit is less. */
const STEP_MS_MIN = 2_000

export interface ClockSteps {
  look(): void
  close(): void
}

export function clockSteps(access: Pick<Access, 'audit'>, time: MachineTime): ClockSteps {
  const ahead = (): number => time.wallMs() - time.monotonicMs()
  let before = ahead()
  const look = (): void => {
    const stepMs = Math.round(ahead() - before)
    if (Math.abs(stepMs) < STEP_MS_MIN) return
    const now = time.wallMs()
    const detail = { from: new Date(now - stepMs).toISOString(), to: new Date(now).toISOString(), ms: String(stepMs) }
    try {
      access.audit({ what: 'clock step', by: 'system', address: 'local', detail })
    } catch {
      // A list that takes nothing now: the next look sees the same step.
      return
    }
    before += stepMs
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  return { look, close: () => clearInterval(timer) }
}
