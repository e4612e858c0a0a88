// When a checkpoint goes along.
import type { Clock } from '../core/source.ts'
import type { Checkpoint } from '../core/uplink.ts'

const CHECKPOINT_EVERY_MS = 600_000
const CHECKPOINT_IDLE_MS = 2_000
const CHECKPOINT_IDLE_EVERY_MS = 60_000

/** When a checkpoint goes along: at the end of each drain, when all has been quiet for a while, and every ten minutes. */
export function checkpointClock(clock: Clock) {
  let last = -Infinity
  let idleSince: number | undefined
  let backlogOpen = true
  let news = true
  return {
    due(empty: boolean): Checkpoint['reason'] | undefined {
      const now = clock.monotonic()
      idleSince = empty ? (idleSince ?? now) : undefined
      if (empty && backlogOpen) return 'drained'
      if (idleSince !== undefined && news && now - idleSince >= CHECKPOINT_IDLE_MS && now - last >= CHECKPOINT_IDLE_EVERY_MS)
        return 'drained'
      return news && now - last >= CHECKPOINT_EVERY_MS ? 'interval' : undefined
    },
    sent(checkpoint: boolean, empty: boolean): void {
      if (checkpoint) {
        last = clock.monotonic()
        news = false
        backlogOpen &&= !empty
      }
      if (!empty) news = true
    },
  }
}
