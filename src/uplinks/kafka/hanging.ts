// Transactions of ours that hang. A cluster that lost all brokers of a partition at once (a single broker that was killed, a site without power) may
// call a transaction complete whose ends it never wrote: seen with Kafka 4.4 (`Couldn't find leader endpoint … can be skipped`). Nobody ends it then:
// readers of read_committed stop there for ever, all boxes' readings included, the position cannot be read, and what is sent next would be taken
// into it. Whoever has just taken the transactional id has nothing open: what is open all the same hangs, and is ended here, for
//
//   the position is known     it covers the open records? ─► commit, else abort
//   it hangs too              we were told that it is committed, or any of its records can be read ─► commit
//                             else nobody has seen any of it ─► abort: it is sent once more
//
// by a transaction that has nothing but the places where it hangs.
import { setTimeout } from 'node:timers/promises'
import type { RecordBatch } from '../../clients/kafka/batches.ts'
import { forEachRecord, isAbort } from '../../clients/kafka/batches.ts'
import { withDeadline } from '../../clients/kafka/access.ts'
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import type { StoredOffset } from '../../clients/kafka/direct/calls.ts'
import { kafkaError } from '../../clients/kafka/direct/errors.ts'
import type { Producer } from '../../clients/kafka/direct/transaction-calls.ts'
import { addOffsets, addPartitions, endTxn } from '../../clients/kafka/direct/transaction-calls.ts'
import type { PartitionReader } from '../../clients/kafka/fetch.ts'
import { contains } from '../../core/intervals.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Position } from '../../core/position.ts'
import { BEGIN_MS_MAX, TRANSACTION_MS_MAX } from './deadlines.ts'
import type { Found, Looked, Place, TopicPartition } from './hanging-look.ts'
import { ALL, look, stored } from './hanging-look.ts'
import { decodePosition } from './position.ts'
import { whileBusy } from './until-ready.ts'
import { newTold, readClaim, readTold } from './verify/records.ts'

/** What the uplink knows that a client of Kafka does not. */
export interface Ours extends Looked {
  /** The last transaction that we were told is committed. */
  readonly told: number
  /** Lends a reader of the topics. */
  reading<T>(work: (reader: PartitionReader) => Promise<T>): Promise<T>
  /** What was done about one that hung. */
  ended(what: 'commit' | 'abort', where: readonly string[]): void
}

/** Two looks with this between them: a broker that is behind says what was. */
const LOOK_AGAIN_MS = 1_000
/** Records from the end of a partition among which our last ones are looked for; it grows. */
const TAIL_MIN = 1_000
const TAIL_MAX = 4_000_000
const OLD_END = 3
const REMEDY =
  'allow Read on the topics, so that the box can end it, or end it: kafka-transactions.sh find-hanging, then abort (what was open is sent again)'

/** Right after `producer` was taken. True when there was one and it has been ended: then the producer's numbers are used up. */
export async function endHanging(brokers: Brokers, producer: Producer, ours: Ours, signal: AbortSignal): Promise<boolean> {
  const looking = (where: 'open' | 'everywhere') =>
    withDeadline('look for open transactions', BEGIN_MS_MAX, signal, look(brokers, producer, ours, where))
  if (!hangs(await looking('open'))) return false
  await setTimeout(LOOK_AGAIN_MS, undefined, { signal })
  const found = await looking('everywhere')
  if (!hangs(found)) return false
  const what = await withDeadline('read what is open', TRANSACTION_MS_MAX, signal, decide(brokers, found, ours))
  const places = placesOf(found)
  await withDeadline('end what hangs', BEGIN_MS_MAX, signal, end(brokers, producer, places, found.isPositionOpen, ours, what))
  ours.ended(what, [
    ...places.map((it) => `${it.topic}/${it.partition}`),
    ...(found.isPositionOpen ? [`group ${ours.group}`] : []),
  ])
  return true
}

const hangs = ({ open, isPositionOpen }: Found) => open.length > 0 || isPositionOpen

/** With the position, what cannot be seen may hang too. An end that nothing waits for does no harm. */
function placesOf({ open, unseen, isPositionOpen }: Found): readonly TopicPartition[] {
  return isPositionOpen ? [...open, ...unseen] : open
}

