// Making room: the plan of retention (pure, src/retention) says which band goes how far; here it is done, a part of a band at a time, so
// that readers never wait for long. A band is what one segment holds of one stream.
import { createAggregateEncoder, decodeAggregates, splitAggregates } from '../columns/aggregates/index.ts'
import { DamagedBlock, decodeBlock } from '../columns/index.ts'
import type { AggregateColumns, ReadingColumns } from '../core/aggregate.ts'
import type { Intervals } from '../core/intervals.ts'
import { overlaps } from '../core/intervals.ts'
import type { LogSeries } from '../core/log.ts'
import type { Band, PlanStep } from '../core/retention.ts'
import type { ValueKind } from '../core/reading.ts'
import { windowsOf } from '../retention/ladder.ts'
import { plan } from '../retention/plan.ts'
import { coarsen, reduceReadings } from '../retention/reduce.ts'
import type { BlockRow, SealedBlock } from './catalogue.ts'
import { BLOCK_COLUMNS } from './catalogue.ts'
import type { Change, ReduceChange } from './change.ts'
import { damageOf, dropOf } from './change.ts'
import type { Journal } from './journal.ts'
import type { LogState } from './pressure.ts'
import type { RaisedBlock, RaisedReader } from './raised.ts'
import type { SegmentWriter } from './segment-writer.ts'
import type { Stored, StoredStream } from './stored.ts'
import type { TryAggregates } from './tried.ts'

/** What is reduced: the change but for its result. */
export interface ReducePlace extends Pick<ReduceChange, 'stream' | 'rows' | 'from' | 'to' | 'refused'> {
  readonly of: StoredStream
  readonly period: number
}

export interface ReduceTo {
  readonly windowMs: number
  readonly reason: string
  /** µs. */
  readonly at: number
  readonly bytesMax: number
}

export interface Reducer {
  /** Readings of one run of a raw stream to aggregates; undefined, and nothing is written, where those would take more than `bytesMax`. */
  reduceRaw(place: ReducePlace, blocks: Iterable<ReadingColumns>, to: ReduceTo): ReduceChange | undefined
  /** The next step of making room; undefined when there is room, or nothing that may be given up. */
  next(state: LogState): Change | undefined
  /** The writer did not take the last step: it is chosen anew, after others had their turn. */
  refused(): void
  bands(): readonly Band[]
}

export interface ReducingParts {
  readonly db: Journal
  readonly stored: Stored
  readonly segments: SegmentWriter
  readonly raised: RaisedReader
  readonly tryAggregates: TryAggregates
  /** What any uplink has or may have, and what may be under way now. */
  readonly seenOf: (stream: string) => { readonly seen: Intervals; readonly underWay: Intervals }
}

/** One step of the keeper: reduced at about ten million a second. */
const STEP_READINGS_MAX = 1_500_000
const DROP_ROWS_MAX = 2_000
/** Aggregates in a block, and how hard zstd tries. */
export const AGGREGATES_A_BLOCK = 16_384
export const AGGREGATES_LEVEL = 3
/** More sequences than a stream ever has: makes one order of stream and sequence. */
const AGE_OF_STREAM = 2 ** 42

interface Job {
  readonly segment: number
  readonly stream: number
  readonly isRaised: boolean
  readonly step: PlanStep
}

interface BandRow {
  readonly segment: number
  readonly stream: number
  readonly first: number
  readonly end: number
  readonly rows: number
  readonly pending: number
  readonly readings: number
  readonly bytes: number
  readonly series: number
  readonly window_ms: number
  readonly received_from: number
  readonly received_to: number
}

