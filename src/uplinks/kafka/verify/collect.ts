// What the records say, stream by stream: sequences seen, ranges named by gap records, checkpoints. Of readings only the headers are read.
import type { RecordBatch, RecordCursor } from '../../../clients/kafka/batches.ts'
import { forEachRecord } from '../../../clients/kafka/batches.ts'
import type { Stream } from '../../../core/stream.ts'
import { streamKey, streamOf } from '../../../core/stream.ts'
import type { AggregatedSpans, StandsFor } from './aggregated.ts'
import { aggregatedSpans } from './aggregated.ts'
import type { Checkpoints, CheckpointValue } from './checkpoints.ts'
import { checkpointReader } from './checkpoints.ts'
import type { Lines } from './lines.ts'
import { lineColumns } from './lines.ts'
import type { Told } from './records.ts'
import { jsonOf, newTold, numberAt, readTold, sameBytes } from './records.ts'
import type { SequenceSet } from './sequences.ts'
import { sequenceSet } from './sequences.ts'
import type { PartitionPlace, TopicRole } from './topics.ts'
import { FORM_OF } from './topics.ts'

export interface StreamRecords {
  readonly stream: Stream
  readonly seen: SequenceSet
  /** Those that say of themselves that they may be there twice. */
  readonly marked: SequenceSet
  /** By gap records, and what was refused for good. */
  readonly named: SequenceSet
  /** Named as being at another destination. */
  readonly elsewhere: SequenceSet
  readonly refused: SequenceSet
  /** One line for each gap record: one that came twice is one. */
  readonly lines: Lines
  records: number
  doubled: number
  maybeDuplicate: number
  replayed: number
  /** What aggregates stand for, of a raw stream; made with the first one, so all gap records must be there by then. */
  aggregated: AggregatedSpans | undefined
}

export interface Collected extends Pick<Checkpoints, 'claims' | 'topics'> {
  readonly streams: Map<string, StreamRecords>
  checkpoints: number
  foreign: number
  /** Records read. */
  readonly byTopic: Map<string, number>
}

export interface CollectorOptions {
  /** Of this box alone. */
  readonly device?: string | undefined
  /** Which cluster this is: only what its own checkpoints say of offsets means anything here. */
  readonly cluster?: string | undefined
  /** All that will be read. */
  readonly places: readonly PartitionPlace[]
}

const COLON = 58
const STREAM_PARTS = 4
const NOTHING = Buffer.alloc(0)

