// Readings to a block.
import type { ValueKind } from '../core/reading.ts'
import type { GroupScratch } from './group.ts'
import { group, groupScratch } from './group.ts'
import { assemble, PAYLOAD_BYTES_MAX, READINGS_MAX } from './header.ts'
import { writeReceived, writeRuns, writeSeries } from './runs.ts'
import { compress } from './sections.ts'
import { writeTimes } from './times.ts'
import { writeValues } from './values.ts'
import type { Writer } from './varint.ts'

/** Columns of readings that will become one block, any order; value slots as in core/batch.ts. Arrays may be longer than `count`. */
export interface BlockInput {
  /** 1 to READINGS_MAX. */
  readonly count: number
  /** The log's own number of the series, per reading. */
  readonly series: Uint32Array
  /** Source time, whole microseconds since 1970 UTC. */
  readonly time: Float64Array
  /** double: the double · long: the int64's bits · bool: the double 0 or 1 · string, bytes: two Uint32, offset and length in `bytes`. */
  readonly value: Float64Array
  readonly quality: Uint8Array
  readonly status: Uint32Array
  /** Index into `received`, per reading. */
  readonly batch: Uint16Array | Uint32Array
  /** Receive time of each source batch, microseconds. */
  readonly received: Float64Array
  /** What strings and bytes point into. */
  readonly bytes: Uint8Array
  readonly kindOf: (series: number) => ValueKind
}

/** Which stream (the log's number) and sequence a block begins at. */
interface Place {
  readonly stream: number
  readonly first: number
}

interface EncodedBlock {
  /** Its own buffer, nobody else's. */
  readonly block: Uint8Array<ArrayBuffer>
  /** Least and greatest source time in it. */
  readonly timeFrom: number
  readonly timeTo: number
}

/** Readings come out ordered by series, ascending; within a series in the order given. Throws RangeError on input that cannot be a block. */
export type Encoder = (input: BlockInput, place: Place) => EncodedBlock

/** zstd's fastest level proper: the rest of the work is done before it. */
const LEVEL = 1
interface Scratch {
  readonly writer: Writer
  group: GroupScratch
  scaled: Float64Array
}

/** An encoder that keeps its buffers from block to block; one for each thread that writes. `level` is zstd's. */
export function createEncoder(level = LEVEL): Encoder {
  const scratch: Scratch = { writer: { bytes: new Uint8Array(0), at: 0 }, group: groupScratch(1), scaled: new Float64Array(1) }
  return (input, place) => {
    checkInput(input)
    checkPlace(place, input.count)
    grow(scratch, input.count)
    return encode(input, place, scratch, level)
  }
}

/** For one block now and then; it makes its buffers anew. */
export const encodeBlock: Encoder = (input, place) => createEncoder()(input, place)

function checkInput({ count, series, time, value, quality, status, batch, received }: BlockInput): void {
  if (!(count >= 1 && count <= READINGS_MAX)) throw new RangeError(`a block of ${count} readings`)
  const shortest = Math.min(series.length, time.length, value.length, quality.length, status.length, batch.length)
  if (shortest < count || received.length < 1) throw new RangeError('columns are shorter than the block')
}

function checkPlace({ stream, first }: Place, count: number): void {
  if (stream !== stream >>> 0) throw new RangeError(`stream ${stream}`)
  if (!(first >= 0 && Number.isSafeInteger(first) && Number.isSafeInteger(first + count)))
    throw new RangeError(`sequence ${first}`)
}

function grow(scratch: Scratch, count: number): void {
  if (scratch.group.capacity >= count) return
  scratch.group = groupScratch(count)
  scratch.scaled = new Float64Array(count)
}

function encode(input: BlockInput, place: Place, { writer, group: buffers, scaled }: Scratch, level: number): EncodedBlock {
  writer.at = 0
  const { runs, time, value, quality, status, batch } = group(input, buffers)
  writeSeries(writer, runs)
  writeRuns(writer, quality, input.count)
  writeRuns(writer, status, input.count)
  const [receivedFrom, receivedTo] = writeReceived(writer, runs, batch, input.received)
  const [timeFrom, timeTo] = writeTimes(writer, runs, time)
  writeValues(writer, runs, value, scaled, input.bytes, input.kindOf)
  const raw = writer.bytes.subarray(0, writer.at)
  if (raw.length > PAYLOAD_BYTES_MAX) throw new RangeError(`a block of ${raw.length} bytes`)
  const packed = compress(raw, level)
  const header = { ...place, count: input.count, timeFrom, timeTo, receivedFrom, receivedTo, rawBytes: raw.length }
  return { block: assemble(header, packed ?? raw, packed !== undefined), timeFrom, timeTo }
}
