// Transactions by our own client, one at a time.
//
//   repaired protocol (KIP-890)   Produce ‖ TxnOffsetCommit ─► EndTxn, whose answer has the next producer; sequences begin at 0 again
//   old protocol                  AddPartitions ─► Produce ‖ (AddOffsets ─► TxnOffsetCommit) ─► EndTxn
//
// Repeated is only what the coordinator did not begin since it was busy with the transaction before. What has failed for sure is aborted; whatever
// else fails is doubt: the transaction is left to the broker, to whose time-out or to the next fence.
import { setTimeout } from 'node:timers/promises'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import type { Connection } from '../../clients/kafka/direct/connection.ts'
import { isKafkaError, kafkaError } from '../../clients/kafka/direct/errors.ts'
import type { PartitionResult, Placed, Producer } from '../../clients/kafka/direct/transaction-calls.ts'
import {
  addOffsets,
  addPartitions,
  END_TXN,
  endTxn,
  initProducerId,
  PRODUCE,
  produce,
  TXN_OFFSET_COMMIT,
  txnOffsetCommit,
} from '../../clients/kafka/direct/transaction-calls.ts'
import { explain } from '../../clients/kafka/explain.ts'
import { Unreachable } from '../../core/errors.ts'
import type { Cluster, Offsets, RefusedTransaction } from './cluster.ts'
import { REFUSALS } from './cluster.ts'
import { ABORT_MS_MAX, BEGIN_MS_MAX, newPace, TRANSACTION_MS_MAX } from './deadlines.ts'
import type { Packed } from './pack.ts'
import { roundsOf } from './rounds.ts'

const CONCURRENT_MS = 3
const SOON_MS = 50
const SOON = ['NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE']
const CONCURRENT = 51
const OPERATION_NOT_ATTEMPTED = 55
const SEQUENCES = 2 ** 31

interface Held {
  producer: Producer
  readonly coordinator: number
  /** The group's coordinator, once the position was stored. */
  group: number | undefined
  /** What the cluster has agreed on. */
  readonly repaired: boolean
  readonly produceVersion: number
}

/** A failure of one partition or of the position. */
interface Failure {
  readonly topic: string | undefined
  readonly error: unknown
}

export function directTransactions(
  brokers: Brokers,
  id: string,
  leaderOf: (topic: string, partition: number) => number,
): Pick<Cluster, 'fence' | 'commit'> {
  const pace = newPace()
  const sequences = new Map<string, number>()
  let held: Held | undefined

  async function take(): Promise<Held> {
    const coordinator = await brokers.coordinator('transaction', id)
    const connection = await brokers.node(coordinator)
    const producer = await connection.send(initProducerId(id, TRANSACTION_MS_MAX))
    sequences.clear()
    const repaired = speaksRepaired(connection)
    const produceVersion = Math.min(connection.versionOf(PRODUCE) ?? 0, repaired ? 12 : 11)
    return (held = { producer, coordinator, group: undefined, repaired, produceVersion })
  }

  /** Until the coordinator is there and has ended what was open. */
  const fence = () => untilReady(take, SOON_MS, [...SOON, 'CONCURRENT_TRANSACTIONS'])

  async function fill(it: Held, packed: Packed, offsets: Offsets): Promise<Failure[]> {
    const coordinator = await brokers.node(it.coordinator)
    it.group ??= await brokers.coordinator('group', offsets.group)
    const group = await brokers.node(it.group)
    if (!it.repaired) {
      const failed = await begin(coordinator, it, packed)
      if (failed) return [failed]
    }
    const position = async () => {
      if (!it.repaired)
        await untilReady(() => coordinator.send(addOffsets(it.producer, offsets.group)), CONCURRENT_MS, [
          'CONCURRENT_TRANSACTIONS',
        ])
      const call = txnOffsetCommit(it.producer, it.repaired ? 5 : 3, offsets)
      await untilReady(() => group.send(call), CONCURRENT_MS, ['CONCURRENT_TRANSACTIONS'])
    }
    const stored = position().then(
      () => [],
      (error: unknown) => [{ topic: undefined, error }],
    )
    return (await Promise.all([sendRecords(it, packed), stored])).flat()
  }

  async function sendRecords(it: Held, packed: Packed): Promise<Failure[]> {
    const [first = [], ...later] = roundsOf(placedOf(packed, sequences))
    // The first of each partition adds it to the transaction, and the coordinator may not be ready for that. Those behind it would overtake it.
    const failures = await sendRound(it, first, true)
    if (failures.length > 0) return failures
    const rounds = await Promise.all(later.map((round) => sendRound(it, round, false)))
    // What fails takes those behind it along by their numbers: only the first failure of a partition says why.
    return firstOfEach(rounds.flat())
  }

  async function sendRound(it: Held, round: readonly Placed[], mayWait: boolean): Promise<Located[]> {
    const groups = Map.groupBy(round, ({ topic, batch }) => leaderOf(topic, batch.partition))
    const sending = [...groups].map(([leader, placed]) => sendTo(it, leader, placed, mayWait))
    return (await Promise.all(sending)).flat()
  }

  async function sendTo(it: Held, leader: number, placed: readonly Placed[], mayWait: boolean): Promise<Located[]> {
    try {
      const connection = await brokers.node(leader)
      const call = produce(it.producer, it.produceVersion, BEGIN_MS_MAX, placed)
      const answers = new Map((await connection.send(call)).map((one) => [`${one.topic}/${one.partition}`, one]))
      const results = placed.map((one) => ({ placed: one, answer: answers.get(keyOf(one)) }))
      const waiting = mayWait ? results.filter(({ answer }) => answer?.error === CONCURRENT).map((one) => one.placed) : []
      const failed = results
        .filter(({ placed: one }) => !waiting.includes(one))
        .flatMap(({ placed: one, answer }) => outcome(one, answer))
      if (waiting.length === 0) return failed
      await setTimeout(CONCURRENT_MS)
      return [...failed, ...(await sendTo(it, leader, waiting, true))]
    } catch (error) {
      return placed.map((one) => ({ topic: one.topic, key: keyOf(one), error }))
    }
  }

  /** Counts on where the broker has it. */
  function outcome(placed: Placed, answer: PartitionResult | undefined): Located[] {
    const key = keyOf(placed)
    if (answer?.error === 0) {
      sequences.set(key, (placed.sequence + placed.batch.count) % SEQUENCES)
      return []
    }
    const error = answer
      ? kafkaError(answer.error, key, answer.text)
      : new Unreachable('answer-unreadable', `the broker says nothing of ${key}`)
    return [{ topic: placed.topic, key, error }]
  }

  async function end(it: Held, what: 'commit' | 'abort'): Promise<void> {
    const coordinator = await brokers.node(it.coordinator)
    const call = endTxn(it.producer, it.repaired ? 5 : 3, what)
    it.producer = await untilReady(() => coordinator.send(call), CONCURRENT_MS, ['CONCURRENT_TRANSACTIONS'])
    if (it.repaired) sequences.clear()
  }

  async function decide(it: Held, failures: readonly Failure[]): Promise<RefusedTransaction> {
    const doubt = failures.find(({ error }) => !REFUSALS.has(explain(error).protocol))
    if (doubt) throw asUnreachable(doubt.error)
    const first = failures.find(({ topic }) => topic !== undefined) ?? (failures[0] as Failure)
    const nothingBegan = first.error instanceof Error && NOT_BEGUN in first.error
    if (!nothingBegan) await withDeadline('abort the transaction', ABORT_MS_MAX, undefined, end(it, 'abort'))
    return { refused: explain(first.error), topic: first.topic }
  }

  return {
    async fence(signal) {
      await withDeadline('take the transactional id', BEGIN_MS_MAX, signal, fence())
    },
    async commit(packed, offsets, signal) {
      const it = held ?? (await withDeadline('take the transactional id', BEGIN_MS_MAX, signal, fence()))
      const began = performance.now()
      const left = pace.begin(packed.bytes)
      const failures = await withDeadline('send', left(), signal, fill(it, packed, offsets))
      if (failures.length > 0) return decide(it, failures)
      await withDeadline('commit', left(), signal, end(it, 'commit'))
      pace.committed(packed.bytes, performance.now() - began)
      return 'committed'
    },
  }
}

