// What the log holds of some tags. Pages of bounded work: each call reads some blocks and says where to go on, so that no cursor of
// SQLite stays open and the keeper's thread is soon free again. Epoch by epoch, and in an epoch in the order of receipt.
import { decodeBlock, DamagedBlock } from '../columns/index.ts'
import type { AggregateColumns, ReadingColumns } from '../core/aggregate.ts'
import type { LogSeries, SliceTime } from '../core/log.ts'
import type { PageRequest, QueryCursor, QueryPage, QueryPart } from '../core/query.ts'
import { timeShiftOf } from '../core/query.ts'
import type { Stream } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import type { Journal } from './journal.ts'
import type { Walk } from './query-walk.ts'
import { beginWalk, cursorOf } from './query-walk.ts'
import { aggregatePart, rawPart } from './query-parts.ts'
import { createPlaces, createTags } from './query-rows.ts'
import type { Place } from './query-rows.ts'

/** Where a block's bytes are: `data` of a fresh block, else a place in a segment. */
export interface StoredBlock {
  readonly id: number
  readonly data: Uint8Array | null
  readonly segment: number | null
  readonly offset: number | null
  readonly bytes: number
}

export interface QueryOptions {
  /** How far the times of a clock period can be trusted. */
  readonly timeOf?: (period: number) => SliceTime
  readonly decodeAggregates?: (block: Uint8Array) => AggregateColumns
}

/** A page's work: readings that are decoded, and blocks, which cost something however small they are. */
const DECODED_A_PAGE = 200_000
const BLOCKS_A_PAGE = 512

interface StreamRow extends Stream {
  readonly id: number
}

/** A stream on its way through a page: what of it comes next. */
interface Lane {
  readonly stream: StreamRow
  readonly walk: Walk
  /** Ahead, those that may hold something of the range; ascending. */
  places: readonly Place[]
}

interface Out {
  readonly request: PageRequest
  readonly wanted: ReadonlySet<number>
  readonly parts: QueryPart[]
  readonly damaged: { stream: string; first: number }[]
  decoded: number
  blocks: number
}

const isFull = (out: Out) => out.decoded >= DECODED_A_PAGE || out.blocks >= BLOCKS_A_PAGE

