// Aggregates in the making: typed arrays that grow, found by (series, window start), put into order at the end.
import type { AggregateColumns } from '../core/aggregate.ts'
import type { ValueKind } from '../core/reading.ts'

/** Places of the value slots of a row: slot `row × SLOTS + …`. */
export const MIN = 0
export const MAX = 1
export const FIRST = 2
export const LAST = 3
export const SLOTS = 4

/** Columns as in core/aggregate.ts; arrays are longer than `count`. */
export interface Rows {
  readonly windowUs: number
  count: number
  capacity: number
  series: Uint32Array<ArrayBuffer>
  windowStart: Float64Array<ArrayBuffer>
  good: Uint32Array<ArrayBuffer>
  uncertain: Uint32Array<ArrayBuffer>
  bad: Uint32Array<ArrayBuffer>
  valued: Uint32Array<ArrayBuffer>
  sum: Float64Array<ArrayBuffer>
  m2: Float64Array<ArrayBuffer>
  /** SLOTS for each row. Moved as words: a copy as doubles may change the bits of what is not a double. */
  slots: Float64Array<ArrayBuffer>
  words: Int32Array<ArrayBuffer>
  firstTime: Float64Array<ArrayBuffer>
  lastTime: Float64Array<ArrayBuffer>
  /** What decides between equal times. */
  firstSequence: Float64Array<ArrayBuffer>
  lastSequence: Float64Array<ArrayBuffer>
  changes: Uint32Array<ArrayBuffer>
  sequenceFrom: Float64Array<ArrayBuffer>
  sequenceTo: Float64Array<ArrayBuffer>
  /** Contents of strings and bytes; those that were replaced stay in it until the end. */
  bytes: Uint8Array<ArrayBuffer>
  bytesUsed: number
  /** Open addressing: row + 1. A power of two, at most half full. */
  table: Uint32Array<ArrayBuffer>
}

const CAPACITY_MIN = 256
const BYTES_MIN = 1_024

export function createRows(windowUs: number): Rows {
  if (!(Number.isSafeInteger(windowUs) && windowUs > 0)) throw new RangeError(`a window of ${windowUs} µs`)
  const [n, slots] = [CAPACITY_MIN, new Float64Array(CAPACITY_MIN * SLOTS)]
  return {
    windowUs,
    count: 0,
    capacity: n,
    series: new Uint32Array(n),
    windowStart: new Float64Array(n),
    good: new Uint32Array(n),
    uncertain: new Uint32Array(n),
    bad: new Uint32Array(n),
    valued: new Uint32Array(n),
    sum: new Float64Array(n),
    m2: new Float64Array(n),
    slots,
    words: new Int32Array(slots.buffer),
    firstTime: new Float64Array(n),
    lastTime: new Float64Array(n),
    firstSequence: new Float64Array(n),
    lastSequence: new Float64Array(n),
    changes: new Uint32Array(n),
    sequenceFrom: new Float64Array(n),
    sequenceTo: new Float64Array(n),
    bytes: new Uint8Array(BYTES_MIN),
    bytesUsed: 0,
    table: new Uint32Array(n * 2),
  }
}

/** The row of a series and window; a new one is all 0. */
export function rowOf(rows: Rows, series: number, windowStart: number): number {
  const { table, series: seriesOf, windowStart: startOf } = rows
  let slot = hash(series, windowStart / rows.windowUs) & (table.length - 1)
  for (let entry = table[slot] as number; entry !== 0; entry = table[slot] as number) {
    if (startOf[entry - 1] === windowStart && seriesOf[entry - 1] === series) return entry - 1
    slot = (slot + 1) & (table.length - 1)
  }
  if (rows.count === rows.capacity) {
    grow(rows)
    return rowOf(rows, series, windowStart)
  }
  const row = rows.count++
  seriesOf[row] = series
  startOf[row] = windowStart
  table[slot] = row + 1
  return row
}

