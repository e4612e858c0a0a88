// Columns that hardly ever change (quality, status, receive time) as runs.
import type { SeriesRuns } from './group.ts'
import { DamagedBlock } from './header.ts'
import type { Reader, Writer } from './varint.ts'
import { isSignedRange, putByte, putSigned, putVarint, readByte, readSigned, readVarint } from './varint.ts'

const SAME = 1

/** Indexes of receive times. */
export type Batches = Uint16Array | Uint32Array

/** Series and sizes of the runs. */
export function writeSeries(writer: Writer, runs: SeriesRuns): void {
  putVarint(writer, runs.length)
  let expected = 0
  for (let i = 0; i < runs.length; i++) {
    putVarint(writer, (runs.ids[i] as number) - expected)
    putVarint(writer, (runs.starts[i + 1] as number) - (runs.starts[i] as number) - 1)
    expected = (runs.ids[i] as number) + 1
  }
}

export function readSeries(reader: Reader, count: number): SeriesRuns {
  const length = readVarint(reader)
  if (length < 1 || length > count) throw new DamagedBlock('header', 'more series than readings')
  const ids = new Uint32Array(length)
  const starts = new Uint32Array(length + 1)
  let expected = 0
  for (let i = 0; i < length; i++) {
    const id = expected + readVarint(reader)
    if (id > 0xffff_ffff) throw new DamagedBlock('header', 'a series number is too large')
    ids[i] = id
    starts[i + 1] = runEnd(starts[i] as number, readVarint(reader), count)
    expected = id + 1
  }
  if (starts[length] !== count) throw new DamagedBlock('header', 'a column is too short')
  return { length, ids, starts }
}

/** Where a run ends that was read as its length − 1. */
function runEnd(at: number, lessOne: number, count: number): number {
  const end = at + lessOne + 1
  if (end > count) throw new DamagedBlock('header', 'a column is too long')
  return end
}

/** `column` absent: all are 0. */
export function writeRuns(writer: Writer, column: Uint8Array | Uint32Array | undefined, count: number): void {
  putByte(writer, column ? 1 : 0)
  if (!column) return
  for (let from = 0; from < count; ) {
    const what = column[from] as number
    let to = from + 1
    while (to < count && column[to] === what) to++
    putVarint(writer, what)
    putVarint(writer, to - from - 1)
    from = to
  }
}

/** Undefined where all are 0. */
export function readQuality(reader: Reader, count: number): Uint8Array<ArrayBuffer> | undefined {
  return readIsZero(reader) ? undefined : fillRuns(reader, new Uint8Array(count), 0xff)
}

/** Undefined where all are 0. */
export function readStatus(reader: Reader, count: number): Uint32Array<ArrayBuffer> | undefined {
  return readIsZero(reader) ? undefined : fillRuns(reader, new Uint32Array(count), 0xffff_ffff)
}

function readIsZero(reader: Reader): boolean {
  const form = readByte(reader)
  if (form > 1) throw new DamagedBlock('header', 'an unknown form of column')
  return form === 0
}

function fillRuns<T extends Uint8Array | Uint32Array>(reader: Reader, column: T, whatMax: number): T {
  for (let from = 0; from < column.length; ) {
    const what = readVarint(reader)
    if (what > whatMax) throw new DamagedBlock('header', 'a code is too large')
    const to = runEnd(from, readVarint(reader), column.length)
    column.fill(what, from, to)
    from = to
  }
  return column
}

/** Receive times: those that are used, then their numbers along the runs. `batch` absent: the first is that of all readings. */
export function writeReceived(
  writer: Writer,
  runs: SeriesRuns,
  batch: Batches | undefined,
  received: Float64Array,
): [number, number] {
  const count = runs.starts[runs.length] as number
  const numbers = new Int32Array(received.length).fill(-1)
  const used = batch ? numberUsed(batch, count, numbers, received) : [received[0] as number]
  writeReceiveTimes(writer, used)
  if (used.length > 1 && batch) writeBatches(writer, runs, renumber(batch, count, numbers))
  return used.reduce(([from, to], it) => [Math.min(from, it), Math.max(to, it)], [used[0] as number, used[0] as number])
}

/** In the order of batches, so that times ascend and numbers step by one. */
export function numberUsed(batch: Batches, count: number, numbers: Int32Array, received: Float64Array): number[] {
  for (let i = 0; i < count; i++) {
    const it = batch[i] as number
    if (it >= numbers.length) throw new RangeError(`source batch ${it} of ${numbers.length}`)
    numbers[it] = 0
  }
  const used: number[] = []
  numbers.forEach((it, i) => {
    if (it < 0) return
    numbers[i] = used.length
    used.push(received[i] as number)
  })
  return used
}

