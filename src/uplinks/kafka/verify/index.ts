// Proves from the topics that every sequence is there once, or named. Reads as read_committed from the beginning to the ends at the start.
//
//   topics ─► collect (records, checkpoints) ─► judge: each cluster by itself, several of them together
import type { KafkaAccess } from '../../../clients/kafka/access.ts'
import { asUnreachable } from '../../../clients/kafka/access.ts'
import { kafkaClient } from '../../../clients/kafka/client.ts'
import { partitionReader } from '../../../clients/kafka/fetch.ts'
import type { Logger } from '../../../core/source.ts'
import type { VerifyProgress, VerifyReport } from '../../../core/verify.ts'
import type { Collected } from './collect.ts'
import { collector } from './collect.ts'
import type { Deleted } from './judge.ts'
import { isProven, judge, judgeTogether, totalsOf } from './judge.ts'
import type { PartitionPlace, RoleSpan, TopicNames, TopicRole } from './topics.ts'
import { spansOf } from './topics.ts'

export interface VerifiedCluster extends KafkaAccess {
  readonly topics?: TopicNames | undefined
  /** Before the names of all topics: what a mirror puts there. */
  readonly prefix?: string | undefined
}

export interface VerifyOptions extends VerifiedCluster {
  /** More clusters that the same boxes send to: each is proven by itself, and all together. */
  readonly and?: readonly VerifiedCluster[] | undefined
  /** Of this box alone. */
  readonly device?: string | undefined
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly log?: Logger | undefined
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Rejects with Unreachable when a cluster cannot be read. */
export async function verifyTopics(options: VerifyOptions): Promise<VerifyReport> {
  const began = performance.now()
  const found: Read[] = []
  for (const cluster of [options, ...(options.and ?? [])])
    found.push(await readCluster(cluster, options, progressOver(found, options)))
  const reports = found.map((it) => reportOf(it, (performance.now() - began) / 1000))
  const [first, ...others] = reports as [VerifyReport, ...VerifyReport[]]
  if (others.length === 0) return first
  const streams = judgeTogether(found)
  const sum = (of: (it: VerifyReport) => number) => reports.reduce((total, it) => total + of(it), 0)
  return {
    ok: isProven(streams) && reports.every((it) => it.ok),
    streams,
    totals: totalsOf(streams),
    topics: [],
    absent: [],
    unread: [],
    contradictions: [],
    foreign: sum((it) => it.foreign),
    checkpoints: sum((it) => it.checkpoints),
    seconds: first.seconds,
    clusters: reports.map((report, i) => ({ brokers: (found[i] as Read).brokers, report })),
  }
}

interface Read {
  readonly brokers: string
  readonly prefix: string
  readonly collected: Collected
  readonly spans: readonly RoleSpan[]
  readonly absent: readonly string[]
  readonly deleted: Deleted
  readonly offsets: number
}

/** Counts on from what was read of other clusters. */
function progressOver(before: readonly Read[], { onProgress, and = [] }: VerifyOptions): VerifyOptions['onProgress'] {
  const done = before.reduce((sum, it) => sum + it.offsets, 0)
  // Of those that come later nobody has asked yet.
  const isLast = before.length === and.length
  return (
    onProgress && (({ records, of }) => onProgress({ records: done + records, of: isLast && of !== null ? done + of : null }))
  )
}

async function readCluster(
  cluster: VerifiedCluster,
  options: VerifyOptions,
  onProgress: VerifyOptions['onProgress'],
): Promise<Read> {
  const client = kafkaClient(cluster, { clientId: 'holdfast-verify', log: options.log ?? SILENT })
  try {
    const reader = await partitionReader(client, options.signal ?? new AbortController().signal)
    const { id, topics } = await reader.about()
    const prefix = cluster.prefix ?? ''
    const { spans, absent } = await spansOf(reader, topics, cluster.topics, prefix)
    const places = spans.map(({ topic, partition, role, from }) => ({ topic, partition, role, start: from }))
    const { collected, add } = collector({ device: options.device, cluster: id, places })
    const placeOf = new Map<string, PartitionPlace>(places.map((it) => [`${it.topic}/${it.partition}`, it]))
    const at = (topic: string, partition: number) => placeOf.get(`${topic}/${partition}`) as PartitionPlace
    const moving = new Set<TopicRole>()
    // Offsets count control records and gaps of aborted transactions too: the share is right, the number is what was read.
    const offsets = offsetsOf(spans)
    let before = 0
    for (const part of [spans.filter((it) => it.role === 'gaps'), spans.filter((it) => it.role !== 'gaps')]) {
      await reader.read({
        spans: part,
        onBatch: (topic, partition, batch) => add(at(topic, partition), batch),
        onProgress: (done) => onProgress?.({ records: before + done, of: offsets }),
        onDeleted: (topic, partition) => moving.add(at(topic, partition).role),
      })
      before += offsetsOf(part)
    }
    const cut = new Set(spans.filter((it) => it.from > 0).map((it) => it.role))
    return { brokers: cluster.brokers.join(','), prefix, collected, spans, absent, deleted: { cut, moving }, offsets }
  } catch (error) {
    throw asUnreachable(error)
  } finally {
    client.destroy()
  }
}

const offsetsOf = (spans: readonly RoleSpan[]) => spans.reduce((sum, it) => sum + it.to - it.from, 0)

function reportOf({ collected, deleted, spans, absent, prefix }: Read, seconds: number): VerifyReport {
  const streams = judge({ collected, deleted })
  const topics = [...new Set(spans.map((it) => it.topic))].map((topic) => ({
    topic,
    partitions: spans.filter((it) => it.topic === topic).length,
    records: collected.byTopic.get(topic) ?? 0,
  }))
  const { foreign, checkpoints } = collected
  const partitions = new Map(topics.map((it) => [it.topic, it.partitions]))
  const told = [...collected.topics].map(([topic, count]) => ({ topic: `${prefix}${topic}`, count }))
  const contradictions = told.flatMap(({ topic, count }) => {
    const is = partitions.get(topic) ?? count
    return is < count ? [`${topic} has ${is} partitions, and a checkpoint says ${count}: it was made anew`] : []
  })
  return {
    ok: isProven(streams) && contradictions.length === 0,
    streams,
    totals: totalsOf(streams),
    topics,
    absent,
    unread: told.flatMap(({ topic }) => (partitions.has(topic) || absent.includes(topic) ? [] : [topic])),
    contradictions,
    foreign,
    checkpoints,
    seconds,
  }
}
