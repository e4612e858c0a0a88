// What comes next for an uplink.
//
// At a restart of an uplink the live lane begins at each stream's head and moves up; the backlog lane walks from the oldest number below
// that head which the uplink does not have up to it, or (newest-first) from the head down. Both hand out each reading once until the next
// restart, large blocks in parts. A class that had to wait begins anew: what came meanwhile is backlog, so that live is live again.
//
// What others have: a hole that a lane goes past is lost and in the ledger, or another uplink has it. The second is told in `elsewhere`, with
// the range: the uplink writes it into the transaction whose position goes past it, so exactly once. It stands in no gap stream: those are one
// sequence for all uplinks. What was given up before all had it that should is in the ledger: its line says who has it (change.ts).
import { POSITION_INTERVALS_MAX } from '../core/bounds.ts'
import { isByHand } from '../core/airgap.ts'
import type { Interval, Intervals } from '../core/intervals.ts'
import { difference, withInterval } from '../core/intervals.ts'
import type { LedgerRow, LossAction, NextRequest, Taken } from '../core/log.ts'
import type { Form, Stream, StreamIntervals, StreamRange } from '../core/stream.ts'
import type { LogEvent } from '../core/events.ts'
import type { Journal } from './journal.ts'
import type { DamagedPlace, HeldOf, Out, Room, Walk } from './lane-walk.ts'
import { createRoom, createWalk, plain } from './lane-walk.ts'
import { createOthers } from './lane-others.ts'
import { eventReader } from './events.ts'
import type { Stored, StoredStream } from './stored.ts'

export type { DamagedPlace }

export interface Lanes {
  next(request: NextRequest): Taken & { readonly damaged: readonly DamagedPlace[] }
  /** `inDoubt`: what may be at the destination already, and nobody can say. */
  restart(uplink: string, delivered: StreamIntervals, inDoubt: readonly StreamRange[]): void
  /** Nothing is handed out under this name any more. */
  forget(uplink: string): void
  /** By uplink: what was handed out of a stream since its restart or is in doubt since then, and where its live lane began. */
  handedOut(stream: string): readonly HandedOut[]
  /** Numbers that are being changed: nothing of them is handed out until that is over. */
  block(range: StreamRange | undefined): void
}

export interface HandedOut {
  readonly uplink: string
  readonly ranges: Intervals
  readonly liveStart: number | undefined
}

/** Where an uplink stands in one stream. */
interface Cursor {
  /** The next number of the live lane. */
  live: number
  readonly liveStart: number
  /** What is left of the backlog lane: it is eaten from below, or from above. */
  backlog: number
  backlogEnd: number
  /** What the uplink had when the lanes began: they pass over it. */
  readonly had: Intervals
}

const GAP_ROWS_A_READ = 512
/** About what a line of the ledger takes on its way. */
const GAP_BYTES = 100
const EVENTS_A_READ = 64
const EVENT_BYTES = 400

