// Receive times of a sealed block. Source batches of many readings have a number each; where readings came one by one, a receive
// time is how much later than the source time it is.
import type { SeriesRuns } from './group.ts'
import { DamagedBlock } from './header.ts'
import type { IntsScratch } from './ints.ts'
import { estimateBits, INTEGER_MAX, readInts, writeInts } from './ints.ts'
import type { Batches, Received } from './runs.ts'
import { numberUsed, readBatches, renumber, writeBatches } from './runs.ts'
import type { Span } from './sealed-times.ts'
import { readDoubles, spanOf, timeReaders, timeWriters, writeDoubles } from './sealed-times.ts'
import type { SectionReaders, SectionWriters } from './sections.ts'
import { putByte, putVarint, readByte, readVarint } from './varint.ts'

/** Forms: the header's least one for all readings; a list as doubles, as times, as lateness; lateness of each reading. */
const ONE = 0
const AS_IS = 1
const LISTED = 2
const LATE = 3
const EACH_LATE = 4
/** One for so many readings is cheap in any form. */
const FEW = 100

export interface ReceivedInput {
  readonly runs: SeriesRuns
  readonly time: Float64Array
  /** Index into `times`; absent: all have the first. */
  readonly batch: Batches | undefined
  readonly times: Float64Array
}

/** Returns the least and the greatest one that is used. */
export function writeSealedReceived(sections: SectionWriters, input: ReceivedInput, x: Float64Array, ints: IntsScratch): Span {
  const count = input.runs.starts[input.runs.length] as number
  const numbers = new Int32Array(input.times.length).fill(-1)
  const times = input.batch ? Float64Array.from(numberUsed(input.batch, count, numbers, input.times)) : input.times.slice(0, 1)
  const span = spanOf(times, times.length)
  if (!input.batch || times.length === 1) putByte(sections.runs, ONE)
  else {
    const batch = renumber(input.batch, count, numbers)
    if (times.length * 2 <= count || !writeEachLate(sections, input, batch, times, x, ints))
      writeListed(sections, input, batch, times, span.from, ints)
  }
  return span
}

/** False where a distance is no integer of a column. */
function writeEachLate(
  sections: SectionWriters,
  { runs, time }: ReceivedInput,
  batch: Batches,
  times: Float64Array,
  x: Float64Array,
  ints: IntsScratch,
): boolean {
  const count = runs.starts[runs.length] as number
  for (let i = 0; i < count; i++) x[i] = (times[batch[i] as number] as number) - (time[i] as number)
  if (!areExact(x, count) || !areWhole(time, count)) return false
  putByte(sections.runs, EACH_LATE)
  for (let run = 0; run < runs.length; run++) {
    const start = runs.starts[run] as number
    const end = runs.starts[run + 1] as number
    writeInts(timeWriters(sections), x.subarray(start, end), end - start, ints)
  }
  return true
}

function writeListed(
  sections: SectionWriters,
  { runs, time }: ReceivedInput,
  batch: Batches,
  times: Float64Array,
  from: number,
  ints: IntsScratch,
): void {
  const count = runs.starts[runs.length] as number
  const plain = times.map((it) => it - from)
  const late = times.length * FEW > count && areWhole(time, count) ? lateness(batch, times, time, count) : undefined
  const form =
    !areExact(plain, plain.length) || !areWhole(times, times.length) ? AS_IS : late && isLess(late, plain, ints) ? LATE : LISTED
  putByte(sections.runs, form)
  putVarint(sections.runs, times.length)
  writeBatches(sections.runs, runs, batch)
  if (form === AS_IS) writeDoubles(sections.bits, times, times.length)
  else writeInts(timeWriters(sections), form === LATE && late ? late : plain, times.length, ints)
}

/** Undefined where a distance is no integer of a column. */
function lateness(batch: Batches, times: Float64Array, time: Float64Array, count: number): Float64Array | undefined {
  const firsts = firstReadings(batch, count, times.length)
  const late = times.map((it, n) => it - (time[firsts[n] as number] as number))
  return areExact(late, late.length) ? late : undefined
}

const isLess = (a: Float64Array, b: Float64Array, ints: IntsScratch): boolean =>
  estimateBits(a, a.length, ints) < estimateBits(b, b.length, ints)

/** By batch the first reading, in block order, that is of it. */
function firstReadings(batch: Batches, count: number, length: number): Uint32Array {
  const firsts = new Uint32Array(length)
  for (let i = count - 1; i >= 0; i--) firsts[batch[i] as number] = i
  return firsts
}

/** So that what was subtracted comes back by adding. */
function areExact(differences: Float64Array, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const it = differences[i] as number
    if (!Number.isSafeInteger(it) || it > INTEGER_MAX || it < -INTEGER_MAX) return false
  }
  return true
}

function areWhole(times: Float64Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (!Number.isSafeInteger(times[i])) return false
  return true
}

/** `from`: the header's least receive time. */
export function readSealedReceived(sections: SectionReaders, runs: SeriesRuns, time: Float64Array, from: number): Received {
  const form = readByte(sections.runs)
  if (form === ONE) return { times: Float64Array.of(from), batch: undefined }
  if (form === EACH_LATE) return readEachLate(sections, runs, time)
  if (form > EACH_LATE) throw new DamagedBlock('header', 'an unknown form of receive times')
  const length = readVarint(sections.runs)
  if (length < 1 || length > time.length) throw new DamagedBlock('header', 'more receive times than readings')
  const batch = readBatches(sections.runs, runs, length)
  if (form === AS_IS) return { times: readDoubles(sections.bits, length), batch }
  const times = new Float64Array(length)
  readInts(timeReaders(sections), times, length)
  const firsts = firstReadings(batch, batch.length, length)
  for (let n = 0; n < length; n++)
    times[n] = (times[n] as number) + (form === LATE ? (time[firsts[n] as number] as number) : from)
  return { times, batch }
}

function readEachLate(sections: SectionReaders, runs: SeriesRuns, time: Float64Array): Received {
  const times = new Float64Array(time.length)
  for (let run = 0; run < runs.length; run++) {
    const start = runs.starts[run] as number
    const end = runs.starts[run + 1] as number
    readInts(timeReaders(sections), times.subarray(start, end), end - start)
  }
  for (let i = 0; i < times.length; i++) times[i] = (times[i] as number) + (time[i] as number)
  return { times, batch: Uint32Array.from(times, (_, i) => i) }
}
