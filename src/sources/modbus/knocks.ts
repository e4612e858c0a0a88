// How units that do not answer are asked again without harm to those on the same line that do: one at a time, briefly, and in a small share
// of the time. A unit that has the line for itself is asked with its whole time-out.
import { setTimeout as sleep } from 'node:timers/promises'

/** Of the line's time while another unit on it answers. */
const SHARE = 0.025
/** However long the last one took: a unit that is alone in being away is found within this. */
const PAUSE_MS_MAX = 20_000
/** A knock waits so many times the slowest answer on this line, at least so long … */
const SLOWEST_TIMES = 4
const KNOCK_MS_MIN = 100
/** … and one in so many the whole time-out, for a unit that is slower than the others. */
const WHOLE_ONE_IN = 16
/** The slowest answer is forgotten by this with each that is faster. */
const FORGETTING = 0.999

export interface Knocks {
  answered(unit: object, ms: number): void
  failed(unit: object): void
  forget(unit: object): void
  /** Runs once it is this unit's time; `ask` gets the time-out for it. Fails as `ask` does, or with the signal's reason. */
  run<T>(unit: object, signal: AbortSignal, timeoutMs: number, ask: (timeoutMs: number) => Promise<T>): Promise<T>
}

/** `isBrief`: giving up early frees the line. */
export function createKnocks(isBrief: boolean): Knocks {
  /** Units that answer, and the slowest answer of each that ever did. */
  const alive = new Set<object>()
  const slowestOf = new Map<object, number>()
  let slowestMs = 0
  let count = 0
  let notBefore = 0
  let tail: Promise<unknown> = Promise.resolve()

  const isDisturbing = (unit: object) => alive.size > (alive.has(unit) ? 1 : 0)
  const timeoutFor = (unit: object, timeoutMs: number) => {
    if (!isBrief || !isDisturbing(unit) || ++count % WHOLE_ONE_IN === 0) return timeoutMs
    const usualMs = Math.max(slowestMs, slowestOf.get(unit) ?? 0)
    return Math.min(timeoutMs, Math.max(KNOCK_MS_MIN, Math.ceil(usualMs * SLOWEST_TIMES)))
  }
  return {
    answered(unit, ms) {
      alive.add(unit)
      slowestMs = Math.max(ms, slowestMs * FORGETTING)
      slowestOf.set(unit, Math.max(ms, slowestOf.get(unit) ?? 0))
    },
    failed(unit) {
      alive.delete(unit)
    },
    forget(unit) {
      alive.delete(unit)
      slowestOf.delete(unit)
    },
    run(unit, signal, timeoutMs, ask) {
      const turn = tail.then(async () => {
        signal.throwIfAborted()
        const waitMs = notBefore - performance.now()
        if (waitMs > 0 && isDisturbing(unit)) await sleep(waitMs, undefined, { signal })
        const begun = performance.now()
        try {
          return await ask(timeoutFor(unit, timeoutMs))
        } finally {
          const tookMs = performance.now() - begun
          notBefore = performance.now() + Math.min(PAUSE_MS_MAX, tookMs / SHARE - tookMs)
        }
      })
      tail = turn.catch(() => {})
      return turn
    },
  }
}
