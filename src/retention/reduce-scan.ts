// Readings of one series in one window, side by side in a block, become a part. No objects, two passes over the values.
import type { ReadingColumns } from '../core/aggregate.ts'
import { BAD, GOOD, UNCERTAIN } from '../core/reading.ts'
import type { Part } from './reduce-merge.ts'
import { copySlot, equalSpans } from './reduce-merge.ts'
import { FIRST, LAST, MAX, MIN } from './reduce-rows.ts'

/** A block and its values as words. */
export interface Readings extends ReadingColumns {
  readonly words: Int32Array
}

const WORD = 0x1_0000_0000

export function readingsOf(block: ReadingColumns): Readings {
  const { value } = block
  return {
    count: block.count,
    first: block.first,
    seriesIds: block.seriesIds,
    runs: block.runs,
    time: block.time,
    value,
    quality: block.quality,
    status: block.status,
    received: block.received,
    bytes: block.bytes,
    ...(block.sequence && { sequence: block.sequence }),
    words: new Int32Array(value.buffer, value.byteOffset, value.length * 2),
  }
}

export type Scan = (block: Readings, from: number, to: number, part: Part) => void

/** Begins a part: counts by quality, and the sequences, what every kind of reading has. */
export function scanQualities(block: Readings, from: number, to: number, part: Part): void {
  const { quality, sequence } = block
  let good = 0
  let uncertain = 0
  for (let i = from; i < to; i++) {
    const it = (quality[i] as number) & 3
    if (it === GOOD) good++
    else if (it === UNCERTAIN) uncertain++
  }
  part.changes = 0
  part.good = good
  part.uncertain = uncertain
  part.bad = to - from - good - uncertain
  part.sequenceFrom = sequence ? Infinity : block.first + from
  part.sequenceTo = sequence ? 0 : block.first + to - 1
  if (!sequence) return
  for (let i = from; i < to; i++) {
    const it = sequence[i] as number
    if (it < part.sequenceFrom) part.sequenceFrom = it
    if (it > part.sequenceTo) part.sequenceTo = it
  }
}

/** The quality byte of what the statistics are over (a reading without a value has another); BAD: there is nothing. */
function wantedOf(part: Part): number {
  if (part.good > 0) return GOOD
  return part.uncertain > 0 ? UNCERTAIN : BAD
}

/** Doubles and bools. */
export function scanDoubles(block: Readings, from: number, to: number, part: Part): void {
  const { value, quality, time } = block
  const wanted = wantedOf(part)
  let valued = 0
  let first = -1
  let last = -1
  let min = Infinity
  let max = -Infinity
  let sum = 0
  let rest = 0
  if (wanted !== BAD)
    for (let i = from; i < to; i++) {
      const it = value[i] as number
      // Also false where it is NaN or not finite.
      if (quality[i] !== wanted || !(it - it === 0)) continue
      valued++
      if (it < min) min = it
      if (it > max) max = it
      // Knuth's sum of two: what rounding cuts off is collected, so that a sum of decimals is the decimal nearest to it.
      const next = sum + it
      const added = next - sum
      rest += sum - (next - added) + (it - added)
      sum = next
      if (first < 0 || isEarlier(block, i, first, time)) first = i
      if (last < 0 || !isEarlier(block, i, last, time)) last = i
    }
  part.valued = valued
  if (valued === 0) return
  part.sum = Number.isFinite(sum + rest) ? sum + rest : sum
  // + 0: of equal zeros neither is less, and which comes first must not matter.
  part.slots[MIN] = min + 0
  part.slots[MAX] = max + 0
  part.m2 = min === max ? 0 : squares(block, from, to, part.sum / valued, wanted, valued)
  setEnds(block, first, last, part)
}

/** Sum of squared distances to the mean, less what the rounded mean adds to it. */
function squares({ value, quality }: Readings, from: number, to: number, mean: number, wanted: number, valued: number): number {
  let sum = 0
  let square = 0
  for (let i = from; i < to; i++) {
    const raw = value[i] as number
    if (quality[i] !== wanted || !(raw - raw === 0)) continue
    const it = raw - mean
    sum += it
    square += it * it
  }
  return bounded(square - (sum * sum) / valued)
}

/** Infinity where doubles do not hold it. */
function bounded(m2: number): number {
  if (Number.isNaN(m2)) return Infinity
  return m2 > 0 ? m2 : 0
}

