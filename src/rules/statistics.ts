// What a window's readings come to, as the log's own aggregates have it (core/aggregate.ts): over good values, and over uncertain ones where there
// is no good one; NaN and infinities are no values.
import { BAD, GOOD, UNCERTAIN } from '../core/reading.ts'
import type { Held } from './held.ts'

export interface Statistics {
  readonly count: number
  readonly good: number
  readonly uncertain: number
  readonly bad: number
  /** Values that the rest is over; 0: the rest is NaN. */
  readonly valued: number
  readonly sum: number
  readonly mean: number
  readonly std: number
  readonly min: number
  readonly max: number
  readonly first: number
  readonly last: number
  readonly firstTime: number
  readonly lastTime: number
}

const NONE = {
  sum: Number.NaN,
  mean: Number.NaN,
  std: Number.NaN,
  min: Number.NaN,
  max: Number.NaN,
  first: Number.NaN,
  last: Number.NaN,
  firstTime: Number.NaN,
  lastTime: Number.NaN,
}

export function statisticsOf(held: Held, from: number, to: number): Statistics {
  const qualities = [0, 0, 0]
  for (let i = from; i < to; i++) qualities[held.quality(i)] = (qualities[held.quality(i)] as number) + 1
  const [good = 0, uncertain = 0, bad = 0] = [qualities[GOOD], qualities[UNCERTAIN], qualities[BAD]]
  const basis = good > 0 ? GOOD : UNCERTAIN
  return { count: to - from, good, uncertain, bad, ...valuesOf(held, from, to, basis) }
}

type Values = Omit<Statistics, 'count' | 'good' | 'uncertain' | 'bad'>

function valuesOf(held: Held, from: number, to: number, basis: number): Values {
  let [valued, sum, min, max, first, last] = [0, 0, Infinity, -Infinity, -1, -1]
  for (let i = from; i < to; i++) {
    const value = held.value(i)
    if (held.quality(i) !== basis || !Number.isFinite(value)) continue
    valued++
    sum += value
    min = Math.min(min, value)
    max = Math.max(max, value)
    first = first < 0 ? i : first
    last = i
  }
  if (valued === 0) return { valued, ...NONE }
  const mean = sum / valued
  const ends = { first: held.value(first), last: held.value(last), firstTime: held.time(first), lastTime: held.time(last) }
  return { valued, sum, mean, std: min === max ? 0 : stdOf(held, from, to, basis, mean, valued), min, max, ...ends }
}

/** In a second pass: what the first one cuts off would be all of it where the mean is large. */
function stdOf(held: Held, from: number, to: number, basis: number, mean: number, valued: number): number {
  let m2 = 0
  for (let i = from; i < to; i++) {
    const value = held.value(i)
    if (held.quality(i) === basis && Number.isFinite(value)) m2 += (value - mean) ** 2
  }
  return Math.sqrt(m2 / valued)
}
