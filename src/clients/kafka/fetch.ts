// Reads partitions from one offset to another as a read_committed reader, without a consumer group: it needs Read on the topics and leaves nothing
// behind. kafkajs' consumer makes ten objects for each record and never shows the control records at a partition's end; here the offset behind
// whatever was fetched says how far we are.
import type Cluster from 'kafkajs/src/cluster/index.js'
import type { Node } from 'kafkajs/src/cluster/index.js'
import fetchRequest from 'kafkajs/src/protocol/requests/fetch/v11/request.js'
import { setTimeout } from 'node:timers/promises'
import { Unreachable } from '../../core/errors.ts'
import type { FetchedPartition, RecordBatch } from './batches.ts'
import { committedBatches, readFetchResponse } from './batches.ts'
import type { KafkaClient } from './client.ts'
import { withDeadline } from './access.ts'
import { explain } from './explain.ts'
import { clusterParts } from './parts.ts'

export interface PartitionSpan {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** Read until here. */
  readonly to: number
}

export interface ReadPartitions {
  readonly spans: readonly PartitionSpan[]
  /** Batches of a partition in their order. While it works on one, no further ones are fetched but those under way. */
  readonly onBatch: (topic: string, partition: number, batch: RecordBatch) => void | Promise<void>
  /** Offsets done, of all. */
  readonly onProgress: (done: number, all: number) => void
  /** Records of it were deleted before they were read. */
  readonly onDeleted?: (topic: string, partition: number) => void
}

const FETCH_BYTES_MAX = 8_000_000
const PARTITION_BYTES_MAX = 2_000_000
const WAIT_MS = 500
const FETCH_MS_MAX = 20_000
/** Longer than any transaction may stay open. */
const STUCK_MS_MAX = 90_000
const LEADER_ASK_MS = 250
const LEADERS_MS_MAX = 15_000
const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
const OFFSET_OUT_OF_RANGE = 1
const TOPIC_AUTHORIZATION_FAILED = 29
/** Code of the Unreachable where a topic may not be read. */
export const READ_DENIED = 'read-denied'
/** Unknown topic, leader not available, not leader, fenced or unknown leader epoch: the leader is asked for anew. */
const LEADER_MOVED = new Set([3, 5, 6, 74, 75])

type TopicOffsets = Awaited<ReturnType<Cluster['fetchTopicsOffset']>>[number]

interface Reading {
  readonly span: PartitionSpan
  at: number
  /** Producers whose aborted transaction we are in. */
  readonly aborting: Set<bigint>
}

export interface PartitionReader {
  /** The cluster's id, where it says one, and the names of its topics. */
  about(): Promise<{ readonly id: string | undefined; readonly topics: readonly string[] }>
  /** All of a topic as it is now: from what is left to what is written, committed or not. Undefined when there is no such topic. */
  spans(topic: string): Promise<PartitionSpan[] | undefined>
  /** Every batch of a span, those that end transactions and those of aborted or open ones too, as far as the partition has them now. */
  raw(span: PartitionSpan): Promise<RecordBatch[]>
  /** Rejects with Unreachable: 'stuck' when a transaction stays open, or what the connection says. */
  read(options: ReadPartitions): Promise<void>
}

export async function partitionReader(client: KafkaClient, signal: AbortSignal): Promise<PartitionReader> {
  const cluster = clusterParts(client)
  await withDeadline('connect', FETCH_MS_MAX, signal, cluster.connect())
  return {
    async about() {
      const found = await withDeadline('ask for the topics', FETCH_MS_MAX, signal, cluster.metadata())
      return { id: found.clusterId, topics: found.topicMetadata.map((it) => it.topic) }
    },
    spans: (topic) => withDeadline(`ask for the ends of ${topic}`, FETCH_MS_MAX, signal, spansOf(cluster, topic)),
    raw: (span) => rawBatches(cluster, span, signal),
    read(options) {
      const readings = options.spans
        .filter((it) => it.from < it.to)
        .map((span) => ({ span, at: span.from, aborting: new Set<bigint>() }))
      return readAll(cluster, readings, options, signal)
    },
  }
}

