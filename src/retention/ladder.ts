// Which step of a class's ladder is in force: of those whose condition holds, the coarsest.
import type { ClassRetention, InForce, Keep, LadderStep } from '../core/retention.ts'

/** What a step can turn readings into. */
export type Reduced = Exclude<Keep, 'raw'>

/** A fill step holds until the fill is so far below its threshold … */
const RELEASE_BELOW = 0.05
/** … but where the threshold itself is hardly more than that, until it is below this share of it. */
const RELEASE_SHARE_MAX = 0.5
const ALL_RAW: InForce = { keep: 'raw', reason: '' }
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

/** 0 for raw, the window in ms, infinite for nothing: greater keeps less. */
export function coarsenessOf(keep: Keep): number {
  if (keep === 'raw') return 0
  return keep === 'nothing' ? Number.POSITIVE_INFINITY : keep.windowMs
}

/** Windows of its aggregates, finest first. */
export function windowsOf({ ladder, forwardWindowMs }: Pick<ClassRetention, 'ladder' | 'forwardWindowMs'>): readonly number[] {
  const ofSteps = ladder.flatMap(({ keep }) => (typeof keep === 'string' ? [] : [keep.windowMs]))
  const windows = [...ofSteps, ...(forwardWindowMs === undefined ? [] : [forwardWindowMs])]
  return [...new Set(windows)].toSorted((a, b) => a - b)
}

/** What a class's readings can become, finest first; the last is always 'nothing'. */
export function stepsByCoarseness(cls: Pick<ClassRetention, 'ladder' | 'forwardWindowMs'>): readonly Reduced[] {
  return [...windowsOf(cls).map((windowMs) => ({ windowMs })), 'nothing']
}

/**
 * What is to be done with what comes in. `filled` is bytes not yet delivered, of log.bytesMax. `wasFilled` is the `filledNow` of the last call:
 * fill steps of this very ladder (the same objects) that were in force then; empty at first. A class that waits when full gives nothing up.
 */
export function inForce(
  cls: ClassRetention,
  filled: number,
  wasFilled: ReadonlySet<LadderStep>,
): { readonly inForce: InForce; readonly filledNow: ReadonlySet<LadderStep> } {
  const filledNow = new Set(cls.ladder.filter((it) => isFilled(it, filled, wasFilled.has(it))))
  if (cls.whenFull === 'wait') return { inForce: ALL_RAW, filledNow }
  const steps = cls.ladder.filter((it) =>
    it.offlineForMs === undefined ? filledNow.has(it) && !cls.delivering : cls.offlineForMs >= it.offlineForMs,
  )
  const coarsest = steps.reduce<LadderStep | undefined>(
    (best, it) => (best && coarsenessOf(best.keep) >= coarsenessOf(it.keep) ? best : it),
    undefined,
  )
  const always = unlessReduced(cls)
  if (!coarsest || coarsenessOf(coarsest.keep) <= coarsenessOf(always.keep)) return { inForce: always, filledNow }
  return { inForce: { keep: coarsest.keep, reason: reasonOf(coarsest) }, filledNow }
}

/** What becomes of a class's readings while no step of its ladder says more. */
function unlessReduced({ forwardWindowMs: windowMs }: ClassRetention): InForce {
  return windowMs === undefined ? ALL_RAW : { keep: { windowMs }, reason: `forward-${textOf(windowMs)}` }
}

function isFilled({ filledTo }: LadderStep, filled: number, was: boolean): boolean {
  if (filledTo === undefined) return false
  return filled >= filledTo || (was && filled > Math.max(filledTo - RELEASE_BELOW, filledTo * RELEASE_SHARE_MAX))
}

/** 'offline-7d', 'filled-80%'; 'forward-1m' is what holds where no step does. */
function reasonOf({ offlineForMs, filledTo }: LadderStep): string {
  if (filledTo !== undefined) return `filled-${Number((filledTo * 100).toFixed(4))}%`
  return `offline-${textOf(offlineForMs ?? 0)}`
}

function textOf(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, it]) => ms > 0 && ms % it === 0) ?? ['ms', 1]
  return `${ms / unitMs}${unit}`
}
