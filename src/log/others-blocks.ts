// Blocks of another box become blocks of ours: our numbers of the series, the readings' own sequences.
import { createAggregateEncoder, decodeAggregates, rowsOf } from '../columns/aggregates/index.ts'
import { createCutter, decodeColumns, readHeader } from '../columns/index.ts'
import type { AggregateColumns } from '../core/aggregate.ts'
import { BLOCK_BYTES_MAX, BLOCK_READINGS_MAX } from '../core/bounds.ts'
import type { BoxTransaction } from '../core/boxes.ts'
import type { AggregateSlice, RawSlice, SliceTime } from '../core/log.ts'
import type { ValueKind } from '../core/reading.ts'
import type { BlockRow } from './catalogue.ts'
import type { Periods } from './periods.ts'
import type { SeriesTable } from './series.ts'
import type { StreamRow, Streams } from './streams.ts'

/** As the catalogue takes it, but for what is delivered of it already. */
export type OthersBlock = Omit<BlockRow, 'id' | 'segment' | 'offset' | 'stream' | 'pending'> & { readonly data: Uint8Array }

export interface OfStream {
  readonly stream: StreamRow
  readonly blocks: readonly OthersBlock[]
}

const LEVEL = 1

/** Throws DamagedBlock or RangeError for what cannot be read. */
export function createOthersBlocks({
  streams,
  series,
  periods,
}: {
  readonly streams: Streams
  readonly series: SeriesTable
  readonly periods: Periods
}): (sent: BoxTransaction) => OfStream[] {
  const kindOf = (id: number): ValueKind => series.kindOf(id)
  const cut = createCutter({ level: LEVEL, readingsMax: BLOCK_READINGS_MAX, bytesMax: BLOCK_BYTES_MAX, kindOf })
  const encodeAggregates = createAggregateEncoder(LEVEL)

  function inTime(time: SliceTime | undefined): { period: number; shiftUs: number } {
    const { quality, shiftUs } = time ?? { quality: 'synchronised', shiftUs: 0 }
    return { period: periods.ofOthers(quality), shiftUs }
  }

  /** Our number of a series by the other box's. Throws RangeError for one that it has not described. */
  function ourSeries({ series: described }: BoxTransaction): (id: number, of: string) => number {
    const all = new Map(described.map(({ id, ...it }) => [id, it]))
    return (id, of) => {
      const found = all.get(id)
      if (!found) throw new RangeError(`series ${id} is described nowhere`)
      return series.idOf(found, of)
    }
  }

  function freshRaw(slice: RawSlice, stream: StreamRow, ours: (id: number) => number): OthersBlock[] {
    const { period, shiftUs } = inTime(slice.time)
    const block = decodeColumns(slice.block)
    const runs = { ...block.runs, ids: block.runs.ids.map(ours) }
    const columns = shiftUs === 0 ? { ...block, runs } : shifted({ ...block, runs }, shiftUs, (id) => series.isBoxTime(id))
    return cut([{ columns, from: slice.from, to: slice.to }], stream.id).map((it) => ({
      first: it.first,
      count: it.count,
      readings: it.count,
      time_from: it.timeFrom,
      time_to: it.timeTo,
      received_from: it.receivedFrom,
      received_to: it.receivedTo,
      bytes: it.block.length,
      period,
      series: 0,
      window_ms: 0,
      data: it.block,
    }))
  }

  /** Rows keep their places, and so their numbers: where ours are not in order any more, a new block begins. */
  function freshAggregates(slice: AggregateSlice, stream: StreamRow, ours: (id: number) => number): OthersBlock[] {
    const { period, shiftUs } = inTime(slice.time)
    const header = readHeader(slice.block)
    const { first } = header
    const [receivedFrom, receivedTo] = [header.receivedFrom + shiftUs, header.receivedTo + shiftUs]
    const rows = rowsOf(decodeAggregates(slice.block), slice.from - first, slice.to - first)
    const ids = rows.series.map(ours)
    const moved = (times: Float64Array<ArrayBuffer>) =>
      shiftUs === 0 ? times : times.map((it, n) => (series.isBoxTime(ids[n] as number) ? it + shiftUs : it))
    const { windowStart, firstTime, lastTime } = rows
    const mapped: AggregateColumns = {
      ...rows,
      series: ids,
      windowStart: moved(windowStart),
      firstTime: moved(firstTime),
      lastTime: moved(lastTime),
    }
    return ascending(mapped).map(({ from, to }) => {
      const part = from === 0 && to === mapped.count ? mapped : rowsOf(mapped, from, to)
      const place = { stream: stream.id, first: slice.from + from, receivedFrom, receivedTo }
      const { block, timeFrom, timeTo } = encodeAggregates(part, place, kindOf)
      return {
        first: place.first,
        count: part.count,
        readings: readingsIn(part),
        time_from: timeFrom,
        time_to: timeTo,
        received_from: receivedFrom,
        received_to: receivedTo,
        bytes: block.length,
        period,
        series: 0,
        window_ms: part.windowUs / 1000,
        data: block,
      }
    })
  }

  return (sent) => {
    const ourOf = ourSeries(sent)
    return sent.slices.flatMap((it) => {
      if (it.form !== 'raw' && it.form !== 'aggregate') return []
      const stream = streams.of(it.stream)
      const ours = (id: number) => ourOf(id, it.stream.device)
      return [{ stream, blocks: it.form === 'raw' ? freshRaw(it, stream, ours) : freshAggregates(it, stream, ours) }]
    })
  }
}

type Columns = ReturnType<typeof decodeColumns>

/** Times that the other box gave by a clock that was mended later: here nobody could mend them any more. */
function shifted(columns: Columns, shiftUs: number, isBoxTime: (series: number) => boolean): Columns {
  const time = columns.time.slice()
  const { runs, received } = columns
  for (let run = 0; run < runs.length; run++) {
    if (!isBoxTime(runs.ids[run] as number)) continue
    for (let i = runs.starts[run] as number; i < (runs.starts[run + 1] as number); i++) time[i] = (time[i] as number) + shiftUs
  }
  return { ...columns, time, received: { ...received, times: received.times.map((it) => it + shiftUs) } }
}

function ascending({ series, count }: AggregateColumns): { from: number; to: number }[] {
  const parts: { from: number; to: number }[] = []
  for (let from = 0, to = 0; from < count; from = to) {
    for (to = from + 1; to < count && (series[to] as number) >= (series[to - 1] as number); ) to++
    parts.push({ from, to })
  }
  return parts
}

function readingsIn({ good, uncertain, bad, count }: AggregateColumns): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += (good[i] as number) + (uncertain[i] as number) + (bad[i] as number)
  return sum
}