/** `readBlock` gives the bytes of a block's row, or throws DamagedBlock where they are not there. */
export function createQuery(
  db: Journal,
  describe: (id: number) => LogSeries | undefined,
  readBlock: (row: StoredBlock) => Uint8Array,
  { timeOf, decodeAggregates }: QueryOptions = {},
): (request: PageRequest) => QueryPage {
  const places = createPlaces(db)
  const seriesOf = createTags(db)
  const streams = db.prepare("SELECT id, device, epoch, class, form FROM stream WHERE form IN ('raw', 'aggregate') ORDER BY id")

  /** One snapshot for all that a page reads. */
  const page = db.transaction((request: PageRequest): QueryPage => {
    const series = request.after === 0 ? seriesOf(request.tag) : request.after.series
    const out: Out = { request, wanted: new Set(series), parts: [], damaged: [], decoded: 0, blocks: 0 }
    const walks = new Map((request.after === 0 ? [] : request.after.streams).map((it) => [it.id, beginWalk(it.id, it)]))
    const rest = epochsOf(series).map((epoch) => epoch.filter((it) => !walks.get(it.id)?.isDone))
    const present = rest.find((it) => it.length > 0)
    if (present) readEpoch(present, walks, out)
    const isOver = rest.flat().every((it) => walks.get(it.id)?.isDone)
    const next: QueryCursor = { series, streams: [...walks.values()].map(cursorOf) }
    return { parts: out.parts, damaged: out.damaged, next: isOver ? undefined : next }
  })

  /** Streams that may hold something of the series, by epoch; the oldest epoch first. */
  function epochsOf(series: Uint32Array): StreamRow[][] {
    const classes = new Set([...series].map((id) => describe(id)?.class))
    const rows = (streams.all() as StreamRow[]).filter(
      (it) => classes.has(it.class) && (it.form === 'raw' || decodeAggregates !== undefined),
    )
    return [...Map.groupBy(rows, (it) => `${it.device}:${it.epoch}`).values()]
  }

  function readEpoch(epoch: readonly StreamRow[], walks: Map<number, Walk>, out: Out): void {
    const lanes = epoch.map((stream): Lane => {
      const walk = walks.get(stream.id) ?? beginWalk(stream.id)
      walks.set(stream.id, walk)
      places.catchUp(walk)
      return { stream, walk, places: [] }
    })
    while (!isFull(out)) {
      for (const lane of lanes) if (lane.places.length === 0) fill(lane, out)
      const lane = oldest(lanes)
      // A stream whose next block is not known yet holds up the others.
      if (!lane || lanes.some((it) => it.places.length === 0 && !it.walk.isDone)) return
      take(lane, out)
    }
  }

  /** Looks at some rows; there may be more without anything for us among them. */
  function fill(lane: Lane, out: Out): void {
    if (lane.walk.isDone) return
    const { from, to } = out.request
    const rows = places.after(lane.walk)
    const mayHold = rows.filter((it) => {
      const shiftUs = timeOf?.(it.period).shiftUs ?? 0
      return it.time_to + Math.max(0, shiftUs) >= from && it.time_from + Math.min(0, shiftUs) < to
    })
    lane.places = mayHold
    // Rows that hold nothing are passed at once up to the next one that may.
    for (const row of rows) {
      if (row === mayHold[0]) break
      lane.walk.pass(row)
    }
    if (rows.length === 0) lane.walk.finish()
  }

  function take(lane: Lane, out: Out): void {
    const [row, ...rest] = lane.places as [Place, ...Place[]]
    lane.places = rest
    out.blocks++
    out.decoded += row.count
    const counts = new Map<number, number>()
    try {
      for (const part of partsOf(row, lane, out)) {
        const rows = part.form === 'raw' ? part.count : part.columns.count
        counts.set(part.series.id, rows)
        const left = lane.walk.isSkipping(row) ? lane.walk.skipped(part) : part
        if (left) out.parts.push(left)
      }
    } catch (error) {
      // It costs its own rows only.
      if (!(error instanceof DamagedBlock)) throw error
      out.damaged.push({ stream: streamKey(lane.stream), first: row.first })
    }
    lane.walk.pass(row, counts)
  }

  function* partsOf(row: Place, { stream }: Lane, out: Out): Generator<QueryPart> {
    const bytes = readBlock({ ...row, data: places.dataOf(row) })
    const time = timeOf?.(row.period)
    const clock = time && time.quality !== 'synchronised' ? time : undefined
    const range = (series: LogSeries) => {
      const shiftUs = timeShiftOf(series, clock)
      return { from: out.request.from - shiftUs, to: out.request.to - shiftUs, shiftUs }
    }
    if (stream.form === 'raw') {
      const block: ReadingColumns = decodeBlock(bytes)
      let at = 0
      for (const [run, id] of block.seriesIds.entries()) {
        const end = at + (block.runs[run] as number)
        const series = out.wanted.has(id) ? describe(id) : undefined
        const part = series && rawPart(block, at, end, series, clock, range(series))
        if (part) yield part
        at = end
      }
      return
    }
    const columns = (decodeAggregates as NonNullable<typeof decodeAggregates>)(bytes)
    for (let at = 0, end = 0; at < columns.count; at = end) {
      const id = columns.series[at] as number
      while (end < columns.count && columns.series[end] === id) end++
      const series = out.wanted.has(id) ? describe(id) : undefined
      const received = row.received_to + (clock?.shiftUs ?? 0)
      const part = series && aggregatePart(columns, at, end, series, clock, { ...range(series), first: row.first, received })
      if (part) yield part
    }
  }

  return (request) => page(request)
}

/** Whose next block was received first. */
function oldest(lanes: readonly Lane[]): Lane | undefined {
  let least: Lane | undefined
  for (const lane of lanes) {
    const [row] = lane.places
    if (row && (!least || row.received_from < (least.places[0] as Place).received_from)) least = lane
  }
  return least
}
