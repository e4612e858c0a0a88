// What the records say, stream by stream: sequences seen, ranges named by gap records, checkpoints.
import type { RecordBatch, RecordCursor } from '../../../clients/kafka/batches.ts'
import { forEachHeader, forEachRecord } from '../../../clients/kafka/batches.ts'
import type { Interval, Intervals } from '../../../core/intervals.ts'
import type { Form, Stream } from '../../../core/stream.ts'
import { streamKey, streamOf } from '../../../core/stream.ts'
import type { AggregatedSpans, GapRow, StandsFor } from './aggregated.ts'
import { aggregatedSpans } from './aggregated.ts'
import type { SequenceSet } from './sequences.ts'
import { sequenceSet, without } from './sequences.ts'

export type TopicRole = 'telemetry' | 'aggregates' | 'events' | 'gaps'

export interface StreamRecords {
  readonly stream: Stream
  readonly seen: SequenceSet
  /** Those that say of themselves that they may be there twice. */
  readonly marked: SequenceSet
  records: number
  doubled: number
  maybeDuplicate: number
  /** By `topic/partition` whose beginning is deleted: the least sequence that is left there. */
  readonly leastLeft: Map<string, number>
  readonly named: Interval[]
  /** Gap records by their place in the gap stream: one that came twice is one. */
  readonly rows: Map<number, GapRow>
  /** Refused for good; in `named` too. */
  readonly refused: Interval[]
  /** What aggregates stand for, of a raw stream; made with the first one, so all gap records must be there by then. */
  aggregated: AggregatedSpans | undefined
}

/** What the newest checkpoint of one uplink says of a stream. */
export interface Claim {
  readonly uplink: string
  delivered: Intervals
  next: number
  readonly contradictions: string[]
}

export interface Collected {
  readonly streams: Map<string, StreamRecords>
  /** By stream; several uplinks of one box may write to one cluster. */
  readonly claims: Map<string, Claim[]>
  checkpoints: number
  foreign: number
  /** Records read. */
  readonly byTopic: Map<string, number>
}

export interface PartitionPlace {
  readonly topic: string
  readonly partition: number
  readonly role: TopicRole
  /** Its oldest records are deleted. */
  readonly expired: boolean
}

const FORMS: Readonly<Record<TopicRole, Form>> = { telemetry: 'raw', aggregates: 'aggregate', events: 'event', gaps: 'gap' }
const COLON = 58
const ZERO = 48
const ID = Buffer.from('ce_id')
const MARK = Buffer.from('holdfast-maybe-duplicate')