export function scanLongs(block: Readings, from: number, to: number, part: Part): void {
  const { words, quality, time } = block
  const wanted = wantedOf(part)
  let valued = 0
  let first = -1
  let last = -1
  let min = -1
  let max = -1
  let sum = 0
  let rest = 0
  if (wanted !== BAD)
    for (let i = from; i < to; i++) {
      if (quality[i] !== wanted) continue
      valued++
      if (min < 0 || isLess(words, i, min)) min = i
      if (max < 0 || isLess(words, max, i)) max = i
      const it = longAt(words, i)
      const next = sum + it
      const added = next - sum
      rest += sum - (next - added) + (it - added)
      sum = next
      if (first < 0 || isEarlier(block, i, first, time)) first = i
      if (last < 0 || !isEarlier(block, i, last, time)) last = i
    }
  part.valued = valued
  if (valued === 0) return
  part.sum = sum + rest
  copySlot(words, min, part.words, MIN)
  copySlot(words, max, part.words, MAX)
  part.m2 = isLess(words, min, max) ? squaresOfLongs(block, from, to, part.sum / valued, wanted, valued) : 0
  setEnds(block, first, last, part)
}

function squaresOfLongs(
  { words, quality }: Readings,
  from: number,
  to: number,
  mean: number,
  wanted: number,
  valued: number,
): number {
  let sum = 0
  let square = 0
  for (let i = from; i < to; i++) {
    if (quality[i] !== wanted) continue
    const it = longAt(words, i) - mean
    sum += it
    square += it * it
  }
  return bounded(square - (sum * sum) / valued)
}

/** Strings and bytes: changes are counted in the order in which they came. */
export function scanSpans(block: Readings, from: number, to: number, part: Part): void {
  const { words, quality, time, bytes } = block
  const wanted = wantedOf(part)
  let valued = 0
  let changes = 0
  let first = -1
  let last = -1
  let before = -1
  if (wanted !== BAD)
    for (let i = from; i < to; i++) {
      if (quality[i] !== wanted) continue
      valued++
      if (before >= 0 && !equalsSpan(words, bytes, before, i)) changes++
      before = i
      if (first < 0 || isEarlier(block, i, first, time)) first = i
      if (last < 0 || !isEarlier(block, i, last, time)) last = i
    }
  part.valued = valued
  part.changes = changes
  part.sum = 0
  part.m2 = 0
  part.bytes = bytes
  part.words.fill(0)
  if (valued > 0) setEnds(block, first, last, part)
}

function equalsSpan(words: Int32Array, bytes: Uint8Array, a: number, b: number): boolean {
  const [atA, lengthA] = [(words[a * 2] as number) >>> 0, (words[a * 2 + 1] as number) >>> 0]
  const [atB, lengthB] = [(words[b * 2] as number) >>> 0, (words[b * 2 + 1] as number) >>> 0]
  return equalSpans(bytes, atA, lengthA, bytes, atB, lengthB)
}

function setEnds(block: Readings, first: number, last: number, part: Part): void {
  copySlot(block.words, first, part.words, FIRST)
  copySlot(block.words, last, part.words, LAST)
  part.firstTime = block.time[first] as number
  part.lastTime = block.time[last] as number
  part.firstSequence = sequenceOf(block, first)
  part.lastSequence = sequenceOf(block, last)
}

function sequenceOf({ first, sequence }: Readings, i: number): number {
  return sequence ? (sequence[i] as number) : first + i
}

/** Whether reading a is before reading b: by source time, then by sequence. */
function isEarlier(block: Readings, a: number, b: number, time: Float64Array): boolean {
  const timeA = time[a] as number
  const timeB = time[b] as number
  if (timeA !== timeB) return timeA < timeB
  return sequenceOf(block, a) < sequenceOf(block, b)
}

function isLess(words: Int32Array, a: number, b: number): boolean {
  const highA = words[a * 2 + 1] as number
  const highB = words[b * 2 + 1] as number
  return highA < highB || (highA === highB && (words[a * 2] as number) >>> 0 < (words[b * 2] as number) >>> 0)
}

function longAt(words: Int32Array, i: number): number {
  return (words[i * 2 + 1] as number) * WORD + ((words[i * 2] as number) >>> 0)
}
