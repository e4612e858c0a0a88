// Source times: delta of delta, in the largest unit that all have, once for series with equal times.
import type { SeriesRuns } from './group.ts'
import { DamagedBlock } from './header.ts'
import { copyRunBefore, equalsRunBefore, readSame } from './runs.ts'
import type { Reader, Writer } from './varint.ts'
import { isSignedRange, putByte, readByte, readSigned, reserve, signedAt, VARINT_BYTES_MAX } from './varint.ts'

/** By the byte in the block. 0: what is not whole microseconds, or too far apart to subtract exactly, goes as it is. */
const UNITS = [0, 1, 1_000, 1_000_000] as const
const AS_IS = 0

/** Returns the least and the greatest time. */
export function writeTimes(writer: Writer, runs: SeriesRuns, time: Float64Array): [number, number] {
  const count = runs.starts[runs.length] as number
  reserve(writer, 1 + runs.length + count * VARINT_BYTES_MAX)
  const start = writer.at
  const form = formOf(time, count)
  putByte(writer, form)
  if (form === AS_IS || !writeDeltas(writer, runs, time, UNITS[form] as number)) {
    writer.at = start
    writeAsIs(writer, time, count)
  }
  return span(time, count)
}

function writeAsIs(writer: Writer, time: Float64Array, count: number): void {
  putByte(writer, AS_IS)
  writer.bytes.set(new Uint8Array(time.buffer, time.byteOffset, count * 8), writer.at)
  writer.at += count * 8
}

function span(time: Float64Array, count: number): [number, number] {
  let from = time[0] as number
  let to = from
  for (let i = 1; i < count; i++) {
    const it = time[i] as number
    if (it < from) from = it
    if (it > to) to = it
  }
  return [from, to]
}

function formOf(time: Float64Array, count: number): number {
  for (let form = UNITS.length - 1; form > AS_IS; form--) if (allMultiples(time, count, UNITS[form] as number)) return form
  return AS_IS
}

function allMultiples(time: Float64Array, count: number, unit: number): boolean {
  for (let i = 0; i < count; i++) {
    const it = time[i] as number
    if (Math.floor(it / unit) * unit !== it || it > Number.MAX_SAFE_INTEGER || it < -Number.MAX_SAFE_INTEGER) return false
  }
  return true
}

/** False where a difference is too large. */
function writeDeltas(writer: Writer, runs: SeriesRuns, time: Float64Array, unit: number): boolean {
  const { bytes } = writer
  let at = writer.at
  let first = 0
  let delta = 0
  for (let run = 0; run < runs.length; run++) {
    const same = equalsRunBefore(runs, run, time)
    bytes[at++] = same ? 1 : 0
    if (same) continue
    const start = runs.starts[run] as number
    const end = runs.starts[run + 1] as number
    let before = (time[start] as number) / unit
    if (!isSignedRange(before - first)) return false
    at = signedAt(bytes, at, before - first)
    first = before
    for (let i = start + 1; i < end; i++) {
      const now = (time[i] as number) / unit
      const next = now - before
      const change = next - delta
      if (!isSignedRange(next) || !isSignedRange(change)) return false
      at = signedAt(bytes, at, change)
      before = now
      delta = next
    }
  }
  writer.at = at
  return true
}

export function readTimes(reader: Reader, runs: SeriesRuns): Float64Array<ArrayBuffer> {
  const time = new Float64Array(runs.starts[runs.length] as number)
  const form = readByte(reader)
  const unit = UNITS[form]
  if (unit === undefined) throw new DamagedBlock('header', 'an unknown unit of time')
  if (form === AS_IS) readAsIs(reader, time)
  else readDeltas(reader, runs, time, unit)
  return time
}

function readAsIs(reader: Reader, time: Float64Array): void {
  const end = reader.at + time.length * 8
  if (end > reader.bytes.length) throw new DamagedBlock('header', 'a column ends before its time')
  new Uint8Array(time.buffer).set(reader.bytes.subarray(reader.at, end))
  reader.at = end
}

function readDeltas(reader: Reader, runs: SeriesRuns, time: Float64Array, unit: number): void {
  let first = 0
  let delta = 0
  for (let run = 0; run < runs.length; run++) {
    const start = runs.starts[run] as number
    const end = runs.starts[run + 1] as number
    if (readSame(reader, runs, run)) {
      if (end - start === 1) time[start] = time[start - 1] as number
      else copyRunBefore(time, runs, run)
      continue
    }
    first += readSigned(reader)
    let now = first
    time[start] = now * unit
    for (let i = start + 1; i < end; i++) {
      delta += readSigned(reader)
      now += delta
      time[i] = now * unit
    }
  }
}
