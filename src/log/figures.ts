// What the log says of itself, for status.
import type { ClassSettings } from '../core/settings.ts'
import type { ClassStatus } from '../core/status.ts'
import type { Account, Accounts } from './accounts.ts'
import { lostOf } from './accounts.ts'
import type { Journal } from './journal.ts'
import { PAGE_BYTES, walBytes } from './journal.ts'
import type { Streams } from './streams.ts'

export interface LogFigures {
  readonly epoch: string
  readonly bytes: number
  readonly bytesMax: number
  readonly oldest: number | null
  readonly sequence: number
  readonly commits: number
  readonly commitMs: { readonly p50: number; readonly p99: number }
  readonly classes: readonly ClassStatus[]
  readonly parked: number
  /** 0 to 1: pages in use of those that the journal may have. At 1 something must be given up. */
  readonly fill: number
}

export interface FigureParts {
  readonly db: Journal
  readonly bytesMax: number
  readonly classes: readonly ClassSettings[]
  readonly streams: Streams
  readonly accounts: Accounts
}

/** Throws when the accounts do not add up. `commitMs`: what the last commits took. */
export function figuresOf(
  { db, bytesMax, classes, streams, accounts }: FigureParts,
  commits: number,
  commitMs: readonly number[],
): LogFigures {
  const sorted = commitMs.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  const present = streams.all().filter((it) => it.epoch === streams.epoch() && it.form === 'raw')
  const oldest = db
    .prepare(
      'SELECT min(received_from) FROM (SELECT received_from FROM block WHERE stream = ? AND pending > 0 ORDER BY first LIMIT 1)',
    )
    .pluck()
  const oldestOf = streams
    .all()
    .map((it) => oldest.get(it.id) as number | null)
    .filter((it) => it !== null)
  const used = (db.pragma('page_count', { simple: true }) as number) * PAGE_BYTES - freeBytes(db)
  return {
    epoch: streams.epoch(),
    bytes: used + walBytes(db),
    bytesMax: bytesMax,
    oldest: oldestOf.length > 0 ? Math.min(...oldestOf) : null,
    sequence: present.reduce((sum, it) => sum + it.next, 0),
    commits,
    commitMs: { p50: at(0.5), p99: at(0.99) },
    classes: classes.map(({ name }) => classStatus(accounts.of(name))),
    parked: db.prepare('SELECT count(*) FROM parked').pluck().get() as number,
    fill: used / ((db.pragma('max_page_count', { simple: true }) as number) * PAGE_BYTES),
  }
}

function classStatus(account: Account): ClassStatus {
  const { accepted, delivered, stored, lost, bytes } = account
  if (accepted !== delivered + stored + lostOf(account))
    throw new Error(`class ${account.class}: accounts do not add up: ${JSON.stringify(account)}`)
  return { name: account.class, accepted, stored, delivered, aggregated: 0, lost: { ...lost }, bytes, step: 'raw' }
}

function freeBytes(db: Journal): number {
  return (db.pragma('freelist_count', { simple: true }) as number) * PAGE_BYTES
}
