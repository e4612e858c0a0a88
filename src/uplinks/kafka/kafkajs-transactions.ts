// Transactions by kafkajs: one producer, one transaction at a time. What happens to a transaction is one of three: committed, aborted for sure, or doubt.
import { setTimeout } from 'node:timers/promises'
import type { Producer, Transaction } from 'kafkajs'
import kafkajs from 'kafkajs'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import type { KafkaClient } from '../../clients/kafka/client.ts'
import { explain } from '../../clients/kafka/explain.ts'
import { messagesOf } from '../../clients/kafka/records.ts'
import type { Cluster, Offsets, RefusedTransaction } from './cluster.ts'
import { REFUSALS } from './cluster.ts'
import { ABORT_MS_MAX, BEGIN_MS_MAX, newPace, TRANSACTION_MS_MAX } from './deadlines.ts'
import type { Packed } from './pack.ts'
import { roundsOf } from './rounds.ts'

const DISCONNECT_MS_MAX = 2_000
const CONCURRENT_MS = 4
/** What the broker says of the topics beside one that it refuses; of several answers the library throws the first. */
const OTHER_REFUSED = 'OPERATION_NOT_ATTEMPTED'
/** kafkajs starts sequences anew at 2^31 where Kafka goes on from 0 in another way: a new producer long before. */
const RECORDS_MAX = 2 ** 30

interface Work {
  readonly packed: Packed
  readonly offsets: Offsets
  /** A call for each topic. */
  readonly isApart: boolean
}

type Outcome = 'committed' | 'one of several' | RefusedTransaction

export function kafkajsTransactions(client: KafkaClient, id: string): Pick<Cluster, 'fence' | 'commit' | 'close'> {
  const pace = newPace()
  let producer: Producer | undefined
  let sent = 0

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
    return withDeadline('begin a transaction', BEGIN_MS_MAX, signal, opening)
  }

  /** All topics in one call, where they are not to be told apart: each call takes the way there and back four times. */
  async function fill(transaction: Transaction, { packed, offsets, isApart }: Work, at: { topics: string[] }): Promise<void> {
    await storeOffsets(transaction, offsets)
    const byTopic = [...packed.batches].map(([topic, batches]) => batches.map((batch) => ({ topic, batch })))
    for (const own of isApart ? byTopic : [byTopic.flat()]) {
      at.topics = [...new Set(own.map((it) => it.topic))]
      for (const round of roundsOf(own)) {
        const topicMessages = [...Map.groupBy(round, (it) => it.topic)].map(([topic, some]) => ({
          topic,
          messages: messagesOf(some.map((it) => it.batch)),
        }))
        await transaction.sendBatch({ acks: -1, compression: kafkajs.CompressionTypes.ZSTD, topicMessages })
      }
    }
  }

  /** A producer of its own: InitProducerId ends what is open under the id, and shuts out whatever is still under way of it. */
  async function takeAnew(signal: AbortSignal): Promise<void> {
    await drop()
    const transaction = await begin(signal)
    await withDeadline('abort an empty transaction', ABORT_MS_MAX, signal, transaction.abort())
  }

  /**
   * What a failure means. The library waits for no other broker when one has refused: what is under way to that one must not come after the abort.
   * Brokers without KIP-890 would take it in the same epoch, into the next transaction. And sequences are counted wrong after a refused send.
   */
  async function decide(error: unknown, topics: readonly string[], signal: AbortSignal): Promise<Outcome> {
    const refused = explain(error)
    const isOther = refused.protocol === OTHER_REFUSED && topics.length > 1
    if (!REFUSALS.has(refused.protocol) && !isOther) throw asUnreachable(error)
    await takeAnew(signal)
    return topics.length > 1 ? 'one of several' : { refused, topic: topics[0] }
  }

  async function attempt(work: Work, signal: AbortSignal): Promise<Outcome> {
    const { packed } = work
    const began = performance.now()
    const left = pace.begin(packed.bytes)
    const transaction = await begin(signal)
    const at = { topics: [] as string[] }
    try {
      await withDeadline('send', left(), signal, fill(transaction, work, at))
    } catch (error) {
      return decide(error, at.topics, signal)
    }
    await withDeadline('commit', left(), signal, transaction.commit())
    sent += packed.records
    pace.committed(packed.bytes, performance.now() - began)
    return 'committed'
  }

  return {
    // Anew even where this producer holds the id already: a commit is answered before its offsets can be read, InitProducerId only after.
    fence: takeAnew,
    async commit(packed, offsets, signal) {
      const outcome = await attempt({ packed, offsets, isApart: false }, signal)
      // Which of several topics was refused the library does not say: one after the other shows it.
      return outcome === 'one of several' ? alone(await attempt({ packed, offsets, isApart: true }, signal)) : outcome
    },
    close: drop,
  }
}

function alone(outcome: Outcome): 'committed' | RefusedTransaction {
  if (outcome === 'one of several') throw new Error('several topics where each was sent alone')
  return outcome
}

/** First of all: until the coordinator is done with the transaction before it refuses, and here nothing is sent yet that could be sent twice. */
async function storeOffsets(transaction: Transaction, { group, topic, offset, metadata }: Offsets): Promise<void> {
  const partitions = [{ partition: 0, offset, metadata } as { partition: number; offset: string }]
  for (const ends = performance.now() + BEGIN_MS_MAX; ; ) {
    try {
      return await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions }] })
    } catch (error) {
      if (explain(error).protocol !== 'CONCURRENT_TRANSACTIONS' || performance.now() > ends) throw error
      await setTimeout(CONCURRENT_MS)
    }
  }
}
