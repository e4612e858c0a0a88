// The keeper: everything that reads the log beside the writer. Short statements only, no cursor is ever held open across an await, so
// that the writer's checkpoints always get through. (Sealing, reduction and scans join it here.)
//
// Lanes: at a restart of an uplink the live lane begins at each stream's head and moves up; the backlog lane walks from the oldest
// number below that head which the uplink does not have. Both hand out whole blocks, each once until the next restart.
import { decodeBlock, DamagedBlock } from '../columns/index.ts'
import { POSITION_INTERVALS_MAX } from '../core/bounds.ts'
import type { Intervals } from '../core/intervals.ts'
import { contains } from '../core/intervals.ts'
import type { LedgerRow, LogSeries, LossAction, NextRequest, Slice, Taken } from '../core/log.ts'
import type { Form, Stream, StreamIntervals, StreamRange } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import { openReader } from './journal.ts'
import { createQuery } from './query.ts'
import { seriesReader } from './series.ts'

export interface KeeperOptions {
  /** DIR/log. */
  readonly dir: string
  /** First is most valuable. */
  readonly classes: readonly string[]
}

export interface DamagedPlace {
  readonly stream: string
  readonly first: number
}

export interface Keeper {
  next(request: NextRequest): Taken & { readonly damaged: readonly DamagedPlace[] }
  restart(uplink: string, delivered: StreamIntervals): void
  heads(): Record<string, { next: number; lost: number }>
  query: ReturnType<typeof createQuery>
  close(): void
}

interface StreamRow extends Stream {
  readonly id: number
  readonly next: number
  readonly key: string
}

/** Where an uplink stands in one stream. */
interface Cursor {
  /** The next number of the live lane; the backlog lane ends where it began. */
  live: number
  readonly liveStart: number
  backlog: number
  /** What the uplink had at the restart: the backlog lane passes over it. */
  readonly had: Intervals
}

interface BlockRow {
  readonly first: number
  readonly count: number
  readonly data: Uint8Array
}

const BLOCKS_A_READ = 32
const GAP_ROWS_A_READ = 512