export function createReducer({ db, stored, segments, raised, tryAggregates, seenOf }: ReducingParts): Reducer {
  const sql = {
    bands: db.prepare(
      'SELECT segment, stream, min(first) AS first, max(first + count) AS "end", sum(count) AS rows, sum(pending) AS pending, sum(readings) AS readings, sum(bytes) AS bytes, max(series) AS series, max(window_ms) AS window_ms, min(received_from) AS received_from, max(received_to) AS received_to FROM block WHERE segment IS NOT NULL GROUP BY segment, stream',
    ),
    rows: db.prepare(
      `SELECT ${BLOCK_COLUMNS} FROM block WHERE segment = ? AND stream = ? AND first >= ? ORDER BY first LIMIT ${DROP_ROWS_MAX}`,
    ),
    times: db.prepare('SELECT time_from, time_to, period FROM block WHERE segment = ? AND stream = ?'),
  }
  const kindOf = (id: number) => stored.describe(id)?.kind as ValueKind
  const encode = createAggregateEncoder(AGGREGATES_LEVEL)
  let job: Job | undefined
  let isRefused = false

  function bandRows(): { row: BandRow; stream: StoredStream }[] {
    const byId = new Map(stored.streams().map((it) => [it.id, it]))
    return (sql.bands.all() as BandRow[]).flatMap((row) => {
      const stream = byId.get(row.stream)
      return stream ? [{ row, stream }] : []
    })
  }

  function isRaised(segment: number, stream: StoredStream): boolean {
    const of = raised.of(stream)
    return of !== undefined && (sql.times.all(segment, stream.id) as RaisedBlock[]).some(of)
  }

  /** Aggregates are older than what is still raw of the same epoch: they come before it. */
  function ageOf(stream: StoredStream, all: readonly StoredStream[]): number {
    const raw = all.find(
      (it) => it.device === stream.device && it.epoch === stream.epoch && it.class === stream.class && it.form === 'raw',
    )
    return ((raw ?? stream).id - (stream.form === 'aggregate' ? 0.5 : 0)) * AGE_OF_STREAM
  }

  function bandOf(
    { row, stream }: { row: BandRow; stream: StoredStream },
    id: number,
    underWay: Intervals,
    all: readonly StoredStream[],
    raisedSegments: ReadonlySet<number>,
  ): Band {
    return {
      id,
      class: stream.class,
      form: stream.form === 'aggregate' ? 'aggregate' : 'raw',
      windowMs: stream.form === 'aggregate' ? row.window_ms : 0,
      delivered: row.pending === 0,
      ...(raisedSegments.has(row.segment) && { raised: true }),
      pinned: row.pending > 0 && overlaps(underWay, row.first, row.end),
      bytes: row.bytes,
      readings: row.readings,
      rows: row.rows,
      series: row.series,
      receivedFrom: row.received_from,
      receivedTo: row.received_to,
      age: ageOf(stream, all) + row.first,
    }
  }

  function allBands(): { bands: Band[]; rows: BandRow[] } {
    const found = bandRows()
    const all = stored.streams()
    const underWay = new Map<string, Intervals>()
    // A file goes as a whole: what is given up of one that stays gives no room.
    const raisedSegments = new Set(found.filter((it) => isRaised(it.row.segment, it.stream)).map((it) => it.row.segment))
    const bands = found.map((it, id) => {
      const known = underWay.get(it.stream.key) ?? seenOf(it.stream.key).underWay
      underWay.set(it.stream.key, known)
      return bandOf(it, id, known, all, raisedSegments)
    })
    return { bands, rows: found.map((it) => it.row) }
  }

  function choose(state: LogState): Job | undefined {
    const { bands, rows } = allBands()
    const tried = tryAggregates(state.classes.map((it) => ({ name: it.name, windowsMs: windowsOf(it) })))
    const classes = state.classes.map((it) => ({ ...it, aggregateBytes: tried[it.name] ?? [] }))
    const step = plan({ bands, classes, bytesToFree: state.bytesToFree }).steps[0]
    const row = step && rows[step.band]
    if (!row || !step) return undefined
    return { segment: row.segment, stream: row.stream, isRaised: bands[step.band]?.raised ?? false, step }
  }

  /** An event came while it was under way. */
  function isRaisedNow({ segment, stream: id }: Job): boolean {
    const stream = stored.streams().find((it) => it.id === id)
    return stream !== undefined && isRaised(segment, stream)
  }

  /** The next part of a job; undefined when it is done. */
  function partOf({ segment, stream: id, step }: Job, at: number): Change | undefined {
    const stream = stored.streams().find((it) => it.id === id)
    if (!stream) return undefined
    const { seen, underWay } = seenOf(stream.key)
    const rows = (sql.rows.all(segment, id, 0) as BlockRow[]).filter(
      (it) => it.pending === 0 || !overlaps(underWay, it.first, it.first + it.count),
    )
    const [first] = rows
    if (!first) return undefined
    const untouched = (it: BlockRow) => it.pending === it.count && !overlaps(seen, it.first, it.first + it.count)
    const windowMs = typeof step.keep === 'string' ? 0 : step.keep.windowMs
    // An aggregate never stands for what an uplink has had: of that, the rest goes.
    if (windowMs === 0 || !untouched(first)) {
      const gone = windowMs === 0 ? rows : [first]
      return dropOf(stream.key, gone, { action: 'dropped', reason: step.reason, counts: countsOf(stream, gone) })
    }
    return reduceRows(stream, following(rows, untouched), windowMs, step.reason, at)
  }

  /** What each aggregate of blocks that are delivered in part stands for: which of them are not, the writer knows. */
  function countsOf(stream: StoredStream, rows: readonly BlockRow[]): ReadonlyMap<number, Uint32Array> {
    const partly = stream.form === 'aggregate' ? rows.filter((it) => it.pending > 0 && it.pending < it.count) : []
    return new Map(
      partly.flatMap((row): [number, Uint32Array][] => {
        try {
          const block = stored.read(row)
          return block ? [[row.id, readingsOfEach(decodeAggregates(block))]] : []
        } catch (error) {
          if (!(error instanceof DamagedBlock)) throw error
          return []
        }
      }),
    )
  }

  function reduceRows(
    stream: StoredStream,
    rows: readonly BlockRow[],
    windowMs: number,
    reason: string,
    at: number,
  ): Change | undefined {
    const first = rows[0] as BlockRow
    const last = rows.at(-1) as BlockRow
    const place: ReducePlace = {
      stream: stream.key,
      rows: rows.map(({ id, pending }) => ({ id, pending })),
      from: first.first,
      to: last.first + last.count,
      refused: NONE,
      of: stream,
      period: first.period,
    }
    let looking = first
    function* blocks() {
      for (const row of rows) {
        looking = row
        const block = stored.read(row)
        if (!block) throw new DamagedBlock('truncated', 'the block has gone')
        yield block
      }
    }
    try {
      const windowUs = windowMs * 1000
      const columns =
        stream.form === 'aggregate'
          ? coarsen(map(blocks(), decodeAggregates), windowUs, kindOf)
          : reduceReadings(map(blocks(), decodeBlock), windowUs, kindOf)
      return write(place, columns, rows, reason, at)
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      return damageOf(stream.key, looking)
    }
  }

  /** Aggregates into a segment of their own class. */
  function write(
    place: ReducePlace,
    columns: AggregateColumns,
    rows: readonly Pick<BlockRow, 'received_from' | 'received_to'>[],
    reason: string,
    at: number,
    bytesMax = Infinity,
  ): ReduceChange | undefined {
    const { of, period, ...change } = place
    const target = stored
      .streams()
      .find((it) => it.device === of.device && it.epoch === of.epoch && it.class === of.class && it.form === 'aggregate')
    const receivedFrom = Math.min(...rows.map((it) => it.received_from))
    const receivedTo = Math.max(...rows.map((it) => it.received_to))
    let next = target?.next ?? 0
    const parts = splitAggregates(columns, AGGREGATES_A_BLOCK).map((part) => {
      const first = next
      next += part.count
      const encoded = encode(part, { stream: target?.id ?? 0, first, receivedFrom, receivedTo }, kindOf)
      return { part, first, ...encoded }
    })
    if (parts.reduce((sum, it) => sum + it.block.length, 0) > bytesMax) return undefined
    const ids = new Set(columns.series)
    const series = [...ids].map((id) => stored.describe(id)).filter((it): it is LogSeries => it !== undefined)
    const { into, offsets } = segments.append(
      { class: of.class, form: 'aggregate', windowMs: columns.windowUs / 1000 },
      parts.map((it) => it.block),
      series,
      at,
    )
    const blocks = parts.map(
      ({ part, first, block, timeFrom, timeTo }, n): SealedBlock => ({
        first,
        count: part.count,
        readings: readingsIn(part),
        time_from: timeFrom,
        time_to: timeTo,
        received_from: receivedFrom,
        received_to: receivedTo,
        bytes: block.length,
        period,
        series: new Set(part.series).size,
        window_ms: part.windowUs / 1000,
        offset: offsets[n] as number,
      }),
    )
    return { kind: 'reduce', ...change, action: 'aggregated', reason, into, blocks }
  }

  return {
    reduceRaw(place, blocks, { windowMs, reason, at, bytesMax }) {
      let receivedFrom = Infinity
      let receivedTo = -Infinity
      const watched = map(blocks, (it) => {
        for (const time of it.received) {
          if (time < receivedFrom) receivedFrom = time
          if (time > receivedTo) receivedTo = time
        }
        return it
      })
      const columns = reduceReadings(watched, windowMs * 1000, kindOf)
      return write(place, columns, [{ received_from: receivedFrom, received_to: receivedTo }], reason, at, bytesMax)
    },
    refused() {
      job = undefined
      isRefused = true
    },
    next(state) {
      if (isRefused) return void (isRefused = false)
      if (job && !job.isRaised && isRaisedNow(job)) job = undefined
      if (!job && state.bytesToFree > 0) job = choose(state)
      if (!job) return undefined
      const part = partOf(job, state.now)
      if (!part) job = undefined
      return part
    },
    bands: () => allBands().bands,
  }
}

const NONE = { lines: [], joined: [] } as const

function readingsOfEach({ good, uncertain, bad, count }: AggregateColumns): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => (good[i] as number) + (uncertain[i] as number) + (bad[i] as number))
}

const readingsIn = (columns: AggregateColumns) => readingsOfEach(columns).reduce((sum, it) => sum + it, 0)

/** The first rows that join on, are alike, and are enough for one step. */
function following(rows: readonly BlockRow[], isAlike: (row: BlockRow) => boolean): BlockRow[] {
  const first = rows[0] as BlockRow
  const taken = [first]
  let readings = first.readings
  for (const row of rows.slice(1)) {
    const last = taken.at(-1) as BlockRow
    if (row.first !== last.first + last.count || row.period !== first.period || !isAlike(row)) break
    if (readings + row.readings > STEP_READINGS_MAX) break
    taken.push(row)
    readings += row.readings
  }
  return taken
}

function* map<T, U>(list: Iterable<T>, of: (it: T) => U): Iterable<U> {
  for (const it of list) yield of(it)
}
