// Readings that a window may still need: columns in the order of their times; of equal times, in the order in which they came.
import { GOOD } from '../core/reading.ts'

/** Columns as they are saved. */
export interface HeldColumns {
  readonly time: Float64Array
  /** NaN: none that is a number. */
  readonly value: Float64Array
  readonly quality: Uint8Array
}

const INITIAL = 64

export class Held {
  #time = new Float64Array(INITIAL)
  #value = new Float64Array(INITIAL)
  #quality = new Uint8Array(INITIAL)
  /** What is left of `#from` has gone. */
  #from = 0
  #to = 0
  /** How often one was put before others, or some have gone. */
  shuffles = 0
  /** Good values in their order; absent: nobody asks for it. */
  readonly sorted: Sorted | undefined

  constructor(isSorted: boolean, saved?: HeldColumns) {
    this.sorted = isSorted ? new Sorted() : undefined
    if (!saved) return
    for (let i = 0; i < saved.time.length; i++)
      this.add(saved.time[i] as number, saved.value[i] as number, saved.quality[i] as number)
  }

  get count(): number {
    return this.#to - this.#from
  }

  time(i: number): number {
    return this.#time[this.#from + i] as number
  }

  value(i: number): number {
    return this.#value[this.#from + i] as number
  }

  quality(i: number): number {
    return this.#quality[this.#from + i] as number
  }

  /** The first index whose time is `time` or later. */
  firstAt(time: number): number {
    let [low, high] = [this.#from, this.#to]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#time[middle] as number) < time) low = middle + 1
      else high = middle
    }
    return low - this.#from
  }

  /** Where it has been put. */
  add(time: number, value: number, quality: number): number {
    if (this.#to === this.#time.length) this.#makeRoom()
    // Nearly all come in order.
    let at = this.#to
    if (this.count > 0 && time < (this.#time[at - 1] as number)) at = this.#from + this.firstAfter(time)
    if (at < this.#to) this.shuffles++
    for (const it of [this.#time, this.#value, this.#quality]) if (at < this.#to) it.copyWithin(at + 1, at, this.#to)
    this.#time[at] = time
    this.#value[at] = value
    this.#quality[at] = quality
    this.#to++
    if (quality === GOOD && !Number.isNaN(value)) this.sorted?.add(value)
    return at - this.#from
  }

  /** The first index whose time is later than `time`. */
  firstAfter(time: number): number {
    let at = this.firstAt(time)
    while (at < this.count && this.time(at) === time) at++
    return at
  }

  /** The first `count` go. */
  drop(count: number): void {
    if (this.sorted)
      for (let i = 0; i < count; i++)
        if (this.quality(i) === GOOD && !Number.isNaN(this.value(i))) this.sorted.remove(this.value(i))
    this.#from += count
    this.shuffles++
  }

  save(): HeldColumns {
    const [from, to] = [this.#from, this.#to]
    return { time: this.#time.slice(from, to), value: this.#value.slice(from, to), quality: this.#quality.slice(from, to) }
  }

  #makeRoom(): void {
    const { count } = this
    const length = count > this.#time.length / 2 ? this.#time.length * 2 : this.#time.length
    const moved = <T extends Float64Array | Uint8Array>(from: T, into: T): T => {
      into.set(from.subarray(this.#from, this.#to))
      return into
    }
    this.#time = moved(this.#time, new Float64Array(length))
    this.#value = moved(this.#value, new Float64Array(length))
    this.#quality = moved(this.#quality, new Uint8Array(length))
    this.#from = 0
    this.#to = count
  }
}

/** Numbers in their order. */
export class Sorted {
  #values = new Float64Array(INITIAL)
  count = 0

  at(i: number): number {
    return this.#values[i] as number
  }

  add(value: number): void {
    if (this.count === this.#values.length) {
      const grown = new Float64Array(this.count * 2)
      grown.set(this.#values)
      this.#values = grown
    }
    const at = this.#place(value)
    this.#values.copyWithin(at + 1, at, this.count)
    this.#values[at] = value
    this.count++
  }

  /** One that is there. */
  remove(value: number): void {
    this.#values.copyWithin(this.#place(value), this.#place(value) + 1, this.count)
    this.count--
  }

  #place(value: number): number {
    let [low, high] = [0, this.count]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#values[middle] as number) < value) low = middle + 1
      else high = middle
    }
    return low
  }
}