/** `heldOf`: which blocks of a stream may not be offered, now or ever (forwarding.ts). */
export function createLanes(db: Journal, stored: Stored, classes: readonly string[], heldOf: HeldOf = () => undefined): Lanes {
  const cursors = new Map<string, Map<string, Cursor>>()
  const restarts = new Map<string, StreamIntervals>()
  /** By uplink: what it had at its last restart, streams that this log had lost among it. */
  const known = new Map<string, StreamIntervals>()
  const doubts = new Map<string, readonly StreamRange[]>()
  /** Classes that were left out when an uplink last asked. */
  const idle = new Map<string, readonly string[]>()
  const gaps = db.prepare(
    'SELECT l.sequence, l.first, l."end", l.count, l.exact, l.time_from, l.time_to, l.action, l.reason, l.at, s.device, s.epoch, s.class, s.form FROM ledger l JOIN stream s ON s.id = l.stream WHERE l.gap_stream = ? AND l.sequence >= ? AND l.sequence < ? ORDER BY l.sequence LIMIT ?',
  )
  const place = new Map(classes.map((it, n) => [it, n]))
  const placeOf = (name: string) => place.get(name) ?? classes.length
  const events = eventReader(db)
  const walk = createWalk(stored, heldOf)
  const others = createOthers(db, stored, handedOut)
  let blocked: StreamRange | undefined

  /** The epoch that goes first is the one whose end of the backlog does. */
  const inOrder = (isDown: boolean) =>
    stored
      .streams()
      .toSorted(
        (a, b) =>
          formOrder(a.form) - formOrder(b.form) || placeOf(a.class) - placeOf(b.class) || (isDown ? b.id - a.id : a.id - b.id),
      )

  /** A stream that appears after the restart is all live. */
  function cursorOf(uplink: string, row: StoredStream): Cursor {
    let byStream = cursors.get(uplink)
    if (!byStream) cursors.set(uplink, (byStream = new Map()))
    let cursor = byStream.get(row.key)
    // But for a list of events, or another box's stream, that the log had lost: the uplink knows better.
    if (!cursor) byStream.set(row.key, (cursor = cursorAt(row, known.get(uplink)?.get(row.key) ?? [], false)))
    return cursor
  }

  /** Gap rows and events are all live. */
  function take(row: StoredStream, cursor: Cursor, request: NextRequest, room: Room, out: Out): void {
    const isLive = request.lane === 'live'
    const isDown = !isLive && request.backlog === 'newest-first' && !isOfRows(row)
    const low = isLive ? cursor.live : cursor.backlog
    const high = isLive ? row.next : Math.min(cursor.backlogEnd, row.next)
    const shut = blocked?.stream === row.key && blocked.from < high && low < blocked.to ? blocked : undefined
    const from = shut && isDown ? Math.max(low, shut.to) : low
    const to = shut && !isDown ? Math.min(high, shut.from) : high
    if (from >= to) return
    if (isOfRows(row)) {
      const end =
        row.form === 'gap'
          ? takeGaps(row, cursor, from, to, request.uplink, room, out)
          : takeEvents(row, cursor, from, to, room, out)
      if (end > from) out.ranges.push({ stream: row.key, from, to: end })
      cursor.live = isLive ? end : cursor.live
      cursor.backlog = isLive ? cursor.backlog : end
      return
    }
    const others = othersOf(row, request)
    const way: Walk = { row, skip: others.had.reduce(add, cursor.had), from, to, room, out, sent: [] }
    const end = isDown ? walk.down(way) : walk.up(way)
    const range = isDown ? { from: end, to } : { from, to: end }
    if (range.from < range.to) {
      out.ranges.push({ stream: row.key, ...range })
      tellOthers(way, range, cursor, others.mayHave, request.uplink)
    }
    if (isLive) cursor.live = end
    else if (isDown) cursor.backlogEnd = end
    else cursor.backlog = end
  }

  function othersOf(row: StoredStream, { uplink, anyOf }: NextRequest): { had: Intervals; mayHave: Intervals } {
    if (!anyOf?.classes.includes(row.class)) return { had: [], mayHave: [] }
    return others.of(row, uplink, anyOf.uplinks)
  }

  function tellOthers({ row, sent, out }: Walk, range: Interval, { had }: Cursor, mayHave: Intervals, uplink: string): void {
    const of = (it: Interval): StreamRange => ({ stream: row.key, from: it.from, to: it.to })
    if (mayHave.length > 0) out.maybeDuplicate.push(...others.within(mayHave, range).map(of))
    const rest = difference(
      sent.reduce<Intervals>((left, it) => difference(left, [it]), [range]),
      had,
    )
    if (rest.length > 0) out.elsewhere.push(...others.elsewhere(row, rest, uplink).map(of))
  }

  function takeGaps(row: StoredStream, { had }: Cursor, from: number, to: number, uplink: string, room: Room, out: Out): number {
    for (const part of difference([{ from, to }], had)) {
      const here = gaps.all(row.id, part.from, part.to, GAP_ROWS_A_READ) as GapRow[]
      const found = [...here, ...toldAgain(row, here, part, to)]
      const count = room.take(found.length, GAP_BYTES)
      if (count === 0) return part.from
      const end = (found[count - 1] as GapRow).sequence + 1
      const rows = found.slice(0, count).map((it) => ledgerRow(it, uplink))
      out.slices.push({ form: 'gap', stream: plain(row), from: part.from, to: end, rows })
      if (end < part.to) return end
    }
    return to
  }

  /**
   * Numbers of lines that are part of a later one now, which the uplink has. It can only have been told of some of them before it forgot: it is told
   * once more, under the last of these numbers.
   */
  function toldAgain(row: StoredStream, here: readonly GapRow[], { from, to }: Interval, end: number): GapRow[] {
    const isWhole = here.length === GAP_ROWS_A_READ || (here.at(-1)?.sequence ?? from - 1) === to - 1
    if (isWhole || to === end) return []
    const later = gaps.all(row.id, to, Number.MAX_SAFE_INTEGER, 1) as GapRow[]
    return later.map((it) => ({ ...it, sequence: to - 1 }))
  }

  function takeEvents(row: StoredStream, { had }: Cursor, from: number, to: number, room: Room, out: Out): number {
    for (const part of difference([{ from, to }], had)) {
      const { rows, end } = events.read(row.id, part.from, part.to, EVENTS_A_READ)
      const count = room.take(rows.length, EVENT_BYTES)
      if (count === 0 && rows.length > 0) return part.from
      const taken = count < rows.length ? (rows[count - 1] as LogEvent).sequence + 1 : end
      out.slices.push({ form: 'event', stream: plain(row), from: part.from, to: taken, rows: rows.slice(0, count) })
      if (taken < part.to) return taken
    }
    return to
  }

  /** The live lane begins at the heads, unless so many holes are open already that the position would outgrow its bound. */
  function begin({ uplink, isInOrder = false }: NextRequest, delivered: StreamIntervals): void {
    const rows = stored.streams()
    const atHead = !isInOrder && intervalsIn(delivered.values()) + rows.length <= POSITION_INTERVALS_MAX
    cursors.set(uplink, new Map(rows.map((row) => [row.key, cursorAt(row, delivered.get(row.key) ?? [], atHead)])))
  }

  /** These classes may go again: what was handed out of them before, the uplink has, or its session would be over. */
  function beginTurn({ uplink, isInOrder = false }: NextRequest, names: readonly string[]): void {
    const byStream = cursors.get(uplink)
    if (!byStream || names.length === 0) return
    const open = [...byStream.values()].map(passed)
    for (const row of stored.streams()) {
      const before = byStream.get(row.key)
      if (!before || isOfRows(row) || !names.includes(row.class)) continue
      const atHead = !isInOrder && intervalsIn(open) + byStream.size <= POSITION_INTERVALS_MAX
      byStream.set(row.key, cursorAt(row, passed(before), atHead))
    }
  }

  function turns(request: NextRequest): void {
    const { uplink, except } = request
    beginTurn(
      request,
      (idle.get(uplink) ?? []).filter((it) => !except.includes(it)),
    )
    idle.set(uplink, except)
  }

  function handedOut(stream: string): HandedOut[] {
    return [...new Set([...cursors.keys(), ...doubts.keys()])].map((uplink) => {
      const doubt = (doubts.get(uplink) ?? []).filter((it) => it.stream === stream)
      const it = cursors.get(uplink)?.get(stream)
      return { uplink, ranges: doubt.reduce<Intervals>(add, it ? passed(it) : []), liveStart: it?.liveStart }
    })
  }

  return {
    next(request) {
      const out: Out = { slices: [], ranges: [], series: new Map(), maybeDuplicate: [], elsewhere: [], damaged: [] }
      const room = createRoom(request)
      // One snapshot for heads and blocks: a number below the head without a block is then surely given up or delivered.
      db.transaction(() => {
        const first = restarts.get(request.uplink)
        if (first) begin(request, first)
        restarts.delete(request.uplink)
        turns(request)
        for (const row of inOrder(request.lane === 'backlog' && request.backlog === 'newest-first')) {
          // Files of what leaves by hand have no place for events.
          if (request.except.includes(row.class) || (row.form === 'event' && isByHand(request.uplink))) continue
          take(row, cursorOf(request.uplink, row), request, room, out)
          if (room.isFull()) break
        }
      })()
      return out
    },
    restart(uplink, delivered, inDoubt) {
      restarts.set(uplink, delivered)
      known.set(uplink, delivered)
      doubts.set(uplink, inDoubt)
    },
    forget(uplink) {
      for (const it of [cursors, restarts, known, doubts, idle]) it.delete(uplink)
    },
    handedOut,
    block(range) {
      blocked = range
      walk.forget()
    },
  }
}

