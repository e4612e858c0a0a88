// Rows of one series cut out of a decoded block: those of the range, in their order, in arrays of their own.
import type { AggregateColumns, ReadingColumns } from '../core/aggregate.ts'
import type { LogSeries, SliceTime } from '../core/log.ts'
import type { AggregatePart, RawPart } from '../core/query.ts'
import { isNumeric, timeShiftOf } from '../core/query.ts'

const NO_BYTES = new Uint8Array(0)

/** What is wanted of a block. */
export interface Cut {
  /** Source time as it is shown, µs, [from, to). */
  readonly from: number
  readonly to: number
  /** Absent: synchronised. */
  readonly clock: SliceTime | undefined
  /** Descriptor of a series that is asked for. */
  wanted(series: number): LogSeries | undefined
  /** Of aggregates: whether all readings [from, to) that one stands for are here, and tell more than it. Absent: none are. */
  readonly isTold?: (from: number, to: number) => boolean
}

/** A part for each series with readings in the range. */
export function* rawParts(block: ReadingColumns, cut: Cut): Generator<RawPart> {
  let start = 0
  for (const [run, id] of block.seriesIds.entries()) {
    const end = start + (block.runs[run] as number)
    const series = cut.wanted(id)
    const part = series && rawPart(block, start, end, series, cut)
    if (part) yield part
    start = end
  }
}

function rawPart(block: ReadingColumns, start: number, end: number, series: LogSeries, cut: Cut): RawPart | undefined {
  const { clock } = cut
  const shiftUs = timeShiftOf(series, clock)
  const [from, to] = [cut.from - shiftUs, cut.to - shiftUs]
  const places = placesOf(start, end, (i) => (block.time[i] as number) >= from && (block.time[i] as number) < to)
  if (places === undefined) return undefined
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
    sequence: block.sequence ? pick(block.sequence, places) : Float64Array.from(places, (it) => block.first + it),
    bytes: isNumeric(series.kind) ? NO_BYTES : block.bytes,
  }
}

/** Where a block of aggregates stands. */
interface AggregatePlace {
  readonly first: number
  readonly received_to: number
}

/** A part for each series with windows that reach into the range. */
export function* aggregateParts(block: AggregateColumns, cut: Cut, place: AggregatePlace): Generator<AggregatePart> {
  for (let start = 0, end = 0; start < block.count; start = end) {
    const id = block.series[start] as number
    while (end < block.count && block.series[end] === id) end++
    const series = cut.wanted(id)
    const part = series && aggregatePart(block, start, end, series, cut, place)
    if (part) yield part
  }
}

function aggregatePart(
  block: AggregateColumns,
  start: number,
  end: number,
  series: LogSeries,
  cut: Cut,
  { first, received_to }: AggregatePlace,
): AggregatePart | undefined {
  const { windowUs, windowStart } = block
  const { clock } = cut
  const shiftUs = timeShiftOf(series, clock)
  const [after, to] = [cut.from - shiftUs - windowUs, cut.to - shiftUs]
  const isIn = (i: number) => (windowStart[i] as number) > after && (windowStart[i] as number) < to
  const isTold = (i: number) => cut.isTold?.(block.sequenceFrom[i] as number, (block.sequenceTo[i] as number) + 1) ?? false
  const places = placesOf(start, end, (i) => isIn(i) && !isTold(i))
  if (places === undefined) return undefined
  const columns = pickAggregates(isNumeric(series.kind) ? { ...block, bytes: NO_BYTES } : block, places)
  for (const column of [columns.windowStart, columns.firstTime, columns.lastTime]) shifted(column, shiftUs)
  const sequence = Float64Array.from(places, (it) => first + it)
  const received = received_to + (clock?.shiftUs ?? 0)
  return { form: 'aggregate', series, ...(clock && { clock }), columns, sequence, received }
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
