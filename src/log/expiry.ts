// History: what is delivered and kept, for queries and until rules and notifiers have read it, goes when its time is over.
import type { Accounts } from './accounts.ts'
import type { BlockRow, Catalogue } from './catalogue.ts'
import type { Journal } from './journal.ts'
import type { Periods } from './periods.ts'
import type { StreamRow, Streams } from './streams.ts'

export interface ExpiryParts {
  readonly db: Journal
  readonly streams: Streams
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly periods: Periods
  readonly keepDeliveredMs: number
  /** All who read the log have read a stream up to there; undefined: there are none. */
  readonly readTo: ((stream: StreamRow) => number) | undefined
  /** Milliseconds. */
  readonly monotonic: () => number
}

const EXPIRE_EVERY_MS = 1000
const EXPIRE_BLOCKS_MAX = 500

/** Inside a commit's transaction; `at` in µs. */
export function createExpiry({
  db,
  streams,
  accounts,
  catalogue,
  periods,
  keepDeliveredMs,
  readTo,
  monotonic,
}: ExpiryParts): (at: number) => void {
  const kept = db.prepare(
    'SELECT id, first, count, bytes, segment, period, received_to FROM block WHERE pending = 0 AND stream = ? ORDER BY first LIMIT ?',
  )
  let lastAt = -Infinity
  return (at) => {
    if ((keepDeliveredMs === 0 && !readTo) || monotonic() - lastAt < EXPIRE_EVERY_MS) return
    lastAt = monotonic()
    for (const stream of streams.all()) {
      if (stream.form !== 'raw' && stream.form !== 'aggregate') continue
      const rows = kept.all(stream.id, EXPIRE_BLOCKS_MAX) as Pick<
        BlockRow,
        'id' | 'first' | 'count' | 'bytes' | 'segment' | 'period' | 'received_to'
      >[]
      // A block whose age nobody knows goes with a later one of its stream.
      const isOld = (it: Pick<BlockRow, 'period' | 'received_to'>) =>
        keepDeliveredMs === 0 || (periods.ageUs(it.period, it.received_to, at) ?? 0) > keepDeliveredMs * 1000
      const last = rows.findLastIndex(isOld)
      const read = stream.form === 'raw' && readTo ? readTo(stream) : Infinity
      for (const row of rows.slice(0, last + 1)) {
        if (row.first + row.count > read) break
        catalogue.remove(row)
        accounts.of(stream.class).bytes -= row.bytes
      }
    }
  }
}
