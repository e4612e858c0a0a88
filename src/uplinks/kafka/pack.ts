// A batch of slices becomes encoded, compressed record batches by topic and partition. Buffers and templates are used from batch to batch.
import { partitionOf } from '../../clients/kafka/partition.ts'
import type { PreparedBatch, RecordWriter } from '../../clients/kafka/records.ts'
import { BATCH_OVERHEAD_BYTES, recordWriter } from '../../clients/kafka/records.ts'
import { decodeAggregates } from '../../columns/aggregates/index.ts'
import { decodeBlock, sequenceAt } from '../../columns/index.ts'
import type { Intervals } from '../../core/intervals.ts'
import { contains, overlaps } from '../../core/intervals.ts'
import type { AggregateSlice, EventSlice, GapSlice, LogSeries, RawSlice } from '../../core/log.ts'
import { firstPlaces } from '../../core/log.ts'
import type { Stream } from '../../core/stream.ts'
import { streamKey } from '../../core/stream.ts'
import type { Refusal } from '../../core/position.ts'
import { decodedOnce } from './decoded.ts'
import type { BlockPacker } from './blocks.ts'
import { blockPacker } from './blocks.ts'
import type { EventRecord } from './events.ts'
import { gapRecord } from './events.ts'
import { listEvents } from './list-events.ts'
import type { RecordFormat, Template } from './format.ts'
import { jsonFormat } from './format.ts'
import type { RecordStyle } from './readings.ts'
import { toldTime, toldTimes } from '../../records/times.ts'
import type { Topic } from './topics.ts'
import { isTaken } from './topics.ts'

/** Some consumers (kafkajs among them) spread a batch's records over the stack. */
const BATCH_RECORDS_MAX = 20_000
/** Beyond so many the templates are made anew, so that tags which come and go cost no memory for ever. */
const TEMPLATES_MAX = 50_000

/** Some milliseconds' work at most. */
const STEP_READINGS = 512

export interface Packed {
  readonly batches: ReadonlyMap<string, readonly PreparedBatch[]>
  readonly refusals: readonly Refusal[]
  readonly records: number
  /** Compressed. */
  readonly bytes: number
}

export interface Packer {
  /** Forgets what a packing that failed half-way left behind. */
  begin(now: number): void
  /** `origin` where somebody else sent them, before. */
  addReadings(slice: RawSlice, series: SeriesMap, topic: Topic, maybeDuplicate: Intervals, origin?: Origin): void
  /** The same step by step, for who does something else between; all steps have to be taken. */
  stepsOfReadings(slice: RawSlice, series: SeriesMap, topic: Topic, maybeDuplicate: Intervals): Iterable<void>
  addAggregates(slice: AggregateSlice, series: SeriesMap, topic: Topic, maybeDuplicate: Intervals, origin?: Origin): void
  addGaps(slice: GapSlice, topic: Topic, maybeDuplicate: Intervals): void
  addListEvents(slice: EventSlice, topic: Topic, maybeDuplicate: Intervals): void
  addEvent(record: EventRecord, topic: Topic): void
  /** For readings and aggregates as blocks; its `flush` before `take`. */
  readonly blocks: Omit<BlockPacker, 'begin'>
  readonly refusals: readonly Refusal[]
  take(): Packed
}

type SeriesMap = ReadonlyMap<number, LogSeries>

/** Whose records these are, and when they were sent first. */
export interface Origin {
  readonly style: RecordStyle
  readonly sentMs: number
}

interface TopicOut {
  readonly topic: Topic
  readonly rawBytesMax: number
  readonly writers: RecordWriter[]
  batches: PreparedBatch[]
}

/** Packers of one uplink may share them: there is one for each series. */
export const templatesOf = (format: RecordFormat) => ({
  readings: templates(format.readingTemplate),
  aggregates: templates(format.aggregateTemplate),
})

