// The values of a topic as JSON, part by part: what `plant verify` compares with what was served.
import { kafkaClient } from './clients/kafka/client.ts'
import type { RecordBatch } from './clients/kafka/batches.ts'
import { forEachRecord } from './clients/kafka/batches.ts'
import { explain } from './clients/kafka/explain.ts'
import type { KafkaClient } from './clients/kafka/client.ts'
import type { PartitionSpan } from './clients/kafka/fetch.ts'
import { readPartitions } from './clients/kafka/fetch.ts'
import type { Logger } from './core/source.ts'

/** So many offsets are in memory at a time. */
const PART_OFFSETS = 100_000
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Committed records up to the ends at the start; a topic that does not exist has none. Rejects with what the connection says. */
export async function* topicValues(brokers: readonly string[], topic: string, signal: AbortSignal): AsyncIterable<unknown> {
  const client = kafkaClient({ brokers }, { clientId: 'holdfast-topic', log: SILENT })
  try {
    for (const { partition, from, to } of await spansOf(client, topic)) {
      for (let at = from; at < to; at += PART_OFFSETS) {
        yield* await valuesOf(client, { topic, partition, from: at, to: Math.min(to, at + PART_OFFSETS) }, signal)
      }
    }
  } finally {
    client.destroy()
  }
}

async function spansOf(client: KafkaClient, topic: string): Promise<PartitionSpan[]> {
  const admin = client.kafka.admin()
  try {
    await admin.connect()
    const ends = await admin.fetchTopicOffsets(topic)
    return ends.map(({ partition, low, high }) => ({ topic, partition, from: Number(low), to: Number(high) }))
  } catch (error) {
    if (explain(error).protocol === 'UNKNOWN_TOPIC_OR_PARTITION') return []
    throw error
  } finally {
    await admin.disconnect()
  }
}

async function valuesOf(client: KafkaClient, span: PartitionSpan, signal: AbortSignal): Promise<unknown[]> {
  const values: unknown[] = []
  // A batch may begin before the part or end behind it: those records belong to another part.
  const add = (batch: RecordBatch): void =>
    forEachRecord(batch, ({ offset, bytes, valueAt, valueLength }) => {
      if (offset < span.from || offset >= span.to || valueLength < 0) return
      values.push(JSON.parse(bytes.toString('utf8', valueAt, valueAt + valueLength)))
    })
  await readPartitions({ client, spans: [span], onBatch: (_, __, batch) => add(batch), onProgress: () => undefined, signal })
  return values
}
