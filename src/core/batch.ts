// A ReadingBatch is columns in typed arrays, handed between threads by transfer. It is filled by a BatchBuilder.
//
//   series   Uint32   the source's own number of the series (0, 1, 2 … in the order of their first use)
//   time     Float64  source time, integer microseconds since 1970 UTC
//   value    8 bytes  double: the double · long: the int64's bits · bool: the double 0 or 1
//                     string, bytes: two Uint32, offset and length in `bytes` (string as UTF-8)
//   quality  Uint8    GOOD, UNCERTAIN or BAD, plus NO_VALUE
//   status   Uint32   the protocol's own status code, 0 where it has none
//
// Series numbers are local to an `origin` (one run of one source): a batch brings the descriptors that it uses for the first time,
// and the log keeps the rest. Batches of one origin must therefore reach the log in their order, each once.
import type { Clock, HeldClock } from './clock.ts'
import type { Micros, SeriesDescriptor, ValueKind } from './reading.ts'
import { NO_VALUE } from './reading.ts'

/** Readings that were lost in our hands before the log: counted, numbered and named in the ledger. */
export interface Refused {
  readonly class: string
  /** A stable word: 'unreadable', 'out-of-range', 'overflow', 'no-such-class', 'session-gap' … */
  readonly reason: string
  readonly count: number
  readonly timeFrom: Micros
  readonly timeTo: Micros
}

export interface ReadingBatch {
  readonly origin: number
  /** Descriptors that appear for the first time; the first of them has the number `seriesFrom`. */
  readonly newSeries: readonly SeriesDescriptor[]
  readonly seriesFrom: number
  readonly count: number
  readonly series: Uint32Array<ArrayBuffer>
  readonly time: Float64Array<ArrayBuffer>
  readonly value: Float64Array<ArrayBuffer>
  readonly quality: Uint8Array<ArrayBuffer>
  readonly status: Uint32Array<ArrayBuffer>
  /** What strings and bytes point into. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly received: Micros
  /** Version of the clock that gave `received` and the times of series with `boxTime`: one for all of the batch. Absent: the present one. */
  readonly clock?: number
  readonly refused: readonly Refused[]
}

/** The buffers to hand over with `postMessage`. */
export function transferables(batch: ReadingBatch): ArrayBuffer[] {
  const list = [batch.series.buffer, batch.time.buffer, batch.value.buffer, batch.quality.buffer, batch.status.buffer]
  if (batch.bytes.length > 0) list.push(batch.bytes.buffer)
  return list
}

/** About what a batch takes in memory and, uncompressed, in a block. */
export const BYTES_PER_READING = 25
export function bytesOf(batch: ReadingBatch): number {
  return batch.count * BYTES_PER_READING + batch.bytes.length + batch.refused.length * 64
}

const utf8 = new TextEncoder()
const INITIAL = 256
const NO_BYTES = new Uint8Array(0)

let nextOrigin = 0
/** A number that no other run of a source in this process has. `thread` keeps the threads apart (worker_threads' threadId). */
export function newOrigin(thread: number): number {
  return thread * 1_000_000 + nextOrigin++
}

/** Collects readings; `take()` hands out what was collected and starts anew. One builder for each run of a source. */
export class BatchBuilder {
  readonly #origin: number
  readonly #numbers = new Map<string, number>()
  #kinds: ValueKind[] = []
  #newSeries: SeriesDescriptor[] = []
  #refused = new Map<string, Refused>()
  #capacity = INITIAL
  #series = new Uint32Array(INITIAL)
  #time = new Float64Array(INITIAL)
  #value = new Float64Array(INITIAL)
  #words = new Uint32Array(this.#value.buffer)
  #longs = new BigInt64Array(this.#value.buffer)
  #quality = new Uint8Array(INITIAL)
  #status = new Uint32Array(INITIAL)
  #bytes: Uint8Array<ArrayBuffer> = NO_BYTES
  #bytesUsed = 0
  readonly #clock: Clock | undefined
  #held: HeldClock | undefined
  count = 0

  /** With a clock, times of `now` belong together: see there. */
  constructor(origin: number, clock?: Clock) {
    this.#origin = origin
    this.#clock = clock
  }

