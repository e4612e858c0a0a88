// A log that was put back (an older copy of the disk) goes on with numbers that the destination has already, for other readings. That shows
// when an uplink says what it has: nothing can be there that this log gave out after it was opened, before the two have agreed for the first
// time. So each open keeps, for each uplink that has not agreed since, the heads of all streams: its mark.
//
// What the destination has beyond the mark is not ours. A new epoch begins, and what was numbered since the mark gets numbers in it: it was
// never delivered. Lines of the ledger of that time go along; aggregates of that time stand for numbers that are gone, and are given up: where their
// readings are kept (forwarding.ts) those are stored again.
import { createMerger, DamagedBlock } from '../columns/index.ts'
import { SEALED_BYTES_MAX, SEALED_READINGS_MAX } from '../core/bounds.ts'
import type { Intervals } from '../core/intervals.ts'
import { difference } from '../core/intervals.ts'
import type { Position } from '../core/position.ts'
import { streamKey } from '../core/stream.ts'
import type { ValueKind } from '../core/reading.ts'
import type { Accounts } from './accounts.ts'
import { lose } from './accounts.ts'
import type { BlockRow, Catalogue } from './catalogue.ts'
import { isKeptRaw } from './catalogue.ts'
import type { Journal } from './journal.ts'
import { writeMeta } from './journal.ts'
import type { Ledger } from './ledger.ts'
import { readAt, segmentPath } from './segment.ts'
import type { StreamRow, Streams } from './streams.ts'

export interface MarkParts {
  readonly db: Journal
  readonly dir: string
  readonly device: string
  readonly streams: Streams
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly ledger: Ledger
  readonly kindOf: (series: number) => ValueKind
  readonly uplinks: readonly string[]
  /** What exports for an uplink have given out: it can be at the destination without the two having met. */
  readonly given: (uplink: string, stream: StreamRow) => Intervals
  /** Bytes of blocks that the journal can take now. */
  readonly room: () => number
}

export interface Marks {
  /** What the destination has beyond the uplink's mark: the log was put back. */
  beyond(uplink: string, position: Position): readonly StreamRow[]
  /** Gives what these streams have numbered since the mark numbers of the present epoch. Inside a transaction. */
  renumber(uplink: string, beyond: readonly StreamRow[], at: number): void
  /** From now on the destination can have what this log gives out. */
  agree(uplink: string): void
}

interface Line {
  readonly id: number
  readonly first: number
  readonly end: number
  readonly count: number
  /** 0: `count` is less than the numbers of the range. */
  readonly exact: number
  readonly action: string
}

const LEVEL = 1
const REASON = 'rolled-back'
/** Of the mark's key in `meta`; the uplink's name follows. */
export const MARK_PREFIX = 'heads:'
const keyOf = (uplink: string) => MARK_PREFIX + uplink