async function spansOf(cluster: Cluster, topic: string): Promise<PartitionSpan[] | undefined> {
  try {
    await cluster.addMultipleTargetTopics([topic])
  } catch (error) {
    if (explain(error).protocol === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    throw error
  }
  const [low, high] = await endsOf(cluster, topic)
  const from = new Map(low?.partitions.map((it) => [it.partition, Number(it.offset)]))
  return (high?.partitions ?? []).map(({ partition, offset }) => ({
    topic,
    partition,
    from: from.get(partition) ?? 0,
    to: Number(offset),
  }))
}

/** Of a topic that was just made, or whose leader has just moved, the broker that is asked may not know it yet. */
async function endsOf(cluster: Cluster, topic: string): Promise<TopicOffsets[]> {
  for (const until = performance.now() + LEADERS_MS_MAX; ; ) {
    try {
      const partitions = cluster.findTopicPartitionMetadata(topic).map((it) => ({ partition: it.partitionId }))
      const [low] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: true }])
      const [high] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }])
      return [low, high].flatMap((it) => it ?? [])
    } catch (error) {
      if (!LEADER_MOVED.has((error as { code?: number }).code ?? 0) || performance.now() > until) throw error
      await askLeaders(cluster)
    }
  }
}

async function rawBatches(cluster: Cluster, span: PartitionSpan, signal: AbortSignal): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  const until = performance.now() + LEADERS_MS_MAX
  await cluster.addMultipleTargetTopics([span.topic])
  for (let at = span.from; at < span.to; ) {
    const leader = [...byLeader(cluster, [{ span, at, aborting: new Set() }]).keys()][0] ?? -1
    const node = leader < 0 ? undefined : await cluster.findBroker({ nodeId: String(leader) })
    const [answer] = node ? readFetchResponse(await fetchFrom(node, [{ span, at }], signal, READ_UNCOMMITTED)) : []
    if (!answer || LEADER_MOVED.has(answer.error)) {
      if (performance.now() > until) throw stuck([{ span, at }])
      await askLeaders(cluster)
      continue
    }
    const reading = { at }
    advance(reading, answer, span)
    batches.push(...answer.batches)
    if (reading.at === at) break
    at = reading.at
  }
  return batches
}

async function readAll(
  cluster: Cluster,
  readings: readonly Reading[],
  options: ReadPartitions,
  signal: AbortSignal,
): Promise<void> {
  const all = readings.reduce((sum, it) => sum + it.span.to - it.span.from, 0)
  const left = () => readings.filter((it) => it.at < it.span.to)
  let moved = performance.now()
  for (let open = left(); open.length > 0; open = left()) {
    const before = positions(readings)
    const groups = byLeader(cluster, open)
    await Promise.all([...groups].map(([leader, group]) => readFrom(cluster, leader, group, options, signal)))
    const done = positions(readings)
    if (done > before) moved = performance.now()
    else if (performance.now() - moved > STUCK_MS_MAX) throw stuck(open)
    options.onProgress(
      Math.min(
        all,
        readings.reduce((sum, it) => sum + Math.min(it.at, it.span.to) - it.span.from, 0),
      ),
      all,
    )
  }
}

function positions(readings: readonly Reading[]): number {
  return readings.reduce((sum, it) => sum + it.at, 0)
}

function stuck(open: readonly At[]): Unreachable {
  const where = open.map((it) => `${it.span.topic}/${it.span.partition} at ${it.at}`).join(', ')
  return new Unreachable('stuck', `nothing more can be read for ${STUCK_MS_MAX / 1000} s: ${where}`, {
    remedy: 'a transaction is open there: look for its producer, or abort it',
  })
}

function byLeader(cluster: Cluster, readings: readonly Reading[]): Map<number, Reading[]> {
  const groups = new Map<number, Reading[]>()
  for (const it of readings) {
    const found = cluster.findTopicPartitionMetadata(it.span.topic).find((one) => one.partitionId === it.span.partition)
    const leader = found?.leader ?? -1
    groups.set(leader, [...(groups.get(leader) ?? []), it])
  }
  return groups
}