async function decide(brokers: Brokers, found: Found, ours: Ours): Promise<'commit' | 'abort'> {
  const before = positionOf(await stored(brokers, ours, 'before'))
  const isBlind = found.unseen.some((it) => it.partition === ALL)
  if (found.isPositionOpen && !isBlind && ours.told > before.transaction) return 'commit'
  return ours.reading(async (reader) => {
    const said = found.isPositionOpen ? await fromOthers(reader, found, before) : await fromOpen(reader, found, before)
    if (said) return said
    throw new Unreachable('hanging-transaction', `a transaction of group ${ours.group} was left half done by the cluster`, {
      remedy: REMEDY,
    })
  })
}

function positionOf(at: StoredOffset | undefined): Position {
  if (!at || at.offset < 0n) return { transaction: 0, delivered: new Map() }
  return { transaction: Number(at.offset), delivered: decodePosition(at.metadata ?? '') }
}

/** By the first open record that the position can be asked about. */
async function fromOpen(reader: PartitionReader, { open }: Found, position: Position): Promise<'commit' | 'abort' | undefined> {
  for (const { topic, partition, openFrom, id } of open) {
    const batches = await reader.raw({ topic, partition, from: openFrom, to: openFrom + 1 })
    const isIn = isCovered(
      batches.filter((it) => it.producer === id && !it.control),
      position,
    )
    if (isIn !== undefined) return isIn ? 'commit' : 'abort'
  }
  return undefined
}

/** By the places where the same transaction was ended: by how its last records there ended. */
async function fromOthers(
  reader: PartitionReader,
  { places, open, unseen }: Found,
  before: Position,
): Promise<'commit' | 'abort' | undefined> {
  const epoch = Math.min(...open.map((it) => it.epoch))
  for (const it of places.filter((one) => one.openFrom < 0 && (open.length === 0 || one.epoch >= epoch))) {
    const { last, control } = await lastOf(reader, it)
    if (last.length > 0 && isCovered(last, before) === false && control) return isAbort(control) ? 'abort' : 'commit'
  }
  return open.length > 0 && unseen.length === 0 ? 'abort' : undefined
}

/** Our last records of a partition, as far as they can be found, and what ended them. */
async function lastOf(
  reader: PartitionReader,
  { topic, partition, id }: Place,
): Promise<{ last: RecordBatch[]; control: RecordBatch | undefined }> {
  const span = (await reader.spans(topic))?.find((it) => it.partition === partition)
  for (let tail = TAIL_MIN; span && tail <= TAIL_MAX; tail *= 4) {
    const from = Math.max(span.from, span.to - tail)
    const ours = (await reader.raw({ ...span, from })).filter((it) => it.producer === id)
    const at = ours.findLastIndex((it) => !it.control)
    if (at >= 0) return { last: ours.slice(at, at + 1), control: ours.slice(at + 1).find((it) => it.control) }
    if (from === span.from) break
  }
  return { last: [], control: undefined }
}

/** Whether the first of the records that the position can be asked about is in it; undefined where there is none. */
function isCovered(batches: readonly RecordBatch[], { transaction, delivered }: Position): boolean | undefined {
  const told = newTold()
  let isIn: boolean | undefined
  for (const batch of batches)
    forEachRecord(batch, (it) => {
      readTold(it, told)
      if (isIn !== undefined || told.idAt < 0 || told.replayed || !readClaim(it.bytes, told)) return
      const stem = it.bytes.toString('utf8', told.idAt, told.stemEnd)
      if (/:(?:checkpoint|refused)$/.test(stem)) isIn = told.from <= transaction
      else if (!stem.endsWith(':elsewhere')) isIn = contains(delivered.get(stem) ?? [], told.from, told.from + 1)
    })
  return isIn
}

async function end(
  brokers: Brokers,
  producer: Producer,
  places: readonly TopicPartition[],
  isPositionOpen: boolean,
  { group }: Ours,
  what: 'commit' | 'abort',
): Promise<void> {
  const coordinator = await brokers.node(await brokers.coordinator('transaction', producer.transaction ?? ''))
  const topics = [...Map.groupBy(places, (it) => it.topic)].map(([topic, of]) => ({
    topic,
    partitions: of.map((it) => it.partition),
  }))
  await whileBusy(async () => {
    const failed =
      topics.length > 0 ? (await coordinator.send(addPartitions(producer, topics))).find((it) => it.error !== 0) : undefined
    if (failed) throw kafkaError(failed.error, `${failed.topic}/${failed.partition}`)
  })
  if (isPositionOpen) await whileBusy(() => coordinator.send(addOffsets(producer, group)))
  await whileBusy(() => coordinator.send(endTxn(producer, OLD_END, what)))
}
