// One producer, one transaction at a time. What happens to a transaction is one of three: committed, aborted for sure, or doubt.
import { setTimeout } from 'node:timers/promises'
import type { Producer, Transaction } from 'kafkajs'
import kafkajs from 'kafkajs'
import type { KafkaClient } from '../../clients/kafka/client.ts'
import { asUnreachable, withDeadline } from '../../clients/kafka/client.ts'
import type { Explained } from '../../clients/kafka/explain.ts'
import { explain } from '../../clients/kafka/explain.ts'
import type { PreparedBatch } from '../../clients/kafka/records.ts'
import { messagesOf } from '../../clients/kafka/records.ts'
import type { Packed } from './pack.ts'

/** The broker aborts what takes longer; a reader of others' records waits for at most so long. Every deadline of ours is below it. */
const TRANSACTION_MS_MAX = 30_000
const DEADLINE_MS_MIN = 15_000
const DEADLINE_MS_MAX = 27_000
const ABORT_MS_MAX = 6_000
const DISCONNECT_MS_MAX = 2_000
const CONCURRENT_MS = 4
/** kafkajs starts sequences anew at 2^31 where Kafka goes on from 0 in another way: a new producer long before. */
const RECORDS_MAX = 2 ** 30

/** Errors after which nothing was committed, if the transaction can be aborted: somebody has to change something at the destination. */
const REFUSALS = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TIMESTAMP',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'INVALID_RECORD',
  'POLICY_VIOLATION',
])

/** Nothing was committed. `topic`: where it was refused, undefined when it was the position. */
export interface RefusedTransaction {
  readonly refused: Explained
  readonly topic: string | undefined
}

export interface Offsets {
  readonly group: string
  readonly topic: string
  readonly offset: string
  readonly metadata: string
}

export interface TransactionalProducer {
  /** Aborts what predecessors left open and shuts them out. What was committed can be read from then on. */
  fence(signal: AbortSignal): Promise<void>
  /** Resolves when committed, or refused for sure; rejects in doubt, and then this producer is of no more use. */
  commit(packed: Packed, offsets: Offsets, signal: AbortSignal): Promise<'committed' | RefusedTransaction>
  close(): Promise<void>
}

export function transactionalProducer(client: KafkaClient, id: string): TransactionalProducer {
  let producer: Producer | undefined
  let sent = 0
  /** Bytes a millisecond, as measured; undefined until the first large transaction. */
  let rate: number | undefined

  async function ready(): Promise<Producer> {
    if (producer && sent < RECORDS_MAX) return producer
    await drop()
    sent = 0
    producer = client.kafka.producer({
      transactionalId: id,
      transactionTimeout: TRANSACTION_MS_MAX,
      maxInFlightRequests: 1,
      // A failed send is doubt, not something to repeat: by its source the library sends anew, with new sequence numbers, what another broker
      // may have already. It takes no retries of 0 with `idempotent`; inside a transaction it is idempotent without being told.
      retry: { retries: 0 },
      allowAutoTopicCreation: false,
      // Every record comes with its partition (clients/kafka/records.ts).
      createPartitioner: () => () => 0,
    })
    await producer.connect()
    return producer
  }

  async function drop(): Promise<void> {
    const old = producer
    producer = undefined
    if (old) await withDeadline('disconnect', DISCONNECT_MS_MAX, undefined, old.disconnect()).catch(() => {})
  }

  /** The transactional id is taken (InitProducerId) only by a producer's first transaction. */
  async function begin(signal: AbortSignal): Promise<Transaction> {
    const opening = ready().then((it) => it.transaction())
    return withDeadline('begin a transaction', DEADLINE_MS_MIN, signal, opening)
  }

  async function fill(
    transaction: Transaction,
    packed: Packed,
    offsets: Offsets,
    at: { topic: string | undefined },
  ): Promise<void> {
    await storeOffsets(transaction, offsets)
    for (const [topic, batches] of packed.batches) {
      at.topic = topic
      for (const round of roundsOf(batches)) {
        await transaction.send({ topic, acks: -1, compression: kafkajs.CompressionTypes.ZSTD, messages: messagesOf(round) })
      }
    }
  }

  /** What a failure means. Sequences are counted wrong after a refused send, so the next transaction has a producer of its own. */
  async function decide(error: unknown, transaction: Transaction, topic: string | undefined): Promise<RefusedTransaction> {
    const refused = explain(error)
    if (!refused.protocol || !REFUSALS.has(refused.protocol)) throw asUnreachable(error)
    await withDeadline('abort the transaction', ABORT_MS_MAX, undefined, transaction.abort())
    await drop()
    return { refused, topic }
  }

  function deadlineMs(bytes: number): number {
    const forBytes = rate === undefined ? DEADLINE_MS_MAX : DEADLINE_MS_MIN + (bytes / rate) * 2
    return Math.min(DEADLINE_MS_MAX, forBytes)
  }

  return {
    async fence(signal) {
      // Anew even where this producer holds the id already: a commit is answered before its offsets can be read, InitProducerId only after.
      await drop()
      const transaction = await begin(signal)
      await withDeadline('abort an empty transaction', ABORT_MS_MAX, signal, transaction.abort())
    },
    async commit(packed, offsets, signal) {
      const began = performance.now()
      const ends = began + deadlineMs(packed.bytes)
      const left = () => Math.max(1, ends - performance.now())
      const transaction = await begin(signal)
      const at = { topic: undefined as string | undefined }
      try {
        await withDeadline('send', left(), signal, fill(transaction, packed, offsets, at))
      } catch (error) {
        return decide(error, transaction, at.topic)
      }
      await withDeadline('commit', left(), signal, transaction.commit())
      sent += packed.records
      if (packed.bytes > 10_000) rate = packed.bytes / (performance.now() - began)
      return 'committed'
    },
    close: drop,
  }
}

/** First of all: until the coordinator is done with the transaction before it refuses, and here nothing is sent yet that could be sent twice. */
async function storeOffsets(transaction: Transaction, { group, topic, offset, metadata }: Offsets): Promise<void> {
  const partitions = [{ partition: 0, offset, metadata } as { partition: number; offset: string }]
  for (const ends = performance.now() + DEADLINE_MS_MIN; ; ) {
    try {
      return await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions }] })
    } catch (error) {
      if (explain(error).protocol !== 'CONCURRENT_TRANSACTIONS' || performance.now() > ends) throw error
      await setTimeout(CONCURRENT_MS)
    }
  }
}

/** The batches of a partition one after the other, of all partitions at a time. */
function roundsOf(batches: readonly PreparedBatch[]): PreparedBatch[][] {
  const rounds: PreparedBatch[][] = []
  const placed = new Map<number, number>()
  for (const batch of batches) {
    const round = placed.get(batch.partition) ?? 0
    placed.set(batch.partition, round + 1)
    ;(rounds[round] ??= []).push(batch)
  }
  return rounds
}
