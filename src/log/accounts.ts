// What became of every reading, by class, over the life of the log: accepted = delivered + stored + aggregated + lost, at every commit.
// `stored` is counted by itself, never as the rest of the others; each open checks it against the blocks.
import { crc32 } from 'node:zlib'
import type { Journal } from './journal.ts'
import type { Streams } from './streams.ts'

export interface Account {
  readonly class: string
  accepted: number
  delivered: number
  stored: number
  /** Given up, but an aggregate of it is stored or delivered. */
  aggregated: number
  readonly lost: Record<string, number>
  /** Bytes of all its blocks. */
  bytes: number
  /** Aggregates that were delivered since the log was opened. */
  aggregatesDelivered: number
}

interface Held {
  readonly stream: number
  readonly pending: number
  readonly bytes: number
}

export interface Accounts {
  of(className: string): Account
  all(): readonly Account[]
  /** Inside the commit's transaction. */
  save(): void
}

export function lose(account: Account, reason: string, count: number): void {
  account.lost[reason] = (account.lost[reason] ?? 0) + count
}

/** 0 when they add up. */
export function imbalanceOf(account: Account): number {
  return account.accepted - account.delivered - account.stored - account.aggregated - lostOf(account)
}

export function lostOf(account: Account): number {
  return Object.values(account.lost).reduce((sum, n) => sum + n, 0)
}

export function loadAccounts(db: Journal, streams: Streams): Accounts {
  const accounts = new Map<string, Account>()
  const upsert = db.prepare(
    'INSERT INTO account (class, accepted, delivered, stored, aggregated, lost) VALUES (@class, @accepted, @delivered, @stored, @aggregated, @lost) ON CONFLICT (class) DO UPDATE SET accepted = excluded.accepted, delivered = excluded.delivered, stored = excluded.stored, aggregated = excluded.aggregated, lost = excluded.lost',
  )
  const of = (className: string): Account => {
    let account = accounts.get(className)
    if (!account)
      accounts.set(
        className,
        (account = {
          class: className,
          accepted: 0,
          delivered: 0,
          stored: 0,
          aggregated: 0,
          lost: {},
          bytes: 0,
          aggregatesDelivered: 0,
        }),
      )
    return account
  }
  const rows = db.prepare('SELECT class, accepted, delivered, stored, aggregated, lost FROM account').all() as (Omit<
    Account,
    'lost' | 'bytes' | 'aggregatesDelivered'
  > & { lost: string })[]
  for (const row of rows)
    accounts.set(row.class, { ...row, lost: JSON.parse(row.lost) as Record<string, number>, bytes: 0, aggregatesDelivered: 0 })
  const held = db
    .prepare('SELECT stream, sum(pending) AS pending, sum(bytes) AS bytes FROM block GROUP BY stream')
    .all() as Held[]
  for (const { stream, bytes } of held) of(streams.byId(stream).class).bytes += bytes
  checkStored(accounts, held, streams)
  const saveAccepted = db.prepare(
    'INSERT INTO accepted (class, count, crc) VALUES (@class, @count, @crc) ON CONFLICT (class) DO UPDATE SET count = excluded.count, crc = excluded.crc',
  )
  return {
    of,
    all: () => [...accounts.values()],
    save() {
      for (const it of accounts.values()) saveAccepted.run(acceptedRow(it.class, it.accepted))
      for (const it of accounts.values())
        upsert.run({
          class: it.class,
          accepted: it.accepted,
          delivered: it.delivered,
          stored: it.stored,
          aggregated: it.aggregated,
          lost: JSON.stringify(it.lost),
        })
    },
  }
}

const acceptedRow = (name: string, count: number) => ({ class: name, count, crc: crc32(`${name} ${count}`) })

/** What each class accepted, once more beside the accounts (journal-layout.ts). Rows that were changed on the disk are left out. */
export function readAccepted(db: Journal): Map<string, number> {
  const rows = db.prepare('SELECT class, count, crc FROM accepted').all() as { class: string; count: number; crc: number }[]
  return new Map(rows.filter((it) => acceptedRow(it.class, it.count).crc === it.crc).map((it) => [it.class, it.count]))
}

/** A difference between the account and the blocks is damage: it is shown as lost, never hidden. */
function checkStored(accounts: ReadonlyMap<string, Account>, held: readonly Held[], streams: Streams): void {
  const pending = new Map<string, number>()
  for (const row of held)
    if (streams.byId(row.stream).form === 'raw')
      pending.set(streams.byId(row.stream).class, (pending.get(streams.byId(row.stream).class) ?? 0) + row.pending)
  for (const account of accounts.values()) {
    const found = pending.get(account.class) ?? 0
    if (found === account.stored) continue
    lose(account, 'unaccounted', account.stored - found)
    account.stored = found
  }
}
