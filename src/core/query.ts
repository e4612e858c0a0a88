// What a query gets from the log, page by page, as columns: a row becomes an object only at the edge, where somebody reads it.
import type { QueryRow, QueryWindow, WindowValue } from './agent-api.ts'
import type { AggregateColumns } from './aggregate.ts'
import type { LogSeries, SliceTime } from './log.ts'
import type { Micros, Quality, Value, ValueKind } from './reading.ts'
import { NO_VALUE, QUALITIES } from './reading.ts'
import type { Stream } from './stream.ts'

export interface PageRequest {
  /** A tag, or several; in each `*` stands for any characters. */
  readonly tag: string | readonly string[]
  /** Absent: of all classes. */
  readonly classes?: readonly string[]
  /** Source time, µs, [from, to). */
  readonly from: Micros
  readonly to: Micros
  /** `next` of the page before; 0 at the start. */
  readonly after: QueryCursor | 0
}

export interface QueryPage {
  /** In the order of receipt. */
  readonly parts: readonly PlacedPart[]
  /** Blocks that could not be read: the key of their stream and their first sequence. */
  readonly damaged: readonly { readonly stream: string; readonly first: number }[]
  /** Where the next page begins; undefined when all is read. */
  readonly next: QueryCursor | undefined
}

/** Rows of one series out of one block. */
export type QueryPart = RawPart | AggregatePart
/** With the stream that its sequences are of. */
export type PlacedPart = QueryPart & { readonly stream: Stream }

export interface RawPart {
  readonly form: 'raw'
  readonly series: LogSeries
  /** Absent: synchronised. Times in the columns are corrected already. */
  readonly clock?: SliceTime
  readonly count: number
  readonly time: Float64Array
  readonly received: Float64Array
  /** Slots as in core/batch.ts, into `bytes`. */
  readonly value: Float64Array
  readonly quality: Uint8Array
  readonly status: Uint32Array
  readonly sequence: Float64Array
  readonly bytes: Uint8Array
}

export interface AggregatePart {
  readonly form: 'aggregate'
  readonly series: LogSeries
  readonly clock?: SliceTime
  readonly columns: AggregateColumns
  /** Of the aggregates, in their own stream. */
  readonly sequence: Float64Array
  /** Greatest receive time of the block. */
  readonly received: Micros
}

/** Where a query stands. Made by the log and handed back as it is. */
export interface QueryCursor {
  readonly series: Uint32Array
  readonly streams: readonly StreamCursor[]
}

export interface StreamCursor {
  /** The log's number of the stream. */
  readonly id: number
  readonly isDone: boolean
  /** Blocks that begin before it have been walked. */
  readonly next: number
  /** Where the oldest of them begins that was not sealed then: from there on blocks may have been merged since. */
  readonly freshFrom: number | undefined
  /** Sealed ones behind that, and what the query took of each block: [first, segment, offset] and [first, series, rows], flat. */
  readonly sealed: Float64Array
  readonly taken: Float64Array
  /** Rows to pass over, they were taken before their blocks were merged: [series, rows], flat; in blocks that begin before `skipUntil`. */
  readonly skip: Float64Array
  readonly skipUntil: number
}

const text = new TextDecoder()

/** The rows of a part, one by one; with `origin`, their stream, with its device and epoch. */
export function* rowsOf(part: QueryPart, origin?: Stream): Generator<QueryRow> {
  const count = part.form === 'raw' ? part.count : part.columns.count
  for (let i = 0; i < count; i++) {
    const row = rowAt(part, i)
    yield origin ? { ...row, device: origin.device, epoch: origin.epoch } : row
  }
}

export const rowAt = (part: QueryPart, i: number): QueryRow => (part.form === 'raw' ? readingAt(part, i) : aggregateAt(part, i))

type Head = Pick<QueryRow, 'tag' | 'kind' | 'class' | 'unit' | 'clock'>

