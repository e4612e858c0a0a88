// How far a window's last value is from what the window is like. All over good values.
import { GOOD } from '../core/reading.ts'
import type { Held } from './held.ts'
import { Sorted } from './held.ts'

/** The median absolute deviation of a normal distribution, times this, is its standard deviation. */
const MAD_TO_STD = 1.4826
/** Fewer say nothing of what is usual. */
export const VALUES_MIN = 8

/** Good values of [from, to) in their order. */
export function sortedOf(held: Held, from: number, to: number): Sorted {
  if (held.sorted && from === 0 && to === held.count) return held.sorted
  const values = new Sorted()
  for (let i = from; i < to; i++) if (held.quality(i) === GOOD && !Number.isNaN(held.value(i))) values.add(held.value(i))
  return values
}

export function medianOf({ count, at }: Pick<Sorted, 'count'> & { at(i: number): number }): number {
  if (count === 0) return Number.NaN
  return (at((count - 1) >> 1) + at(count >> 1)) / 2
}

/** The median of the distances to the median: from the middle outward, the nearer side first. */
export function madOf(values: Sorted, median: number): number {
  const { count } = values
  if (count === 0) return Number.NaN
  const [first, second] = [(count - 1) >> 1, count >> 1]
  let above = second
  while (above > 0 && values.at(above - 1) >= median) above--
  while (above < count && values.at(above) < median) above++
  let below = above - 1
  let sum = 0
  for (let n = 0; n <= second; n++) {
    const up = above < count ? values.at(above) - median : Infinity
    const down = below >= 0 ? median - values.at(below) : Infinity
    const distance = Math.min(up, down)
    if (up <= down) above++
    else below--
    if (n === first) sum += distance
    if (n === second) sum += distance
  }
  return sum / 2
}

/** 0 while there is too little to tell; where half of all values are one, any other is infinitely far. */
export function robustZ(values: Sorted, last: number): number {
  if (values.count < VALUES_MIN || Number.isNaN(last)) return 0
  const median = medianOf({ count: values.count, at: (i) => values.at(i) })
  if (last === median) return 0
  return (last - median) / (MAD_TO_STD * madOf(values, median))
}
