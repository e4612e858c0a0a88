// When to poll: a fixed grid on the monotonic clock that does not drift, and the wait before a device that failed is asked again.
const RETRY_MS_MAX = 30_000
/** Devices of one worker start within this time, each at its own moment. */
const SPREAD_MS_MAX = 1_000

/** Resolves after `ms`, or at once when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.max(0, Math.ceil(ms)))
    signal.addEventListener('abort', done, { once: true })
  })
}

/** Milliseconds that a device of this name starts after the others: always the same, spread over the period. */
export function phaseMs(name: string, everyMs: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  // The last round: names that differ in their last digit alone would lie side by side.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (((hash ^ (hash >>> 12)) >>> 0) / 2 ** 32) * Math.min(everyMs, SPREAD_MS_MAX)
}

/** The grid start + n × every. `next` says how long to the next point, and how many points went by since the last. */
export function createGrid(startMs: number, everyMs: number) {
  let last = -1
  const pointBefore = (nowMs: number) => Math.floor((nowMs - startMs) / everyMs)
  return {
    /** Takes the next point. One that is due already counts while no later one is; those before it are missed. */
    next(nowMs: number): { waitMs: number; missed: number } {
      const taken = Math.max(last + 1, pointBefore(nowMs))
      const missed = taken - last - 1
      last = taken
      return { waitMs: Math.max(0, startMs + taken * everyMs - nowMs), missed }
    },
    /** Points up to now are neither taken nor missed. */
    skip(nowMs: number): void {
      last = Math.max(last, pointBefore(nowMs))
    },
  }
}

/** Before try number `failures` (1 …): doubled each time up to 30 s, and between half and all of it. */
export function retryMs(failures: number, msMin: number, dice: () => number): number {
  const full = Math.min(Math.max(RETRY_MS_MAX, msMin), msMin * 2 ** Math.min(failures - 1, 20))
  return full * (0.5 + 0.5 * dice())
}