/** What all rows of a series have in common. */
export function headOf(series: LogSeries, clock?: SliceTime): Head {
  const { tag, kind, class: name, unit } = series
  return { tag, kind, class: name, ...(unit !== undefined && { unit }), ...(clock !== undefined && { clock }) }
}

function readingAt(part: RawPart, i: number): QueryRow {
  const quality = part.quality[i] as number
  return {
    ...headOf(part.series, part.clock),
    time: part.time[i] as number,
    value: quality & NO_VALUE ? null : slotValue(part.series.kind, part.value, part.bytes, i),
    quality: QUALITIES[quality & 3] as Quality,
    status: part.status[i] as number,
    sequence: part.sequence[i] as number,
    received: part.received[i] as number,
  }
}

/** The value in a slot (core/batch.ts). */
export function slotValue(kind: ValueKind, slots: Float64Array, bytes: Uint8Array, i: number): Value {
  if (kind === 'double') return slots[i] as number
  if (kind === 'bool') return slots[i] !== 0
  if (kind === 'long') return new BigInt64Array(slots.buffer, slots.byteOffset + i * 8, 1)[0] as bigint
  const [offset = 0, length = 0] = new Uint32Array(slots.buffer, slots.byteOffset + i * 8, 2)
  const content = bytes.subarray(offset, offset + length)
  return kind === 'string' ? text.decode(content) : content.slice()
}

function aggregateAt({ series, clock, columns, sequence, received }: AggregatePart, i: number): QueryRow {
  const window = windowAt(series.kind, columns, i)
  return {
    ...headOf(series, clock),
    time: columns.windowStart[i] as number,
    ...shownBy(series.kind, window),
    status: 0,
    sequence: sequence[i] as number,
    received,
    window,
  }
}

/** The value that stands for a window, and its quality. */
export function shownBy(kind: ValueKind, window: QueryWindow): Pick<QueryRow, 'value' | 'quality'> {
  const quality = window.good > 0 ? 'good' : window.uncertain > 0 ? 'uncertain' : 'bad'
  if (window.valued === 0) return { value: null, quality }
  return { value: isNumeric(kind) ? window.mean : window.last, quality }
}

function windowAt(kind: ValueKind, columns: AggregateColumns, i: number): QueryWindow {
  const valued = columns.valued[i] as number
  const of = (slots: Float64Array): WindowValue | null => {
    if (valued === 0) return null
    const value = slotValue(kind, slots, columns.bytes, i)
    return typeof value === 'boolean' ? Number(value) : value
  }
  const numbers = isNumeric(kind) && valued > 0
  const good = columns.good[i] as number
  const uncertain = columns.uncertain[i] as number
  const bad = columns.bad[i] as number
  const sum = columns.sum[i] as number
  const m2 = columns.m2[i] as number
  return {
    length: columns.windowUs,
    count: good + uncertain + bad,
    good,
    uncertain,
    bad,
    valued,
    sum,
    m2,
    mean: numbers ? sum / valued : null,
    std: numbers ? Math.sqrt(m2 / valued) : null,
    min: numbers ? (of(columns.min) as number | bigint) : null,
    max: numbers ? (of(columns.max) as number | bigint) : null,
    first: of(columns.first),
    last: of(columns.last),
    firstTime: valued > 0 ? (columns.firstTime[i] as number) : null,
    lastTime: valued > 0 ? (columns.lastTime[i] as number) : null,
    changes: columns.changes[i] as number,
    sequenceFrom: columns.sequenceFrom[i] as number,
    sequenceTo: columns.sequenceTo[i] as number,
  }
}

/** Whether statistics are over its values. */
export function isNumeric(kind: ValueKind): boolean {
  return kind !== 'string' && kind !== 'bytes'
}

/** What to add to the source times of a series: only those that this box gave are wrong with its clock. */
export function timeShiftOf(series: LogSeries, clock: SliceTime | undefined): number {
  return series.boxTime ? (clock?.shiftUs ?? 0) : 0
}