function writeReceiveTimes(writer: Writer, times: readonly number[]): void {
  putVarint(writer, times.length)
  const steps = times.map((it, i) => it - (i > 0 ? (times[i - 1] as number) : 0))
  const exact = times.every(Number.isSafeInteger) && steps.every(isSignedRange)
  putByte(writer, exact ? 0 : 1)
  if (exact) for (const it of steps) putSigned(writer, it)
  else for (const byte of new Uint8Array(Float64Array.from(times).buffer)) putByte(writer, byte)
}

/** What batches are called in the block: `numbers` of what the input calls them. */
export function renumber(batch: Batches, count: number, numbers: Int32Array): Batches {
  if (numbers.every((it, i) => it === i)) return batch
  const renumbered = new Uint32Array(count)
  for (let i = 0; i < count; i++) renumbered[i] = numbers[batch[i] as number] as number
  return renumbered
}

export function writeBatches(writer: Writer, runs: SeriesRuns, batch: Batches): void {
  for (let run = 0; run < runs.length; run++) {
    const same = equalsRunBefore(runs, run, batch)
    putByte(writer, same ? SAME : 0)
    if (!same) writeBatchRun(writer, batch, runs.starts[run] as number, runs.starts[run + 1] as number)
  }
}

function writeBatchRun(writer: Writer, batch: Batches, start: number, end: number): void {
  let before = 0
  for (let from = start; from < end; ) {
    const what = batch[from] as number
    let to = from + 1
    while (to < end && batch[to] === what) to++
    putSigned(writer, what - before)
    putVarint(writer, to - from - 1)
    before = what
    from = to
  }
}

/** Whether a run's entries are those of the run before it. */
export function equalsRunBefore(runs: SeriesRuns, run: number, column: Float64Array | Batches): boolean {
  if (run === 0) return false
  const before = runs.starts[run - 1] as number
  const start = runs.starts[run] as number
  const end = runs.starts[run + 1] as number
  const distance = start - before
  if (end - start !== distance) return false
  for (let i = start; i < end; i++) if (column[i] !== column[i - distance]) return false
  return true
}

/** Whether a run is marked as equal to the run before it, which must then be there and as long. */
export function readSame(reader: Reader, runs: SeriesRuns, run: number): boolean {
  const form = reader.bytes[reader.at++]
  if (form === 0) return false
  const start = runs.starts[run] as number
  const matches = run > 0 && (runs.starts[run + 1] as number) - start === start - (runs.starts[run - 1] as number)
  if (form !== SAME || !matches) throw new DamagedBlock('header', 'an unknown form of column')
  return true
}

/** A loop: most runs are short, and a call of copyWithin takes as long as 20 readings. */
export function copyRunBefore(column: Float64Array | Uint32Array, runs: SeriesRuns, run: number): void {
  let from = runs.starts[run - 1] as number
  const end = runs.starts[run + 1] as number
  for (let i = runs.starts[run] as number; i < end; i++) column[i] = column[from++] as number
}

/** Receive times, and which of them each reading has. */
export interface Received {
  readonly times: Float64Array<ArrayBuffer>
  /** Index into `times`, by reading; absent: all have the first. */
  readonly batch: Uint32Array<ArrayBuffer> | undefined
}

export function readReceived(reader: Reader, runs: SeriesRuns): Received {
  const count = runs.starts[runs.length] as number
  const times = Float64Array.from(readReceiveTimes(reader, count))
  return { times, batch: times.length === 1 ? undefined : readBatches(reader, runs, times.length) }
}

/** An index below `length` for each reading. */
export function readBatches(reader: Reader, runs: SeriesRuns, length: number): Uint32Array<ArrayBuffer> {
  const batch = new Uint32Array(runs.starts[runs.length] as number)
  for (let run = 0; run < runs.length; run++) {
    const start = runs.starts[run] as number
    if (readSame(reader, runs, run)) copyRunBefore(batch, runs, run)
    else readBatchRun(reader, batch, start, runs.starts[run + 1] as number, length)
  }
  return batch
}

function readReceiveTimes(reader: Reader, count: number): number[] {
  const length = readVarint(reader)
  if (length < 1 || length > count) throw new DamagedBlock('header', 'more receive times than readings')
  if (readByte(reader) === 1) return readDoubles(reader, length)
  const times: number[] = []
  for (let i = 0, time = 0; i < length; i++) times.push((time += readSigned(reader)))
  return times
}

function readDoubles(reader: Reader, length: number): number[] {
  const bytes = Uint8Array.from({ length: length * 8 }, () => readByte(reader))
  return [...new Float64Array(bytes.buffer)]
}

function readBatchRun(reader: Reader, batch: Uint32Array, start: number, end: number, length: number): void {
  let number = 0
  for (let from = start; from < end; ) {
    number += readSigned(reader)
    if (number < 0 || number >= length) throw new DamagedBlock('header', 'an unknown receive time')
    const to = runEnd(from, readVarint(reader), end)
    for (let i = from; i < to; i++) batch[i] = number
    from = to
  }
}
