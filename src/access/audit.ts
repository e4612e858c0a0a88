// What was done on this box, by whom and from where: one event each, appended, never changed. Bounded: the oldest go first, and how many went is known.
// Nothing waits for it and nothing fails because of it.
import type { AuditEvent, AuditPage } from '../core/access.ts'
import type { AccessClock } from './clock.ts'
import type { Store } from './store.ts'

const EVENTS_MAX = 20_000
const BYTES_MAX = 4_000_000
const DETAIL_CHARS_MAX = 2_000
/** Gone at once when a bound is met, so that not every event moves it. */
const CUT_SHARE = 0.02

export type NewEvent = Omit<AuditEvent, 'position' | 'at'>

export interface Audit {
  /** Within the transaction of what it tells of, where there is one. */
  add(event: NewEvent): void
  /** Oldest first, from a position on. */
  from(position: number, limit: number): AuditPage
  /** Youngest first. */
  latest(limit: number): AuditPage
}

type Row = Omit<AuditEvent, 'detail'> & { readonly detail: string }

export function openAudit({ db }: Store, clock: AccessClock): Audit {
  const insert = db.prepare('INSERT INTO audit (at, what, by, address, detail, bytes) VALUES (?, ?, ?, ?, ?, ?)')
  const totals = db.prepare<[], { count: number; bytes: number; oldest: number | null }>(
    'SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes, min(position) AS oldest FROM audit',
  )
  const cut = db.prepare('DELETE FROM audit WHERE position < ?')
  const columns = 'position, at, what, by, address, detail'
  const after = db.prepare<[number, number], Row>(`SELECT ${columns} FROM audit WHERE position >= ? ORDER BY position LIMIT ?`)
  const last = db.prepare<[number], Row>(`SELECT ${columns} FROM audit ORDER BY position DESC LIMIT ?`)
  const held = { count: -1, bytes: 0 }
  const bound = (bytes: number): void => {
    held.count++
    held.bytes += bytes
    // The other process adds as well: what is held is looked at anew at times.
    if (held.count > 0 && held.count < EVENTS_MAX && held.bytes < BYTES_MAX && held.count % 256 !== 0) return
    const seen = totals.get() ?? { count: 0, bytes: 0, oldest: 0 }
    const over = Math.max(seen.count / EVENTS_MAX, seen.bytes / BYTES_MAX)
    if (over >= 1) cut.run((seen.oldest ?? 0) + Math.ceil(seen.count * Math.min(1, over - 1 + CUT_SHARE)))
    Object.assign(held, totals.get())
  }
  const page = (rows: readonly Row[]): AuditPage => {
    const events = rows.map((it) => ({ ...it, detail: JSON.parse(it.detail) as AuditEvent['detail'] }))
    const { oldest } = totals.get() ?? { oldest: 1 }
    return { events, cut: Math.max(0, (oldest ?? 1) - 1) }
  }
  return {
    add({ what, by, address, detail }) {
      const text = JSON.stringify(detail)
      const kept = text.length <= DETAIL_CHARS_MAX ? text : JSON.stringify({ text: `${text.slice(0, DETAIL_CHARS_MAX - 20)}…` })
      const bytes = Buffer.byteLength(what + by + address + kept)
      insert.run(clock.wall(), what, by, address, kept, bytes)
      bound(bytes)
    },
    from: (position, limit) => page(after.all(position, limit)),
    latest: (limit) => page(last.all(limit)),
  }
}