type Located = Failure & { readonly key: string }

const NOT_BEGUN = 'notBegun'

function speaksRepaired(connection: Connection): boolean {
  const knows = (api: number, version: number) => (connection.versionOf(api) ?? 0) >= version
  return (
    connection.featureOf('transaction.version') >= 2 && knows(END_TXN, 5) && knows(TXN_OFFSET_COMMIT, 5) && knows(PRODUCE, 12)
  )
}

/** Old protocol: all partitions or none are in the transaction from then on. */
async function begin(coordinator: Connection, { producer }: Held, packed: Packed): Promise<Failure | undefined> {
  const topics = [...packed.batches].map(([topic, batches]) => ({
    topic,
    partitions: [...new Set(batches.map((it) => it.partition))],
  }))
  for (;;) {
    const failed = (await coordinator.send(addPartitions(producer, topics))).filter((it) => it.error !== 0)
    const first = failed.find((it) => it.error !== OPERATION_NOT_ATTEMPTED) ?? failed[0]
    if (!first) return undefined
    if (first.error !== CONCURRENT) {
      const error = kafkaError(first.error, `${first.topic}/${first.partition}`)
      return { topic: first.topic, error: Object.assign(error, { [NOT_BEGUN]: true }) }
    }
    await setTimeout(CONCURRENT_MS)
  }
}

/** In the order in which they stand, with the sequences that follow. */
function placedOf(packed: Packed, sequences: ReadonlyMap<string, number>): Placed[] {
  const next = new Map(sequences)
  return [...packed.batches].flatMap(([topic, batches]) =>
    batches.map((batch) => {
      const key = `${topic}/${batch.partition}`
      const sequence = next.get(key) ?? 0
      next.set(key, (sequence + batch.count) % SEQUENCES)
      return { topic, batch, sequence }
    }),
  )
}

function keyOf({ topic, batch }: Placed): string {
  return `${topic}/${batch.partition}`
}

function firstOfEach(failures: readonly Located[]): Failure[] {
  const known = new Set<string>()
  return failures.filter(({ key }) => !known.has(key) && known.add(key))
}

/** Whoever calls has a deadline, and destroys the client when it is over: then this ends too. */
async function untilReady<T>(work: () => Promise<T>, everyMs: number, errors: readonly string[]): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isKafkaError(error, ...errors)) throw error
      await setTimeout(everyMs)
    }
  }
}
