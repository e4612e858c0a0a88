// What the log says of itself, for status.
import type { ClassSettings } from '../core/settings.ts'
import type { ClassStatus, DiskRoom } from '../core/status.ts'
import type { Account, Accounts } from './accounts.ts'
import { imbalanceOf } from './accounts.ts'
import type { Catalogue } from './catalogue.ts'
import type { Journal } from './journal.ts'
import { pageBytes, walBytes } from './journal.ts'
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
  /** 0 to 1: bytes not yet delivered, of what blocks may take. At 1 something must be given up. */
  readonly fill: number
  /** Classes at their bound that give nothing up: their appends wait for delivery. */
  readonly waiting: readonly string[]
  readonly disk: DiskRoom
  /** Somebody reads the journal and does not end: all appends wait. */
  readonly stuck: boolean
}

export interface FigureParts {
  readonly db: Journal
  readonly bytesMax: number
  readonly classes: readonly ClassSettings[]
  readonly streams: Streams
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly ballastBytes: number
  /** By class: what is kept of its readings at present. */
  readonly stepOf: (className: string) => string
  /** 0 to 1: bytes not yet delivered, of what blocks may take. */
  readonly fill: number
  readonly waiting: readonly string[]
  readonly disk: DiskRoom
  readonly stuck: boolean
}

/** Throws when the accounts do not add up. `commitMs`: what the last commits took. */
export function figuresOf(
  { db, bytesMax, classes, streams, accounts, catalogue, ballastBytes, stepOf, fill, waiting, disk, stuck }: FigureParts,
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
  const oldestOf = (name?: string): number | null => {
    const mine = streams.all().filter((it) => name === undefined || it.class === name)
    const found = mine.map((it) => oldest.get(it.id) as number | null).filter((it) => it !== null)
    return found.length > 0 ? Math.min(...found) : null
  }
  const journal = (db.pragma('page_count', { simple: true }) as number) * pageBytes(db)
  return {
    epoch: streams.epoch(),
    bytes: journal + walBytes(db) + catalogue.segmentBytes() + ballastBytes,
    bytesMax: bytesMax,
    oldest: oldestOf(),
    sequence: present.reduce((sum, it) => sum + it.next, 0),
    commits,
    commitMs: { p50: at(0.5), p99: at(0.99) },
    classes: classes.map(({ name }) => ({ ...classStatus(accounts.of(name), stepOf(name)), oldest: oldestOf(name) })),
    parked: db.prepare('SELECT count(*) FROM parked').pluck().get() as number,
    fill,
    waiting,
    disk,
    stuck,
  }
}

function classStatus(account: Account, step: string): Omit<ClassStatus, 'oldest'> {
  const { accepted, delivered, stored, aggregated, lost, bytes } = account
  if (imbalanceOf(account) !== 0) throw new Error(`class ${account.class}: accounts do not add up: ${JSON.stringify(account)}`)
  return { name: account.class, accepted, stored, delivered, aggregated, lost: { ...lost }, bytes, step }
}
