// A batch of slices becomes encoded, compressed record batches by topic and partition. Buffers and templates are used from batch to batch.
import { partitionOf } from '../../clients/kafka/partition.ts'
import type { PreparedBatch, RecordWriter } from '../../clients/kafka/records.ts'
import { BATCH_OVERHEAD_BYTES, recordWriter } from '../../clients/kafka/records.ts'
import type { DecodedBlock } from '../../columns/index.ts'
import { decodeBlock } from '../../columns/index.ts'
import type { Intervals } from '../../core/intervals.ts'
import { contains, overlaps } from '../../core/intervals.ts'
import type { GapSlice, LogSeries, RawSlice } from '../../core/log.ts'
import { streamKey } from '../../core/stream.ts'
import type { Refusal } from '../../core/position.ts'
import type { EventRecord } from './events.ts'
import { gapRecord } from './events.ts'
import type { RecordStyle, SeriesTemplate } from './readings.ts'
import { recordText, seriesTemplate, valueText, viewsOf } from './readings.ts'
import type { Topic } from './topics.ts'

/** Some consumers (kafkajs among them) spread a batch's records over the stack. */
const BATCH_RECORDS_MAX = 20_000
/** Beyond so many the templates are made anew, so that tags which come and go cost no memory for ever. */
const TEMPLATES_MAX = 50_000

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
  addReadings(slice: RawSlice, series: ReadonlyMap<number, LogSeries>, topic: Topic, maybeDuplicate: Intervals): void
  addGaps(slice: GapSlice, topic: Topic, maybeDuplicate: Intervals): void
  addEvent(record: EventRecord, topic: Topic): void
  readonly refusals: readonly Refusal[]
  take(): Packed
}

interface TopicOut {
  readonly topic: Topic
  readonly writers: RecordWriter[]
  batches: PreparedBatch[]
}

/** `sentTimeOnly` names topics whose records carry the time of sending. */
export function packer(style: RecordStyle, sentTimeOnly: ReadonlySet<string>): Packer {
  const outs = new Map<string, TopicOut>()
  const templates = new Map<string, Map<number, SeriesTemplate>>()
  let templateCount = 0
  let refusals: Refusal[] = []
  let nowMs = 0
  let records = 0

  function outOf(topic: Topic): TopicOut {
    let out = outs.get(topic.name)
    if (out?.topic !== topic) outs.set(topic.name, (out = { topic, writers: [], batches: [] }))
    return out
  }

  /** False when the record is too large for the topic by itself. */
  function put(out: TopicOut, partition: number, timestamp: number, rest: string): boolean {
    const writer = (out.writers[partition] ??= recordWriter())
    const rawMax = rawBytesMax(out.topic)
    if (writer.count > 0 && (writer.bytes + rest.length > rawMax || writer.count === BATCH_RECORDS_MAX))
      out.batches.push(writer.close(partition))
    writer.add(timestamp, rest)
    if (rest.length > rawMax) {
      const batch = writer.close(partition)
      if (batch.compressed.length + BATCH_OVERHEAD_BYTES > out.topic.batchBytesMax) return false
      out.batches.push(batch)
    }
    records++
    return true
  }

  function templatesOf(slice: RawSlice, topic: Topic): Map<number, SeriesTemplate> {
    if (templateCount > TEMPLATES_MAX) {
      templates.clear()
      templateCount = 0
    }
    const key = `${streamKey(slice.stream)}:${topic.name}:${topic.partitions}`
    let found = templates.get(key)
    if (!found) templates.set(key, (found = new Map()))
    return found
  }

  function addReadings(slice: RawSlice, series: ReadonlyMap<number, LogSeries>, topic: Topic, maybeDuplicate: Intervals): void {
    const block = decodeBlock(slice.block)
    const known = templatesOf(slice, topic)
    const out = outOf(topic)
    const write = readingWriter(block, slice, maybeDuplicate)
    let at = 0
    for (let run = 0; run < block.runs.length; run++) {
      const id = block.seriesIds[run] as number
      let template = known.get(id)
      if (!template) {
        known.set(id, (template = seriesTemplate(slice.stream, descriptor(series, id), style, topic.partitions)))
        templateCount++
      }
      for (const end = at + (block.runs[run] as number); at < end; at++) {
        const timestamp = sentTimeOnly.has(topic.name) ? nowMs : timestampOf(block.time[at] as number, topic, nowMs)
        if (put(out, template.partition, timestamp, write(template, at, timestamp !== nowMs))) continue
        refusals.push({ stream: streamKey(slice.stream), sequence: slice.from + at, code: 'record-too-large' })
      }
    }
  }

  function addEvent(record: EventRecord, topic: Topic): void {
    put(outOf(topic), partitionOf(record.key, topic.partitions), nowMs, record.rest)
  }

  return {
    get refusals() {
      return refusals
    },
    begin(now) {
      nowMs = Math.floor(now / 1000)
      refusals = []
      records = 0
      for (const out of outs.values()) {
        out.batches = []
        for (const [partition, writer] of out.writers.entries()) if (writer && writer.count > 0) writer.close(partition)
      }
    },
    addReadings,
    addGaps(slice, topic, maybeDuplicate) {
      for (const row of slice.rows) {
        const isMarked = contains(maybeDuplicate, row.sequence, row.sequence + 1)
        addEvent(gapRecord(slice.stream, row, style, nowMs * 1000, isMarked), topic)
      }
    },
    addEvent,
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

function descriptor(series: ReadonlyMap<number, LogSeries>, id: number): LogSeries {
  const found = series.get(id)
  if (!found) throw new Error(`a block with series ${id}, which nobody described`)
  return found
}

/** Milliseconds: the source time where the topic takes it, else the time of sending. */
function timestampOf(micros: number, topic: Topic, nowMs: number): number {
  const ms = Math.floor(micros / 1000)
  return ms >= 0 && ms >= nowMs - topic.pastMsMax && ms <= nowMs + topic.aheadMsMax ? ms : nowMs
}

/** Writes reading `at` of a block, from its key on. `fits`: its time is the record's. */
function readingWriter(block: DecodedBlock, slice: RawSlice, maybeDuplicate: Intervals) {
  const views = viewsOf(block)
  const mixed = overlaps(maybeDuplicate, slice.from, slice.to)
  // Readings of a poll or a publish share both times: their texts are made once.
  let lastTime = Number.NaN
  let timeText = ''
  let lastReceived = Number.NaN
  let receivedText = ''
  return (it: SeriesTemplate, at: number, fits: boolean): string => {
    const time = block.time[at] as number
    const received = block.received[at] as number
    if (time !== lastTime) timeText = String((lastTime = time))
    if (received !== lastReceived) receivedText = String((lastReceived = received))
    const sequence = slice.from + at
    const quality = block.quality[at] as number
    const value = valueText(it.kind, quality, views, at)
    const sequenceText = String(sequence)
    const json = `{"ts":${timeText}${it.beforeValue}${value}${it.afterValue[quality & 3]}${block.status[at]}${it.beforeSequence}${sequenceText},"ingest_ts":${receivedText},"time_quality":"${fits ? 'source' : 'implausible'}"${it.end}`
    return recordText(it, json, sequenceText, time, mixed && contains(maybeDuplicate, sequence, sequence + 1))
  }
}
