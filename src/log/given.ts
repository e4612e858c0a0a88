// What exports have given out, and what receipts say of it. Both are kept as positions under names of their own (core/airgap.ts): so what was
// given out keeps its numbers, is pinned by nobody, and counts as delivered only when a receipt brings it to the uplink's own position.
import type { GivenOut, GivingLog, Received, ReceivingLog } from '../core/airgap.ts'
import { exportOf, receiptOf, wholeOf } from '../core/airgap.ts'
import { BadInput } from '../core/errors.ts'
import type { Intervals } from '../core/intervals.ts'
import { countOf, difference, union } from '../core/intervals.ts'
import type { LogReader } from '../core/log.ts'
import type { StreamIntervals, StreamRange } from '../core/stream.ts'
import type { Positions } from './positions.ts'
import type { StreamRow, Streams } from './streams.ts'

export interface Given {
  /** Of one stream. */
  of(uplink: string, stream: StreamRow): Intervals
  out(uplink: string): GivenOut
  give(uplink: string, ranges: readonly StreamRange[]): void
  whole(uplink: string, ranges: readonly StreamRange[]): void
  receive(...receipt: Parameters<ReceivingLog['receive']>): Received
}

/** `commit`: a group commit now. */
export function createGiven(positions: Positions, streams: Streams, commit: () => void): Given {
  const had = (name: string, key: string): Intervals => positions.resumed(name).delivered.get(key) ?? []

  function isOver(key: string): boolean {
    const stream = streams.byKey(key)
    return !stream || streams.hasEnded(stream)
  }

  return {
    of: (uplink, { key }) => had(exportOf(uplink), key),
    out: (uplink) => ({
      position: positions.resumed(uplink),
      given: positions.resumed(exportOf(uplink)).delivered,
      whole: positions.resumed(wholeOf(uplink)).delivered,
    }),
    give(uplink, ranges) {
      positions.commit(exportOf(uplink), ranges, 0, [])
      commit()
    },
    whole(uplink, ranges) {
      const ours = ranges.filter((it) => !isOver(it.stream))
      positions.commit(wholeOf(uplink), ours, 0, [])
      commit()
    },
    receive({ uplink, transaction, ranges, refused }) {
      const ours = ranges.filter((it) => !isOver(it.stream))
      const never = ours.find(({ stream, from, to }) => difference([{ from, to }], had(exportOf(uplink), stream)).length > 0)
      if (never) throw notGivenOut(never)
      const news = ours.flatMap(({ stream, from, to }) =>
        difference([{ from, to }], had(uplink, stream)).map((it) => ({ stream, from: it.from, to: it.to })),
      )
      // Told once, it is parked; later it may have been let go by hand, and the same receipt must not park it again.
      const isNews = (stream: string, at: number) => news.some((it) => it.stream === stream && it.from <= at && at < it.to)
      positions.commit(
        uplink,
        news,
        transaction,
        refused.filter((it) => isNews(it.stream, it.sequence)),
      )
      positions.commit(receiptOf(uplink), ours, transaction, [])
      commit()
      const counted = countOf(news)
      return { counted, known: countOf(ours) - counted, ignored: countOf(ranges) - countOf(ours) }
    },
  }
}

function notGivenOut({ stream, from, to }: StreamRange): BadInput {
  const text = `${stream} ${from} to ${to - 1} was never given out by this box`
  const remedy = 'the receipt is for another log, or this log was put back to an older copy of itself'
  return new BadInput([{ where: 'the receipt', text, remedy }])
}

export interface GivenParts extends Pick<LogReader, 'next'> {
  out(uplink: string): Promise<GivenOut>
  give(uplink: string, ranges: readonly StreamRange[]): Promise<void>
  whole(uplink: string, ranges: readonly StreamRange[]): Promise<void>
  /** Starts the lanes of a name anew. */
  restart(name: string, delivered: StreamIntervals): Promise<void>
  forget(name: string): Promise<void>
}

/** The log as an export sees it, over whoever writes and reads it. */
export function givenBy({ out, give, whole, restart, forget, next }: GivenParts): Omit<GivingLog, 'heads'> {
  return {
    next,
    async begin(uplink, have, isMore) {
      const found = await out(uplink)
      const start = [have, ...(isMore ? [found.whole] : [])].reduce(merged, found.position.delivered)
      await restart(exportOf(uplink), start)
      return { ...found, start }
    },
    give,
    whole,
    end: (uplink) => forget(exportOf(uplink)),
  }
}

function merged(a: StreamIntervals, b: StreamIntervals): StreamIntervals {
  const all = new Map(a)
  for (const [key, set] of b) all.set(key, union(all.get(key) ?? [], set))
  return all
}
