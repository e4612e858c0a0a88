// Says when which sample is due. Sample n of a signal is due at t0 + n × period; a late tick gives all that became due, none is skipped
// unless the far end took nothing for so long that catching up would never end.

export interface SampledSignal {
  /** Milliseconds since 1970. */
  readonly t0Ms: number
  readonly periodMs: number
}

/** How far a signal may lag before samples are skipped: they were never served, so nobody misses them. */
const LAG_MS_MAX = 30_000

interface Group<S> {
  readonly t0Ms: number
  readonly periodMs: number
  readonly members: S[]
  next: number
}

export interface Sampler {
  stop(): void
}

/**
 * Calls `give(signal, n)` for each sample when it is due. While `ready(count)` says that so many cannot be taken now, they stay due.
 * `after` is called at the end of a tick.
 */
export function startSampler<S extends SampledSignal>(
  signals: readonly S[],
  tickMs: number,
  give: (signal: S, n: number) => void,
  ready: (count: number) => boolean,
  after: () => void = () => {},
): Sampler {
  const groups = groupsOf(signals)
  const timer = setInterval(() => {
    const now = Date.now()
    for (const group of groups) giveDue(group, now, give, ready)
    after()
  }, tickMs)
  return { stop: () => clearInterval(timer) }
}

function giveDue<S>(group: Group<S>, now: number, give: (signal: S, n: number) => void, ready: (count: number) => boolean): void {
  const due = Math.floor((now - group.t0Ms) / group.periodMs)
  const oldest = due - Math.floor(LAG_MS_MAX / group.periodMs)
  if (group.next < oldest) group.next = oldest
  while (group.next <= due && ready(group.members.length)) {
    const n = group.next++
    for (const signal of group.members) give(signal, n)
  }
}

function groupsOf<S extends SampledSignal>(signals: readonly S[]): Group<S>[] {
  const groups = new Map<string, Group<S>>()
  for (const signal of signals) {
    const key = `${signal.t0Ms} ${signal.periodMs}`
    const group = groups.get(key) ?? { t0Ms: signal.t0Ms, periodMs: signal.periodMs, members: [], next: firstDue(signal) }
    group.members.push(signal)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** A server that starts anew goes on where the clock is. */
function firstDue(signal: SampledSignal): number {
  return Math.max(0, Math.ceil((Date.now() - signal.t0Ms) / signal.periodMs))
}
