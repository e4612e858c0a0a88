// What an expression sees: `reading`'s own names, and `window` with what its readings come to. A figure is worked out when it is asked for.
import { medianOf, madOf, robustZ, sortedOf, VALUES_MIN } from './anomaly.ts'
import type { Held } from './held.ts'
import type { Statistics } from './statistics.ts'
import { statisticsOf } from './statistics.ts'
import type { Closed } from './windows.ts'

/** Names of `window`, each a double. */
export const WINDOW_FIELDS = [
  'start',
  'end',
  'count',
  'good',
  'uncertain',
  'bad',
  'sum',
  'mean',
  'std',
  'min',
  'max',
  'first',
  'last',
  'median',
  'mad',
  'robustZ',
  'z',
  'rate',
  'change',
] as const

/** Those that need a window's values in their order. */
export const SORTED_FIELDS: ReadonlySet<string> = new Set(['median', 'mad', 'robustZ'])

export class WindowView {
  readonly #held: Held
  readonly #at: Closed
  #statistics: Statistics | undefined

  constructor(held: Held, at: Closed) {
    this.#held = held
    this.#at = at
  }

  get statistics(): Statistics {
    return (this.#statistics ??= statisticsOf(this.#held, this.#at.from, this.#at.to))
  }
  get start() {
    return this.#at.start
  }
  get end() {
    return this.#at.end
  }
  get count() {
    return this.#at.to - this.#at.from
  }
  get good() {
    return this.statistics.good
  }
  get uncertain() {
    return this.statistics.uncertain
  }
  get bad() {
    return this.statistics.bad
  }
  get sum() {
    return this.statistics.sum
  }
  get mean() {
    return this.statistics.mean
  }
  get std() {
    return this.statistics.std
  }
  get min() {
    return this.statistics.min
  }
  get max() {
    return this.statistics.max
  }
  get first() {
    return this.statistics.first
  }
  get last() {
    return this.statistics.last
  }
  get median() {
    const values = this.#sorted()
    return medianOf({ count: values.count, at: (i) => values.at(i) })
  }
  get mad() {
    return madOf(this.#sorted(), this.median)
  }
  get robustZ() {
    return robustZ(this.#sorted(), this.last)
  }
  /** As robustZ, by mean and standard deviation: of values that are few and coarse half may be one, and a robust one knows no spread. */
  get z() {
    const { valued, last, mean, std } = this.statistics
    return valued < VALUES_MIN || std === 0 ? 0 : (last - mean) / std
  }
  /** A second, from the first value to the last. */
  get rate() {
    const { firstTime, lastTime } = this.statistics
    return lastTime > firstTime ? (this.change * 1e6) / (lastTime - firstTime) : 0
  }
  get change() {
    return this.statistics.last - this.statistics.first
  }

  #sorted() {
    return sortedOf(this.#held, this.#at.from, this.#at.to)
  }
}