/** `sentTimeOnly` names topics whose records carry the time of sending. */
export function packer(
  style: RecordStyle,
  sentTimeOnly: ReadonlySet<string>,
  format: RecordFormat = jsonFormat,
  { readings: readingTemplates, aggregates: aggregateTemplates } = templatesOf(format),
): Packer {
  const outs = new Map<string, TopicOut>()
  const decodeRaw = decodedOnce(decodeBlock)
  const decodeOther = decodedOnce(decodeAggregates)
  const blocks = blockPacker(style, {
    put: (topic, partition, rest) => put(outOf(topic), partition, nowMs, rest),
    refuse,
  })
  let refusals: Refusal[] = []
  let nowMs = 0
  let records = 0

  function outOf(topic: Topic): TopicOut {
    let out = outs.get(topic.name)
    if (out?.topic !== topic) outs.set(topic.name, (out = { topic, rawBytesMax: rawBytesMax(topic), writers: [], batches: [] }))
    return out
  }

  /** Takes a record of so many bytes, in a batch of its own where the present one is full. */
  function writerFor(out: TopicOut, partition: number, bytes: number): RecordWriter {
    const writer = (out.writers[partition] ??= recordWriter())
    if (writer.count > 0 && (writer.bytes + bytes > out.rawBytesMax || writer.count === BATCH_RECORDS_MAX))
      out.batches.push(writer.close(partition))
    return writer
  }

  /** False when the record is too large for the topic by itself. */
  function put(out: TopicOut, partition: number, timestamp: number, rest: string): boolean {
    const writer = writerFor(out, partition, rest.length)
    writer.add(timestamp, rest)
    if (rest.length > out.rawBytesMax) {
      const batch = writer.close(partition)
      if (batch.compressed.length + BATCH_OVERHEAD_BYTES > out.topic.batchBytesMax) return false
      out.batches.push(batch)
    }
    records++
    return true
  }

  /** Milliseconds of a source time where it was one that the topic takes, else of sending: the first where that is taken still, else this one. */
  function timestampOf(topic: Topic, ms: number, fits: boolean, sentMs: number): number {
    const timestamp = fits ? ms : sentMs
    return sentMs === nowMs || isTaken(timestamp, topic, nowMs) ? timestamp : nowMs
  }

  function* stepsOfReadings(
    slice: RawSlice,
    series: SeriesMap,
    topic: Topic,
    maybeDuplicate: Intervals,
    origin: Origin = { style, sentMs: nowMs },
  ): Iterable<void> {
    const block = decodeRaw(slice.block, slice.to)
    const of = readingTemplates(slice.stream, series, topic, origin.style)
    const out = outOf(topic)
    const told = toldTimes(slice.time)
    const write = format.readingWriter(block, told)
    const quick = format.readingBytes?.(block, told)
    const sentTime = sentTimeOnly.has(topic.name) || told.quality === 'relative'
    const mixed = overlaps(maybeDuplicate, slice.from, slice.to)
    let at = 0
    for (let run = 0; run < block.runs.length; run++) {
      const end = at + (block.runs[run] as number)
      const [from, to] = block.sequence
        ? [at, end]
        : [Math.max(at, slice.from - block.first), Math.min(end, slice.to - block.first)]
      at = end
      if (from >= to) continue
      const template = of(block.seriesIds[run] as number)
      const bytesMax = quick?.bytesMax(template) ?? Infinity
      for (let i = from; i < to; i++) {
        if (i % STEP_READINGS === 0) yield
        const sequence = sequenceAt(block, i)
        if (sequence < slice.from || sequence >= slice.to) continue
        const time = toldTime(block, i, template, told.shiftUs)
        const ms = Math.floor(time / 1000)
        const fits = !sentTime && isTaken(ms, topic, origin.sentMs)
        const timestamp = timestampOf(topic, ms, fits, origin.sentMs)
        const isMarked = mixed && contains(maybeDuplicate, sequence, sequence + 1)
        if (quick && bytesMax <= out.rawBytesMax) {
          const writer = writerFor(out, template.partition, bytesMax)
          const { buffer, from: start } = writer.begin(bytesMax)
          const written = quick.write(buffer, start, template, i, sequence, time, fits, isMarked)
          if (written >= 0) {
            writer.addWritten(timestamp, written)
            records++
            continue
          }
        }
        const record = write(template, i, sequence, time, fits, isMarked)
        if (!put(out, template.partition, timestamp, record)) refuse(slice.stream, sequence)
      }
    }
  }

  function addAggregates(
    slice: AggregateSlice,
    series: SeriesMap,
    topic: Topic,
    maybeDuplicate: Intervals,
    origin: Origin = { style, sentMs: nowMs },
  ): void {
    const block = decodeOther(slice.block, slice.to)
    const of = aggregateTemplates(slice.stream, series, topic, origin.style)
    const out = outOf(topic)
    const { quality } = toldTimes(slice.time)
    const write = format.aggregateWriter(block, quality)
    const sentTime = sentTimeOnly.has(topic.name) || quality === 'relative'
    const end = Math.min(block.count, slice.to - block.firstSequence)
    for (let i = Math.max(0, slice.from - block.firstSequence); i < end; i++) {
      const template = of(block.series[i] as number)
      const sequence = block.firstSequence + i
      const ms = Math.floor((block.windowStart[i] as number) / 1000)
      const timestamp = timestampOf(topic, ms, !sentTime && isTaken(ms, topic, origin.sentMs), origin.sentMs)
      const record = write(template, i, contains(maybeDuplicate, sequence, sequence + 1))
      if (!put(out, template.partition, timestamp, record)) refuse(slice.stream, sequence)
    }
  }

  function refuse(stream: Stream, sequence: number): void {
    refusals.push({ stream: streamKey(stream), sequence, code: 'record-too-large' })
  }

  function addEvent(record: EventRecord, topic: Topic): void {
    const value = format.value(record.form, record.value, topic)
    put(outOf(topic), partitionOf(record.key, topic.partitions), nowMs, record.rest(value, format.contentType))
  }

  return {
    get refusals() {
      return refusals
    },
    begin(now) {
      nowMs = Math.floor(now / 1000)
      refusals = []
      records = 0
      blocks.begin(now)
      for (const out of outs.values()) {
        out.batches = []
        for (const [partition, writer] of out.writers.entries()) if (writer && writer.count > 0) writer.close(partition)
      }
    },
    addReadings(...words) {
      for (const _ of stepsOfReadings(...words));
    },
    stepsOfReadings,
    addAggregates,
    addGaps(slice, topic, maybeDuplicate) {
      const firsts = firstPlaces(slice)
      for (const [n, row] of slice.rows.entries()) {
        const first = firsts[n] as number
        const isMarked = overlaps(maybeDuplicate, first, row.sequence + 1)
        addEvent(gapRecord(slice.stream, row, first, style, nowMs * 1000, isMarked), topic)
      }
    },
    addListEvents(slice, topic, maybeDuplicate) {
      const isMarked = (sequence: number) => contains(maybeDuplicate, sequence, sequence + 1)
      for (const it of listEvents(slice, style, nowMs * 1000, isMarked)) addEvent(it, topic)
    },
    addEvent,
    blocks,
    take() {
      const batches = new Map<string, PreparedBatch[]>()
      for (const out of outs.values()) {
        for (const [partition, writer] of out.writers.entries())
          if (writer && writer.count > 0) out.batches.push(writer.close(partition))
        if (out.batches.length > 0) batches.set(out.topic.name, out.batches)
        out.batches = []
      }
      const bytes = [...batches.values()].flat().reduce((sum, it) => sum + it.compressed.length + BATCH_OVERHEAD_BYTES, 0)
      return { batches, refusals, records, bytes }
    },
  }
}

