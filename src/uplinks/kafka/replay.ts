// Rows of a query as records once more, in a topic that somebody names: key, value and id as they were, marked as replayed. At least once: whoever reads
// them keeps one of each id. Touches no position and no topic of the uplink's own.
import kafkajs from 'kafkajs'
import type { KafkaAccess } from '../../clients/kafka/access.ts'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import { kafkaClient } from '../../clients/kafka/client.ts'
import type { RecordWriter } from '../../clients/kafka/records.ts'
import { BATCH_OVERHEAD_BYTES, messagesOf, recordWriter } from '../../clients/kafka/records.ts'
import type { QueryRow } from '../../core/agent-api.ts'
import type { Logger } from '../../core/source.ts'
import type { Traffic } from '../../core/uplink.ts'
import { askTopics } from './kafkajs-cluster.ts'
import { replayRecords } from './replay-record.ts'
import type { Topic } from './topics.ts'
import { isMissing, onlyTopic, timestampOf, unreachableTopic } from './topics.ts'

export interface ReplayOptions extends KafkaAccess {
  readonly topic: string
  readonly site: string
  /** With `origin`. */
  readonly rows: AsyncIterable<QueryRow>
  readonly signal: AbortSignal
  /** Source address of every socket. */
  readonly localAddress?: string | undefined
  readonly traffic?: Traffic | undefined
}

const CALL_MS_MAX = 30_000
/** Of all partitions together, uncompressed. */
const HELD_BYTES_MAX = 4_000_000
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Resolves with how many records were written. Rejects with Unreachable: the topic is not there, or the cluster does not answer. */
export async function replayTo(options: ReplayOptions): Promise<number> {
  const { signal, localAddress, traffic } = options
  const client = kafkaClient(options, { clientId: 'holdfast-replay', log: SILENT, localAddress, traffic })
  try {
    const admin = client.kafka.admin()
    await withDeadline('connect', CALL_MS_MAX, signal, admin.connect())
    const asked = await withDeadline('ask for the topic', CALL_MS_MAX, signal, askTopics(admin, [options.topic]))
    const topic = onlyTopic(asked)
    if (isMissing(topic)) throw unreachableTopic(topic)
    const producer = client.kafka.producer({
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: () => () => 0,
    })
    await withDeadline('connect', CALL_MS_MAX, signal, producer.connect())
    const send = (messages: kafkajs.Message[]) =>
      withDeadline(
        'send',
        CALL_MS_MAX,
        signal,
        producer.send({ topic: topic.name, acks: -1, compression: kafkajs.CompressionTypes.ZSTD, messages }),
      )
    return await writeAll(options, topic, send)
  } catch (error) {
    throw asUnreachable(error)
  } finally {
    client.destroy()
  }
}

async function writeAll(
  { rows, site, signal }: ReplayOptions,
  topic: Topic,
  send: (messages: kafkajs.Message[]) => Promise<unknown>,
): Promise<number> {
  const recordOf = replayRecords(site, topic)
  const writers = new Map<number, RecordWriter>()
  const heldBytes = () => [...writers.values()].reduce((sum, it) => sum + it.bytes, 0)
  let count = 0

  async function flush(): Promise<void> {
    const full = [...writers].filter(([, it]) => it.count > 0).map(([partition, it]) => it.close(partition))
    if (full.length > 0) await send(messagesOf(full))
  }

  for await (const row of rows) {
    const now = Date.now()
    const { partition, text } = recordOf(row, now)
    let writer = writers.get(partition)
    if (!writer) writers.set(partition, (writer = recordWriter()))
    const isFull = writer.bytes + text.length + BATCH_OVERHEAD_BYTES > topic.batchBytesMax * 0.9
    if (isFull || (count % 1_000 === 0 && heldBytes() > HELD_BYTES_MAX)) await flush()
    writer.add(timestampOf(row.time, topic, now), text)
    count++
  }
  signal.throwIfAborted()
  await flush()
  return count
}
