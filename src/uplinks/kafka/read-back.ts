// What of some ranges is in the topics: read as read_committed from where the topics ended when the ranges were first offered. Whoever asks has fenced
// the predecessors before, so nothing of theirs is still open. Memory goes with the ranges, not with the topics; time with what others wrote since.
import type { RecordCursor } from '../../clients/kafka/batches.ts'
import { forEachRecord } from '../../clients/kafka/batches.ts'
import { kafkaClient } from '../../clients/kafka/client.ts'
import type { PartitionReader, PartitionSpan } from '../../clients/kafka/fetch.ts'
import { partitionReader, READ_DENIED } from '../../clients/kafka/fetch.ts'
import type { Intervals } from '../../core/intervals.ts'
import { difference, intersection, withInterval } from '../../core/intervals.ts'
import { Unreachable } from '../../core/errors.ts'
import type { EndOffsets } from '../../core/log.ts'
import type { StreamRange } from '../../core/stream.ts'
import type { ReadBack, UplinkContext } from '../../core/uplink.ts'
import type { KafkaSettings } from './settings.ts'
import { newTold, readClaim, readTold, sameBytes } from './verify/records.ts'
import type { SequenceSet } from './verify/sequences.ts'
import { sequenceSet } from './verify/sequences.ts'

/** `topicOf` yields the topic of a stream. By a client of its own. Rejects with Unreachable when the topics cannot be read. */
export async function readBack(
  settings: KafkaSettings,
  context: UplinkContext,
  topicOf: (stream: string) => string,
  ranges: readonly StreamRange[],
  from: EndOffsets,
  signal: AbortSignal,
): Promise<ReadBack> {
  try {
    return await withReader(settings, context, signal, (reader) => readRanges(reader, topicOf, ranges, from))
  } catch (error) {
    // Many boxes may write and nothing else: then nobody can decide, and what is sent once more is marked.
    if (error instanceof Unreachable && error.code === READ_DENIED) return { found: new Map(), undecided: ranges }
    throw error
  }
}

/** Lends a reader by a client of its own. */
export async function withReader<T>(
  settings: KafkaSettings,
  { log, route, traffic }: Pick<UplinkContext, 'log' | 'route' | 'traffic'>,
  signal: AbortSignal,
  work: (reader: PartitionReader) => Promise<T>,
): Promise<T> {
  const client = kafkaClient(settings, { clientId: 'holdfast-read-back', log, localAddress: route?.localAddress, traffic })
  try {
    return await work(await partitionReader(client, signal))
  } finally {
    client.destroy()
  }
}

async function readRanges(
  reader: PartitionReader,
  topicOf: (stream: string) => string,
  ranges: readonly StreamRange[],
  from: EndOffsets,
): Promise<ReadBack> {
  const wanted = Map.groupBy(ranges, (it) => it.stream)
  const topics = new Set([...wanted.keys()].map(topicOf))
  const spans: PartitionSpan[] = []
  /** Topics that do not tell all. */
  const silent = new Set<string>()
  for (const topic of topics) {
    const found = await spansBehind(reader, topic, from)
    if (found) spans.push(...found)
    else silent.add(topic)
  }
  const seen = seenOf(wanted)
  await reader.read({ spans, onBatch: (_, __, batch) => forEachRecord(batch, seen.add), onProgress() {} })
  const found = new Map([...wanted].map(([stream, of]) => [stream, within(seen.intervals(stream), of)]))
  const undecided = ranges
    .filter((it) => silent.has(topicOf(it.stream)))
    .flatMap(({ stream, from: first, to }) =>
      difference([{ from: first, to }], found.get(stream) ?? []).map((it) => ({ stream, ...it })),
    )
  return { found: new Map([...found].filter(([, set]) => set.length > 0)), undecided }
}

/** Undefined: not all that came behind these ends is still there. */
async function spansBehind(reader: PartitionReader, topic: string, ends: EndOffsets): Promise<PartitionSpan[] | undefined> {
  const spans = await reader.spans(topic)
  // A topic that was not there, or not yet asked for, is read from its beginning: there can be no end of it that we knew.
  const behind = spans?.map((it) => ({ ...it, from: Number(ends[`${topic}/${it.partition}`] ?? 0), low: it.from }))
  if (!behind || behind.some((it) => it.low > it.from || it.to < it.from)) return undefined
  return behind.map(({ low: _low, ...it }) => it)
}

/** Sequences of the streams that are asked for, inside of what is asked for. */
function seenOf(wanted: ReadonlyMap<string, readonly StreamRange[]>) {
  const sets = [...wanted].map(([stream, ranges]) => ({
    stem: Buffer.from(stream),
    ranges: within([{ from: 0, to: Infinity }], ranges),
    set: sequenceSet(),
  }))
  const byStream = new Map([...wanted.keys()].map((stream, n) => [stream, sets[n]?.set as SequenceSet]))
  const told = newTold()
  let last = sets[0]

  return {
    add(it: RecordCursor): void {
      readTold(it, told)
      if (told.idAt < 0 || !readClaim(it.bytes, told)) return
      const starts = ({ stem }: (typeof sets)[number]) =>
        told.stemEnd - told.idAt === stem.length && sameBytes(it.bytes, told.idAt, told.stemEnd, stem)
      if (!last || !starts(last)) last = sets.find(starts) ?? last
      if (!last || !starts(last)) return
      for (const part of intersection(last.ranges, [{ from: told.from, to: told.to }])) last.set.addRange(part.from, part.to)
    },
    intervals: (stream: string): Intervals => [...(byStream.get(stream)?.runs() ?? [])],
  }
}

function within(set: Intervals, ranges: readonly StreamRange[]): Intervals {
  return intersection(
    set,
    ranges.reduce<Intervals>((all, it) => withInterval(all, it.from, it.to), []),
  )
}
