import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `check` holds; false when `ms` went by first. */
export async function until(check: () => boolean, ms: number, everyMs = 100): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(everyMs)) if (check()) return true
  return check()
}
