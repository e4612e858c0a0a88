// A block back to aggregates. Nothing is allocated by a length that was not checked, and nothing wrong comes out: DamagedBlock instead.
import type { AggregateColumns } from '../../core/aggregate.ts'
import type { BlockHeader } from '../header.ts'
import { DamagedBlock, open } from '../header.ts'
import { readSeries } from '../runs.ts'
import { decompress } from '../sections.ts'
import { readTimes } from '../times.ts'
import type { Reader } from '../varint.ts'
import { readSigned, readVarint } from '../varint.ts'
import { readCounts } from './counts.ts'
import { AGGREGATES_MAX } from './encode.ts'
import { COLUMNS } from './forms.ts'
import type { Valued } from './rows.ts'
import { countedOf, valuedRows } from './rows.ts'
import type { ReadValues } from './values-read.ts'
import { readValues } from './values-read.ts'

/** What a block says of itself; its `first` is called `firstSequence` here, since the columns have a `first` of their own. */
export interface DecodedAggregates extends AggregateColumns, Omit<BlockHeader, 'first'> {
  /** Sequence of row 0; the others follow. */
  readonly firstSequence: number
}

/** Buffers of its own. Throws DamagedBlock when anything is off, or it is a block of readings. */
export function decodeAggregates(block: Uint8Array): DecodedAggregates {
  const { stored, compressed, sealed, ...header } = open(block)
  if (header.version !== 3) throw new DamagedBlock('version', 'readings where aggregates are expected')
  if (header.count > AGGREGATES_MAX) throw new DamagedBlock('header', 'more aggregates than a block may have')
  if (sealed) throw new DamagedBlock('header', 'sections where there are none')
  const reader: Reader = { bytes: compressed ? decompress(stored, header.rawBytes) : stored, at: 0 }
  const columns = readPayload(reader, header.count)
  if (reader.at !== reader.bytes.length) throw new DamagedBlock('header', 'more payload than aggregates')
  return { ...header, firstSequence: header.first, ...columns }
}

function readPayload(reader: Reader, count: number): AggregateColumns {
  const windowUs = readVarint(reader)
  if (windowUs === 0) throw new DamagedBlock('header', 'windows of no length')
  const runs = readSeries(reader, count)
  const windowStart = readTimes(reader, runs)
  const good = readCounts(reader, count)
  const uncertain = readCounts(reader, count)
  const bad = readCounts(reader, count)
  const valued = lessIdle(readCounts(reader, count), good, uncertain)
  const changes = readCounts(reader, count)
  const sequences = readSequences(reader, good, uncertain, bad)
  const rows = valuedRows(runs, valued)
  const firstTime = readTimesOf(reader, rows, windowStart)
  const lastTime = readTimesOf(reader, rows, windowStart)
  const values = readValues(reader, rows, valued)
  const series = new Uint32Array(count)
  for (let run = 0; run < runs.length; run++) series.fill(runs.ids[run] as number, runs.starts[run], runs.starts[run + 1])
  return {
    count,
    windowUs,
    series,
    windowStart,
    good,
    uncertain,
    bad,
    valued,
    sum: scatter(values.sum, rows, count),
    m2: scatter(values.m2, rows, count),
    min: scatterSlots(values, rows, count, 0),
    max: scatterSlots(values, rows, count, 1),
    first: scatterSlots(values, rows, count, 2),
    last: scatterSlots(values, rows, count, 3),
    firstTime,
    lastTime,
    changes,
    ...sequences,
    bytes: values.bytes,
  }
}

function lessIdle(idle: Uint32Array<ArrayBuffer>, good: Uint32Array, uncertain: Uint32Array): Uint32Array<ArrayBuffer> {
  for (let i = 0; i < idle.length; i++) {
    const counted = countedOf(good, uncertain, i)
    if ((idle[i] as number) > counted) throw new DamagedBlock('header', 'fewer readings than are without a value')
    idle[i] = counted - (idle[i] as number)
  }
  return idle
}

function readSequences(reader: Reader, good: Uint32Array, uncertain: Uint32Array, bad: Uint32Array) {
  const sequenceFrom = new Float64Array(good.length)
  const sequenceTo = new Float64Array(good.length)
  for (let i = 0; i < good.length; i++) sequenceFrom[i] = readSigned(reader)
  let expected = 0
  for (let i = 0; i < good.length; i++) {
    const readings = (good[i] as number) + (uncertain[i] as number) + (bad[i] as number)
    const from = expected + (sequenceFrom[i] as number)
    const to = from + readings - 1 + readSigned(reader)
    if (!(from >= 0 && to <= Number.MAX_SAFE_INTEGER)) throw new DamagedBlock('header', 'a sequence that cannot be')
    sequenceFrom[i] = from
    sequenceTo[i] = to
    expected = to + 1
  }
  return { sequenceFrom, sequenceTo }
}

function readTimesOf(reader: Reader, { count, runs, rows }: Valued, windowStart: Float64Array): Float64Array<ArrayBuffer> {
  const time = Float64Array.from(windowStart)
  if (count === 0) return time
  const relative = readTimes(reader, runs)
  for (let i = 0; i < count; i++) {
    const row = rows[i] as number
    time[row] = (time[row] as number) + (relative[i] as number)
  }
  return time
}

function scatter(column: Float64Array, { rows }: Valued, count: number): Float64Array<ArrayBuffer> {
  const spread = new Float64Array(count)
  const [from, to] = [new Int32Array(column.buffer), new Int32Array(spread.buffer)]
  rows.forEach((row, i) => {
    to[row * 2] = from[i * 2] as number
    to[row * 2 + 1] = from[i * 2 + 1] as number
  })
  return spread
}

function scatterSlots({ words }: ReadValues, { runs, rows }: Valued, count: number, column: number): Float64Array<ArrayBuffer> {
  const spread = new Float64Array(count)
  const target = new Int32Array(spread.buffer)
  for (let run = 0; run < runs.length; run++) {
    const [from, to] = [runs.starts[run] as number, runs.starts[run + 1] as number]
    let at = (from * COLUMNS + column * (to - from)) * 2
    for (let i = from; i < to; i++) {
      const row = (rows[i] as number) * 2
      target[row] = words[at++] as number
      target[row + 1] = words[at++] as number
    }
  }
  return spread
}
