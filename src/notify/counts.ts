// What a notifier remembers between two messages: pure.
import type { HeldEvents, NotifySaved } from '../core/notify.ts'

export const HOUR_US = 3_600_000_000
/** Beyond it the ones that were told longest ago are forgotten: those are told again sooner than `repeatAfter` says. */
const TOLD_MAX = 256

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

/** So often it came since it was told last; undefined: it is to be told. */
export function repeatedIn(told: NotifySaved['told'], key: string, now: number, repeatAfterMs: number): number | undefined {
  const last = told[key]
  if (!last || repeatAfterMs === 0) return undefined
  return now >= last.at && now < last.at + repeatAfterMs * 1000 ? last.count + 1 : undefined
}

/** What may be told again is kept only for the repeats that were not told yet. */
export function remembered(
  told: NotifySaved['told'],
  key: string,
  entry: NotifySaved['told'][string],
  repeatAfterMs: number,
): NotifySaved['told'] {
  if (repeatAfterMs === 0) return {}
  const { [key]: _, ...others } = told
  const isKept = ([, it]: [string, { at: number; count: number }]) => it.count > 0 || entry.at - it.at < repeatAfterMs * 1000
  const kept = Object.entries(others).filter(isKept)
  return Object.fromEntries([...kept.slice(Math.max(0, kept.length - TOLD_MAX + 1)), [key, entry]])
}