/** Fetches from one leader until a partition is done or the leader has moved. The next answer is under way while one is read. */
async function readFrom(
  cluster: Cluster,
  leader: number,
  readings: readonly Reading[],
  options: ReadPartitions,
  signal: AbortSignal,
): Promise<void> {
  if (leader < 0) return askLeaders(cluster)
  const node = await cluster.findBroker({ nodeId: String(leader) })
  let waiting = fetchFrom(node, readings, signal)
  for (;;) {
    const answers = readFetchResponse(await waiting)
    const fresh = answers.map((answer) => ({ answer, reading: readingOf(readings, answer) }))
    if (answers.some((it) => LEADER_MOVED.has(it.error))) return askLeaders(cluster)
    for (const { answer, reading } of fresh) advance(reading, answer, reading.span, options.onDeleted)
    const unfinished = readings.filter((it) => it.at < it.span.to)
    const more = unfinished.length === readings.length && answers.some((it) => it.batches.length > 0)
    if (more) {
      waiting = fetchFrom(node, readings, signal)
      waiting.catch(() => {})
    }
    for (const { answer, reading } of fresh) await handOut(reading, answer, options)
    if (!more) return
  }
}

async function askLeaders(cluster: Cluster): Promise<void> {
  await setTimeout(LEADER_ASK_MS)
  await cluster.refreshMetadata()
}

function readingOf(readings: readonly Reading[], answer: FetchedPartition): Reading {
  const found = readings.find((it) => it.span.topic === answer.topic && it.span.partition === answer.partition)
  if (!found) throw new Error(`an answer for ${answer.topic}/${answer.partition}, which nobody asked for`)
  return found
}

/** Records that retention deletes while we read are gone: go on where the log starts now. */
function advance(
  reading: { at: number },
  answer: FetchedPartition,
  { to }: PartitionSpan,
  onDeleted?: ReadPartitions['onDeleted'],
): void {
  if (answer.error === OFFSET_OUT_OF_RANGE) {
    reading.at = Math.max(reading.at, answer.logStart < 0 ? to : answer.logStart)
    onDeleted?.(answer.topic, answer.partition)
  } else if (answer.error === TOPIC_AUTHORIZATION_FAILED)
    throw new Unreachable(READ_DENIED, `we may not read ${answer.topic}`, { remedy: 'allow Read on the topic' })
  else if (answer.error !== 0)
    throw new Unreachable('fetch-failed', `${answer.topic}/${answer.partition}: error ${answer.error} of the broker`, {
      remedy: 'the numbers of errors are on kafka.apache.org/protocol; the log of that broker says more',
    })
  reading.at = answer.batches.at(-1)?.end ?? reading.at
}

async function handOut(reading: Reading, answer: FetchedPartition, { onBatch }: ReadPartitions): Promise<void> {
  for (const batch of committedBatches(answer, reading.aborting))
    if (batch.first < reading.span.to && batch.end > reading.span.from) await onBatch(answer.topic, answer.partition, batch)
}

type At = Pick<Reading, 'span' | 'at'>

function fetchFrom(node: Node, readings: readonly At[], signal: AbortSignal, isolationLevel = READ_COMMITTED): Promise<Buffer> {
  const topics = new Map<string, object[]>()
  for (const { span, at } of readings) {
    const partition = { partition: span.partition, fetchOffset: String(at), maxBytes: PARTITION_BYTES_MAX }
    topics.set(span.topic, [...(topics.get(span.topic) ?? []), partition])
  }
  const request = fetchRequest({
    replicaId: -1,
    maxWaitTime: WAIT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES_MAX,
    isolationLevel,
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
  })
  const raw = { decode: async (payload: Buffer) => payload, parse: async (payload: Buffer) => payload }
  return withDeadline('fetch', FETCH_MS_MAX, signal, node.connectionPool.send({ request, response: raw }))
}
