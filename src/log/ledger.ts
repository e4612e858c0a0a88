// The ledger: every reading that was given up, by stream, range, times, action and reason, in the transaction that gives it up.
// A row gets its place in the class's gap stream when it is published; until then the next loss of the same kind that joins on is
// merged into it, so that a week of reclaiming is a few rows. A published row changes no more, for an uplink may have it, until everybody has it that
// is to: then rows of a day that adjoin become one (ledger-compaction.ts).
import type { LossAction } from '../core/log.ts'
import type { Journal } from './journal.ts'
import type { StreamRow, Streams } from './streams.ts'

export interface Loss {
  readonly stream: StreamRow
  readonly from: number
  readonly to: number
  readonly timeFrom: number
  readonly timeTo: number
  readonly action: LossAction
  readonly reason: string
  readonly at: number
}

export interface Ledger {
  /** Inside the commit's transaction. */
  add(loss: Loss): void
  /** Takes out lines that have no place yet, because others will stand for the same readings. Inside a transaction. */
  remove(ids: readonly number[]): void
  /** Gives the oldest rows that have none their places in their gap streams, at most `max`. Inside a transaction. */
  publish(max: number): void
  unpublished(): number
  /** Lines were changed past it. */
  reload(): void
}

interface OpenRow {
  readonly id: number
  to: number
}

export function loadLedger(db: Journal, streams: Streams, device: string): Ledger {
  const insert = db.prepare(
    'INSERT INTO ledger (stream, first, end, count, time_from, time_to, action, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const extend = db.prepare(
    'UPDATE ledger SET end = ?, count = count + ?, time_from = min(time_from, ?), time_to = max(time_to, ?), at = ? WHERE id = ?',
  )
  const pending = db.prepare('SELECT id, stream, action, reason FROM ledger WHERE sequence IS NULL ORDER BY id LIMIT ?')
  const unplaced = db.prepare('SELECT count(*) FROM ledger WHERE sequence IS NULL').pluck()
  const remove = db.prepare('DELETE FROM ledger WHERE id = ? AND sequence IS NULL')
  const place = db.prepare('UPDATE ledger SET gap_stream = ?, sequence = ? WHERE id = ?')
  const open = new Map<string, OpenRow>()
  /** After a rebuild: of streams before this one nobody knows what was said in their gap streams. */
  let gapsFrom = 0
  let unpublished = 0
  const keyOf = (stream: number, action: string, reason: string) => `${stream} ${action} ${reason}`
  const rows = (max: number) => pending.all(max) as { id: number; stream: number; action: string; reason: string }[]

  function load(): void {
    gapsFrom = Number(db.prepare("SELECT value FROM meta WHERE key = 'gaps-from'").pluck().get() ?? 0)
    // What joins on to a line of before the open begins one of its own: that log may be an older copy, and go on in another epoch (recover-marks.ts).
    open.clear()
    unpublished = unplaced.get() as number
  }

  load()
  return {
    reload: load,
    add(loss) {
      const key = keyOf(loss.stream.id, loss.action, loss.reason)
      const count = loss.to - loss.from
      const last = open.get(key)
      if (last && last.to === loss.from) {
        extend.run(loss.to, count, loss.timeFrom, loss.timeTo, loss.at, last.id)
        last.to = loss.to
        return
      }
      const { lastInsertRowid } = insert.run(
        loss.stream.id,
        loss.from,
        loss.to,
        count,
        loss.timeFrom,
        loss.timeTo,
        loss.action,
        loss.reason,
        loss.at,
      )
      open.set(key, { id: Number(lastInsertRowid), to: loss.to })
      unpublished++
    },
    remove(ids) {
      for (const id of ids) {
        remove.run(id)
        unpublished--
        for (const [key, row] of open) if (row.id === id) open.delete(key)
      }
    },
    publish(max) {
      for (const row of rows(max)) {
        const of = streams.byId(row.stream)
        // Of another box's stream this box says it in its own name: the other's gap streams have numbers of the other.
        const isOurs = of.device === device && of.id >= gapsFrom
        const gap = isOurs ? streams.sibling(of, 'gap') : streams.current(of.class, 'gap')
        place.run(gap.id, gap.next++, row.id)
        gap.dirty = true
        unpublished--
        const key = keyOf(row.stream, row.action, row.reason)
        if (open.get(key)?.id === row.id) open.delete(key)
      }
    },
    unpublished: () => unpublished,
  }
}