export function openKeeper(options: KeeperOptions): Keeper {
  const db = openReader(options.dir)
  const describe = seriesReader(db)
  const cursors = new Map<string, Map<string, Cursor>>()
  const restarts = new Map<string, StreamIntervals>()
  const allStreams = db.prepare(
    'SELECT id, device, epoch, class, form, next FROM stream WHERE id NOT IN (SELECT stream FROM ended) ORDER BY id',
  )
  const blocks = db.prepare(
    'SELECT first, count, data FROM block WHERE stream = ? AND first >= ? AND first < ? ORDER BY first LIMIT ?',
  )
  const gaps = db.prepare(
    'SELECT l.sequence, l.first, l.end, l.count, l.time_from, l.time_to, l.action, l.reason, l.at, s.device, s.epoch, s.class, s.form FROM ledger l JOIN stream s ON s.id = l.stream WHERE l.gap_stream = ? AND l.sequence >= ? AND l.sequence < ? ORDER BY l.sequence LIMIT ?',
  )
  const lost = db.prepare('SELECT stream, sum(count) AS lost FROM ledger GROUP BY stream')
  const place = new Map(options.classes.map((it, n) => [it, n]))
  const streamRows = (): StreamRow[] =>
    (allStreams.all() as Omit<StreamRow, 'key'>[])
      .map((it) => ({ ...it, key: streamKey(it) }))
      .sort(
        (a, b) => formOrder(a.form) - formOrder(b.form) || (place.get(a.class) ?? 99) - (place.get(b.class) ?? 99) || a.id - b.id,
      )

  /** A stream that appears after the restart is all live. */
  function cursorOf(uplink: string, row: StreamRow): Cursor {
    let byStream = cursors.get(uplink)
    if (!byStream) cursors.set(uplink, (byStream = new Map()))
    let cursor = byStream.get(row.key)
    if (!cursor) byStream.set(row.key, (cursor = { live: 0, liveStart: 0, backlog: 0, had: [] }))
    return cursor
  }

  /** Raw: the number that the lane may read up to. Gap rows are all live. */
  function take(row: StreamRow, cursor: Cursor, lane: 'live' | 'backlog', room: Room, out: Out): void {
    const from = lane === 'live' ? cursor.live : cursor.backlog
    const to = lane === 'live' ? row.next : Math.min(cursor.liveStart, row.next)
    if (from >= to) return
    const end = row.form === 'gap' ? takeGaps(row, from, to, room, out) : takeBlocks(row, cursor, from, to, room, out)
    if (end > from) out.ranges.push({ stream: row.key, from, to: end })
    if (lane === 'live') cursor.live = end
    else cursor.backlog = end
  }

  /** Says up to which number all is handed out, had already, or a hole. */
  function takeBlocks(row: StreamRow, cursor: Cursor, from: number, to: number, room: Room, out: Out): number {
    let at = from
    for (;;) {
      const rows = blocks.all(row.id, at, to, BLOCKS_A_READ) as BlockRow[]
      for (const block of rows) {
        const end = block.first + block.count
        if (!contains(cursor.had, block.first, end)) {
          if (!room.fits(block.count, block.data.length)) return at
          takeBlock(row, block, out)
        }
        at = end
      }
      if (rows.length < BLOCKS_A_READ) return to
    }
  }

  function takeBlock(row: StreamRow, block: BlockRow, out: Out): void {
    try {
      for (const id of decodeBlock(block.data).seriesIds) {
        const it = describe(id)
        if (it) out.series.set(id, it)
      }
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      out.damaged.push({ stream: row.key, first: block.first })
      return
    }
    out.slices.push({ form: 'raw', stream: plain(row), from: block.first, to: block.first + block.count, block: block.data })
  }

  function takeGaps(row: StreamRow, from: number, to: number, room: Room, out: Out): number {
    const found = gaps.all(row.id, from, to, GAP_ROWS_A_READ) as GapRow[]
    if (found.length === 0 || !room.fits(found.length, found.length * 100)) return from
    const end = (found.at(-1) as GapRow).sequence + 1
    out.slices.push({ form: 'gap', stream: plain(row), from, to: end, rows: found.map(ledgerRow) })
    return end
  }

  /** The live lane begins at the heads, unless so many holes are open already that the position would outgrow its bound. */
  function begin(uplink: string, delivered: StreamIntervals): void {
    const byStream = new Map<string, Cursor>()
    const holes = [...delivered.values()].reduce((sum, it) => sum + it.length, 0)
    const atHead = holes + streamRows().length <= POSITION_INTERVALS_MAX
    for (const row of streamRows()) {
      const had = delivered.get(row.key) ?? []
      const liveStart = row.form === 'gap' ? 0 : atHead ? row.next : (had.at(-1)?.to ?? 0)
      const live = row.form === 'gap' ? (had.at(-1)?.to ?? 0) : liveStart
      byStream.set(row.key, { live, liveStart, backlog: firstMissing(had), had })
    }
    cursors.set(uplink, byStream)
  }

  return {
    next(request) {
      const out: Out = { slices: [], ranges: [], series: new Map(), damaged: [] }
      const room = createRoom(request)
      // One snapshot for heads and blocks: a number below the head without a block is then surely given up or delivered.
      db.transaction(() => {
        const first = restarts.get(request.uplink)
        if (first) begin(request.uplink, first)
        restarts.delete(request.uplink)
        for (const row of streamRows()) {
          if (request.except.includes(row.class)) continue
          take(row, cursorOf(request.uplink, row), request.lane, room, out)
          if (room.isFull()) break
        }
      })()
      return out
    },
    restart(uplink, delivered) {
      restarts.set(uplink, delivered)
    },
    heads: () =>
      db.transaction(() => {
        const lostBy = new Map((lost.all() as { stream: number; lost: number }[]).map((it) => [it.stream, it.lost]))
        return Object.fromEntries(streamRows().map((it) => [it.key, { next: it.next, lost: lostBy.get(it.id) ?? 0 }]))
      })(),
    query: createQuery(db, describe, decodeBlock),
    close: () => db.close(),
  }
}

interface Out {
  readonly slices: Slice[]
  readonly ranges: StreamRange[]
  readonly series: Map<number, LogSeries>
  readonly damaged: DamagedPlace[]
}

interface Room {
  /** Takes the room when there is enough; the first always fits. */
  fits(readings: number, bytes: number): boolean
  isFull(): boolean
}

function createRoom({ readingsMax, bytesMax }: NextRequest): Room {
  let readings = 0
  let bytes = 0
  let full = false
  return {
    fits(moreReadings, moreBytes) {
      full ||= readings > 0 && (readings + moreReadings > readingsMax || bytes + moreBytes > bytesMax)
      if (full) return false
      readings += moreReadings
      bytes += moreBytes
      return true
    },
    isFull: () => full,
  }
}

interface GapRow extends Stream {
  readonly sequence: number
  readonly first: number
  readonly end: number
  readonly count: number
  readonly time_from: number
  readonly time_to: number
  readonly action: LossAction
  readonly reason: string
  readonly at: number
}

function ledgerRow(row: GapRow): LedgerRow {
  const { sequence, first, end, count, time_from, time_to, action, reason, at } = row
  return {
    sequence,
    stream: plain(row),
    from: first,
    to: end,
    timeFrom: time_from,
    timeTo: time_to,
    count,
    exact: true,
    action,
    reason,
    at,
  }
}

const plain = ({ device, epoch, class: name, form }: Stream): Stream => ({ device, epoch, class: name, form })

/** Losses are few and say why numbers are missing: they go first. */
const formOrder = (form: Form) => (form === 'gap' ? 0 : 1)

const firstMissing = (had: Intervals) => (had[0]?.from === 0 ? had[0].to : 0)
