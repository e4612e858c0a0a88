// What of a transaction goes to the broker: a message for each reading, aggregate, gap record and event, in the order of their numbers.
import { decodeAggregates } from '../../columns/aggregates/index.ts'
import { decodeBlock, sequenceAt } from '../../columns/index.ts'
import type { AggregateSlice, EventSlice, GapSlice, LogSeries, RawSlice, Slice } from '../../core/log.ts'
import type { Refusal } from '../../core/position.ts'
import type { Stream } from '../../core/stream.ts'
import { streamKey, streamOf } from '../../core/stream.ts'
import type { UplinkBatch, UplinkContext } from '../../core/uplink.ts'
import type { AggregateTexts } from '../../records/aggregates.ts'
import { aggregateJson, aggregateTexts } from '../../records/aggregates.ts'
import { listedEvents, refusedValue } from '../../records/events.ts'
import { elsewhereValue, gapValue } from '../../records/gaps.ts'
import type { ReadingTexts } from '../../records/readings.ts'
import { readingJson, readingTexts } from '../../records/readings.ts'
import { toldTime, toldTimes } from '../../records/times.ts'
import type { Told } from './last-values.ts'
import type { MqttUplinkSettings } from './settings.ts'
import { templateOf, topicOf } from './topics.ts'

/** Some 80 bytes each. */
const REFUSED_IN_MESSAGE_MAX = 200

export interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly stream: Stream
  readonly sequence: number
  /** A reading: what decides whether the broker keeps it as the tag's last value. */
  readonly told?: Told
  /** What is told to be elsewhere: the stream that `sequence` is one of. */
  readonly about?: string
}

type Context = Pick<UplinkContext, 'name' | 'site' | 'clock'>
type SeriesMap = UplinkBatch['series']

/** Throws DamagedBlock where a block cannot be read. */
export function messagesOf(
  { slices, series, elsewhere = [] }: UplinkBatch,
  transaction: number,
  settings: MqttUplinkSettings,
  context: Context,
): Message[] {
  const { site } = context
  const now = context.clock.now()
  const told = elsewhere.map((range): Message => {
    const stream = { ...streamOf(range.stream), form: 'gap' as const }
    const topic = topicOf(templateOf('gap', settings), { ...stream, site, tag: '' })
    const value = elsewhereValue(range, { site, uplink: context.name, transaction }, now)
    return { topic, payload: jsonOf(value), stream, sequence: range.from, about: range.stream }
  })
  const held = slices.flatMap((slice): Message[] => {
    const { stream } = slice
    const topicFor = (tag: string) => topicOf(templateOf(slice.form, settings), { ...stream, site, tag })
    switch (slice.form) {
      case 'raw':
        return readings(slice, ofSeries(slice, series, site, topicFor, readingTexts))
      case 'aggregate':
        return aggregates(slice, ofSeries(slice, series, site, topicFor, aggregateTexts))
      case 'gap':
        return gaps(slice, topicFor(''), site, now)
      case 'event':
        return events(slice, topicFor(''), site, now)
    }
  })
  return [...held, ...told]
}

/** What was refused for good, told where events go: a consumer sees by it why a number is missing. */
export function refusalMessages(
  refusals: readonly Refusal[],
  transaction: number,
  settings: MqttUplinkSettings,
  { name: uplink, site, device, clock }: Context & Pick<UplinkContext, 'device'>,
): Message[] {
  const stream: Stream = { device, epoch: '', class: '', form: 'event' }
  const topic = topicOf(templateOf('event', settings), { ...stream, site, tag: '' })
  const about = { device, site, uplink, transaction }
  return portionsOf(refusals).map((portion) => ({
    topic,
    payload: jsonOf(refusedValue(portion, about, clock.now())),
    stream,
    sequence: transaction,
  }))
}

function portionsOf(refusals: readonly Refusal[]): (readonly Refusal[])[] {
  const count = Math.ceil(refusals.length / REFUSED_IN_MESSAGE_MAX)
  return Array.from({ length: count }, (_, n) => refusals.slice(n * REFUSED_IN_MESSAGE_MAX, (n + 1) * REFUSED_IN_MESSAGE_MAX))
}

const jsonOf = (value: object) => Buffer.from(JSON.stringify(value))

type OfSeries<T> = (id: number) => { readonly topic: string; readonly texts: T }

/** Topic and texts of a series, made once for a slice. */
function ofSeries<T>(
  { stream }: Slice,
  series: SeriesMap,
  site: string,
  topicFor: (tag: string) => string,
  textsOf: (stream: Stream, series: LogSeries, site: string) => T,
): OfSeries<T> {
  const known = new Map<number, ReturnType<OfSeries<T>>>()
  return (id) => {
    let it = known.get(id)
    if (!it) {
      const own = series.get(id) as LogSeries
      known.set(id, (it = { topic: topicFor(own.tag), texts: textsOf(stream, own, site) }))
    }
    return it
  }
}

function readings({ stream, block: bytes, from, to, time: slice }: RawSlice, of: OfSeries<ReadingTexts>): Message[] {
  const block = decodeBlock(bytes)
  const key = streamKey(stream)
  const told = toldTimes(slice)
  const write = readingJson(block, told)
  const found: Message[] = []
  let at = 0
  for (const [run, id] of block.seriesIds.entries())
    for (const end = at + (block.runs[run] as number); at < end; at++) {
      const sequence = sequenceAt(block, at)
      if (sequence < from || sequence >= to) continue
      const { topic, texts } = of(id)
      const time = toldTime(block, at, texts, told.shiftUs)
      const payload = Buffer.from(write(texts, at, String(sequence), time, told.quality), 'latin1')
      found.push({ topic, payload, stream, sequence, told: { stream: key, sequence, time } })
    }
  // A block is by series; a tag may have several.
  return found.sort((a, b) => a.sequence - b.sequence)
}

function aggregates({ stream, block: bytes, from, to, time }: AggregateSlice, of: OfSeries<AggregateTexts>): Message[] {
  const block = decodeAggregates(bytes)
  const write = aggregateJson(block, toldTimes(time).quality)
  const end = Math.min(block.count, to - block.firstSequence)
  const found: Message[] = []
  for (let at = Math.max(0, from - block.firstSequence); at < end; at++) {
    const { topic, texts } = of(block.series[at] as number)
    found.push({ topic, payload: Buffer.from(write(texts, at), 'latin1'), stream, sequence: block.firstSequence + at })
  }
  return found
}

function gaps({ stream, rows }: GapSlice, topic: string, site: string, now: number): Message[] {
  return rows.map((row) => ({ topic, payload: jsonOf(gapValue(row, site, now)), stream, sequence: row.sequence }))
}

function events(slice: EventSlice, topic: string, site: string, now: number): Message[] {
  const { stream } = slice
  return [...listedEvents(slice, site, now)].map(({ from, value }) => ({ topic, payload: jsonOf(value), stream, sequence: from }))
}
