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
import { jsonOf, newTold, readClaim, readTold, sameBytes } from './records.ts'
import type { SequenceSet } from './sequences.ts'
import { sequenceSet } from './sequences.ts'
import type { PartitionPlace, TopicRole } from './topics.ts'

export interface StreamRecords {
  readonly stream: Stream
  readonly seen: SequenceSet
  /** In records that carry many. Whoever makes records of readings of them has each sequence once here and once there: that is no double. */
  readonly inBlocks: SequenceSet
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

const FORM_OF = { telemetry: 'raw', aggregates: 'aggregate', events: 'event', gaps: 'gap' } as const
const STREAM_PARTS = 4
const NOTHING = Buffer.alloc(0)
const OWN_EVENT = /:(checkpoint|refused|elsewhere)$/

/** Whose a record is: a stream's, an event's of ours, another device's, or somebody else's. */
type Owner = StreamRecords | 'event' | 'another' | 'foreign'

/** Takes the batches of all partitions, each partition's in their order; those of gaps before those of aggregates. */
export function collector({ device, cluster, places }: CollectorOptions): {
  readonly collected: Collected
  add(place: PartitionPlace, batch: RecordBatch): void
} {
  const { claims, topics, add: addCheckpoint } = checkpointReader(places, cluster)
  const collected: Collected = { streams: new Map(), claims, topics, checkpoints: 0, foreign: 0, byTopic: new Map() }
  // Records of a series follow each other: most often the prefix of an id is that of the record before.
  const byPrefix = new Map<string, Owner>()
  let prefix = NOTHING
  let owner: Owner = 'foreign'

  function recordsOf(key: string): StreamRecords | undefined {
    let found = collected.streams.get(key)
    if (found) return found
    const stream = streamOf(key)
    if (device !== undefined && stream.device !== device) return undefined
    collected.streams.set(key, (found = emptyStream(stream)))
    return found
  }

  /** Whose id begins so. */
  function ownerAt(bytes: Buffer, from: number, to: number): Owner {
    if (to - from === prefix.length && sameBytes(bytes, from, to, prefix)) return owner
    const text = bytes.toString('latin1', from, to)
    owner = byPrefix.get(text) ?? ownerOf(bytes.toString('utf8', from, to))
    // Others' ids may be as many as there are records.
    if (owner !== 'foreign') byPrefix.set(text, owner)
    prefix = Buffer.from(bytes.subarray(from, to))
    return owner
  }

  function ownerOf(key: string): Owner {
    if (OWN_EVENT.test(key)) return 'event'
    return key.split(':').length === STREAM_PARTS ? (recordsOf(key) ?? 'another') : 'foreign'
  }

  function addById(bytes: Buffer, told: Told, role: TopicRole): Owner | undefined {
    const isClaim = readClaim(bytes, told)
    const found = ownerAt(bytes, told.idAt, told.stemEnd)
    if (typeof found === 'string') return found
    if (!isClaim) return 'foreign'
    return claim(found, role, told.from, told.to, told) ? found : undefined
  }

  /** Older records have no id. */
  function addByValue(it: RecordCursor, told: Told, role: TopicRole): Owner | undefined {
    // Blocks have always had one.
    if (role === 'blocks') return 'foreign'
    const form = FORM_OF[role]
    const value = jsonOf(it, form)
    const sequence = value?.['seq']
    if (!value || !isSequence(sequence)) return value?.['type'] === undefined ? 'foreign' : 'event'
    const [of, epoch, name] = ['device', 'epoch', 'class'].map((field) => String(value[field])) as [string, string, string]
    const records = recordsOf(streamKey({ device: of, epoch, class: name, form }))
    return records && claim(records, role, sequence, sequence + 1, told) ? records : undefined
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
    const found = told.idAt >= 0 ? addById(it.bytes, told, role) : addByValue(it, told, role)
    if (found === undefined) return
    if (found === 'foreign') collected.foreign++
    // What is elsewhere has no place in a gap stream.
    else if (role === 'gaps' && found !== 'another') addGap(it)
    else if (role === 'aggregates' && typeof found === 'object') addAggregate(it, found.stream)
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
function claim(records: StreamRecords, role: TopicRole, from: number, to: number, { marked, replayed }: Told): boolean {
  if (replayed) {
    records.replayed++
    return false
  }
  records.records++
  const set = role === 'blocks' ? records.inBlocks : records.seen
  const again = to === from + 1 ? Number(!set.add(from)) : to - from - set.addRange(from, to)
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
    inBlocks: sequenceSet(),
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