function hash(series: number, window: number): number {
  let it = Math.imul(series, 0x9e3779b1) ^ Math.imul(window | 0, 0x85ebca6b)
  it = Math.imul(it ^ (it >>> 15), 0x2c1b3c6d)
  return it ^ (it >>> 13)
}

function grow(rows: Rows): void {
  const capacity = rows.capacity * 2
  const words = (old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
    const next = new Uint32Array(capacity)
    next.set(old)
    return next
  }
  const doubles = (old: Float64Array<ArrayBuffer>, each = 1): Float64Array<ArrayBuffer> => {
    const next = new Float64Array(capacity * each)
    next.set(old)
    return next
  }
  rows.capacity = capacity
  rows.series = words(rows.series)
  rows.windowStart = doubles(rows.windowStart)
  rows.good = words(rows.good)
  rows.uncertain = words(rows.uncertain)
  rows.bad = words(rows.bad)
  rows.valued = words(rows.valued)
  rows.sum = doubles(rows.sum)
  rows.m2 = doubles(rows.m2)
  rows.slots = doubles(rows.slots, SLOTS)
  rows.words = new Int32Array(rows.slots.buffer)
  rows.firstTime = doubles(rows.firstTime)
  rows.lastTime = doubles(rows.lastTime)
  rows.firstSequence = doubles(rows.firstSequence)
  rows.lastSequence = doubles(rows.lastSequence)
  rows.changes = words(rows.changes)
  rows.sequenceFrom = doubles(rows.sequenceFrom)
  rows.sequenceTo = doubles(rows.sequenceTo)
  enter(rows)
}

function enter(rows: Rows): void {
  const table = new Uint32Array(rows.capacity * 2)
  for (let row = 0; row < rows.count; row++) {
    let slot = hash(rows.series[row] as number, (rows.windowStart[row] as number) / rows.windowUs) & (table.length - 1)
    while (table[slot] !== 0) slot = (slot + 1) & (table.length - 1)
    table[slot] = row + 1
  }
  rows.table = table
}

/** Keeps a content and returns where it begins. */
export function keepBytes(rows: Rows, source: Uint8Array, offset: number, length: number): number {
  const at = rows.bytesUsed
  if (at + length > rows.bytes.length) {
    const bytes = new Uint8Array(Math.max(at + length, rows.bytes.length * 2))
    bytes.set(rows.bytes.subarray(0, at))
    rows.bytes = bytes
  }
  rows.bytes.set(source.subarray(offset, offset + length), at)
  rows.bytesUsed = at + length
  return at
}

/** By series, then window start. */
export function finish(rows: Rows, kindOf: (series: number) => ValueKind): AggregateColumns {
  const order = orderOf(rows)
  const words = (column: Uint32Array<ArrayBuffer>) => gather(column, order, new Uint32Array(order.length))
  const doubles = (column: Float64Array<ArrayBuffer>) => gather(column, order, new Float64Array(order.length))
  const series = words(rows.series)
  const [min, max] = [slotsOf(rows, order, MIN), slotsOf(rows, order, MAX)]
  const [first, last] = [slotsOf(rows, order, FIRST), slotsOf(rows, order, LAST)]
  return {
    count: order.length,
    windowUs: rows.windowUs,
    series,
    windowStart: doubles(rows.windowStart),
    good: words(rows.good),
    uncertain: words(rows.uncertain),
    bad: words(rows.bad),
    valued: words(rows.valued),
    sum: doubles(rows.sum),
    m2: doubles(rows.m2),
    min,
    max,
    first,
    last,
    firstTime: doubles(rows.firstTime),
    lastTime: doubles(rows.lastTime),
    changes: words(rows.changes),
    sequenceFrom: doubles(rows.sequenceFrom),
    sequenceTo: doubles(rows.sequenceTo),
    bytes: compactBytes(rows, series, kindOf, [first, last]),
  }
}

function gather<T extends Uint32Array | Float64Array>(column: T, order: Uint32Array, into: T): T {
  for (let i = 0; i < order.length; i++) into[i] = column[order[i] as number] as number
  return into
}