/** Even where zstd gains nothing (it adds less than 1 in 255 then), a batch of so many bytes fits. */
function rawBytesMax(topic: Topic): number {
  return Math.floor(((topic.batchBytesMax - BATCH_OVERHEAD_BYTES) * 250) / 251) - 64
}

/** Templates are made once for a series of a stream in a topic. */
function templates<T>(make: Template<T>) {
  const known = new Map<string, Map<number, { readonly of: LogSeries; readonly template: T }>>()
  let count = 0
  return (stream: Stream, series: SeriesMap, topic: Topic, style: RecordStyle): ((id: number) => T) => {
    if (count > TEMPLATES_MAX) {
      known.clear()
      count = 0
    }
    const key = `${streamKey(stream)}:${topic.name}:${topic.partitions}:${style.headers}:${style.site}`
    const own = known.get(key) ?? new Map<number, { readonly of: LogSeries; readonly template: T }>()
    known.set(key, own)
    return (id) => {
      const descriptor = series.get(id)
      if (!descriptor) throw new Error(`a block with series ${id}, which nobody described`)
      const before = own.get(id)
      if (before && isSame(before.of, descriptor)) return before.template
      const template = make(stream, descriptor, style, topic)
      own.set(id, { of: descriptor, template })
      count++
      return template
    }
  }
}

/** Numbers of series are those of one log. */
function isSame(a: LogSeries, b: LogSeries): boolean {
  return a === b || (a.tag === b.tag && a.kind === b.kind && a.class === b.class && a.unit === b.unit && a.boxTime === b.boxTime)
}
