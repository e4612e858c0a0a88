// Aggregates to a block.
import type { AggregateColumns } from '../../core/aggregate.ts'
import type { ValueKind } from '../../core/reading.ts'
import type { SeriesRuns } from '../group.ts'
import { assemble, PAYLOAD_BYTES_MAX } from '../header.ts'
import { writeSeries } from '../runs.ts'
import { compress } from '../sections.ts'
import { writeTimes } from '../times.ts'
import type { Writer } from '../varint.ts'
import { isSignedRange, putVarint, reserve, signedAt, VARINT_BYTES_MAX } from '../varint.ts'
import { writeCounts } from './counts.ts'
import { COLUMNS } from './forms.ts'
import type { Valued } from './rows.ts'
import { countedOf, valuedRows } from './rows.ts'
import { writeValues } from './values.ts'

/** Where a block stands: the log's number of the stream, sequence of its first aggregate, and when the readings it stands for were received. */
export interface AggregatePlace {
  readonly stream: number
  readonly first: number
  readonly receivedFrom: number
  readonly receivedTo: number
}

interface EncodedAggregates {
  /** Its own buffer, nobody else's. */
  readonly block: Uint8Array<ArrayBuffer>
  /** Least window start. */
  readonly timeFrom: number
  /** Greatest window end − 1 µs: all windows are within [timeFrom, timeTo]. */
  readonly timeTo: number
}

/** Rows keep their order, which must be by series. Throws RangeError on input that cannot be a block. */
export type AggregateEncoder = (
  columns: AggregateColumns,
  place: AggregatePlace,
  kindOf: (series: number) => ValueKind,
) => EncodedAggregates

/** Rows in one block. */
export const AGGREGATES_MAX = 65_536

/** An encoder that keeps its buffer from block to block; one for each thread that writes. `level` is zstd's. */
export function createAggregateEncoder(level: number): AggregateEncoder {
  const writer: Writer = { bytes: new Uint8Array(0), at: 0 }
  return (columns, place, kindOf) => {
    writer.at = 0
    checkPlace(place, columns.count)
    const [timeFrom, timeTo] = writePayload(writer, columns, kindOf)
    const raw = writer.bytes.subarray(0, writer.at)
    if (raw.length > PAYLOAD_BYTES_MAX) throw new RangeError(`a block of ${raw.length} bytes`)
    const packed = compress(raw, level)
    const header = { ...place, count: columns.count, timeFrom, timeTo, rawBytes: raw.length }
    return { block: assemble(header, packed ?? raw, packed !== undefined, 3), timeFrom, timeTo }
  }
}

function checkPlace({ stream, first }: AggregatePlace, count: number): void {
  if (!(count >= 1 && count <= AGGREGATES_MAX)) throw new RangeError(`a block of ${count} aggregates`)
  if (stream !== stream >>> 0) throw new RangeError(`stream ${stream}`)
  if (!(first >= 0 && Number.isSafeInteger(first) && Number.isSafeInteger(first + count)))
    throw new RangeError(`sequence ${first}`)
}

function writePayload(writer: Writer, columns: AggregateColumns, kindOf: (series: number) => ValueKind): [number, number] {
  const { count, windowUs } = columns
  const runs = runsOf(columns)
  putVarint(writer, windowUs)
  writeSeries(writer, runs)
  const [least, greatest] = writeTimes(writer, runs, columns.windowStart.subarray(0, count))
  for (const it of [columns.good, columns.uncertain, columns.bad, idleOf(columns), columns.changes])
    writeCounts(writer, it, count)
  writeSequences(writer, columns)
  const valued = valuedRows(runs, columns.valued)
  if (valued.count > 0) {
    writeTimes(writer, valued.runs, relative(columns.firstTime, columns.windowStart, valued))
    writeTimes(writer, valued.runs, relative(columns.lastTime, columns.windowStart, valued))
  }
  writeValues(writer, { runs: valued.runs, ...gather(columns, valued), bytes: columns.bytes }, kindOf)
  return [least, greatest + windowUs - 1]
}

function runsOf({ series, count }: AggregateColumns): SeriesRuns {
  const starts = [0]
  for (let i = 1; i < count; i++) {
    if ((series[i] as number) < (series[i - 1] as number)) throw new RangeError('aggregates that are not ordered by series')
    if (series[i] !== series[i - 1]) starts.push(i)
  }
  const ids = Uint32Array.from(starts, (at) => series[at] as number)
  return { length: starts.length, ids, starts: Uint32Array.from([...starts, count]) }
}

