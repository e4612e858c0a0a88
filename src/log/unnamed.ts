// A journal that was made anew without its positions cannot tell what was delivered from what is gone: both stand in the account as lost for no
// known reason until the uplinks tell their positions. What every one of them lacks then becomes lines of the ledger.
import type { Intervals } from '../core/intervals.ts'
import { countOf, difference, withInterval } from '../core/intervals.ts'
import type { Account, Accounts } from './accounts.ts'
import { lose } from './accounts.ts'
import type { Catalogue } from './catalogue.ts'
import type { Journal } from './journal.ts'
import { writeMeta } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Positions } from './positions.ts'
import type { StreamRow, Streams } from './streams.ts'

const KEY = 'unnamed'
const UNKNOWN = 'unaccounted'

/** By class: readings that nobody can account for yet. Of a journal that is being made anew, inside its transaction. */
export const leaveUnnamed = (db: Journal, counts: ReadonlyMap<string, number>): void =>
  writeMeta(db, KEY, JSON.stringify([...counts]))

/** The account took so many for delivered, and nobody knows whether they were. */
export function doubt(account: Account, count: number): void {
  const moved = Math.min(account.delivered, count - (account.lost[UNKNOWN] ?? 0))
  if (moved <= 0) return
  account.delivered -= moved
  lose(account, UNKNOWN, moved)
}

export interface UnnamedParts {
  readonly db: Journal
  readonly uplinks: readonly string[]
  readonly streams: Streams
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly ledger: Ledger
  readonly positions: Positions
  now(): number
  /** A transaction of its own, with its fsync. */
  change(what: () => void): void
}

/** To be called when an uplink has told its position, and what it says is saved. */
export function createUnnamed(parts: UnnamedParts): (uplink: string) => void {
  const { db, uplinks, streams, accounts, catalogue, ledger, positions, now, change } = parts
  const text = db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck().get(KEY)
  const counts = new Map(text === undefined ? [] : (JSON.parse(text) as [string, number][]))
  let isDue = text !== undefined
  const told = new Set<string>()
  const lines = db.prepare<[number], { first: number; end: number }>('SELECT first, "end" FROM ledger WHERE stream = ?')

  function holesOf(stream: StreamRow): Intervals {
    const here = catalogue
      .overlapping(stream.id, 0, stream.next)
      .reduce<Intervals>((set, it) => withInterval(set, it.first, it.first + it.count), [])
    const named = lines.all(stream.id).reduce<Intervals>((set, it) => withInterval(set, it.first, it.end), [])
    return [here, named, positions.seen(stream)].reduce<Intervals>(difference, [{ from: 0, to: stream.next }])
  }

  /** Of before the rebuild. */
  const holes = () =>
    streams
      .all()
      .filter((it) => it.epoch !== streams.epoch() && (it.form === 'raw' || it.form === 'aggregate') && !streams.hasEnded(it))
      .map((stream) => ({ stream, gone: holesOf(stream) }))

  function name(stream: StreamRow, gone: Intervals): void {
    const at = now()
    for (const it of gone) ledger.add({ stream, ...it, timeFrom: 0, timeTo: at, action: 'damaged', reason: 'damaged', at })
    if (stream.form === 'raw') become(accounts.of(stream.class), 'damaged', countOf(gone))
  }

  return (uplink) => {
    if (!isDue) return
    told.add(uplink)
    isDue = !uplinks.every((it) => told.has(it))
    const found = holes()
    change(() => {
      for (const [className, before] of counts) {
        const mine = found.filter((it) => it.stream.form === 'raw' && it.stream.class === className)
        const left = mine.reduce((sum, it) => sum + countOf(it.gone), 0)
        const account = accounts.of(className)
        // Readings whose lines went with the old journal are in the account by their reasons, and among the holes: they count for none that is delivered.
        become(account, 'delivered', Math.min(before, account.lost[UNKNOWN] ?? 0) - left)
        counts.set(className, left)
      }
      if (isDue) return leaveUnnamed(db, counts)
      for (const { stream, gone } of found) name(stream, gone)
      db.prepare('DELETE FROM meta WHERE key = ?').run(KEY)
    })
  }
}

/** Of what nobody could account for, this became of so many. */
function become(account: Account, what: 'delivered' | 'damaged', count: number): void {
  const unknown = account.lost[UNKNOWN] ?? 0
  const known = Math.min(Math.max(0, count), unknown)
  if (known === 0) return
  account.lost[UNKNOWN] = unknown - known
  if (unknown === known) delete account.lost[UNKNOWN]
  if (what === 'delivered') account.delivered += known
  else lose(account, what, known)
}
