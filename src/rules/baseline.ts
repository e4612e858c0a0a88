// What a tag is like at an hour of the day, or of the week: samples of what was seen at that hour before, and what they come to.
//
//   reading, or a window's last one ─► its quarter of an hour, the first of it ─► the samples of its hour, the oldest goes
//
// A sample is a value, not a mean: so that their spread is that of values. Hours are UTC's. What is asked about is learnt after it was asked.
import { madOf, medianOf, robustZ } from './anomaly.ts'
import { Sorted } from './held.ts'
import type { Room } from './windows.ts'

const HOUR_US = 3_600_000_000
const QUARTER_US = HOUR_US / 4
/** What is so far back came late, and is not learnt; but so many of such in a row say that the clock was mended. A backlog comes between newer ones. */
const BACK_QUARTERS = 96
const BACK_IN_A_ROW = 100

/** By name in expressions: hours after which it is the same hour again, and what is kept of each. Eight days; four weeks. */
const CYCLES = {
  hourOfDay: { hours: 24, samplesMax: 32 },
  hourOfWeek: { hours: 168, samplesMax: 16 },
} as const

export type Cycle = keyof typeof CYCLES
export const BASELINES = Object.keys(CYCLES) as readonly Cycle[]
/** Of a baseline, each a double. */
export const BASELINE_FIELDS = ['count', 'median', 'mad', 'robustZ'] as const

/** How long it takes until its samples are those of a whole memory. */
export const memoryMsOf = (cycle: Cycle): number => (CYCLES[cycle].hours * CYCLES[cycle].samplesMax * HOUR_US) / 4_000

export interface Baseline {
  /** Good until the next value is learnt. */
  at(time: number, value: number): BaselineView
  /** False: there is no room for it. */
  learn(time: number, value: number): boolean
  save(): SavedBaseline
}

export interface SavedBaseline {
  /** The last quarter of an hour that was learnt of, counted from 1970. */
  readonly quarter: number
  /** The last so many were all far back; absent: of an earlier version, 0. */
  readonly back?: number
  /** By hour: how many samples, and the samples, the oldest first. */
  readonly counts: Uint8Array
  readonly samples: Float64Array
}

export function createBaseline(cycle: Cycle, saved?: SavedBaseline, room: Room = { left: Infinity }): Baseline {
  const { hours, samplesMax } = CYCLES[cycle]
  const byHour = samplesOf(hours, saved)
  room.left -= saved?.samples.length ?? 0
  let quarter = saved?.quarter ?? -Infinity
  let back = saved?.back ?? 0
  /** That of the hour that was asked about last. */
  let known: { readonly hour: number; readonly values: Sorted } | undefined

  const hourOf = (time: number) => {
    const hour = Math.floor(time / HOUR_US) % hours
    return hour < 0 ? hour + hours : hour
  }

  function valuesOf(hour: number): Sorted {
    if (known?.hour !== hour) {
      const values = new Sorted()
      for (const it of byHour[hour] as number[]) values.add(it)
      known = { hour, values }
    }
    return known.values
  }

  return {
    at: (time, value) => new BaselineView(valuesOf(hourOf(time)), value),
    learn(time, value) {
      const now = Math.floor(time / QUARTER_US)
      if (!Number.isFinite(value)) return true
      back = now <= quarter - BACK_QUARTERS ? back + 1 : 0
      if (now <= quarter && back < BACK_IN_A_ROW) return true
      back = 0
      quarter = now
      const hour = hourOf(time)
      const samples = byHour[hour] as number[]
      if (known?.hour === hour) known = undefined
      if (samples.length === samplesMax) samples.shift()
      else if (room.left <= 0) return false
      else room.left--
      samples.push(value)
      return true
    },
    save: () => ({
      quarter,
      back,
      counts: Uint8Array.from(byHour, (it) => it.length),
      samples: Float64Array.from(byHour.flat()),
    }),
  }
}

function samplesOf(hours: number, saved: SavedBaseline | undefined): number[][] {
  let at = 0
  return Array.from({ length: hours }, (_, hour) => {
    const from = at
    at += saved?.counts[hour] ?? 0
    return [...(saved?.samples.subarray(from, at) ?? [])]
  })
}

/** The value that is asked about, beside what was there at this hour before. */
export class BaselineView {
  readonly #values: Sorted
  readonly #value: number

  constructor(values: Sorted, value: number) {
    this.#values = values
    this.#value = value
  }

  get count() {
    return this.#values.count
  }
  get median() {
    return medianOf({ count: this.count, at: (i) => this.#values.at(i) })
  }
  get mad() {
    return madOf(this.#values, this.median)
  }
  get robustZ() {
    return robustZ(this.#values, this.#value)
  }
}
