// How long each class has been offline: running time since it was last caught up or, if later, since a hundredth of its backlog was
// delivered. Saved with a group commit about once a minute, so that it survives restarts. Only monotonic time counts here; time without
// power counts where the clock was trusted before and after.
//
// Of a class of which only aggregates leave (forwarding.ts) those are what is stored and delivered: there are always readings in a window that is not over.
import type { ClassSettings } from '../core/settings.ts'
import type { Accounts } from './accounts.ts'
import type { Journal } from './journal.ts'

export interface ClassOffline {
  readonly name: string
  readonly offlineForMs: number
  /** Something of it was delivered lately. */
  readonly delivering: boolean
}

export interface Offline {
  /** Moves on to now. Cheap. */
  tick(): void
  all(): readonly ClassOffline[]
  /** Inside a commit's transaction. */
  save(): void
}

interface Entry {
  ms: number
  /** When the count began: what was stored and delivered then. */
  stored: number
  delivered: number
  /** Monotonic ms of the last delivery that was noticed. */
  deliveredAt: number
  deliveredSeen: number
}

export interface OfflineWorld {
  /** Microseconds since 1970 UTC. */
  now(): number
  monotonic(): number
  /** Whether `now` can be trusted. */
  isTrusted(): boolean
}

const SAVE_EVERY_MS = 60_000
const DELIVERING_MS = 60_000
/** A class of which aggregates leave was delivered lately also where its windows are longer than that: so many of them. */
const DELIVERING_WINDOWS = 3
/** Aggregates are counted so often. */
const COUNT_EVERY_MS = 1_000
/** Of the backlog: so much delivered is a connection, not a last gasp. */
const DELIVERED_SHARE = 0.01

interface OfflineRow {
  readonly class: string
  readonly ms: number
  readonly stored: number
  readonly delivered: number
  readonly at: number
  readonly trusted: number
}

export function loadOffline(db: Journal, classes: readonly ClassSettings[], accounts: Accounts, world: OfflineWorld): Offline {
  const upsert = db.prepare(
    'INSERT INTO offline (class, ms, stored, delivered, at, trusted) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (class) DO UPDATE SET ms = excluded.ms, stored = excluded.stored, delivered = excluded.delivered, at = excluded.at, trusted = excluded.trusted',
  )
  const pending = db
    .prepare<[string], number>(
      "SELECT coalesce(sum(b.pending), 0) FROM block b JOIN stream s ON s.id = b.stream WHERE s.class = ? AND s.form = 'aggregate'",
    )
    .pluck()
  const windows = new Map(classes.flatMap((it) => (it.forward ? [[it.name, it.forward.windowMs] as const] : [])))
  const counted = new Map<string, { readonly at: number; readonly stored: number }>()

  /** What of a class is to be delivered, and was. */
  function amountsOf(name: string): { stored: number; delivered: number } {
    const account = accounts.of(name)
    if (!windows.has(name)) return account
    let last = counted.get(name)
    if (!last || world.monotonic() - last.at >= COUNT_EVERY_MS)
      counted.set(name, (last = { at: world.monotonic(), stored: pending.get(name) as number }))
    return { stored: last.stored, delivered: account.aggregatesDelivered }
  }

  const saved = new Map((db.prepare('SELECT * FROM offline').all() as OfflineRow[]).map((it) => [it.class, it]))
  const entries = new Map(classes.map(({ name }) => [name, begin(name, saved.get(name))]))
  let last = world.monotonic()
  let savedAt = last

  function begin(name: string, row: OfflineRow | undefined): Entry {
    const { stored, delivered } = amountsOf(name)
    const entry = { ms: 0, stored, delivered, deliveredAt: -Infinity, deliveredSeen: delivered }
    if (!row) return entry
    const unpowered = row.trusted === 1 && world.isTrusted() ? Math.max(0, (world.now() - row.at) / 1000) : 0
    const before = windows.has(name) ? { delivered } : { stored: row.stored, delivered: row.delivered }
    return { ...entry, ms: row.ms + unpowered, ...before }
  }

  function move(name: string, entry: Entry, elapsed: number): void {
    const { stored, delivered } = amountsOf(name)
    if (delivered > entry.deliveredSeen) {
      entry.deliveredSeen = delivered
      entry.deliveredAt = last
    }
    const reconnected = delivered - entry.delivered > entry.stored * DELIVERED_SHARE
    if (stored === 0 || reconnected) Object.assign(entry, { ms: 0, stored, delivered })
    else entry.ms += elapsed
  }

  return {
    tick() {
      const now = world.monotonic()
      const elapsed = Math.max(0, now - last)
      last = now
      for (const [name, entry] of entries) move(name, entry, elapsed)
    },
    all: () =>
      [...entries].map(([name, it]) => {
        const lately = Math.max(DELIVERING_MS, DELIVERING_WINDOWS * (windows.get(name) ?? 0))
        return { name, offlineForMs: it.ms, delivering: last - it.deliveredAt < lately }
      }),
    save() {
      if (last - savedAt < SAVE_EVERY_MS) return
      savedAt = last
      for (const [name, it] of entries)
        upsert.run(name, Math.round(it.ms), it.stored, it.delivered, world.now(), world.isTrusted() ? 1 : 0)
    },
  }
}
