// What the records at the destination say of one box and one uplink, for who comes without a log: an importer whose position may have been
// forgotten, or no longer names a stream that is over. Read as read_committed; nothing is fenced by it.
import type { RecordBatch, RecordCursor } from '../../clients/kafka/batches.ts'
import { forEachHeader, forEachRecord } from '../../clients/kafka/batches.ts'
import { asUnreachable, kafkaClient } from '../../clients/kafka/client.ts'
import type { PartitionSpan } from '../../clients/kafka/fetch.ts'
import { partitionReader } from '../../clients/kafka/fetch.ts'
import type { Interval, Intervals } from '../../core/intervals.ts'
import { union, withInterval } from '../../core/intervals.ts'
import type { Refusal } from '../../core/position.ts'
import type { History, HistoryReading, UplinkContext } from '../../core/uplink.ts'
import type { KafkaSettings } from './settings.ts'
import type { SequenceSet } from './verify/sequences.ts'
import { sequenceSet } from './verify/sequences.ts'

const ID = Buffer.from('ce_id')

/** Rejects with Unreachable when the cluster cannot be read. */
export async function readHistory(
  settings: KafkaSettings,
  context: UplinkContext,
  how: HistoryReading,
  signal: AbortSignal,
): Promise<History> {
  const client = kafkaClient(settings, { clientId: `holdfast-history`, log: context.log })
  try {
    const reader = await partitionReader(client, signal)
    const said = sayings(context)
    const found = recordSets(context.device)
    const names = how === 'checkpoints' ? [] : topicsOf(settings, context.site, how.classes)
    for (const topic of new Set([settings.topics.events, ...names])) {
      const spans: PartitionSpan[] = (await reader.spans(topic)) ?? []
      const onBatch = (_: string, __: number, batch: RecordBatch) =>
        forEachRecord(batch, (it) => {
          if (topic === settings.topics.events) said.add(it)
          else found.add(it)
        })
      await reader.read({ spans, onBatch, onProgress: () => undefined })
    }
    return { ...said.history(), delivered: merged(said.history().delivered, found.intervals()) }
  } catch (error) {
    throw asUnreachable(error)
  } finally {
    client.destroy()
  }
}

function topicsOf({ topics }: KafkaSettings, site: string, classes: readonly string[]): string[] {
  const place = site.replaceAll(/[^a-zA-Z0-9._-]/g, '_')
  return [topics.gaps, topics.telemetry, topics.aggregates].flatMap((template) =>
    classes.map((it) => template.replaceAll('{class}', it).replaceAll('{site}', place)),
  )
}

interface EventValue {
  readonly type?: unknown
  readonly device?: unknown
  readonly uplink?: unknown
  readonly transaction: number
  readonly streams: Readonly<Record<string, { readonly delivered: readonly (readonly [number, number])[] }>>
  readonly readings: readonly { readonly stream: string; readonly seq: number; readonly code: string }[]
}

/** All that checkpoints and refusals of one uplink say. */
function sayings({ device, name }: UplinkContext) {
  let transaction = 0
  let delivered: ReadonlyMap<string, Intervals> = new Map()
  const refused: Refusal[] = []

  function addCheckpoint(it: EventValue): void {
    const streams = Object.entries(it.streams).map(([key, { delivered: all }]): [string, Intervals] => [
      key,
      all.map(([from, to]): Interval => ({ from, to })),
    ])
    delivered = merged(delivered, new Map(streams))
  }

  return {
    add(cursor: RecordCursor): void {
      const it = valueOf(cursor)
      if (it?.device !== device || it.uplink !== name || typeof it.transaction !== 'number') return
      transaction = Math.max(transaction, it.transaction)
      if (it.type === 'checkpoint') addCheckpoint(it)
      if (it.type === 'refused') refused.push(...it.readings.map(({ stream, seq, code }) => ({ stream, sequence: seq, code })))
    },
    history: (): History => ({ transaction, delivered, refused }),
  }
}

/** The sequences of every record of one box, by stream; what gap records name counts too. */
function recordSets(device: string) {
  const sets = new Map<string, SequenceSet>()
  const named = new Map<string, Intervals>()
  const ours = Buffer.from(`${device}:`)
  return {
    add(it: RecordCursor): void {
      forEachHeader(it, (nameAt, nameLength, valueAt, valueLength) => {
        if (nameLength !== ID.length || Buffer.compare(it.bytes.subarray(nameAt, nameAt + nameLength), ID) !== 0) return false
        if (Buffer.compare(it.bytes.subarray(valueAt, valueAt + ours.length), ours) !== 0) return true
        const id = it.bytes.toString('utf8', valueAt, valueAt + valueLength)
        const colon = id.lastIndexOf(':')
        const key = id.slice(0, colon)
        let set = sets.get(key)
        if (!set) sets.set(key, (set = sequenceSet()))
        set.add(Number(id.slice(colon + 1)))
        if (key.endsWith(':gap')) addGap(it)
        return true
      })
    },
    intervals: (): ReadonlyMap<string, Intervals> =>
      merged(new Map([...sets].map(([key, set]) => [key, [...set.runs()]])), named),
  }

  function addGap(it: RecordCursor): void {
    const { epoch, class: name, form = 'raw', seq_from: from, seq_to: to } = (valueOf(it) ?? {}) as Record<string, unknown>
    if (typeof from !== 'number' || typeof to !== 'number') return
    const key = `${device}:${epoch}:${name}:${form}`
    named.set(key, withInterval(named.get(key) ?? [], from, to + 1))
  }
}

function merged(a: ReadonlyMap<string, Intervals>, b: ReadonlyMap<string, Intervals>): ReadonlyMap<string, Intervals> {
  const all = new Map(a)
  for (const [key, set] of b) all.set(key, union(all.get(key) ?? [], set))
  return all
}

function valueOf(it: RecordCursor): EventValue | undefined {
  try {
    const value: unknown = JSON.parse(it.bytes.toString('utf8', it.valueAt, it.valueAt + Math.max(0, it.valueLength)))
    return typeof value === 'object' && value !== null ? (value as EventValue) : undefined
  } catch {
    return undefined
  }
}
