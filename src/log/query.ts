// What the log holds of some tags. Pages of bounded work: each call reads some blocks and says where to go on, so that no cursor of
// SQLite stays open and the keeper's thread is soon free again. Epoch by epoch, and in an epoch in the order of receipt.
import { decodeBlock, DamagedBlock } from '../columns/index.ts'
import { seriesIn } from '../columns/peek.ts'
import type { AggregateColumns } from '../core/aggregate.ts'
import type { Intervals } from '../core/intervals.ts'
import { contains } from '../core/intervals.ts'
import type { LogSeries, SliceTime } from '../core/log.ts'
import type { PageRequest, PlacedPart, QueryCursor, QueryPage, QueryPart } from '../core/query.ts'
import type { Stream } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import type { Journal } from './journal.ts'
import type { Walk } from './query-walk.ts'
import { beginWalk } from './query-walk.ts'
import type { Cut } from './query-parts.ts'
import { aggregateParts, rawParts } from './query-parts.ts'
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

/** A page's work: readings that are decoded, blocks, which cost something however small they are, and rows that are looked at. */
const DECODED_A_PAGE = 200_000
const BLOCKS_A_PAGE = 512
const ROWS_A_PAGE = 16_384
/** Strings and bytes count as readings too. */
const BYTES_AS_A_READING = 16
/** Larger blocks are looked at first, whether they hold a series at all: that takes a 40th of the time, and less than this share. */
const LOOKED_AT_MIN = 1_000
const LOOKED_AT_SHARE = 16

interface StreamRow extends Stream {
  readonly id: number
}

/** A stream on its way through a page: what of it comes next. */
interface Lane {
  readonly stream: StreamRow
  readonly walk: Walk
  /** Blocks that may hold something of the range, ascending; those before `at` are taken. */
  places: readonly Place[]
  at: number
}

const originOf = ({ device, epoch, class: name, form }: StreamRow): Stream => ({ device, epoch, class: name, form })
const headOf = (lane: Lane): Place | undefined => lane.places[lane.at]

interface Out {
  readonly request: PageRequest
  readonly wanted: ReadonlySet<number>
  readonly parts: PlacedPart[]
  readonly damaged: { stream: string; first: number }[]
  /** Rows of the catalogue, blocks, and readings. */
  rows: number
  blocks: number
  decoded: number
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
    const series = request.after === 0 ? ofClasses(seriesOf(request.tag), request.classes) : request.after.series
    const out: Out = { request, wanted: new Set(series), parts: [], damaged: [], rows: 0, blocks: 0, decoded: 0 }
    const walks = new Map((request.after === 0 ? [] : request.after.streams).map((it) => [it.id, beginWalk(it.id, it)]))
    const rest = epochsOf(series).map((epoch) => epoch.filter((it) => !walks.get(it.id)?.isDone))
    const present = rest.find((it) => it.length > 0)
    if (present) readEpoch(present, walks, out)
    const isOver = rest.flat().every((it) => walks.get(it.id)?.isDone)
    const next: QueryCursor = { series, streams: [...walks.values()].map((it) => it.state()) }
    return { parts: out.parts, damaged: out.damaged, next: isOver ? undefined : next }
  })

  const ofClasses = (series: Uint32Array, classes: PageRequest['classes']) =>
    classes ? series.filter((id) => classes.includes(describe(id)?.class ?? '')) : series

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
      return { stream, walk, places: [], at: 0 }
    })
    while (!isFull(out)) {
      for (const lane of lanes) while (!headOf(lane) && !lane.walk.isDone && out.rows < ROWS_A_PAGE) fill(lane, out)
      const next = oldest(lanes)
      // A stream whose next block is not known yet holds up the others.
      if (!next || lanes.some((it) => !headOf(it) && !it.walk.isDone)) return
      take(...next, out)
    }
  }

  /** Looks at some rows; there may be more without anything for us among them. */
  function fill(lane: Lane, out: Out): void {
    const { from, to } = out.request
    const rows = places.after(lane.walk)
    out.rows += rows.length
    lane.at = 0
    lane.places = rows.filter((it) => {
      const shiftUs = timeOf?.(it.period).shiftUs ?? 0
      return it.time_to + Math.max(0, shiftUs) >= from && it.time_from + Math.min(0, shiftUs) < to
    })
    // Rows that hold nothing are passed at once, up to the next one that may.
    const head = headOf(lane)
    for (const row of rows) {
      if (row === head) break
      lane.walk.pass(row)
    }
    if (rows.length === 0) lane.walk.finish()
  }

  function take(lane: Lane, row: Place, out: Out): void {
    lane.at++
    out.blocks++
    const counts = new Map<number, number>()
    try {
      for (const part of partsOf(row, lane.stream, out)) {
        counts.set(part.series.id, part.form === 'raw' ? part.count : part.columns.count)
        const left = lane.walk.isSkipping(row) ? lane.walk.skipped(part) : part
        if (left) out.parts.push({ ...left, stream: originOf(lane.stream) })
      }
    } catch (error) {
      // It costs its own rows only.
      if (!(error instanceof DamagedBlock)) throw error
      out.damaged.push({ stream: streamKey(lane.stream), first: row.first })
    }
    lane.walk.pass(row, counts)
  }

  function partsOf(row: Place, { id, form }: StreamRow, out: Out): Iterable<QueryPart> {
    const bytes = readBlock({ ...row, data: places.dataOf(row) })
    const time = timeOf?.(row.period)
    const cut: Cut = { ...out.request, wanted: wantedBy(out.wanted), clock: time?.quality === 'synchronised' ? undefined : time }
    out.decoded += Math.ceil(row.count / LOOKED_AT_SHARE)
    if (form === 'raw' && row.count > LOOKED_AT_MIN && !seriesIn(bytes).some((id) => out.wanted.has(id))) return []
    const columns = form === 'raw' ? decodeBlock(bytes) : decodeAggregates?.(bytes)
    if (!columns) return []
    out.decoded += row.count + Math.ceil(columns.bytes.length / BYTES_AS_A_READING)
    if ('seriesIds' in columns) return rawParts(columns, cut)
    const kept = keptRawOf(id, columns)
    return aggregateParts(columns, kept.length === 0 ? cut : { ...cut, isTold: (from, to) => contains(kept, from, to) }, row)
  }

  /** Of what these aggregates stand for, the readings that are still here: they are told once, as readings. */
  function keptRawOf(stream: number, { sequenceFrom, sequenceTo }: AggregateColumns): Intervals {
    const from = sequenceFrom.reduce((least, it) => Math.min(least, it), Infinity)
    return places.keptRaw(stream, from, sequenceTo.reduce((most, it) => Math.max(most, it), 0) + 1)
  }

  const wantedBy = (wanted: ReadonlySet<number>) => (id: number) => (wanted.has(id) ? describe(id) : undefined)

  return (request) => page(request)
}

/** Whose next block was received first, and that block. */
function oldest(lanes: readonly Lane[]): [Lane, Place] | undefined {
  let least: [Lane, Place] | undefined
  for (const lane of lanes) {
    const row = headOf(lane)
    if (row && (!least || row.received_from < least[1].received_from)) least = [lane, row]
  }
  return least
}