/** Takes the batches of all partitions, each partition's in their order; those of gaps before those of aggregates. */
export function collector({ device, cluster, places }: CollectorOptions): {
  readonly collected: Collected
  add(place: PartitionPlace, batch: RecordBatch): void
} {
  const { claims, topics, add: addCheckpoint } = checkpointReader(places, cluster)
  const collected: Collected = { streams: new Map(), claims, topics, checkpoints: 0, foreign: 0, byTopic: new Map() }
  // Records of a series follow each other: most often the prefix of an id is that of the record before.
  const byPrefix = new Map<string, StreamRecords | undefined>()
  let prefix = NOTHING
  let prefixStream: StreamRecords | undefined

  function recordsOf(key: string): StreamRecords | undefined {
    let found = collected.streams.get(key)
    if (found) return found
    const stream = streamOf(key)
    if (device !== undefined && stream.device !== device) return undefined
    collected.streams.set(key, (found = emptyStream(stream)))
    return found
  }

  /** Whose id begins so; undefined: another device's, or a checkpoint's. False: nobody's of ours. */
  function streamAt(bytes: Buffer, from: number, to: number): StreamRecords | undefined | false {
    const text = bytes.toString('latin1', from, to)
    if (byPrefix.has(text)) return byPrefix.get(text)
    const key = bytes.toString('utf8', from, to)
    const isStream = key.split(':').length === STREAM_PARTS
    if (!isStream && !isOwnEvent(key)) return false
    const found = isStream ? recordsOf(key) : undefined
    byPrefix.set(text, found)
    return found
  }

  /** The stream of a record by its id, where it is the first record of its sequence. */
  function addById(bytes: Buffer, told: Told): StreamRecords | undefined {
    let colon = told.idEnd - 1
    while (colon >= told.idAt && bytes[colon] !== COLON) colon--
    const sequence = numberAt(bytes, colon + 1, told.idEnd)
    const length = Math.max(0, colon - told.idAt)
    if (length !== prefix.length || !sameBytes(bytes, told.idAt, colon, prefix)) {
      const found = streamAt(bytes, told.idAt, colon)
      prefix = found === false ? NOTHING : Buffer.from(bytes.subarray(told.idAt, colon))
      prefixStream = found === false ? undefined : found
    }
    if (prefix.length === 0 || Number.isNaN(sequence)) collected.foreign++
    else if (prefixStream && claim(prefixStream, sequence, sequence + 1, told)) return prefixStream
    return undefined
  }

  function addByValue(it: RecordCursor, told: Told, role: TopicRole): StreamRecords | undefined {
    const value = jsonOf(it, FORM_OF[role])
    const sequence = value?.['seq']
    if (!value || !isSequence(sequence)) {
      if (!value || value['type'] === undefined) collected.foreign++
      return undefined
    }
    const [of, epoch, name] = ['device', 'epoch', 'class'].map((field) => String(value[field])) as [string, string, string]
    const records = recordsOf(streamKey({ device: of, epoch, class: name, form: FORM_OF[role] }))
    return records && claim(records, sequence, sequence + 1, told) ? records : undefined
  }

  function addGap(it: RecordCursor): void {
    const value = jsonOf(it, 'gap') ?? {}
    const { device: of, epoch, class: name, form = 'raw', seq_from: from, seq_to: last, seq: sequence, count } = value
    if (!isSequence(from) || !isSequence(last) || last < from) return
    const records = recordsOf(`${of}:${epoch}:${name}:${form}`)
    if (!records) return
    const action = value['action'] === 'aggregated' || value['action'] === 'elsewhere' ? value['action'] : 'given-up'
    ;(action === 'elsewhere' ? records.elsewhere : records.named).addRange(from, last + 1)
    if (isSequence(sequence) && isSequence(count)) records.lines.add({ from, to: last + 1, count, sequence, action })
  }

  /** What an aggregate of a stream says that it stands for. */
  function addAggregate(it: RecordCursor, stream: Stream): void {
    const { seq_from: from, seq_to: to, count, seq: sequence } = jsonOf(it, 'aggregate') ?? {}
    if (![from, to, count, sequence].every(isSequence)) return
    const raw = recordsOf(streamKey({ ...stream, form: 'raw' }))
    if (!raw) return
    raw.aggregated ??= aggregatedSpans(raw.lines)
    raw.aggregated.add({ from, to, count, sequence } as StandsFor)
  }

  function addEvent(it: RecordCursor): void {
    const value = jsonOf(it, 'event')
    if (!value || (device !== undefined && value['device'] !== device)) return
    if (value['type'] === 'refused')
      for (const { stream, seq } of value['readings'] as { stream: string; seq: number }[]) {
        const records = recordsOf(stream)
        records?.named.add(seq)
        records?.refused.add(seq)
      }
    if (value['type'] !== 'checkpoint') return
    collected.checkpoints++
    for (const key of addCheckpoint(value as unknown as CheckpointValue)) recordsOf(key)
  }

  function addRecord(it: RecordCursor, told: Told, role: TopicRole): void {
    if (role === 'events') addEvent(it)
    const isFirst = told.idAt >= 0 ? addById(it.bytes, told) : addByValue(it, told, role)
    if (!isFirst) return
    if (role === 'gaps') addGap(it)
    else if (role === 'aggregates') addAggregate(it, isFirst.stream)
  }

  const told = newTold()
  return {
    collected,
    add({ topic, role, start }, batch) {
      let records = collected.byTopic.get(topic) ?? 0
      forEachRecord(batch, (it) => {
        // A batch stays whole until all of it is deleted.
        if (it.offset < start) return
        records++
        readTold(it, told)
        addRecord(it, told, role)
      })
      collected.byTopic.set(topic, records)
    },
  }
}

/** A record is there that claims [from, to); true where none of it was there. A replayed one claims nothing. */
function claim(records: StreamRecords, from: number, to: number, { marked, replayed }: Told): boolean {
  if (replayed) {
    records.replayed++
    return false
  }
  const isOne = to === from + 1
  records.records++
  const again = isOne ? Number(!records.seen.add(from)) : to - from - records.seen.addRange(from, to)
  const isMarked = marked || (again > 0 && records.marked.has(from))
  if (again > 0 && isMarked) records.maybeDuplicate += again
  else records.doubled += again
  if (marked) records.marked.addRange(from, to)
  return again === 0
}

function emptyStream(stream: Stream): StreamRecords {
  return {
    stream,
    seen: sequenceSet(),
    marked: sequenceSet(),
    named: sequenceSet(),
    elsewhere: sequenceSet(),
    refused: sequenceSet(),
    lines: lineColumns(),
    records: 0,
    doubled: 0,
    maybeDuplicate: 0,
    replayed: 0,
    aggregated: undefined,
  }
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isOwnEvent(key: string): boolean {
  return key.endsWith(':checkpoint') || key.endsWith(':refused')
}