function slotsOf({ words }: Rows, order: Uint32Array, which: number): Float64Array<ArrayBuffer> {
  const column = new Float64Array(order.length)
  const target = new Int32Array(column.buffer)
  for (let i = 0; i < order.length; i++) {
    const at = ((order[i] as number) * SLOTS + which) * 2
    target[i * 2] = words[at] as number
    target[i * 2 + 1] = words[at + 1] as number
  }
  return column
}

/** Only what rows still point to; the slots point into the result. */
function compactBytes(
  rows: Rows,
  series: Uint32Array,
  kindOf: (series: number) => ValueKind,
  columns: readonly Float64Array<ArrayBuffer>[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(rows.bytesUsed)
  if (bytes.length === 0) return bytes
  let used = 0
  let isSpan = false
  for (let i = 0; i < series.length; i++) {
    if (i === 0 || series[i] !== series[i - 1]) isSpan = isSpanKind(kindOf(series[i] as number))
    if (!isSpan) continue
    for (const column of columns) {
      const words = new Uint32Array(column.buffer, i * 8, 2)
      const [offset, length] = [words[0] as number, words[1] as number]
      bytes.set(rows.bytes.subarray(offset, offset + length), used)
      words[0] = used
      used += length
    }
  }
  return bytes.slice(0, used)
}

export function isSpanKind(kind: ValueKind): boolean {
  return kind === 'string' || kind === 'bytes'
}

function isBefore(rows: Rows, a: number, b: number): boolean {
  const seriesA = rows.series[a] as number
  const seriesB = rows.series[b] as number
  return seriesA < seriesB || (seriesA === seriesB && (rows.windowStart[a] as number) < (rows.windowStart[b] as number))
}

/** Rows come series by series and mostly window by window, so that a comparison sort of all would be wasted. */
function orderOf(rows: Rows): Uint32Array {
  const order = new Uint32Array(rows.count)
  for (let i = 0; i < order.length; i++) order[i] = i
  let ordered = true
  for (let i = 1; i < rows.count && ordered; i++) ordered = isBefore(rows, i - 1, i)
  if (ordered) return order
  const starts = scatterBySeries(rows, order)
  for (let group = 1; group < starts.length; group++) {
    const part = order.subarray(starts[group - 1], starts[group])
    for (let i = 1; i < part.length; i++) {
      if (isBefore(rows, part[i - 1] as number, part[i] as number)) continue
      part.sort((a, b) => (rows.windowStart[a] as number) - (rows.windowStart[b] as number))
      break
    }
  }
  return order
}

/** Fills `order` series by series, each in the order of its rows' making; returns where each series begins, and the end. */
function scatterBySeries({ series, count }: Rows, order: Uint32Array): Uint32Array {
  const numbers = new Map<number, number>()
  const numberOf = new Uint32Array(count)
  for (let i = 0, number = 0; i < count; i++) {
    const id = series[i] as number
    // Rows of a series mostly follow each other.
    if (i === 0 || id !== series[i - 1]) {
      number = numbers.get(id) ?? numbers.size
      numbers.set(id, number)
    }
    numberOf[i] = number
  }
  const sizes = new Uint32Array(numbers.size)
  for (let i = 0; i < count; i++) sizes[numberOf[i] as number] = (sizes[numberOf[i] as number] as number) + 1
  const starts = new Uint32Array(numbers.size + 1)
  const next = new Uint32Array(numbers.size)
  Uint32Array.from(numbers.keys())
    .sort()
    .forEach((id, i) => {
      const number = numbers.get(id) as number
      next[number] = starts[i] as number
      starts[i + 1] = (starts[i] as number) + (sizes[number] as number)
    })
  for (let i = 0; i < count; i++) {
    const number = numberOf[i] as number
    const at = next[number] as number
    order[at] = i
    next[number] = at + 1
  }
  return starts
}
