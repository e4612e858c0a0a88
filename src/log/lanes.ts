// What comes next for an uplink.
//
// At a restart of an uplink the live lane begins at each stream's head and moves up; the backlog lane walks from the oldest number below
// that head which the uplink does not have. Both hand out each reading once until the next restart, large blocks in parts.
import { DamagedBlock, decodeBlock } from '../columns/index.ts'
import { decodeAggregates } from '../columns/aggregates/index.ts'
import { POSITION_INTERVALS_MAX } from '../core/bounds.ts'
import type { Intervals } from '../core/intervals.ts'
import { difference, withInterval } from '../core/intervals.ts'
import type { LedgerRow, LogSeries, LossAction, NextRequest, Slice, Taken } from '../core/log.ts'
import type { Form, Stream, StreamIntervals, StreamRange } from '../core/stream.ts'
import type { BlockRow } from './catalogue.ts'
import type { Journal } from './journal.ts'
import type { Stored, StoredStream } from './stored.ts'

export interface DamagedPlace {
  readonly stream: string
  readonly first: number
}

export interface Lanes {
  next(request: NextRequest): Taken & { readonly damaged: readonly DamagedPlace[] }
  /** `inDoubt`: what may be at the destination already, and nobody can say. */
  restart(uplink: string, delivered: StreamIntervals, inDoubt: readonly StreamRange[]): void
  /** Nothing is handed out under this name any more. */
  forget(uplink: string): void
  /** By uplink: what was handed out of a stream since its restart or is in doubt since then, and where its live lane began. */
  handedOut(
    stream: string,
  ): readonly { readonly uplink: string; readonly ranges: Intervals; readonly liveStart: number | undefined }[]
  /** Numbers that are being changed: nothing of them is handed out until that is over. */
  block(range: StreamRange | undefined): void
}

/** Where an uplink stands in one stream. */
interface Cursor {
  /** The next number of the live lane; the backlog lane ends where it began. */
  live: number
  readonly liveStart: number
  backlog: number
  /** What the uplink had at the restart: it is passed over. */
  readonly had: Intervals
}

const BLOCKS_A_READ = 32
const GAP_ROWS_A_READ = 512
/** About what a line of the ledger takes on its way. */
const GAP_BYTES = 100

