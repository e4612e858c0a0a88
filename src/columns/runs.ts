// Columns that hardly ever change (quality, status, receive time) as runs.
import type { SeriesRuns } from './group.ts'
import { DamagedBlock } from './header.ts'
import type { Reader, Writer } from './varint.ts'
import { isSignedRange, putByte, putSigned, putVarint, readByte, readSigned, readVarint } from './varint.ts'

const SAME = 1

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

/** Fills `column`, whose length is the count of readings. */
export function readRuns(reader: Reader, column: Uint8Array | Uint32Array, whatMax: number): void {
  const form = readByte(reader)
  if (form > 1) throw new DamagedBlock('header', 'an unknown form of column')
  if (form === 0) return
  for (let from = 0; from < column.length; ) {
    const what = readVarint(reader)
    if (what > whatMax) throw new DamagedBlock('header', 'a code is too large')
    const to = runEnd(from, readVarint(reader), column.length)
    column.fill(what, from, to)
    from = to
  }
}

/** Receive times: those that are used, then their numbers along the runs. `batch` absent: the first is that of all readings. */
export function writeReceived(
  writer: Writer,
  runs: SeriesRuns,
  batch: Uint16Array | undefined,
  received: Float64Array,
): [number, number] {
  const count = runs.starts[runs.length] as number
  const numbers = new Int32Array(received.length).fill(-1)
  const used = batch ? numberUsed(batch, count, numbers, received) : [received[0] as number]
  writeReceiveTimes(writer, used)
  if (used.length > 1 && batch) writeBatches(writer, runs, batch, numbers)
  return used.reduce(([from, to], it) => [Math.min(from, it), Math.max(to, it)], [used[0] as number, used[0] as number])
}

/** In the order of batches, so that times ascend and numbers step by one. */
function numberUsed(batch: Uint16Array, count: number, numbers: Int32Array, received: Float64Array): number[] {
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

function writeBatches(writer: Writer, runs: SeriesRuns, batch: Uint16Array, numbers: Int32Array): void {
  for (let run = 0; run < runs.length; run++) {
    const same = equalsRunBefore(runs, run, batch)
    putByte(writer, same ? SAME : 0)
    if (!same) writeBatchRun(writer, batch, runs.starts[run] as number, runs.starts[run + 1] as number, numbers)
  }
}

function writeBatchRun(writer: Writer, batch: Uint16Array, start: number, end: number, numbers: Int32Array): void {
  let before = 0
  for (let from = start; from < end; ) {
    const what = batch[from] as number
    let to = from + 1
    while (to < end && batch[to] === what) to++
    putSigned(writer, (numbers[what] as number) - before)
    putVarint(writer, to - from - 1)
    before = numbers[what] as number
    from = to
  }
}

/** Whether a run's entries are those of the run before it. */
export function equalsRunBefore(runs: SeriesRuns, run: number, column: Float64Array | Uint16Array): boolean {
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
  const form = readByte(reader)
  if (form === 0) return false
  const start = runs.starts[run] as number
  const matches = run > 0 && (runs.starts[run + 1] as number) - start === start - (runs.starts[run - 1] as number)
  if (form !== SAME || !matches) throw new DamagedBlock('header', 'an unknown form of column')
  return true
}

/** Receive time of each reading. */
export function readReceived(reader: Reader, runs: SeriesRuns): Float64Array<ArrayBuffer> {
  const count = runs.starts[runs.length] as number
  const received = new Float64Array(count)
  const times = readReceiveTimes(reader, count)
  if (times.length === 1) return received.fill(times[0] as number)
  for (let run = 0; run < runs.length; run++) {
    const start = runs.starts[run] as number
    if (readSame(reader, runs, run)) received.copyWithin(start, runs.starts[run - 1] as number, start)
    else readBatchRun(reader, received, start, runs.starts[run + 1] as number, times)
  }
  return received
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

function readBatchRun(reader: Reader, received: Float64Array, start: number, end: number, times: readonly number[]): void {
  let number = 0
  for (let from = start; from < end; ) {
    number += readSigned(reader)
    const time = times[number]
    if (time === undefined) throw new DamagedBlock('header', 'an unknown receive time')
    const to = runEnd(from, readVarint(reader), end)
    received.fill(time, from, to)
    from = to
  }
}
