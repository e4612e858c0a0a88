// Runs of doubles most of which are decimals, or near to one: which decimals, and which readings are exceptions (NaN, −0, outliers).
import type { NearScratch } from './near.ts'
import { distance, FAR } from './near.ts'
import type { Slots } from './numbers.ts'
import { isDecimal, POWERS_OF_TEN, ROUNDER, slotsOf } from './numbers.ts'

/** exact: the double nearest to the decimal; single: the float32 nearest to it; near: a few units of the last place away from it. */
export type Closeness = 'exact' | 'single' | 'near'
const CLOSENESSES: readonly Closeness[] = ['exact', 'single', 'near']

export interface Decimals {
  readonly closeness: Closeness
  readonly decimals: number
}

const SAMPLES_MAX = 32
const DECIMAL_BITS = Math.log2(10)
const EXCEPTION_BITS = 100
const DISTANCE_BITS = 0.6

/** What costs least by a sample of the slots [from, to); absent where most of them are no decimals. */
export function chooseDecimals(slots: Slots, from: number, to: number): Decimals | undefined {
  const step = Math.max(1, Math.floor((to - from) / SAMPLES_MAX))
  const samples = Math.min(SAMPLES_MAX, to - from)
  const probe = slotsOf(new Float64Array(1))
  let best: Decimals | undefined
  let bestBits = Infinity
  for (const closeness of CLOSENESSES) {
    for (let decimals = 0; decimals < POWERS_OF_TEN.length; decimals++) {
      let exceptions = 0
      for (let n = 0; n < samples; n++) if (!holds(slots, from + n * step, closeness, decimals, probe)) exceptions++
      const each = decimals * DECIMAL_BITS + (closeness === 'near' ? DISTANCE_BITS : 0)
      const bits = samples * each + exceptions * EXCEPTION_BITS
      if (exceptions > exceptionsMax(samples) || bits >= bestBits) continue
      best = { closeness, decimals }
      bestBits = bits
    }
  }
  return best
}

/** More than this do not pay: each takes about 10 bytes. */
export function exceptionsMax(count: number): number {
  return (count >>> 3) + 1
}

function holds(slots: Slots, i: number, closeness: Closeness, decimals: number, probe: Slots): boolean {
  const value = slots.value[i] as number
  if (closeness !== 'near') return isDecimal(value, decimals, closeness === 'single')
  const power = POWERS_OF_TEN[decimals] as number
  return distance(slots, i, value * power + ROUNDER - ROUNDER, power, probe) !== FAR
}

export interface MostScratch extends NearScratch {
  /** k by reading of the run; an exception has that of the reading before, so that it costs nothing here. */
  readonly x: Float64Array
  /** Places of exceptions in the run. */
  readonly exceptions: Uint32Array
}

/** As sampled, or near to the same decimals where all readings show that this costs less. `exceptions` is −1 where there are more than pay. */
export function scaleBest(
  slots: Slots,
  from: number,
  to: number,
  sampled: Decimals,
  scratch: MostScratch,
): Decimals & { exceptions: number } {
  const exceptions = scaleMost(slots, from, to, sampled, scratch)
  const nearBits = (to - from) * DISTANCE_BITS
  if (sampled.closeness === 'near' || (exceptions >= 0 && exceptions * EXCEPTION_BITS < nearBits))
    return { ...sampled, exceptions }
  const near = { ...sampled, closeness: 'near' as const }
  const left = scaleMost(slots, from, to, near, scratch)
  if (left >= 0 && (exceptions < 0 || (exceptions - left) * EXCEPTION_BITS > nearBits)) return { ...near, exceptions: left }
  return { ...sampled, exceptions: scaleMost(slots, from, to, sampled, scratch) }
}

/** Returns the number of exceptions; −1 where there are more than pay. */
function scaleMost(slots: Slots, from: number, to: number, { closeness, decimals }: Decimals, scratch: MostScratch): number {
  const { x, distances, exceptions, probe } = scratch
  const power = POWERS_OF_TEN[decimals] as number
  const max = exceptionsMax(to - from)
  let found = 0
  let before = 0
  for (let i = from; i < to; i++) {
    const k = (slots.value[i] as number) * power + ROUNDER - ROUNDER
    const ulps = closeness === 'near' ? distance(slots, i, k, power, probe) : 0
    const fits = closeness === 'near' ? ulps !== FAR : isDecimal(slots.value[i] as number, decimals, closeness === 'single')
    if (fits) before = k
    else if (found === max) return -1
    else exceptions[found++] = i - from
    x[i - from] = before
    distances[i - from] = fits ? ulps : 0
  }
  return found
}
