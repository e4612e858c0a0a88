// The intent: on disk before the first byte of what it covers is sent.
import { INTENT_MS_MAX } from '../core/bounds.ts'
import type { EndOffsets, LogReader } from '../core/log.ts'
import type { Clock } from '../core/source.ts'
import type { StreamRange } from '../core/stream.ts'
import type { Uplink } from '../core/uplink.ts'

/** Numbers that an intent covers beyond those of its first transaction, so that one intent serves many. */
const INTENT_AHEAD = 200_000

export interface IntentKeeper {
  /** Writes an intent before the first byte of what it covers is sent; one covers many transactions. Yields what of it is gone. */
  cover(ranges: readonly StreamRange[]): Promise<readonly StreamRange[]>
  /** The session is over: only these are in doubt. What else the intent covered is free again for retention. */
  narrow(ranges: readonly StreamRange[]): Promise<void>
}

export interface IntentParts {
  readonly uplink: string
  readonly log: LogReader
  readonly clock: Clock
  /** Newest first: the backlog lane goes down. */
  readonly isDown: boolean
}

export function intentKeeper(
  { uplink: name, log, clock, isDown }: IntentParts,
  uplink: Pick<Uplink, 'endOffsets'>,
  signal: AbortSignal,
): IntentKeeper {
  let covered: readonly StreamRange[] = []
  let until = -Infinity
  let endOffsets: EndOffsets = {}
  const covers = (it: StreamRange) => covered.some((by) => by.stream === it.stream && by.from <= it.from && it.to <= by.to)
  return {
    async cover(ranges) {
      if (clock.monotonic() < until && ranges.every(covers)) return []
      const next = ranges.map((it) => (it.stream.endsWith(':raw') ? wider(it, isDown) : it))
      endOffsets = await uplink.endOffsets(signal)
      covered = next
      until = clock.monotonic() + INTENT_MS_MAX
      return log.offer(name, covered, endOffsets)
    },
    async narrow(ranges) {
      if (covered.length > 0) await log.offer(name, ranges, endOffsets)
    },
  }
}

/** Numbers that are not given out yet are in nobody's doubt. */
const wider = ({ stream, from, to }: StreamRange, isDown: boolean): StreamRange => ({
  stream,
  from: isDown ? Math.max(0, from - INTENT_AHEAD) : from,
  to: to + INTENT_AHEAD,
})
