// How long each class has been offline: running time since it was last caught up or, if later, since a hundredth of its backlog was
// delivered. Saved with a group commit about once a minute, so that it survives restarts. Only monotonic time counts here; time without
// power counts where the clock was trusted before and after.
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
  const saved = new Map((db.prepare('SELECT * FROM offline').all() as OfflineRow[]).map((it) => [it.class, it]))
  const entries = new Map(classes.map(({ name }) => [name, begin(name, saved.get(name))]))
  let last = world.monotonic()
  let savedAt = last

  function begin(name: string, row: OfflineRow | undefined): Entry {
    const { stored, delivered } = accounts.of(name)
    const entry = { ms: 0, stored, delivered, deliveredAt: -Infinity, deliveredSeen: delivered }
    if (!row) return entry
    const unpowered = row.trusted === 1 && world.isTrusted() ? Math.max(0, (world.now() - row.at) / 1000) : 0
    return { ...entry, ms: row.ms + unpowered, stored: row.stored, delivered: row.delivered }
  }

  function move(name: string, entry: Entry, elapsed: number): void {
    const { stored, delivered } = accounts.of(name)
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
      [...entries].map(([name, it]) => ({ name, offlineForMs: it.ms, delivering: last - it.deliveredAt < DELIVERING_MS })),
    save() {
      if (last - savedAt < SAVE_EVERY_MS) return
      savedAt = last
      for (const [name, it] of entries)
        upsert.run(name, Math.round(it.ms), it.stored, it.delivered, world.now(), world.isTrusted() ? 1 : 0)
    },
  }
}
