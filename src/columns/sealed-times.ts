// Source times of a sealed block, less the header's least one, so that all are small.
import type { SeriesRuns } from './group.ts'
import { DamagedBlock } from './header.ts'
import type { IntsReaders, IntsScratch, IntsWriters } from './ints.ts'
import { INTEGER_MAX, readInts, writeInts } from './ints.ts'
import { copyRunBefore, equalsRunBefore, readSame } from './runs.ts'
import type { SectionReaders, SectionWriters } from './sections.ts'
import type { Reader, Writer } from './varint.ts'
import { putByte, readByte, reserve } from './varint.ts'

/** By the byte in the block. 0: what is not whole microseconds, or too far apart to subtract exactly, goes as it is. */
const UNITS = [0, 1, 1_000, 1_000_000] as const
const AS_IS = 0
const SAME = 1

export interface Span {
  readonly from: number
  readonly to: number
}

export function spanOf(times: Float64Array, count: number): Span {
  let from = times[0] as number
  let to = from
  for (let i = 1; i < count; i++) {
    const it = times[i] as number
    if (it < from) from = it
    if (it > to) to = it
  }
  return { from, to }
}

export const timeWriters = ({ runs, times, bits }: SectionWriters): IntsWriters => ({ heads: runs, tokens: times, bits })
export const timeReaders = ({ runs, times, bits }: SectionReaders): IntsReaders => ({ heads: runs, tokens: times, bits })

/** `from`: the least of `time`. `x`: scratch for as many numbers as there are readings. */
export function writeSealedTimes(
  sections: SectionWriters,
  runs: SeriesRuns,
  time: Float64Array,
  from: number,
  x: Float64Array,
  ints: IntsScratch,
): void {
  const count = runs.starts[runs.length] as number
  const form = unitOf(time, count, from)
  putByte(sections.runs, form)
  if (form === AS_IS) return writeDoubles(sections.bits, time, count)
  const unit = UNITS[form] as number
  const writers = timeWriters(sections)
  for (let run = 0; run < runs.length; run++) {
    const same = equalsRunBefore(runs, run, time)
    putByte(sections.runs, same ? SAME : 0)
    if (same) continue
    const start = runs.starts[run] as number
    const length = (runs.starts[run + 1] as number) - start
    for (let i = 0; i < length; i++) x[i] = ((time[start + i] as number) - from) / unit
    writeInts(writers, x, length, ints)
  }
}

function unitOf(time: Float64Array, count: number, from: number): number {
  for (let form = UNITS.length - 1; form > AS_IS; form--) if (allMultiples(time, count, from, UNITS[form] as number)) return form
  return AS_IS
}

function allMultiples(time: Float64Array, count: number, from: number, unit: number): boolean {
  if (!Number.isSafeInteger(from)) return false
  for (let i = 0; i < count; i++) {
    const it = time[i] as number
    const distance = it - from
    if (Math.floor(distance / unit) * unit !== distance || distance > INTEGER_MAX || !Number.isSafeInteger(it)) return false
  }
  return true
}

export function writeDoubles(writer: Writer, times: Float64Array, count: number): void {
  reserve(writer, count * 8)
  writer.bytes.set(new Uint8Array(times.buffer, times.byteOffset, count * 8), writer.at)
  writer.at += count * 8
}

export function readDoubles(reader: Reader, count: number): Float64Array<ArrayBuffer> {
  const end = reader.at + count * 8
  if (end > reader.bytes.length) throw new DamagedBlock('header', 'a column ends before its time')
  const times = new Float64Array(count)
  new Uint8Array(times.buffer).set(reader.bytes.subarray(reader.at, end))
  reader.at = end
  return times
}

/** `from`: as the header has it. */
export function readSealedTimes(sections: SectionReaders, runs: SeriesRuns, from: number): Float64Array<ArrayBuffer> {
  const count = runs.starts[runs.length] as number
  const form = readByte(sections.runs)
  if (form === AS_IS) return readDoubles(sections.bits, count)
  const unit = UNITS[form]
  if (unit === undefined) throw new DamagedBlock('header', 'an unknown unit of time')
  const time = new Float64Array(count)
  const readers = timeReaders(sections)
  for (let run = 0; run < runs.length; run++) {
    const start = runs.starts[run] as number
    const end = runs.starts[run + 1] as number
    if (readSame(sections.runs, runs, run)) {
      copyRunBefore(time, runs, run)
      continue
    }
    readInts(readers, time.subarray(start, end), end - start)
    for (let i = start; i < end; i++) time[i] = from + (time[i] as number) * unit
  }
  return time
}
