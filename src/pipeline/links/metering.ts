// What a connection and its transactions take on the wire, before and after: learned from what they took, reserved before the first byte,
// told while they run. A link that goes down or a budget that ends in the middle ends the connection at once.
import type { Admission, Grant, Route, Wait } from '../../core/admission.ts'
import { Unreachable } from '../../core/errors.ts'

export interface MeterParts {
  readonly admission: Admission
  /** Bytes both ways on the sockets of this uplink, ever; absent: nobody counts them. */
  carried?(): Promise<number>
  /** Shared with whoever else sends on them; absent: nobody does. */
  readonly untold?: Untold
}

/** Of what an uplink's sockets have carried, what no budget has been told yet: each byte is told once, whoever sent it. */
export interface Untold {
  take(carried: number): number
}

export function createUntold(): Untold {
  let told = 0
  return {
    take(carried) {
      const more = Math.max(0, carried - told)
      told += more
      return more
    },
  }
}

export interface Meter {
  /** One connection: aborts when `signal` does, when its link goes down, or when its budget is used up. */
  connection(route: Route | undefined, signal: AbortSignal): Connection
}

export interface Connection {
  readonly signal: AbortSignal
  /** Readings, or lines of the ledger, that a transaction of so many bytes may hold. */
  rowsMax(bytes: number): number
  /** Reserves for opening, or for a transaction of so many rows. Undefined: there is no room for them. */
  begin(rows: number | 'opening'): Promise<Spending | undefined>
  /** The reason why the connection had to end at once, if that is why it ended. */
  reason(): Error | undefined
  /** What it took to close it is told too. */
  close(): Promise<void>
}

export interface Spending {
  /** It is over, well or not: what it took is told. */
  end(): Promise<void>
}

/** Of a transaction, beside its records: begin, ends of the topics, commit; and their headers. */
const TRANSACTION_BYTES = 4_000
const TRANSACTION_BYTES_MIN = 1_000
const OPENING_BYTES = 24_000
const ROW_BYTES = 400
/** Fewer rows tell what a transaction takes, more tell what a row does. */
const ROWS_TELLING_MIN = 20
/** A transaction holds at most so many times the rows of the largest before it: what rows take is found out with few. */
const ROWS_GROWTH = 4
const ROWS_FIRST = 100
/** Estimates are so much above the largest that was seen lately. */
const MARGIN = 1.25
/** What was seen counts for so much less with each transaction. */
const FORGET = 0.98
const LOOK_MS = 250
/** For whatever links, budgets and windows keep from being sent. */
export const LINK_REMEDY = 'holdfast uplinks shows links, budgets and windows; what is not sent stays in the log'

export function createMeter(parts: MeterParts): Meter {
  const { untold = createUntold() } = parts
  let rowBytes = ROW_BYTES
  let transactionBytes = TRANSACTION_BYTES
  let rowsKnown = ROWS_FIRST
  let openingBytes = OPENING_BYTES

  const estimate = (rows: number | 'opening') => (rows === 'opening' ? openingBytes : transactionBytes + rows * rowBytes) * MARGIN

  function learn(rows: number | 'opening', bytes: number): void {
    if (rows === 'opening') openingBytes = Math.max(bytes, openingBytes * FORGET, OPENING_BYTES / 4)
    else if (rows < ROWS_TELLING_MIN)
      transactionBytes = Math.max(bytes - rows * rowBytes, transactionBytes * FORGET, TRANSACTION_BYTES_MIN)
    else {
      rowBytes = Math.max((bytes - transactionBytes) / rows, rowBytes * FORGET, 1)
      rowsKnown = Math.max(rowsKnown, rows)
    }
  }

  return {
    connection(route, signal) {
      const stop = new AbortController()
      let reason: Error | undefined
      let grant: Grant | undefined
      const end = (why?: Error) => {
        reason ??= why
        stop.abort()
      }
      const onAbort = () => end()
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) end()
      const isMetered = parts.admission.reserve !== undefined && route !== undefined
      const timer = isMetered ? setInterval(() => void look().catch(() => {}), LOOK_MS) : undefined

      async function look(): Promise<void> {
        if (route && parts.admission.holds?.(route) === false)
          end(new Unreachable('link-down', `the link ${route.link} is down`, { remedy: LINK_REMEDY }))
        await tell(grant)
      }

      /** Keeping a connection alive takes some bytes too: what was carried since the last grant is told to this one. */
      async function tell(now: Grant | undefined): Promise<number> {
        const carried = (await parts.carried?.()) ?? 0
        if (!now || now !== grant) return carried
        if (!now.spent(untold.take(carried)))
          end(new Unreachable('budget', `the budget of ${route?.link} is spent`, { remedy: LINK_REMEDY }))
        return carried
      }

      return {
        signal: stop.signal,
        rowsMax: (bytes) =>
          Math.max(1, Math.min(rowsKnown * ROWS_GROWTH, Math.floor((bytes / MARGIN - transactionBytes) / rowBytes))),
        async begin(rows) {
          if (!isMetered) return NOTHING_SPENT
          const from = (await parts.carried?.()) ?? 0
          const given = await parts.admission.reserve?.(route, estimate(rows))
          if (!given) return undefined
          grant = given
          return {
            async end() {
              try {
                learn(rows, (await tell(given)) - from)
              } finally {
                grant = undefined
                given.end()
              }
            },
          }
        },
        reason: () => reason,
        async close() {
          clearInterval(timer)
          signal.removeEventListener('abort', onAbort)
          grant = isMetered ? await parts.admission.reserve?.(route, 0) : undefined
          await tell(grant).finally(() => grant?.end())
        },
      }
    },
  }
}

const NOTHING_SPENT: Spending = { end: async () => {} }

/** A wait that ends the connection: a rate only makes it pause. */
export function isEnd(wait: Wait | undefined): boolean {
  return wait !== undefined && wait.code !== 'rate'
}
