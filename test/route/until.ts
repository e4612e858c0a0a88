import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again until there is an answer; fails after the deadline with what it was about. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  msMax = 60_000,
  everyMs = 100,
): Promise<T> {
  const end = performance.now() + msMax
  for (;;) {
    const found = await ask()
    if (found) return found
    if (performance.now() > end) throw new Error(`not within ${msMax} ms: ${what}`)
    await sleep(everyMs)
  }
}