function cursorAt(row: StoredStream, had: Intervals, atHead: boolean): Cursor {
  const end = had.at(-1)?.to ?? 0
  const liveStart = isOfRows(row) ? 0 : atHead ? Math.max(row.next, end) : end
  const missing = had[0]?.from === 0 ? had[0].to : 0
  const backlog = Math.min(missing, liveStart)
  return { live: isOfRows(row) ? missing : liveStart, liveStart, backlog, backlogEnd: liveStart, had }
}

/** What the lanes have gone past, and what the uplink had before. */
function passed({ live, backlog, backlogEnd, had }: Cursor): Intervals {
  return [
    { from: 0, to: backlog },
    { from: backlogEnd, to: Math.max(live, backlogEnd) },
  ].reduce(add, had)
}

const intervalsIn = (sets: Iterable<Intervals>) => [...sets].reduce((sum, it) => sum + it.length, 0)
const add = (set: Intervals, { from, to }: Interval) => withInterval(set, from, to)

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

/** To those that have what a line of action `elsewhere` is about, it names nothing: it only keeps its place in the gap stream. */
function ledgerRow(row: GapRow, uplink: string): LedgerRow {
  const { sequence, first, end, count, exact, time_from, time_to, action, reason, at } = row
  return {
    sequence,
    stream: plain(row),
    from: first,
    to: end,
    timeFrom: time_from,
    timeTo: time_to,
    count: action === 'elsewhere' && reason.split(',').includes(uplink) ? 0 : count,
    exact: exact === 1,
    action,
    reason,
    at,
  }
}

/** No blocks: rows, that are never given up for room and go first. Losses are few and say why numbers are missing. */
const isOfRows = ({ form }: Pick<Stream, 'form'>) => form === 'gap' || form === 'event'
const formOrder = (form: Form) => (isOfRows({ form }) ? 0 : 1)
