// History: what is delivered and kept for queries goes when its time is over.
import type { Accounts } from './accounts.ts'
import type { BlockRow, Catalogue } from './catalogue.ts'
import type { Journal } from './journal.ts'
import type { Streams } from './streams.ts'

export interface ExpiryParts {
  readonly db: Journal
  readonly streams: Streams
  readonly accounts: Accounts
  readonly catalogue: Catalogue
  readonly keepDeliveredMs: number
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
  keepDeliveredMs,
  monotonic,
}: ExpiryParts): (at: number) => void {
  const expired = db.prepare(
    'SELECT id, bytes, segment FROM block WHERE pending = 0 AND stream = ? AND received_to < ? ORDER BY first LIMIT ?',
  )
  let last = -Infinity
  return (at) => {
    if (keepDeliveredMs === 0 || monotonic() - last < EXPIRE_EVERY_MS) return
    last = monotonic()
    for (const stream of streams.all()) {
      if (stream.form !== 'raw' && stream.form !== 'aggregate') continue
      const rows = expired.all(stream.id, at - keepDeliveredMs * 1000, EXPIRE_BLOCKS_MAX) as Pick<
        BlockRow,
        'id' | 'bytes' | 'segment'
      >[]
      for (const row of rows) {
        catalogue.remove(row)
        accounts.of(stream.class).bytes -= row.bytes
      }
    }
  }
}