/** Readings that the statistics are over but for their having no value. */
function idleOf({ good, uncertain, valued, count }: AggregateColumns): Uint32Array {
  const idle = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const it = countedOf(good, uncertain, i) - (valued[i] as number)
    if (it < 0) throw new RangeError('more values than readings')
    idle[i] = it
  }
  return idle
}

function writeSequences(writer: Writer, { good, uncertain, bad, sequenceFrom, sequenceTo, count }: AggregateColumns): void {
  reserve(writer, count * 2 * VARINT_BYTES_MAX)
  let expected = 0
  for (let i = 0; i < count; i++) {
    writer.at = signedAt(writer.bytes, writer.at, inRange((sequenceFrom[i] as number) - expected))
    expected = (sequenceTo[i] as number) + 1
  }
  for (let i = 0; i < count; i++) {
    const readings = (good[i] as number) + (uncertain[i] as number) + (bad[i] as number)
    const distance = (sequenceTo[i] as number) - (sequenceFrom[i] as number)
    writer.at = signedAt(writer.bytes, writer.at, inRange(distance - (readings - 1)))
  }
}

function inRange(n: number): number {
  if (Number.isInteger(n) && isSignedRange(n)) return n
  throw new RangeError(`sequences that are ${n} apart`)
}

function relative(time: Float64Array, windowStart: Float64Array, { rows }: Valued): Float64Array {
  const distances = new Float64Array(rows.length)
  rows.forEach((row, i) => {
    const it = (time[row] as number) - (windowStart[row] as number)
    if (it + (windowStart[row] as number) !== time[row]) throw new RangeError(`a time ${it} µs from its window`)
    distances[i] = it
  })
  return distances
}

function gather(columns: AggregateColumns, { count, runs, rows }: Valued) {
  const values = new Float64Array(count * COLUMNS)
  const words = new Int32Array(values.buffer)
  const sources = [columns.min, columns.max, columns.first, columns.last].map(
    (it) => new Int32Array(it.buffer, it.byteOffset, it.length * 2),
  )
  for (let run = 0; run < runs.length; run++) {
    const [from, to] = [runs.starts[run] as number, runs.starts[run + 1] as number]
    sources.forEach((source, column) => {
      let at = (from * COLUMNS + column * (to - from)) * 2
      for (let i = from; i < to; i++) {
        const row = (rows[i] as number) * 2
        words[at++] = source[row] as number
        words[at++] = source[row + 1] as number
      }
    })
  }
  const moments = {
    valued: Float64Array.from(rows, (row) => columns.valued[row] as number),
    sum: Float64Array.from(rows, (row) => columns.sum[row] as number),
    m2: Float64Array.from(rows, (row) => columns.m2[row] as number),
  }
  return { values, moments }
}

/** Sets of at most `rowsMax` rows, in order. Views of the same columns, but for `bytes`, which they share. */
export function splitAggregates(columns: AggregateColumns, rowsMax: number): AggregateColumns[] {
  if (columns.count <= rowsMax) return [columns]
  const sets: AggregateColumns[] = []
  for (let from = 0; from < columns.count; from += rowsMax)
    sets.push(rowsOf(columns, from, Math.min(columns.count, from + rowsMax)))
  return sets
}

/** Rows [from, to), likewise. */
export function rowsOf(it: AggregateColumns, from: number, to: number): AggregateColumns {
  return {
    count: to - from,
    windowUs: it.windowUs,
    series: it.series.subarray(from, to),
    windowStart: it.windowStart.subarray(from, to),
    good: it.good.subarray(from, to),
    uncertain: it.uncertain.subarray(from, to),
    bad: it.bad.subarray(from, to),
    valued: it.valued.subarray(from, to),
    sum: it.sum.subarray(from, to),
    m2: it.m2.subarray(from, to),
    min: it.min.subarray(from, to),
    max: it.max.subarray(from, to),
    first: it.first.subarray(from, to),
    last: it.last.subarray(from, to),
    firstTime: it.firstTime.subarray(from, to),
    lastTime: it.lastTime.subarray(from, to),
    changes: it.changes.subarray(from, to),
    sequenceFrom: it.sequenceFrom.subarray(from, to),
    sequenceTo: it.sequenceTo.subarray(from, to),
    bytes: it.bytes,
  }
}