/** Takes the batches of all partitions, each partition's in their order; those of gaps before those of aggregates. */
export function collector(device: string | undefined): {
  readonly collected: Collected
  add(place: PartitionPlace, batch: RecordBatch): void
} {
  const collected: Collected = { streams: new Map(), claims: new Map(), checkpoints: 0, foreign: 0, byTopic: new Map() }
  const transactions = new Map<string, number>()
  // Records of a series follow each other: most often the prefix of an id is that of the record before.
  let prefix = Buffer.alloc(0)
  let prefixStream: StreamRecords | undefined

  function recordsOf(key: string): StreamRecords | undefined {
    const stream = streamOf(key)
    if (device !== undefined && stream.device !== device) return undefined
    let found = collected.streams.get(key)
    if (!found) collected.streams.set(key, (found = emptyStream(stream)))
    return found
  }

  /** The stream where it is the first record of its sequence. */
  function seen(records: StreamRecords, sequence: number, marked: boolean, place: PartitionPlace): Stream | undefined {
    records.records++
    if (marked) records.marked.add(sequence)
    const isNew = records.seen.add(sequence)
    if (!isNew) {
      if (marked || records.marked.has(sequence)) records.maybeDuplicate++
      else records.doubled++
    }
    if (place.expired) {
      const where = `${place.topic}/${place.partition}`
      if (sequence < (records.leastLeft.get(where) ?? Infinity)) records.leastLeft.set(where, sequence)
    }
    return isNew ? records.stream : undefined
  }

  function addById(it: RecordCursor, idAt: number, idLength: number, marked: boolean, place: PartitionPlace): Stream | undefined {
    const end = idAt + idLength
    let colon = end - 1
    while (colon >= idAt && it.bytes[colon] !== COLON) colon--
    if (!sameBytes(it.bytes, idAt, colon, prefix)) {
      prefix = Buffer.from(it.bytes.subarray(idAt, colon))
      const key = prefix.toString('utf8')
      const isStream = colon > idAt && key.split(':').length === 4
      prefixStream = isStream ? recordsOf(key) : undefined
      // A prefix that is no stream must not be remembered as one of another device.
      if (!isStream && !isOwnEvent(key)) {
        collected.foreign++
        prefix = Buffer.alloc(0)
      }
    }
    return prefixStream && seen(prefixStream, numberAt(it.bytes, colon + 1, end), marked, place)
  }

  function addByValue(it: RecordCursor, place: PartitionPlace): Stream | undefined {
    const value = jsonOf(it)
    if (!value || typeof value['seq'] !== 'number') {
      if (!value || value['type'] === undefined) collected.foreign++
      return undefined
    }
    const stream = {
      device: String(value['device']),
      epoch: String(value['epoch']),
      class: String(value['class']),
      form: FORMS[place.role],
    }
    const records = recordsOf(streamKey(stream))
    return records && seen(records, value['seq'], false, place)
  }

  function addGap(it: RecordCursor): void {
    const value = jsonOf(it) ?? {}
    const { device: of, epoch, class: name, form = 'raw', seq_from: from, seq_to: to } = value
    if (typeof from !== 'number' || typeof to !== 'number') return
    const records = recordsOf(`${of}:${epoch}:${name}:${form}`)
    if (!records) return
    records.named.push({ from, to: to + 1 })
    const { seq: sequence, count, action } = value
    if (typeof sequence === 'number' && typeof count === 'number')
      records.rows.set(sequence, { sequence, from, to: to + 1, count, action: String(action) })
  }

  /** What an aggregate of a stream says that it stands for. */
  function addAggregate(it: RecordCursor, stream: Stream): void {
    const { seq_from: from, seq_to: to, count, seq: sequence } = jsonOf(it) ?? {}
    if (![from, to, count, sequence].every(Number.isSafeInteger)) return
    const raw = recordsOf(streamKey({ ...stream, form: 'raw' }))
    if (!raw) return
    raw.aggregated ??= aggregatedSpans(raw.rows.values())
    raw.aggregated.add({ from, to, count, sequence } as StandsFor)
  }

  function addEvent(it: RecordCursor): void {
    const value = jsonOf(it)
    if (!value || (device !== undefined && value['device'] !== device)) return
    if (value['type'] === 'refused')
      for (const { stream, seq } of value['readings'] as { stream: string; seq: number }[]) {
        const records = recordsOf(stream)
        records?.named.push({ from: seq, to: seq + 1 })
        records?.refused.push({ from: seq, to: seq + 1 })
      }
    if (value['type'] === 'checkpoint') addCheckpoint(value as unknown as CheckpointValue)
  }

  function addCheckpoint({ device: of, uplink, transaction, streams }: CheckpointValue): void {
    collected.checkpoints++
    const name = `${of}:${uplink}`
    const before = transactions.get(name) ?? -1
    transactions.set(name, transaction)
    for (const [key, { delivered, next }] of Object.entries(streams)) {
      recordsOf(key)
      const claims = collected.claims.get(key) ?? []
      collected.claims.set(key, claims)
      renewClaim(
        claims,
        name,
        delivered.map(([from, to]) => ({ from, to })),
        next,
        { transaction, before },
      )
    }
  }

  return {
    collected,
    add(place, batch) {
      collected.byTopic.set(place.topic, (collected.byTopic.get(place.topic) ?? 0) + batch.count)
      forEachRecord(batch, (it) => {
        if (place.role === 'gaps') addGap(it)
        if (place.role === 'events') addEvent(it)
        let idAt = -1
        let idLength = 0
        let marked = false
        forEachHeader(it, (nameAt, nameLength, valueAt, valueLength) => {
          if (nameLength === ID.length && sameBytes(it.bytes, nameAt, nameAt + nameLength, ID)) {
            idAt = valueAt
            idLength = valueLength
          } else if (nameLength === MARK.length && sameBytes(it.bytes, nameAt, nameAt + nameLength, MARK)) marked = true
          return false
        })
        const stream = idAt >= 0 ? addById(it, idAt, idLength, marked, place) : addByValue(it, place)
        if (stream?.form === 'aggregate') addAggregate(it, stream)
      })
    },
  }
}

interface CheckpointValue {
  readonly device: string
  readonly uplink: string
  readonly transaction: number
  readonly streams: Readonly<Record<string, { delivered: [number, number][]; next?: number }>>
}

function renewClaim(
  claims: Claim[],
  uplink: string,
  delivered: Intervals,
  next: number | undefined,
  { transaction, before }: { transaction: number; before: number },
): void {
  let known = claims.find((it) => it.uplink === uplink)
  if (!known) claims.push((known = { uplink, delivered: [], next: 0, contradictions: [] }))
  const lost = without(known.delivered, delivered)[0]
  if (transaction <= before) known.contradictions.push(`checkpoint ${transaction} comes after checkpoint ${before}`)
  if (lost) known.contradictions.push(`checkpoint ${transaction} no longer has ${lost.from} to ${lost.to - 1}`)
  known.delivered = delivered
  known.next = Math.max(known.next, next ?? 0, delivered.at(-1)?.to ?? 0)
}

function emptyStream(stream: Stream): StreamRecords {
  return {
    stream,
    seen: sequenceSet(),
    marked: sequenceSet(),
    records: 0,
    doubled: 0,
    maybeDuplicate: 0,
    leastLeft: new Map(),
    named: [],
    rows: new Map(),
    refused: [],
    aggregated: undefined,
  }
}

function isOwnEvent(key: string): boolean {
  return key.endsWith(':checkpoint') || key.endsWith(':refused')
}

function sameBytes(bytes: Buffer, from: number, to: number, other: Buffer): boolean {
  if (to - from !== other.length) return false
  for (let i = other.length - 1; i >= 0; i--) if (bytes[from + i] !== other[i]) return false
  return true
}

function numberAt(bytes: Buffer, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) value = value * 10 + ((bytes[at] as number) - ZERO)
  return value
}

function jsonOf(it: RecordCursor): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(it.bytes.toString('utf8', it.valueAt, it.valueAt + Math.max(0, it.valueLength)))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