export function createLanes(db: Journal, stored: Stored, classes: readonly string[]): Lanes {
  const cursors = new Map<string, Map<string, Cursor>>()
  const restarts = new Map<string, StreamIntervals>()
  const doubts = new Map<string, readonly StreamRange[]>()
  const gaps = db.prepare(
    'SELECT l.sequence, l.first, l."end", l.count, l.exact, l.time_from, l.time_to, l.action, l.reason, l.at, s.device, s.epoch, s.class, s.form FROM ledger l JOIN stream s ON s.id = l.stream WHERE l.gap_stream = ? AND l.sequence >= ? AND l.sequence < ? ORDER BY l.sequence LIMIT ?',
  )
  const place = new Map(classes.map((it, n) => [it, n]))
  const placeOf = (name: string) => place.get(name) ?? classes.length
  let blocked: StreamRange | undefined
  /** The last block that was looked at: large ones go out in parts. */
  let last: { readonly id: number; readonly block: Uint8Array; readonly series: readonly number[] } | undefined

  const inOrder = () =>
    stored
      .streams()
      .toSorted((a, b) => formOrder(a.form) - formOrder(b.form) || placeOf(a.class) - placeOf(b.class) || a.id - b.id)

  /** A stream that appears after the restart is all live. */
  function cursorOf(uplink: string, row: StoredStream): Cursor {
    let byStream = cursors.get(uplink)
    if (!byStream) cursors.set(uplink, (byStream = new Map()))
    let cursor = byStream.get(row.key)
    if (!cursor) byStream.set(row.key, (cursor = { live: 0, liveStart: 0, backlog: 0, had: [] }))
    return cursor
  }

  /** Gap rows are all live. */
  function take(row: StoredStream, cursor: Cursor, lane: 'live' | 'backlog', room: Room, out: Out): void {
    const from = lane === 'live' ? cursor.live : cursor.backlog
    const head = lane === 'live' ? row.next : Math.min(cursor.liveStart, row.next)
    const to = blocked?.stream === row.key && blocked.to > from ? Math.min(head, blocked.from) : head
    if (from >= to) return
    const end = row.form === 'gap' ? takeGaps(row, cursor, from, to, room, out) : takeBlocks(row, cursor, from, to, room, out)
    if (end > from) out.ranges.push({ stream: row.key, from, to: end })
    if (lane === 'live') cursor.live = end
    else cursor.backlog = end
  }

  /** Says up to which number all is handed out, had already, or a hole. */
  function takeBlocks(row: StoredStream, cursor: Cursor, from: number, to: number, room: Room, out: Out): number {
    let at = from
    for (;;) {
      const rows = stored.overlapping(row.id, at, to, BLOCKS_A_READ)
      for (const block of rows) {
        const end = Math.min(to, block.first + block.count)
        for (const part of difference([{ from: Math.max(at, block.first), to: end }], cursor.had)) {
          const count = room.take(part.to - part.from, block.bytes / block.count)
          // A block that cannot be read holds up its stream until the ledger names it.
          if (count > 0 && !takePart(row, block, part.from, part.from + count, out)) return part.from
          if (count < part.to - part.from) return part.from + count
        }
        at = end
      }
      if (rows.length < BLOCKS_A_READ) return to
    }
  }

  function takePart(row: StoredStream, block: BlockRow, from: number, to: number, out: Out): boolean {
    try {
      const found = look(row, block)
      // It went while we looked: delivered, or named in the ledger.
      if (!found) return true
      for (const id of found.series) {
        const it = stored.describe(id)
        if (it) out.series.set(id, it)
      }
      const time = stored.timeOf(block.period)
      const form = row.form === 'aggregate' ? 'aggregate' : 'raw'
      const slice = { form, stream: plain(row), from, to, block: found.block } as const
      out.slices.push(time.quality === 'synchronised' ? slice : { ...slice, time })
      return true
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      out.damaged.push({ stream: row.key, first: block.first })
      return false
    }
  }

  function look(row: StoredStream, { id, ...place }: BlockRow): typeof last {
    if (last?.id === id) return last
    const block = stored.read({ id, ...place })
    if (!block) return undefined
    const series = row.form === 'aggregate' ? new Set(decodeAggregates(block).series) : decodeBlock(block).seriesIds
    return (last = { id, block, series: [...series] })
  }

  function takeGaps(row: StoredStream, { had }: Cursor, from: number, to: number, room: Room, out: Out): number {
    for (const part of difference([{ from, to }], had)) {
      const found = gaps.all(row.id, part.from, part.to, GAP_ROWS_A_READ) as GapRow[]
      const count = room.take(found.length, GAP_BYTES)
      if (count === 0) return part.from
      const end = (found[count - 1] as GapRow).sequence + 1
      out.slices.push({ form: 'gap', stream: plain(row), from: part.from, to: end, rows: found.slice(0, count).map(ledgerRow) })
      if (end < part.to) return end
    }
    return to
  }

  /** The live lane begins at the heads, unless so many holes are open already that the position would outgrow its bound. */
  function begin(uplink: string, delivered: StreamIntervals): void {
    const rows = stored.streams()
    const holes = [...delivered.values()].reduce((sum, it) => sum + it.length, 0)
    const atHead = holes + rows.length <= POSITION_INTERVALS_MAX
    const byStream = rows.map((row): [string, Cursor] => {
      const had = delivered.get(row.key) ?? []
      const end = had.at(-1)?.to ?? 0
      const liveStart = row.form === 'gap' ? 0 : atHead ? row.next : end
      return [row.key, { live: row.form === 'gap' ? firstMissing(had) : liveStart, liveStart, backlog: firstMissing(had), had }]
    })
    cursors.set(uplink, new Map(byStream))
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
        for (const row of inOrder()) {
          if (request.except.includes(row.class)) continue
          take(row, cursorOf(request.uplink, row), request.lane, room, out)
          if (room.isFull()) break
        }
      })()
      return out
    },
    restart(uplink, delivered, inDoubt) {
      restarts.set(uplink, delivered)
      doubts.set(uplink, inDoubt)
    },
    forget(uplink) {
      for (const it of [cursors, restarts, doubts]) it.delete(uplink)
    },
    handedOut: (stream) =>
      [...new Set([...cursors.keys(), ...doubts.keys()])].map((uplink) => {
        const doubt = (doubts.get(uplink) ?? []).filter((it) => it.stream === stream).map(({ from, to }) => ({ from, to }))
        const it = cursors.get(uplink)?.get(stream)
        const walked = it
          ? [
              { from: 0, to: it.backlog },
              { from: it.liveStart, to: it.live },
            ]
          : []
        return {
          uplink,
          ranges: [...doubt, ...walked].reduce<Intervals>((set, { from, to }) => withInterval(set, from, to), []),
          liveStart: it?.liveStart,
        }
      }),
    block(range) {
      blocked = range
      last = undefined
    },
  }
}

interface Out {
  readonly slices: Slice[]
  readonly ranges: StreamRange[]
  readonly series: Map<number, LogSeries>
  readonly damaged: DamagedPlace[]
}

interface Room {
  /** How many of `count` rows fit; the first always does. */
  take(count: number, bytesEach: number): number
  isFull(): boolean
}

function createRoom({ readingsMax, bytesMax }: NextRequest): Room {
  let rows = 0
  let bytes = 0
  let full = false
  return {
    take(count, bytesEach) {
      const fits = full ? 0 : Math.min(count, readingsMax - rows, Math.floor((bytesMax - bytes) / bytesEach))
      const taken = Math.max(fits, rows === 0 ? Math.min(1, count) : 0)
      rows += taken
      bytes += taken * bytesEach
      full ||= taken < count
      return taken
    },
    isFull: () => full,
  }
}

interface GapRow extends Stream {
  readonly sequence: number
  readonly first: number
  readonly end: number
  readonly count: number
  readonly exact: number
  readonly time_from: number
  readonly time_to: number
  readonly action: LossAction
  readonly reason: string
  readonly at: number
}

function ledgerRow(row: GapRow): LedgerRow {
  const { sequence, first, end, count, exact, time_from, time_to, action, reason, at } = row
  return {
    sequence,
    stream: plain(row),
    from: first,
    to: end,
    timeFrom: time_from,
    timeTo: time_to,
    count,
    exact: exact === 1,
    action,
    reason,
    at,
  }
}

const plain = ({ device, epoch, class: name, form }: Stream): Stream => ({ device, epoch, class: name, form })

/** Losses are few and say why numbers are missing: they go first. */
const formOrder = (form: Form) => (form === 'gap' ? 0 : 1)

const firstMissing = (had: Intervals) => (had[0]?.from === 0 ? had[0].to : 0)