export function loadMarks({
  db,
  dir,
  device,
  streams,
  accounts,
  catalogue,
  ledger,
  kindOf,
  uplinks,
  given,
  room,
}: MarkParts): Marks {
  const sql = {
    mark: db.prepare('SELECT value FROM meta WHERE key = ?').pluck(),
    agree: db.prepare('DELETE FROM meta WHERE key = ?'),
    data: db.prepare('SELECT data FROM block WHERE id = ?').pluck(),
    lines: db.prepare('SELECT id, first, "end", count, exact, action FROM ledger WHERE stream = ? AND first >= ? ORDER BY first'),
    moveLine: db.prepare(
      'UPDATE ledger SET stream = ?, first = ?, "end" = ?, count = ?, action = ?, reason = ?, gap_stream = NULL, sequence = NULL WHERE id = ?',
    ),
    removeLine: db.prepare('DELETE FROM ledger WHERE id = ?'),
    reason: db.prepare('SELECT reason FROM ledger WHERE id = ?').pluck(),
    unsay: db.prepare('UPDATE ledger SET gap_stream = NULL, sequence = NULL WHERE gap_stream = ? AND sequence >= ?'),
    unpark: db.prepare('DELETE FROM parked WHERE stream = ? AND sequence >= ?'),
  }
  const merge = createMerger({ level: LEVEL, readingsMax: SEALED_READINGS_MAX, bytesMax: SEALED_BYTES_MAX, kindOf })
  const markOf = (uplink: string): Map<number, number> | undefined => {
    const text = sql.mark.get(keyOf(uplink)) as string | undefined
    return text === undefined ? undefined : new Map(JSON.parse(text) as [number, number][])
  }
  const heads = JSON.stringify(streams.all().map((it) => [it.id, it.next]))
  for (const it of uplinks) if (markOf(it) === undefined) writeMeta(db, keyOf(it), heads)

  /** Says how many readings are stored again that aggregates stood for. */
  function renumberRaw(from: StreamRow, mark: number, at: number): number {
    const to = streams.current(from.class, 'raw')
    const rows = catalogue.overlapping(from.id, mark, from.next).filter((it) => it.first >= mark)
    const kept = rows.filter((it) => isKeptRaw(from, it))
    for (const row of rows) moveBlock(row, from, to, at)
    for (const it of sql.lines.all(from.id, mark) as Line[]) {
      const again = it.action === 'aggregated' ? countWithin(kept, it) : 0
      const numbers = it.end - it.first - again
      // What an inexact line counts is never more for having moved.
      const count = it.exact === 1 ? numbers : Math.min(Math.max(0, it.count - again), numbers)
      if (count === 0) sql.removeLine.run(it.id)
      if (count === 0) continue
      // What aggregates stand for: they go as well.
      const [action, reason] = it.action === 'aggregated' ? ['dropped', REASON] : [it.action, sql.reason.get(it.id)]
      sql.moveLine.run(to.id, to.next, to.next + numbers, count, action, reason, it.id)
      to.next += numbers
    }
    sql.unpark.run(from.id, mark)
    from.next = mark
    for (const it of [from, to]) it.dirty = true
    return kept.reduce((sum, it) => sum + it.count, 0)
  }

  function moveBlock(row: BlockRow, from: StreamRow, to: StreamRow, at: number): void {
    const account = accounts.of(from.class)
    const first = to.next
    const blocks = row.bytes <= room() ? merged(row, to.id, first) : []
    catalogue.remove(row)
    account.bytes -= row.bytes
    to.next += row.count
    for (const it of blocks) {
      account.bytes += it.block.length
      catalogue.addFresh(
        {
          ...row,
          stream: to.id,
          first: it.first,
          count: it.count,
          pending: it.count,
          window_ms: 0,
          readings: it.count,
          bytes: it.block.length,
          ...timesOf(it),
        },
        it.block,
      )
    }
    account.stored += row.count - row.pending
    // What the destination seemed to have of it was somebody else's.
    if (!isKeptRaw(from, row)) account.delivered -= row.count - row.pending
    else account.aggregated -= row.count
    if (blocks.length > 0) return
    account.stored -= row.count
    lose(account, REASON, row.count)
    ledger.add({
      stream: to,
      from: first,
      to: to.next,
      timeFrom: row.time_from,
      timeTo: row.time_to,
      action: 'dropped',
      reason: REASON,
      at,
    })
  }

  function merged(row: BlockRow, stream: number, first: number): ReturnType<typeof merge> {
    try {
      return merge([bytesOf(row)], { stream, first })
    } catch (error) {
      if (error instanceof DamagedBlock) return []
      throw error
    }
  }

  function bytesOf({ id, segment, offset, bytes }: BlockRow): Uint8Array {
    const file = segment === null ? undefined : catalogue.segments().find((it) => it.id === segment)
    return file ? readAt(segmentPath(dir, file), offset as number, bytes) : (sql.data.get(id) as Uint8Array)
  }

  /** `again`: so many readings of them are stored again. */
  function giveUpAggregates(stream: StreamRow, mark: number, again: number): void {
    const account = accounts.of(stream.class)
    let left = again
    for (const row of catalogue.overlapping(stream.id, mark, stream.next)) {
      if (row.first < mark) continue
      catalogue.remove(row)
      account.bytes -= row.bytes
      const gone = Math.max(0, row.readings - left)
      left = Math.max(0, left - row.readings)
      account.aggregated -= gone
      if (gone > 0) lose(account, REASON, gone)
    }
    stream.next = mark
    stream.dirty = true
  }

  const siblingKey = (raw: StreamRow) => streamKey({ ...raw, form: 'aggregate' })

  /** Raw streams first: what becomes of their readings says what is lost with the aggregates of them. */
  function withAggregates(beyond: readonly StreamRow[]): StreamRow[] {
    const raw = beyond.filter((it) => it.form === 'raw')
    const theirs = raw.flatMap((it) => streams.byKey(siblingKey(it)) ?? [])
    return [...new Set([...raw, ...theirs, ...beyond])]
  }

  return {
    beyond(uplink, { delivered }) {
      const mark = markOf(uplink)
      if (!mark) return []
      return [...delivered].flatMap(([key, intervals]) => {
        const stream = streams.byKey(key)
        // Numbers of events are their list's, those of other boxes theirs: no log gives them twice.
        if (!stream || stream.form === 'event' || stream.device !== device) return []
        const others = difference(intervals, given(uplink, stream))
        return (others.at(-1)?.to ?? 0) > (mark.get(stream.id) ?? 0) ? [stream] : []
      })
    },
    renumber(uplink, beyond, at) {
      const mark = markOf(uplink)
      const again = new Map<string, number>()
      for (const stream of withAggregates(beyond)) {
        const head = mark?.get(stream.id) ?? 0
        if (stream.form === 'raw') again.set(siblingKey(stream), renumberRaw(stream, head, at))
        else if (stream.form === 'aggregate') giveUpAggregates(stream, head, again.get(stream.key) ?? 0)
        else {
          sql.unsay.run(stream.id, head)
          stream.next = Math.min(stream.next, head)
          stream.dirty = true
        }
      }
      // Lines that have no place yet get theirs in the new epoch's gap streams.
      const from = Math.min(
        ...streams
          .all()
          .filter((it) => it.epoch === streams.epoch())
          .map((it) => it.id),
        Infinity,
      )
      if (Number.isFinite(from)) writeMeta(db, 'gaps-from', String(from))
      ledger.reload()
    },
    agree: (uplink) => void sql.agree.run(keyOf(uplink)),
  }
}

const timesOf = (it: { timeFrom: number; timeTo: number; receivedFrom: number; receivedTo: number }) => ({
  time_from: it.timeFrom,
  time_to: it.timeTo,
  received_from: it.receivedFrom,
  received_to: it.receivedTo,
})

/** Readings of blocks that lie within a line. */
function countWithin(rows: readonly BlockRow[], { first, end }: Line): number {
  return rows.reduce((sum, it) => sum + Math.max(0, Math.min(end, it.first + it.count) - Math.max(first, it.first)), 0)
}
