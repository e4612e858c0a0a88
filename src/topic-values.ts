// The values of a topic as JSON: what `plant verify` compares with what was served. Nothing but the batch at hand is in memory.
import { forEachRecord } from './clients/kafka/batches.ts'
import { kafkaClient } from './clients/kafka/client.ts'
import { partitionReader } from './clients/kafka/fetch.ts'
import type { Logger } from './core/source.ts'

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Committed records up to the ends at the start, a partition's in their order; a topic that does not exist has none. Rejects with what the connection says. */
export async function readTopic(
  brokers: readonly string[],
  topic: string,
  visit: (value: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const client = kafkaClient({ brokers }, { clientId: 'holdfast-topic', log: SILENT })
  try {
    const reader = await partitionReader(client, signal)
    const spans = (await reader.spans(topic)) ?? []
    const ends = new Map(spans.map((it) => [it.partition, it.to]))
    await reader.read({
      spans,
      onBatch: (_topic, partition, batch) =>
        forEachRecord(batch, ({ offset, bytes, valueAt, valueLength }) => {
          // A batch may go on behind the end.
          if (offset >= (ends.get(partition) ?? 0) || valueLength < 0) return
          visit(JSON.parse(bytes.toString('utf8', valueAt, valueAt + valueLength)))
        }),
      onProgress: () => undefined,
    })
  } finally {
    client.destroy()
  }
}
