// Blocks as records of readings: the same as `records: readings` would have written. Records and position are one transaction.
import type { RecordBatch } from '../../../clients/kafka/batches.ts'
import { forEachRecord } from '../../../clients/kafka/batches.ts'
import { Unreachable } from '../../../core/errors.ts'
import type { Interval } from '../../../core/intervals.ts'
import type { LogSeries } from '../../../core/log.ts'
import { streamKey } from '../../../core/stream.ts'
import { filledTopic } from '../topics.ts'
import { newTold, readTold } from '../verify/records.ts'
import type { BlockRecord } from '../block-envelope.ts'
import { decodeEnvelope, isEnvelope } from '../block-envelope.ts'
import { packer } from '../pack.ts'
import type { Packed } from '../pack.ts'
import type { RefusedTransaction } from '../cluster.ts'
import type { Topic } from '../topics.ts'
import type { Destination } from './destination.ts'
import type { Offsets } from './position.ts'
import type { Present } from './present.ts'
import { absentOf } from './present.ts'

export interface UnpackTopics {
  readonly from: string
  /** May hold {class} and {site}. */
  readonly to: string
  readonly aggregates: string
}

/** Changed in place. */
export interface Counts {
  blocks: number
  readings: number
  aggregates: number
  transactions: number
  foreign: number
  deleted: number
  present: number
}

interface Held extends BlockRecord {
  readonly series: readonly LogSeries[]
  readonly marked: boolean
  readonly absent: readonly Interval[]
}

export interface Work {
  /** Resolves once there is room for more. */
  add(partition: number, batch: RecordBatch): Promise<void>
  /** Commits what is held; with `anyway` even where that is only a position. */
  flush(anyway?: boolean): Promise<void>
  readonly offsets: Offsets
}

/** A transaction has at least one block, and ends once it has so much. */
const READINGS_MAX = 50_000
const BYTES_MAX = 8_000_000
const ADAPTATIONS_MAX = 8
const BATCH_BYTES_MIN = 1_024

/** `offsets` is where to go on from; `now` in µs. */
export function unpackWork(
  destination: Destination,
  topics: UnpackTopics,
  begin: { offsets: Offsets; present: Present | undefined },
  counts: Counts,
  now: () => number,
): Work {
  const offsets = new Map(begin.offsets)
  const sentTimeOnly = new Set<string>()
  const known = new Map<string, Topic>()
  const pack = packer({ site: '', headers: 'all' }, sentTimeOnly)
  let held: Held[] = []
  let [readings, bytes] = [0, 0]

  function take(value: Buffer, marked: boolean, where: string): void {
    if (!isEnvelope(value)) {
      counts.foreign++
      return
    }
    const record = decoded(value, where)
    const absent = absentOf(begin.present?.get(streamKey(record.stream)), record.from, record.to)
    held.push({ ...record, marked, absent })
    readings += record.to - record.from
    bytes += value.length
  }

  async function topicFor({ stream, site }: BlockRecord): Promise<Topic> {
    const name = filledTopic(stream.form === 'aggregate' ? topics.aggregates : topics.to, stream.class, site)
    const topic = known.get(name) ?? (await destination.topic(name))
    known.set(name, topic)
    return topic
  }

  async function packAll(): Promise<Packed> {
    pack.begin(now())
    for (const record of held) {
      const topic = await topicFor(record)
      const series = new Map(record.series.map((it) => [it.id, it]))
      const origin = { style: record, sentMs: Math.floor(record.sent / 1000) }
      const { stream, block, time } = record
      for (const range of record.absent) {
        const maybeDuplicate = record.marked ? [range] : []
        if (stream.form === 'aggregate')
          pack.addAggregates({ form: 'aggregate', stream, ...range, block, time }, series, topic, maybeDuplicate, origin)
        else pack.addReadings({ form: 'raw', stream, ...range, block, time }, series, topic, maybeDuplicate, origin)
      }
    }
    const packed = pack.take()
    const [refused] = packed.refusals
    if (!refused) return packed
    throw new Unreachable('record-too-large', `reading ${refused.sequence} of ${refused.stream} is larger than the topic takes`, {
      remedy: 'raise max.message.bytes of the topic that is written to',
    })
  }

  /** True when the same records may go in another way. */
  function adapt({ refused, topic: name }: RefusedTransaction, packed: Packed): boolean {
    const topic = name === undefined ? undefined : known.get(name)
    if (!topic) return false
    if (refused.protocol === 'INVALID_TIMESTAMP' && !sentTimeOnly.has(topic.name))
      return sentTimeOnly.add(topic.name) !== undefined
    if (refused.protocol !== 'MESSAGE_TOO_LARGE') return false
    const largest = Math.max(...(packed.batches.get(topic.name) ?? []).map((it) => it.compressed.length))
    known.set(topic.name, { ...topic, batchBytesMax: Math.floor(largest / 2) })
    return largest / 2 >= BATCH_BYTES_MIN
  }

  async function commit(): Promise<void> {
    for (let adaptations = 0; ; adaptations++) {
      const packed = await packAll()
      const outcome = await destination.commit(packed, offsets)
      if (outcome === 'committed') return
      if (adaptations < ADAPTATIONS_MAX && adapt(outcome, packed)) continue
      const { code, text, remedy } = outcome.refused
      throw new Unreachable(code, `${outcome.topic ?? topics.from}: ${text}`, remedy ? { remedy } : {})
    }
  }

  function count(): void {
    counts.transactions++
    counts.blocks += held.length
    for (const { stream, from, to, absent } of held) {
      const written = absent.reduce((sum, it) => sum + it.to - it.from, 0)
      counts.present += to - from - written
      counts[stream.form === 'aggregate' ? 'aggregates' : 'readings'] += written
    }
  }

  async function flush(anyway = false): Promise<void> {
    if (held.length === 0 && !anyway) return
    await commit()
    count()
    held = []
    readings = bytes = 0
  }

  return {
    offsets,
    flush,
    async add(partition, batch) {
      const records: { offset: number; value: Buffer; marked: boolean }[] = []
      const told = newTold()
      forEachRecord(batch, (it) => {
        if (it.offset < (offsets.get(partition) ?? 0) || it.valueLength < 0) return
        readTold(it, told)
        const value = it.bytes.subarray(it.valueAt, it.valueAt + it.valueLength)
        records.push({ offset: it.offset, value, marked: told.marked })
      })
      for (const { offset, value, marked } of records) {
        take(value, marked, `${topics.from}/${partition} at ${offset}`)
        offsets.set(partition, offset + 1)
        if (readings >= READINGS_MAX || bytes >= BYTES_MAX) await flush()
      }
    },
  }
}

function decoded(value: Buffer, where: string): BlockRecord {
  try {
    return decodeEnvelope(value)
  } catch (cause) {
    throw new Unreachable('block-unreadable', `${where}: ${(cause as Error).message}`, {
      cause,
      remedy: 'is this program older than the box that wrote it? Nothing behind it is unpacked',
    })
  }
}