  /** The time for what is added and for `take`. While readings wait here a step of the clock waits too, so that one batch has times of one stretch. */
  now(): Micros {
    if (!this.#clock) throw new Error('a builder without a clock has no time')
    if (this.isEmpty || !this.#held) this.#held = this.#clock.held?.()
    return (this.#held ?? this.#clock).now()
  }

  /** The number of a series, for `add…`. Remember it: looking it up costs more than adding a reading. */
  series(descriptor: SeriesDescriptor): number {
    const key = `${descriptor.kind}\0${descriptor.class}\0${descriptor.tag}\0${descriptor.unit ?? ''}\0${descriptor.boxTime ?? ''}`
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = this.#numbers.size
      this.#numbers.set(key, number)
      this.#newSeries.push(descriptor)
      this.#kinds.push(descriptor.kind)
    }
    return number
  }

  /** A double, or a bool as 0 or 1. */
  add(series: number, time: Micros, value: number, quality = 0, status = 0): void {
    const at = this.#row(series, time, quality, status)
    this.#value[at] = value
  }

  addLong(series: number, time: Micros, value: bigint, quality = 0, status = 0): void {
    const at = this.#row(series, time, quality, status)
    this.#longs[at] = value
  }

  addString(series: number, time: Micros, value: string, quality = 0, status = 0): void {
    // The worst case of UTF-8: three bytes for each UTF-16 unit.
    this.#reserveBytes(value.length * 3)
    const { written } = utf8.encodeInto(value, this.#bytes.subarray(this.#bytesUsed))
    this.#addSpan(this.#row(series, time, quality, status), written)
  }

  addBytes(series: number, time: Micros, value: Uint8Array, quality = 0, status = 0): void {
    this.#reserveBytes(value.length)
    this.#bytes.set(value, this.#bytesUsed)
    this.#addSpan(this.#row(series, time, quality, status), value.length)
  }

  /** A reading without a value. */
  addNone(series: number, time: Micros, quality: number, status = 0): void {
    const at = this.#row(series, time, quality | NO_VALUE, status)
    this.#longs[at] = 0n
  }

  /** Readings that cannot be kept: they get a number and a line in the ledger. */
  refuse(className: string, reason: string, time: Micros, count = 1): void {
    const key = `${className}\0${reason}`
    const known = this.#refused.get(key)
    this.#refused.set(
      key,
      known
        ? { ...known, count: known.count + count, timeFrom: Math.min(known.timeFrom, time), timeTo: Math.max(known.timeTo, time) }
        : { class: className, reason, count, timeFrom: time, timeTo: time },
    )
  }

  get isEmpty(): boolean {
    return this.count === 0 && this.#refused.size === 0
  }

  /** About how many bytes wait here. */
  get bytesHeld(): number {
    return this.count * BYTES_PER_READING + this.#bytesUsed
  }

  take(received: Micros): ReadingBatch {
    const n = this.count
    const batch: ReadingBatch = {
      origin: this.#origin,
      newSeries: this.#newSeries,
      seriesFrom: this.#numbers.size - this.#newSeries.length,
      count: n,
      series: this.#series.slice(0, n),
      time: this.#time.slice(0, n),
      value: new Float64Array(this.#value.buffer.slice(0, n * 8)),
      quality: this.#quality.slice(0, n),
      status: this.#status.slice(0, n),
      bytes: this.#bytesUsed > 0 ? this.#bytes.slice(0, this.#bytesUsed) : NO_BYTES,
      received,
      ...(this.#held && { clock: this.#held.version }),
      refused: [...this.#refused.values()],
    }
    this.#newSeries = []
    this.#refused = new Map()
    this.#bytesUsed = 0
    this.count = 0
    return batch
  }

  #row(series: number, time: Micros, quality: number, status: number): number {
    if (this.count === this.#capacity) this.#grow()
    const at = this.count++
    this.#series[at] = series
    this.#time[at] = time
    this.#quality[at] = quality
    this.#status[at] = status
    return at
  }

  #addSpan(at: number, length: number): void {
    this.#words[at * 2] = this.#bytesUsed
    this.#words[at * 2 + 1] = length
    this.#bytesUsed += length
  }

  #reserveBytes(more: number): void {
    const needed = this.#bytesUsed + more
    if (needed <= this.#bytes.length) return
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2, 1024))
    bytes.set(this.#bytes.subarray(0, this.#bytesUsed))
    this.#bytes = bytes
  }

  #grow(): void {
    this.#capacity *= 2
    const grown = <T extends Uint32Array | Uint8Array>(old: T, make: (n: number) => T): T => {
      const next = make(this.#capacity)
      next.set(old)
      return next
    }
    this.#series = grown(this.#series, (n) => new Uint32Array(n)) as Uint32Array<ArrayBuffer>
    this.#status = grown(this.#status, (n) => new Uint32Array(n)) as Uint32Array<ArrayBuffer>
    this.#quality = grown(this.#quality, (n) => new Uint8Array(n)) as Uint8Array<ArrayBuffer>
    const time = new Float64Array(this.#capacity)
    time.set(this.#time)
    this.#time = time
    // Copied as words: a copy as doubles may change the bits of what is not a double.
    const value = new Float64Array(this.#capacity)
    new Uint32Array(value.buffer).set(this.#words)
    this.#value = value
    this.#words = new Uint32Array(value.buffer)
    this.#longs = new BigInt64Array(value.buffer)
  }
}
