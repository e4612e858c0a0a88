// An uplink that feeds local consumers and holds nothing back (core/settings.ts): what it lacks, and what it was refused for good.
import type { LogReader } from '../core/log.ts'
import type { DeliveryRule } from '../core/settings.ts'
import type { StreamIntervals } from '../core/stream.ts'
import { streamOf } from '../core/stream.ts'
import { openNumbers } from './eta.ts'

type Heads = Awaited<ReturnType<LogReader['heads']>>

export interface FeedLag {
  /** Numbers of its classes that it has not got, as of the last look. */
  readonly readings: number
  /** Nothing of that is older; 0: it lacks nothing. */
  readonly seconds: number
}

/** Changed in place. */
export interface Feed {
  /** Undefined: not known yet. */
  lag: FeedLag | undefined
  /** Readings that the far end refused for good and that others have: none of them is kept for it. */
  refused: number
  /** Why, of the last of them. */
  code: string | undefined
  /** Whose they were. */
  readonly refusedOf: Set<string>
}

export function newFeed(): Feed {
  return { lag: undefined, refused: 0, code: undefined, refusedOf: new Set() }
}

/** Whether nobody but feeds gets a class: what they refuse of it is nowhere else then. */
export function isFeedsOnly(rule: DeliveryRule | undefined, feeds: ReadonlySet<string>): boolean {
  return Array.isArray(rule) && rule.length > 0 && rule.every((it) => feeds.has(it))
}

/** The log for it: what is refused is parked only where nobody else gets it (`isAlone`, of a class). */
export function feedReader(log: LogReader, feed: Feed, isAlone: (className: string) => boolean): LogReader {
  return {
    ...log,
    commit(uplink, ranges, transaction, refused) {
      const { parked = [], let: gone = [] } = Object.groupBy(refused, (it) =>
        isAlone(streamOf(it.stream).class) ? 'parked' : 'let',
      )
      feed.refused += gone.length
      feed.code = gone.at(-1)?.code ?? feed.code
      for (const it of gone) feed.refusedOf.add(streamOf(it.stream).class)
      return log.commit(uplink, ranges, transaction, parked)
    },
  }
}

interface Look {
  /** What is new in it came later (monotonic ms). */
  readonly since: number
  readonly heads: Heads
}

/** Two looks become one when there are more, so that a month is remembered as well as a minute. */
const LOOKS_MAX = 64

/** How long it has been behind: no log knows, for others may have had it all long ago. So what the log had at each look is remembered until it is there. */
export function feedLag(
  monotonic: () => number,
): (heads: Heads, delivered: StreamIntervals, classes: readonly string[]) => FeedLag {
  let looks: readonly Look[] = []
  let last = monotonic()
  return (heads, delivered, classes) => {
    const isOpen = (it: Look) => openNumbers(it.heads, delivered, classes) > 0
    const now = monotonic()
    const all = [...looks, { since: last, heads }]
    const first = all.findIndex(isOpen)
    looks = thinned(first < 0 ? [] : all.slice(first), now)
    last = now
    return { readings: openNumbers(heads, delivered, classes), seconds: looks[0] ? (now - looks[0].since) / 1000 : 0 }
  }
}

/** The two neighbours become one that are nearest to each other in time. */
function thinned(looks: readonly Look[], now: number): readonly Look[] {
  if (looks.length <= LOOKS_MAX) return looks
  const spans = looks.slice(1).map((_, n) => (looks[n + 2]?.since ?? now) - (looks[n] as Look).since)
  const at = spans.indexOf(Math.min(...spans))
  const joined = { since: (looks[at] as Look).since, heads: (looks[at + 1] as Look).heads }
  return looks.toSpliced(at, 2, joined)
}
