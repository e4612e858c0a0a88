// At least once, by kafkajs: the records, then the position, for a service that has no transactions. Not idempotent: that it does only together with
// repeating a send by itself, and then with other numbers.
import type { Producer } from 'kafkajs'
import kafkajs from 'kafkajs'
import type Parts from 'kafkajs/src/cluster/index.js'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import type { KafkaClient } from '../../clients/kafka/client.ts'
import { explain } from '../../clients/kafka/explain.ts'
import { clusterParts } from '../../clients/kafka/parts.ts'
import { messagesOf } from '../../clients/kafka/records.ts'
import type { Cluster, Offsets } from './cluster.ts'
import { REFUSALS } from './cluster.ts'
import { BEGIN_MS_MAX, newPace } from './deadlines.ts'
import type { Packed } from './pack.ts'
import { roundsOf } from './rounds.ts'

export function kafkajsPlain(client: KafkaClient): Pick<Cluster, 'fence' | 'commit' | 'close'> {
  const pace = newPace()
  let held: { producer: Producer; parts: Parts } | undefined

  async function take() {
    const retry = { retries: 0 }
    const producer = client.kafka.producer({
      maxInFlightRequests: 1,
      retry,
      allowAutoTopicCreation: false,
      createPartitioner: () => () => 0,
    })
    const parts = clusterParts(client)
    await Promise.all([producer.connect(), parts.connect()])
    return (held = { producer, parts })
  }

  const ready = (signal: AbortSignal) => withDeadline('connect', BEGIN_MS_MAX, signal, take())

  async function send(producer: Producer, packed: Packed, at: { topic: string | undefined }): Promise<void> {
    for (const [topic, batches] of packed.batches) {
      at.topic = topic
      for (const round of roundsOf(batches.map((batch) => ({ topic, batch })))) {
        const messages = messagesOf(round.map((it) => it.batch))
        await producer.send({ topic, acks: -1, compression: kafkajs.CompressionTypes.ZSTD, messages })
      }
    }
  }

  return {
    async fence(signal) {
      if (!held) await ready(signal)
    },
    async commit(packed, offsets, signal) {
      const { producer, parts } = held ?? (await ready(signal))
      const began = performance.now()
      const left = pace.begin(packed.bytes)
      const at = { topic: undefined as string | undefined }
      try {
        await withDeadline('send', left(), signal, send(producer, packed, at))
        at.topic = undefined
        await withDeadline('store the position', left(), signal, storePosition(parts, offsets))
      } catch (error) {
        const refused = explain(error)
        if (!REFUSALS.has(refused.protocol)) throw asUnreachable(error)
        return { refused, topic: at.topic }
      }
      pace.committed(packed.bytes, performance.now() - began)
      return 'committed'
    },
    async close() {
      await held?.producer.disconnect()
    },
  }
}

async function storePosition(parts: Parts, { group, topic, offset, metadata }: Offsets): Promise<void> {
  const coordinator = await parts.findGroupCoordinator({ groupId: group })
  const topics = [{ topic, partitions: [{ partition: 0, offset, metadata }] }]
  await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', topics })
}
