// Readings and aggregates as blocks: one record carries many of one stream, in the columns of the log. BLOCKS.md beside this file says how such
// a record looks. The slices of a transaction are collected, and what follows one another becomes one block: all of a series comes to lie together.
import { partitionOf } from '../../clients/kafka/partition.ts'
import { binary, lengthOf } from '../../clients/kafka/records.ts'
import { createAggregateEncoder, decodeAggregates, rowsOf } from '../../columns/aggregates/index.ts'
import type { Part } from '../../columns/index.ts'
import { createCutter, decodeColumns, readHeader, seriesIn } from '../../columns/index.ts'
import { SEALED_BYTES_MAX, SEALED_READINGS_MAX } from '../../core/bounds.ts'
import type { Intervals } from '../../core/intervals.ts'
import { contains } from '../../core/intervals.ts'
import type { AggregateSlice, LogSeries, RawSlice, SliceTime } from '../../core/log.ts'
import type { ValueKind } from '../../core/reading.ts'
import type { Stream, StreamRange } from '../../core/stream.ts'
import { streamKey } from '../../core/stream.ts'
import { encodeEnvelope } from './block-envelope.ts'
import { decodedOnce } from './decoded.ts'
import type { RecordStyle, RecordTemplate } from './readings.ts'
import { headersOf, recordText } from './readings.ts'
import type { Topic } from './topics.ts'

type BlockSlice = RawSlice | AggregateSlice
type SeriesMap = ReadonlyMap<number, LogSeries>

/** Where finished records go. `put` is false when the record is too large for the topic by itself. */
export interface RecordSink {
  put(topic: Topic, partition: number, rest: string): boolean
  refuse(stream: Stream, sequence: number): void
}

export interface BlockPacker {
  /** Forgets what a packing that failed half-way left behind. `now` in µs. */
  begin(now: number): void
  add(slice: BlockSlice, series: SeriesMap, topic: Topic, maybeDuplicate: Intervals): void
  /** Makes the records of what was added. Throws DamagedBlock. */
  flush(): void
}

/** Part of a slice whose readings all say the same of themselves. */
interface Piece {
  readonly slice: BlockSlice
  readonly series: SeriesMap
  readonly topic: Topic
  readonly from: number
  readonly to: number
  readonly marked: boolean
}

/** zstd's: a link where bytes cost is slow beside it. */
const LEVEL = 9
/** A sealed block of so many readings goes as it is: with others it would hardly get smaller. */
const WHOLE_READINGS_MIN = 16_384

export function blockPacker(style: RecordStyle, sink: RecordSink): BlockPacker {
  let pieces: Piece[] = []
  let now = 0
  let described: SeriesMap = new Map()
  const kindOf = (id: number): ValueKind => descriptorOf(described, id).kind
  const cut = createCutter({ level: LEVEL, readingsMax: SEALED_READINGS_MAX, bytesMax: SEALED_BYTES_MAX, kindOf })
  const encodeAggregates = createAggregateEncoder(LEVEL)
  const decode = decodedOnce(decodeColumns)

  /** False when the topic does not take it. */
  function send(
    piece: Piece,
    block: Uint8Array,
    seriesIds: Iterable<number>,
    { from, to }: Omit<StreamRange, 'stream'>,
  ): boolean {
    const { slice, topic, marked } = piece
    const series = [...seriesIds].map((id) => descriptorOf(piece.series, id))
    const time = slice.time ?? SYNCHRONISED
    const value = encodeEnvelope(
      { stream: slice.stream, site: style.site, headers: style.headers, sent: now, time, series },
      block,
    )
    const { partition, ...template } = templateOf(slice.stream, style, topic.partitions)
    const { timeFrom } = readHeader(block)
    return sink.put(topic, partition, recordText(template, value.toString('latin1'), `${from}-${to - 1}`, timeFrom, marked))
  }

  function sendReadings(run: readonly Piece[]): void {
    const first = run[0] as Piece
    described = first.series
    if (run.length === 1 && isWhole(first) && send(first, first.slice.block, seriesIn(first.slice.block), first)) return
    const parts = run.map(({ slice, from, to }): Part => ({ columns: decode(slice.block, to), from, to }))
    sendParts(first, parts)
  }

  /** Halves of halves, until each is taken or is a single reading that nothing can mend. */
  function sendParts(piece: Piece, parts: readonly Part[]): void {
    for (const { block, seriesIds, first, count } of cut(parts, 0)) {
      const range = { from: first, to: first + count }
      if (send(piece, block, seriesIds, range)) continue
      if (count === 1) sink.refuse(piece.slice.stream, first)
      else for (const half of halvesOf(range)) sendParts(piece, [{ columns: decodeColumns(block), ...half }])
    }
  }

  function sendAggregates(piece: Piece): void {
    const { slice, from, to } = piece
    described = piece.series
    const { first, count, stream, receivedFrom, receivedTo } = readHeader(slice.block)
    const columns = decodeAggregates(slice.block)
    const rows = rowsOf(columns, from - first, to - first)
    const isAll = from === first && to === first + count
    const place = { stream, first: from, receivedFrom, receivedTo }
    const block = isAll ? slice.block : encodeAggregates(rows, place, kindOf).block
    if (send(piece, block, new Set(rows.series.subarray(0, rows.count)), piece)) return
    if (to - from === 1) sink.refuse(slice.stream, from)
    else for (const half of halvesOf(piece)) sendAggregates({ ...piece, ...half })
  }

  return {
    begin(at) {
      now = at
      pieces = []
    },
    add(slice, series, topic, maybeDuplicate) {
      for (const { from, to } of cutsOf(slice, maybeDuplicate))
        pieces.push({ slice, series, topic, from, to, marked: contains(maybeDuplicate, from, to) })
    },
    flush() {
      for (const run of runsOf(pieces)) {
        if (run[0]?.slice.form === 'raw') sendReadings(run)
        else run.forEach(sendAggregates)
      }
      pieces = []
    },
  }
}

