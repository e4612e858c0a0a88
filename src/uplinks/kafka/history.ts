// What the records at the destination say of one box and one uplink, for who comes without a log: an importer whose position may have been
// forgotten, or no longer names a stream that is over. Read as read_committed; nothing is fenced by it.
import type { RecordBatch, RecordCursor } from '../../clients/kafka/batches.ts'
import { forEachRecord } from '../../clients/kafka/batches.ts'
import { asUnreachable } from '../../clients/kafka/access.ts'
import { kafkaClient } from '../../clients/kafka/client.ts'
import { partitionReader } from '../../clients/kafka/fetch.ts'
import type { Interval, Intervals } from '../../core/intervals.ts'
import { union, withInterval } from '../../core/intervals.ts'
import type { Refusal } from '../../core/position.ts'
import type { Checkpoint, History, HistoryReading, UplinkContext } from '../../core/uplink.ts'
import type { KafkaSettings } from './settings.ts'
import { filledTopic } from './topics.ts'
import { jsonOf, newTold, readClaim, readTold, sameBytes } from './verify/records.ts'
import type { SequenceSet } from './verify/sequences.ts'
import { sequenceSet } from './verify/sequences.ts'

/** Rejects with Unreachable when the cluster cannot be read. */
export async function readHistory(
  settings: KafkaSettings,
  context: UplinkContext,
  how: HistoryReading,
  signal: AbortSignal,
): Promise<History> {
  const client = kafkaClient(settings, { clientId: 'holdfast-history', log: context.log })
  try {
    const reader = await partitionReader(client, signal)
    const said = sayings(context)
    const found = recordSets(context.device)
    const names = how === 'checkpoints' ? [] : topicsOf(settings, context.site, how.classes)
    for (const topic of new Set([settings.topics.events, ...names])) {
      const add = topic === settings.topics.events ? said.add : found.add
      const onBatch = (_: string, __: number, batch: RecordBatch) => forEachRecord(batch, add)
      await reader.read({ spans: (await reader.spans(topic)) ?? [], onBatch, onProgress: () => undefined })
    }
    const history = said.history()
    return { ...history, delivered: merged(history.delivered, found.intervals()) }
  } catch (error) {
    throw asUnreachable(error)
  } finally {
    client.destroy()
  }
}

function topicsOf({ topics }: KafkaSettings, site: string, classes: readonly string[]): string[] {
  return [topics.gaps, topics.telemetry, topics.aggregates, topics.blocks].flatMap((template) =>
    classes.map((it) => filledTopic(template, it, site)),
  )
}

interface EventValue {
  readonly type?: unknown
  readonly device?: unknown
  readonly uplink?: unknown
  readonly transaction: number
  readonly streams: Readonly<
    Record<string, { readonly delivered: readonly (readonly [number, number])[]; readonly next?: number; readonly lost?: number }>
  >
  readonly readings: readonly { readonly stream: string; readonly seq: number; readonly code: string }[]
}

/** All that checkpoints and refusals of one uplink say. */
function sayings({ device, name }: UplinkContext) {
  let transaction = 0
  let delivered: ReadonlyMap<string, Intervals> = new Map()
  const heads: Record<string, Checkpoint['streams'][string]> = {}
  const refused: Refusal[] = []

  function addCheckpoint({ streams }: EventValue): void {
    const all = Object.entries(streams)
    const intervals = all.map(([key, it]): [string, Intervals] => [
      key,
      it.delivered.map(([from, to]): Interval => ({ from, to })),
    ])
    delivered = merged(delivered, new Map(intervals))
    for (const [key, { next = 0, lost = 0 }] of all) {
      const known = heads[key] ?? { next: 0, lost: 0 }
      heads[key] = { next: Math.max(known.next, next), lost: Math.max(known.lost, lost) }
    }
  }

  return {
    add(cursor: RecordCursor): void {
      const it = jsonOf(cursor, 'event') as EventValue | undefined
      if (it?.device !== device || it.uplink !== name || typeof it.transaction !== 'number') return
      transaction = Math.max(transaction, it.transaction)
      if (it.type === 'checkpoint') addCheckpoint(it)
      if (it.type === 'refused') refused.push(...it.readings.map(({ stream, seq, code }) => ({ stream, sequence: seq, code })))
    },
    history: (): History => ({ transaction, delivered, heads, refused }),
  }
}

/** The sequences of every record of one box, by stream; what gap records name counts too, what was sent again for somebody does not. */
function recordSets(device: string) {
  const sets = new Map<string, SequenceSet>()
  const named = new Map<string, Intervals>()
  const ours = Buffer.from(`${device}:`)
  const told = newTold()

  function setOf(key: string): SequenceSet {
    let set = sets.get(key)
    if (!set) sets.set(key, (set = sequenceSet()))
    return set
  }

  function addGap(it: RecordCursor): void {
    const { epoch, class: name, form = 'raw', seq_from: from, seq_to: to } = jsonOf(it, 'gap') ?? {}
    if (typeof from !== 'number' || typeof to !== 'number') return
    const key = `${device}:${epoch}:${name}:${form}`
    named.set(key, withInterval(named.get(key) ?? [], from, to + 1))
  }

  return {
    add(it: RecordCursor): void {
      readTold(it, told)
      if (told.idAt < 0 || told.replayed || !sameBytes(it.bytes, told.idAt, told.idEnd, ours)) return
      if (!readClaim(it.bytes, told)) return
      const key = it.bytes.toString('utf8', told.idAt, told.stemEnd)
      setOf(key).addRange(told.from, told.to)
      if (key.endsWith(':gap')) addGap(it)
    },
    intervals: (): ReadonlyMap<string, Intervals> =>
      merged(new Map([...sets].map(([key, set]) => [key, [...set.runs()]])), named),
  }
}

function merged(a: ReadonlyMap<string, Intervals>, b: ReadonlyMap<string, Intervals>): ReadonlyMap<string, Intervals> {
  const all = new Map(a)
  for (const [key, set] of b) all.set(key, union(all.get(key) ?? [], set))
  return all
}
