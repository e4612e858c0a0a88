// What comes after the transaction that is under way: read meanwhile, and its backlog made ready by the uplink (`Uplink.prepare`).
//
// Live waits for nothing that is being made ready: it goes by itself then, and the backlog when it is.
import type { LogReader, Resumed } from '../core/log.ts'
import type { Uplink } from '../core/uplink.ts'
import type { Pair, Taker } from './forward-take.ts'
import { batchOf, NOTHING } from './forward-take.ts'

export interface Ahead {
  /** Begins to read what comes next, where that is not read yet. */
  read(): void
  /** What goes now: what was read, with what live has had to say since, or live alone. */
  take(): Promise<Pair>
  /** What is being read for a session that is over must not move the lanes of the next one. */
  end(): Promise<void>
}

export interface AheadParts {
  readonly uplink: string
  readonly log: LogReader
  readonly taker: Taker
  readonly resumed: Resumed
  /** Classes that wait for the destination. */
  blocked(): readonly string[]
}

interface Next {
  pair: Promise<Pair>
  readonly ready: Promise<void>
  isReady: boolean
}

export function aheadOf({ uplink: name, log, taker, resumed, blocked }: AheadParts, uplink: Uplink, signal: AbortSignal): Ahead {
  let next: Next | undefined

  const isPrepared = ({ backlog }: Pair) => uplink.prepare !== undefined && backlog.slices.length > 0

  const madeReady = async (read: Promise<Pair>) => {
    const pair = await read
    if (isPrepared(pair)) await uplink.prepare?.(batchOf({ live: NOTHING, backlog: pair.backlog }, resumed))
  }

  function nextOf(pair: Promise<Pair>): Next {
    const ready = madeReady(pair).catch(() => {})
    const it: Next = { pair, ready, isReady: false }
    void ready.then(() => (it.isReady = true))
    return it
  }

  return {
    read() {
      next ??= nextOf(taker.next(blocked()))
    },
    async take() {
      if (!next) return taker.next(blocked())
      const pair = await next.pair
      while (isPrepared(pair) && !next.isReady && !signal.aborted) {
        const live = await taker.withNewest({ live: pair.live, backlog: NOTHING }, blocked())
        // Numbers without rows too: of what others have, or is gone.
        if (live.live.ranges.length > 0) {
          next.pair = Promise.resolve({ live: NOTHING, backlog: pair.backlog })
          return live
        }
        await either(next.ready, (stop) => log.more(name, stop), signal)
      }
      next = undefined
      return pair.live.ranges.length + pair.backlog.ranges.length > 0 ? taker.withNewest(pair, blocked()) : taker.next(blocked())
    },
    async end() {
      await next?.pair.catch(() => {})
    },
  }
}

/** Whichever comes first; the other one is not waited for any longer. */
async function either(one: Promise<void>, other: (stop: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const end = () => stop.abort()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  await Promise.race([one, other(stop.signal)])
  signal.removeEventListener('abort', end)
  end()
}
