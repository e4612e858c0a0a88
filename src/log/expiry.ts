// History: what is delivered and kept, for queries and until rules and notifiers have read it, goes when its time is over.
import type { ClassSettings } from '../core/settings.ts'
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
  /** By class: how long readings are kept that aggregates stand for (forwarding.ts). */
  readonly classes: readonly Pick<ClassSettings, 'name' | 'forward'>[]
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
  classes,
  readTo,
  monotonic,
}: ExpiryParts): (at: number) => void {
  const kept = db.prepare(
    "SELECT id, first, count, bytes, segment, period, received_to FROM block WHERE pending = 0 AND stream = @stream AND (window_ms > 0 AND @form = 'raw') = @isKeptRaw ORDER BY first LIMIT @max",
  )
  /** Absent: its readings that aggregates stand for stay until their room is needed. */
  const keepRawMs = new Map(
    classes.flatMap((it) => (it.forward?.keepRawMs === undefined ? [] : [[it.name, it.forward.keepRawMs]])),
  )
  const isIdle = keepDeliveredMs === 0 && !readTo && keepRawMs.size === 0
  let lastAt = -Infinity

  function expire(stream: StreamRow, isKeptRaw: boolean, keepMs: number, at: number): void {
    const { id, form } = stream
    const rows = kept.all({ stream: id, form, isKeptRaw: isKeptRaw ? 1 : 0, max: EXPIRE_BLOCKS_MAX }) as KeptRow[]
    // A block whose age nobody knows goes with a later one of its stream.
    const isOld = (it: KeptRow) => keepMs === 0 || (periods.ageUs(it.period, it.received_to, at) ?? 0) > keepMs * 1000
    const last = rows.findLastIndex(isOld)
    const read = form === 'raw' && readTo ? readTo(stream) : Infinity
    for (const row of rows.slice(0, last + 1)) {
      if (row.first + row.count > read) break
      catalogue.remove(row)
      accounts.of(stream.class).bytes -= row.bytes
    }
  }

  return (at) => {
    if (isIdle || monotonic() - lastAt < EXPIRE_EVERY_MS) return
    lastAt = monotonic()
    for (const stream of streams.all()) {
      if (stream.form !== 'raw' && stream.form !== 'aggregate') continue
      if (keepDeliveredMs > 0 || readTo) expire(stream, false, keepDeliveredMs, at)
      const keepMs = keepRawMs.get(stream.class)
      if (stream.form === 'raw' && keepMs !== undefined) expire(stream, true, keepMs, at)
    }
  }
}

type KeptRow = Pick<BlockRow, 'id' | 'first' | 'count' | 'bytes' | 'segment' | 'period' | 'received_to'>
