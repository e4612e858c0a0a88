// The broker's window, learned from outside. A broker sends so many QoS 1 messages (W) and then waits for PUBACKs; it does not say how many.
// Where W is small and readings wait for a commit, W messages a commit is all that comes: whoever knows W can ask for the commit at once.
//
// Signs of a window: PUBACKs went out, a burst brought what is held back to exactly the number before, and then nothing came although the burst
// was quick. Twice in a row makes a candidate. Then the commit is asked for (a probe), so that the next burst cannot be the plant's own beat:
// when it comes too, right after the PUBACKs, W is known. A plant that is merely slow or even never passes: it does not answer PUBACKs.
//
// Known, W is put to the test now and then by waiting instead of asking (an audit), and forgotten when more is held than W.
// A wrong W costs a few commits, never a reading. Pure: times are monotonic ms that the caller gives.

/** Nothing has come for so long: arrivals have stopped. */
const QUIET_MS = 20
/** … or for so many times the pace of the burst, so that an even trickle is never quiet. */
const QUIET_PACES = 4
/** What PUBACKs set free comes within so long: a round trip and the broker's work. */
const REFILL_MS_MAX = 60
/** PUBACKs of one commit go out within so long. */
const RELEASE_MS = 5
const SIGNS_TO_PROBE = 2
const AUDIT_EVERY_MS = 2_000
/** After a probe or a W that was wrong. */
const PAUSE_MS = 5_000

export interface Window {
  /** Messages came, `held` now wait for their PUBACK. True: the far end can bring no more, ask for a commit. */
  arrived(held: number, now: number): boolean
  /** PUBACKs went out. */
  released(before: number, held: number, now: number): void
  /** To be called at `dueAt`. True as in `arrived`. */
  tick(now: number): boolean
  /** A new connection: all is open again. */
  reset(): void
  dueAt(): number | undefined
  /** W, once known. */
  size(): number | undefined
}

export function newWindow(): Window {
  let size = 0
  let candidate = 0
  let signs = 0
  /** What was held before the last PUBACKs went out, and right after. */
  let target = 0
  let floor = 0
  let releasedAt = -Infinity
  /** In the cycle that the last PUBACKs began: whether the sign was seen, whether we had asked for those PUBACKs, whether we ask now. */
  let isSeen = false
  let wasAsked = false
  let isAsked = false
  let pauseUntil = 0
  let auditAt = 0
  let due: number | undefined

  const quietAt = (held: number, now: number) =>
    now + Math.max(QUIET_MS, (QUIET_PACES * (now - releasedAt)) / Math.max(1, held - floor))
  const ask = () => {
    isAsked = true
    return true
  }
  const forget = (now: number) => {
    size = 0
    signs = 0
    pauseUntil = now + PAUSE_MS
  }

  const arrivedAtKnown = (held: number, now: number): boolean => {
    if (held > size) forget(now)
    if (held !== size) return false
    if (now < auditAt) return ask()
    auditAt = now + AUDIT_EVERY_MS
    due = quietAt(held, now)
    return false
  }

  return {
    arrived(held, now) {
      due = undefined
      if (size > 0) return arrivedAtKnown(held, now)
      if (held > target) signs = 0
      else if (held === target && held > floor && now - releasedAt <= REFILL_MS_MAX) due = quietAt(held, now)
      return false
    },

    released(before, held, now) {
      due = undefined
      const isSameCommit = now - releasedAt <= RELEASE_MS && !isSeen
      if (!isSameCommit && !isSeen && size === 0) {
        if (wasAsked && signs > 0) pauseUntil = now + PAUSE_MS
        signs = 0
      }
      target = isSameCommit ? Math.max(target, before) : before
      wasAsked = isAsked || (isSameCommit && wasAsked)
      isAsked = false
      isSeen = false
      floor = held
      releasedAt = now
    },

    tick(now) {
      if (due === undefined || now < due) return false
      due = undefined
      if (size > 0) return ask()
      isSeen = true
      signs = candidate === target ? signs + 1 : 1
      candidate = target
      if (signs > SIGNS_TO_PROBE && wasAsked) {
        size = candidate
        auditAt = now + AUDIT_EVERY_MS
        return ask()
      }
      return signs >= SIGNS_TO_PROBE && now >= pauseUntil ? ask() : false
    },

    reset() {
      size = candidate = signs = target = floor = pauseUntil = auditAt = 0
      releasedAt = -Infinity
      isSeen = wasAsked = isAsked = false
      due = undefined
    },

    dueAt: () => due,
    size: () => (size > 0 ? size : undefined),
  }
}
