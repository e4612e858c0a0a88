// Events of lists outside of the log (core/events.ts): kept until every uplink has them, a row each, in the journal.
//
//   event   one row an event: `sequence` is its place in the list's stream, `crc` is of `text`
//
// What must hold: an event and the next number of its stream are one transaction; a number that no row has any more is named as such by whoever
// hands it out (lanes.ts), so nothing is lost in silence. The list itself keeps far more than this: what finds no room here waits there.
//
// The table is made where it is missing: an older program passes over it. It is not guarded as the others are (recover-guard.ts): each row guards
// itself, and a rebuilt journal begins without.
import { crc32 } from 'node:zlib'
import { EVENTS_BYTES_MAX, EVENTS_MAX } from '../core/bounds.ts'
import type { LogEvent, LogEvents } from '../core/events.ts'
import { EVENTS_CLASS } from '../core/events.ts'
import type { Intervals } from '../core/intervals.ts'
import { contains } from '../core/intervals.ts'
import type { Journal } from './journal.ts'
import type { StreamRow, Streams } from './streams.ts'

export const EVENT_SCHEMA = `
CREATE TABLE IF NOT EXISTS event (stream INTEGER NOT NULL, sequence INTEGER NOT NULL, text TEXT NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (stream, sequence)) STRICT, WITHOUT ROWID;
`
/** A row, with what its key takes. */
const ROW_BYTES = 60

export interface Events {
  /** As far as there is room: of so many bytes in the journal. What every uplink has already is not kept. Inside a transaction. */
  take(offer: LogEvents, room: number, deliveredOf: (stream: StreamRow) => Intervals): void
  next(list: string): number
  /** Whether these find room beside those that are held. */
  hasRoom(rows: readonly LogEvent[]): boolean
  /** Of another box's list; what every uplink has already is not kept. Inside a transaction. */
  add(stream: StreamRow, rows: readonly LogEvent[], deliveredOf: (stream: StreamRow) => Intervals): void
  /** Every uplink has these. Inside a transaction. */
  forget(stream: StreamRow, delivered: Intervals): void
}

export function openEvents(db: Journal, streams: Streams): Events {
  const insert = db.prepare('INSERT INTO event (stream, sequence, text, crc) VALUES (?, ?, ?, ?)')
  const forget = db.prepare('DELETE FROM event WHERE stream = ? AND sequence >= ? AND sequence < ?')
  const held = db.prepare<[], { count: number; bytes: number }>(
    `SELECT count(*) AS count, coalesce(sum(octet_length(text) + ${ROW_BYTES}), 0) AS bytes FROM event`,
  )
  const streamOf = (list: string) => streams.ofList(list, EVENTS_CLASS)
  return {
    next: (list) => streamOf(list).next,
    take({ list, from, events }, room, deliveredOf) {
      const stream = streamOf(list)
      // Whoever offers it has not heard what became of the last offer.
      if (from !== stream.next || events.length === 0) return
      const delivered = deliveredOf(stream)
      const now = held.get() ?? { count: 0, bytes: 0 }
      let [count, bytes] = [EVENTS_MAX - now.count, Math.min(EVENTS_BYTES_MAX - now.bytes, room)]
      for (const { sequence, text } of events) {
        if (!contains(delivered, sequence, sequence + 1)) {
          bytes -= Buffer.byteLength(text) + ROW_BYTES
          if (--count < 0 || bytes < 0) break
          insert.run(stream.id, sequence, text, crc32(text))
        }
        stream.next = sequence + 1
        stream.dirty = true
      }
    },
    hasRoom(rows) {
      const now = held.get() ?? { count: 0, bytes: 0 }
      const bytes = rows.reduce((sum, it) => sum + Buffer.byteLength(it.text) + ROW_BYTES, 0)
      return rows.length === 0 || (now.count + rows.length <= EVENTS_MAX && now.bytes + bytes <= EVENTS_BYTES_MAX)
    },
    add(stream, rows, deliveredOf) {
      const delivered = deliveredOf(stream)
      for (const { sequence, text } of rows)
        if (!contains(delivered, sequence, sequence + 1)) insert.run(stream.id, sequence, text, crc32(text))
    },
    forget(stream, delivered) {
      for (const { from, to } of delivered) forget.run(stream.id, from, to)
    },
  }
}

export interface TakerParts {
  readonly events: Events
  readonly positions: { delivered(stream: StreamRow): Intervals }
  readonly pressure: { journalRoom(): number; canWrite(): boolean }
  /** A transaction of its own, with its fsync. */
  change(what: () => void): void
  /** Whoever waits for news may take them. */
  told(): void
}

/** Says which number of the list is wanted next. */
export function eventTaker({ events, positions, pressure, change, told }: TakerParts): (offer: LogEvents) => number {
  return (offer) => {
    const room = pressure.journalRoom()
    if (offer.events.length === 0 || !pressure.canWrite()) return events.next(offer.list)
    change(() => events.take(offer, room, positions.delivered))
    told()
    return events.next(offer.list)
  }
}

export interface EventReader {
  /** Of [from, to), oldest first; where there are `limit`, more may follow. Rows that were changed on the disk are left out. */
  read(stream: number, from: number, to: number, limit: number): { readonly rows: readonly LogEvent[]; readonly end: number }
}

export function eventReader(db: Journal): EventReader {
  const select = db.prepare<[number, number, number, number], LogEvent & { crc: number }>(
    'SELECT sequence, text, crc FROM event WHERE stream = ? AND sequence >= ? AND sequence < ? ORDER BY sequence LIMIT ?',
  )
  return {
    read(stream, from, to, limit) {
      const found = select.all(stream, from, to, limit)
      const end = found.length < limit ? to : (found.at(-1)?.sequence ?? to) + 1
      const rows = found.filter((it) => crc32(it.text) === it.crc).map(({ sequence, text }) => ({ sequence, text }))
      return { rows, end }
    },
  }
}
