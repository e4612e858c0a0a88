// Proves from the topics that every sequence is there once, or named. Reads as read_committed from the beginning to the ends at the start.
import type { KafkaAccess } from '../../../clients/kafka/client.ts'
import { asUnreachable, kafkaClient } from '../../../clients/kafka/client.ts'
import type { PartitionReader, PartitionSpan } from '../../../clients/kafka/fetch.ts'
import { partitionReader } from '../../../clients/kafka/fetch.ts'
import type { Logger } from '../../../core/source.ts'
import type { VerifyProgress, VerifyReport } from '../../../core/verify.ts'
import type { Collected, PartitionPlace, TopicRole } from './collect.ts'
import { collector } from './collect.ts'
import { isProven, judge, totalsOf } from './judge.ts'

export interface VerifyOptions extends KafkaAccess {
  /** Of this box alone. */
  readonly device?: string | undefined
  readonly topics?: Partial<Readonly<Record<TopicRole, string | readonly string[]>>> | undefined
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly log?: Logger | undefined
}

const DEFAULT_TOPICS = {
  telemetry: 'holdfast.telemetry.v1',
  aggregates: 'holdfast.aggregates.v1',
  events: 'holdfast.events.v1',
  gaps: 'holdfast.gaps.v1',
} as const
/** A checkpoint must not speak of records behind the ends that we read to: the ends of the events are asked for first. */
const ROLES: readonly TopicRole[] = ['events', 'telemetry', 'aggregates', 'gaps']
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Rejects with Unreachable when the cluster cannot be read. */
export async function verifyTopics(options: VerifyOptions): Promise<VerifyReport> {
  const began = performance.now()
  const client = kafkaClient(options, { clientId: 'holdfast-verify', log: options.log ?? SILENT })
  try {
    const reader = await partitionReader(client, options.signal ?? new AbortController().signal)
    const { spans, absent } = await spansOf(reader, options)
    const collected = await readAll(reader, spans, options)
    return reportOf(collected, spans, absent, (performance.now() - began) / 1000)
  } catch (error) {
    throw asUnreachable(error)
  } finally {
    client.destroy()
  }
}

interface Span extends PartitionSpan {
  readonly role: TopicRole
}

async function spansOf(reader: PartitionReader, options: VerifyOptions): Promise<{ spans: Span[]; absent: string[] }> {
  const spans: Span[] = []
  const absent: string[] = []
  for (const role of ROLES) {
    for (const topic of [options.topics?.[role] ?? DEFAULT_TOPICS[role]].flat()) {
      const found = await reader.spans(topic)
      if (found) spans.push(...found.map((it) => ({ ...it, role })))
      else absent.push(topic)
    }
  }
  return { spans, absent }
}

async function readAll(reader: PartitionReader, spans: readonly Span[], options: VerifyOptions): Promise<Collected> {
  const { collected, add } = collector(options.device)
  const places = new Map<string, PartitionPlace>(
    spans.map((it) => [
      `${it.topic}/${it.partition}`,
      { topic: it.topic, partition: it.partition, role: it.role, expired: it.from > 0 },
    ]),
  )
  // Offsets count control records and gaps of aborted transactions too: the share is right, the number is what was read.
  const of = spans.reduce((sum, it) => sum + it.to - it.from, 0)
  const gapsFirst = [spans.filter((it) => it.role === 'gaps'), spans.filter((it) => it.role !== 'gaps')]
  let before = 0
  for (const part of gapsFirst) {
    await reader.read({
      spans: part,
      onBatch: (topic, partition, batch) => add(places.get(`${topic}/${partition}`) as PartitionPlace, batch),
      onProgress: (done) => options.onProgress?.({ records: before + done, of }),
    })
    before += part.reduce((sum, it) => sum + it.to - it.from, 0)
  }
  return collected
}

function reportOf(collected: Collected, spans: readonly Span[], absent: readonly string[], seconds: number): VerifyReport {
  const roles = { raw: 'telemetry', aggregate: 'aggregates', gap: 'gaps', event: 'events' } as const
  const streams = judge(collected, (form) =>
    spans.filter((it) => it.role === roles[form] && it.from > 0).map((it) => `${it.topic}/${it.partition}`),
  )
  const topics = [...new Set(spans.map((it) => it.topic))].map((topic) => ({
    topic,
    partitions: spans.filter((it) => it.topic === topic).length,
    records: collected.byTopic.get(topic) ?? 0,
  }))
  const { foreign, checkpoints } = collected
  return { ok: isProven(streams), streams, totals: totalsOf(streams), topics, absent, foreign, checkpoints, seconds }
}