const SYNCHRONISED: SliceTime = { quality: 'synchronised', shiftUs: 0 }

/** `holdfast.block` records of one stream. */
function templateOf(stream: Stream, style: RecordStyle, partitions: number): Omit<RecordTemplate, 'kind'> {
  const key = Buffer.from(`${stream.device}/${stream.class}`, 'utf8')
  return {
    partition: partitionOf(key, partitions),
    key: lengthOf(key.length) + key.toString('latin1'),
    idPrefix: binary(`${streamKey(stream)}:`),
    ...headersOf(stream, style, 'holdfast.block', stream.class, 'application/vnd.holdfast.block'),
  }
}

function descriptorOf(series: SeriesMap, id: number): LogSeries {
  const found = series.get(id)
  if (!found) throw new Error(`a block with series ${id}, which nobody described`)
  return found
}

/** [from, to) of a slice, cut where a range that may be there twice begins or ends. */
function cutsOf({ from, to }: BlockSlice, maybeDuplicate: Intervals): Omit<StreamRange, 'stream'>[] {
  const inside = maybeDuplicate.flatMap((it) => [it.from, it.to]).filter((it) => it > from && it < to)
  const bounds = [from, ...new Set(inside), to].toSorted((a, b) => a - b)
  return bounds.slice(1).map((end, i) => ({ from: bounds[i] as number, to: end }))
}

function halvesOf({ from, to }: Omit<StreamRange, 'stream'>): Omit<StreamRange, 'stream'>[] {
  const middle = from + ((to - from) >>> 1)
  return [
    { from, to: middle },
    { from: middle, to },
  ]
}

/** Pieces that can be one block, in the order of their sequences. */
function runsOf(pieces: readonly Piece[]): Piece[][] {
  const runs: Piece[][] = []
  for (const own of Map.groupBy(pieces, (it) => streamKey(it.slice.stream)).values()) {
    for (const piece of own.toSorted((a, b) => a.from - b.from)) {
      const before = runs.at(-1)?.at(-1)
      if (before && goesOn(before, piece)) runs.at(-1)?.push(piece)
      else runs.push([piece])
    }
  }
  return runs
}

function goesOn(before: Piece, piece: Piece): boolean {
  const [a, b] = [before.slice.time ?? SYNCHRONISED, piece.slice.time ?? SYNCHRONISED]
  return (
    piece.slice.form === 'raw' &&
    streamKey(before.slice.stream) === streamKey(piece.slice.stream) &&
    before.to === piece.from &&
    before.marked === piece.marked &&
    before.topic === piece.topic &&
    a.quality === b.quality &&
    a.shiftUs === b.shiftUs &&
    !(isWhole(before) || isWhole(piece))
  )
}

/** A large block, all of which is meant. */
function isWhole({ slice, from, to }: Piece): boolean {
  const { first, count } = readHeader(slice.block)
  return count >= WHOLE_READINGS_MIN && from === first && to === first + count
}
