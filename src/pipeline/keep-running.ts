// The one retry loop in the tree: runs something for ever, waits between failures, longer each time, never in step with others.

export interface Backoff {
  /** After the failure of what had been well: most often one try is enough. Absent: `minMs`. */
  readonly firstMs?: number
  /** After the next one, and where nothing was well yet; each wait is between half and one and a half of it. */
  readonly minMs: number
  readonly maxMs: number
}

export interface Loop {
  readonly backoff: Backoff
  /** 0 to 1: jitter, so that a thousand boxes do not come back at once. */
  readonly random: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Told of each failure; may say how long to wait instead (0: at once). */
  readonly failed: (error: unknown, waitMs: number) => number | undefined
}

/** Runs `run` until the signal aborts. `run` calls `well` when it got somewhere: the next failure then waits briefly again. */
export async function keepRunning(run: (well: () => void) => Promise<void>, loop: Loop, signal: AbortSignal): Promise<void> {
  const { firstMs, minMs, maxMs } = loop.backoff
  let waitMs = minMs
  while (!signal.aborted) {
    try {
      await run(() => (waitMs = firstMs ?? minMs))
    } catch (error) {
      if (signal.aborted) return
      const jittered = waitMs * (0.5 + loop.random())
      waitMs = Math.min(maxMs, Math.max(minMs, waitMs * 2))
      await loop.sleep(loop.failed(error, jittered) ?? jittered, signal)
    }
  }
}

/** Resolves after `ms` or when the signal aborts, whichever is first. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
