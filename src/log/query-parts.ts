// Rows of one series cut out of a decoded block: those of the range, in their order, in arrays of their own.
import type { AggregateColumns, ReadingColumns } from '../core/aggregate.ts'
import type { LogSeries, SliceTime } from '../core/log.ts'
import type { AggregatePart, RawPart } from '../core/query.ts'

/** As stored, [from, to); `shiftUs` is what makes stored times right. */
interface StoredRange {
  readonly from: number
  readonly to: number
  readonly shiftUs: number
}

/** Readings [start, end) of the block, one series; undefined when none is in the range. */
export function rawPart(
  block: ReadingColumns,
  start: number,
  end: number,
  series: LogSeries,
  clock: SliceTime | undefined,
  { from, to, shiftUs }: StoredRange,
): RawPart | undefined {
  const places = placesOf(start, end, (i) => (block.time[i] as number) >= from && (block.time[i] as number) < to)
  if (places === undefined) return undefined
  const sequence = new Float64Array(places.length)
  places.forEach((it, i) => (sequence[i] = block.sequence ? (block.sequence[it] as number) : block.first + it))
  return {
    form: 'raw',
    series,
    ...(clock && { clock }),
    count: places.length,
    time: shifted(pick(block.time, places), shiftUs),
    received: shifted(pick(block.received, places), clock?.shiftUs ?? 0),
    value: pickSlots(block.value, places),
    quality: pick(block.quality, places),
    status: pick(block.status, places),
    sequence,
    bytes: block.bytes,
  }
}

/** Aggregates [start, end) of the block, one series, whose windows reach into the range; undefined when none does. */
export function aggregatePart(
  block: AggregateColumns,
  start: number,
  end: number,
  series: LogSeries,
  clock: SliceTime | undefined,
  { from, to, shiftUs, first, received }: StoredRange & { readonly first: number; readonly received: number },
): AggregatePart | undefined {
  const { windowUs } = block
  const places = placesOf(
    start,
    end,
    (i) => (block.windowStart[i] as number) + windowUs > from && (block.windowStart[i] as number) < to,
  )
  if (places === undefined) return undefined
  const columns = pickAggregates(block, places)
  for (const column of [columns.windowStart, columns.firstTime, columns.lastTime]) shifted(column, shiftUs)
  return {
    form: 'aggregate',
    series,
    ...(clock && { clock }),
    columns,
    sequence: Float64Array.from(places, (it) => first + it),
    received,
  }
}

/** Without the first `over` rows. */
export function cutRaw(part: RawPart, over: number): RawPart {
  return {
    ...part,
    count: part.count - over,
    time: part.time.slice(over),
    received: part.received.slice(over),
    value: part.value.slice(over),
    quality: part.quality.slice(over),
    status: part.status.slice(over),
    sequence: part.sequence.slice(over),
  }
}

export function cutAggregates(part: AggregatePart, over: number): AggregatePart {
  const places = Uint32Array.from({ length: part.columns.count - over }, (_, i) => over + i)
  return { ...part, columns: pickAggregates(part.columns, places), sequence: part.sequence.slice(over) }
}

function pickAggregates(block: AggregateColumns, places: Uint32Array): AggregateColumns {
  const picked = <T extends Float64Array | Uint32Array>(column: T): T => pick(column, places)
  return {
    count: places.length,
    windowUs: block.windowUs,
    series: picked(block.series),
    windowStart: picked(block.windowStart),
    good: picked(block.good),
    uncertain: picked(block.uncertain),
    bad: picked(block.bad),
    valued: picked(block.valued),
    sum: picked(block.sum),
    m2: picked(block.m2),
    min: pickSlots(block.min, places),
    max: pickSlots(block.max, places),
    first: pickSlots(block.first, places),
    last: pickSlots(block.last, places),
    firstTime: picked(block.firstTime),
    lastTime: picked(block.lastTime),
    changes: picked(block.changes),
    sequenceFrom: picked(block.sequenceFrom),
    sequenceTo: picked(block.sequenceTo),
    bytes: block.bytes,
  }
}

function placesOf(start: number, end: number, isWanted: (i: number) => boolean): Uint32Array | undefined {
  const places = new Uint32Array(end - start)
  let count = 0
  for (let i = start; i < end; i++) if (isWanted(i)) places[count++] = i
  return count === 0 ? undefined : places.subarray(0, count)
}

function pick<T extends Float64Array | Uint32Array | Uint8Array>(column: T, places: Uint32Array): T {
  const picked = new (column.constructor as new (length: number) => T)(places.length)
  for (let i = 0; i < places.length; i++) picked[i] = column[places[i] as number] as number
  return picked
}

/** As words: a copy as doubles may change the bits of what is not a double. */
function pickSlots(column: Float64Array, places: Uint32Array): Float64Array<ArrayBuffer> {
  const source = new Uint32Array(column.buffer, column.byteOffset, column.length * 2)
  const words = new Uint32Array(places.length * 2)
  for (let i = 0; i < places.length; i++) {
    const at = (places[i] as number) * 2
    words[i * 2] = source[at] as number
    words[i * 2 + 1] = source[at + 1] as number
  }
  return new Float64Array(words.buffer)
}

function shifted<T extends Float64Array>(times: T, shiftUs: number): T {
  if (shiftUs !== 0) for (let i = 0; i < times.length; i++) times[i] = (times[i] as number) + shiftUs
  return times
}
