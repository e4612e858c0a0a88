// What of a transaction that failed arrived all the same: where a destination has no transactions, its part that was acknowledged is delivered.
import { Unreachable } from '../core/errors.ts'
import { difference } from '../core/intervals.ts'
import type { LogReader, Slice, Taken } from '../core/log.ts'
import type { StreamRange } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import type { ForwardReport } from './forward-report.ts'
import { count } from './forward-report.ts'
import type { Pair } from './forward-take.ts'

export interface Sending {
  readonly uplink: string
  readonly log: LogReader
  readonly transaction: number
  readonly ranges: readonly StreamRange[]
  readonly pair: Pair
}

/** Yields what is in doubt. */
export async function keepArrived(
  error: unknown,
  { uplink, log, transaction, ranges, pair }: Sending,
  report: ForwardReport,
): Promise<readonly StreamRange[]> {
  const arrived = error instanceof Unreachable ? error.arrived : undefined
  if (!arrived || arrived.ranges.length === 0) return ranges
  await log.commit(uplink, arrived.ranges, transaction, arrived.refused)
  count(report, readingsWithin(pair.live, arrived.ranges), readingsWithin(pair.backlog, arrived.ranges))
  return ranges.flatMap(({ stream, ...range }) =>
    difference([range], setOf(arrived.ranges, stream)).map((it) => ({ stream, ...it })),
  )
}

function setOf(ranges: readonly StreamRange[], stream: string) {
  const own = ranges.filter((it) => it.stream === stream)
  return own.map(({ from, to }) => ({ from, to })).toSorted((a, b) => a.from - b.from)
}

function readingsWithin({ slices }: Taken, ranges: readonly StreamRange[]): number {
  const within = (slice: Slice) =>
    ranges.reduce((sum, it) => sum + (it.stream === streamKey(slice.stream) ? overlap(slice, it) : 0), 0)
  return slices.reduce((sum, it) => sum + ('rows' in it ? 0 : within(it)), 0)
}

const overlap = (a: Pick<Slice, 'from' | 'to'>, b: StreamRange) => Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from))
