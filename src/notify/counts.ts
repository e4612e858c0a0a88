// What a notifier remembers between two messages: pure.
import type { HeldEvents, NotifySaved, Told } from '../core/notify.ts'

export const HOUR_US = 3_600_000_000
/** Beyond it the ones that were told longest ago are forgotten: those are told again sooner than `repeatAfter` says. */
const TOLD_MAX = 256
/** They stand in one row. */
const TITLE_CHARS_MAX = 80

export const newlyBegun = (reads: string, numbers: NotifySaved['numbers']): NotifySaved => ({
  reads,
  numbers,
  sent: 0,
  heldBack: 0,
  missed: 0,
  hour: { from: 0, count: 0 },
  told: {},
})

export function held(before: HeldEvents | undefined, received: number): HeldEvents {
  const { count = 0, from = received, to = received } = before ?? {}
  return { count: count + 1, from: Math.min(from, received), to: Math.max(to, received) }
}

/** The hour that a message now would be in: a clock that went back begins another. */
export function hourAt({ from, count }: NotifySaved['hour'], now: number): NotifySaved['hour'] {
  return now >= from + HOUR_US || now < from ? { from: now, count: 0 } : { from, count }
}

/** What is remembered once it was counted; undefined: it is to be told. What has changed its state since is: people must not go on believing the old one. */
export function repeatedIn(
  last: Told | undefined,
  { state, title, received }: { readonly state: string | undefined; readonly title: string; readonly received: number },
  now: number,
  repeatAfterMs: number,
): Told | undefined {
  if (!last || repeatAfterMs === 0 || last.state !== state || isOver(last, now, repeatAfterMs)) return undefined
  const { from = received, to = received } = last.last ?? {}
  const since = { title: title.slice(0, TITLE_CHARS_MAX), from: Math.min(from, received), to: Math.max(to, received) }
  return { ...last, count: last.count + 1, last: since }
}

/** A clock that went back ends it too. */
function isOver({ at }: Told, now: number, repeatAfterMs: number): boolean {
  return now < at || now >= at + repeatAfterMs * 1000
}

/** Repeats whose quiet time is over, and nothing of their kind has come that would tell them. */
export function dueRepeats(told: NotifySaved['told'], now: number, repeatAfterMs: number): [key: string, told: Told][] {
  return Object.entries(told).filter(([, it]) => it.count > 0 && isOver(it, now, repeatAfterMs))
}

/** When the next of them are due; Infinity: there are none. */
export function repeatsDueAt(told: NotifySaved['told'], repeatAfterMs: number): number {
  return Math.min(Infinity, ...Object.values(told).flatMap((it) => (it.count > 0 ? [it.at + repeatAfterMs * 1000] : [])))
}

/** Once they were told. */
export function toldNow(told: NotifySaved['told'], due: readonly [key: string, told: Told][], now: number): NotifySaved['told'] {
  return { ...told, ...Object.fromEntries(due.map(([key, { state }]) => [key, { at: now, count: 0, state }])) }
}

/** Of several as one. */
export function sumOf(several: readonly Told[], before?: HeldEvents): HeldEvents | undefined {
  return several.reduce<HeldEvents | undefined>((sum, { at, count, last }) => {
    if (count === 0) return sum
    const { from, to } = last ?? { from: at, to: at }
    return { count: (sum?.count ?? 0) + count, from: Math.min(sum?.from ?? from, from), to: Math.max(sum?.to ?? to, to) }
  }, before)
}

interface Remembered {
  readonly told: NotifySaved['told']
  /** Too many to remember, and not told yet. */
  readonly forgotten: readonly Told[]
}

/** Once something was told. What may be told again is kept only for the repeats that were not told yet. */
export function remembered(told: NotifySaved['told'], key: string, entry: Told, repeatAfterMs: number): Remembered {
  const { [key]: _, ...others } = told
  const isKept = (it: Told) => it.count > 0 || entry.at - it.at < repeatAfterMs * 1000
  const kept = Object.entries(others).filter(([, it]) => isKept(it))
  const first = Math.max(0, kept.length - TOLD_MAX + 1)
  const next = repeatAfterMs === 0 ? kept.slice(first) : [...kept.slice(first), [key, entry] as const]
  return { told: Object.fromEntries(next), forgotten: kept.slice(0, first).map(([, it]) => it) }
}
