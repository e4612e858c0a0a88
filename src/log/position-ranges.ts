// Ranges and intervals of positions: pure.
import { difference, intersection } from '../core/intervals.ts'
import type { StreamIntervals, StreamRange } from '../core/stream.ts'
import type { Streams } from './streams.ts'

export const rangesOf = (intervals: StreamIntervals): StreamRange[] =>
  [...intervals].flatMap(([stream, set]) => set.map((it) => ({ stream, from: it.from, to: it.to })))

/** An intent may name numbers that were not given out yet when it was written; after a restart those are in nobody's doubt. */
export function clipped(ranges: readonly StreamRange[], streams: Streams): StreamRange[] {
  return ranges.map((it) => ({ ...it, to: Math.min(it.to, streams.byKey(it.stream)?.next ?? 0) })).filter((it) => it.from < it.to)
}

export function notDelivered(ranges: readonly StreamRange[], delivered: StreamIntervals): StreamRange[] {
  return ranges.flatMap(({ stream, from, to }) =>
    difference([{ from, to }], delivered.get(stream) ?? []).map((it) => ({ stream, from: it.from, to: it.to })),
  )
}

/** What the destination has and we did not know of, as far as this log knows the streams. */
export function newRanges(
  there: StreamIntervals,
  here: StreamIntervals,
  streams: Streams,
  isOthers: (key: string) => boolean,
): StreamRange[] {
  return [...there].flatMap(([key, intervals]) => {
    const stream = streams.byKey(key)
    // They may still bring what this log does not know of yet.
    const isOfOthers = isOthers(key)
    if (!stream && !isOfOthers) return []
    const known = isOfOthers ? intervals : intersection(intervals, [{ from: 0, to: stream?.next ?? 0 }])
    return difference(known, here.get(key) ?? []).map((it) => ({ stream: key, from: it.from, to: it.to }))
  })
}
