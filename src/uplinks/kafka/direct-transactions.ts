// Transactions by our own client, one at a time.
//
//   repaired protocol (KIP-890)   Produce ‖ TxnOffsetCommit ─► EndTxn, whose answer has the next producer; numbers begin at 0 again
//   old protocol                  AddPartitions ─► Produce ‖ (AddOffsets ─► TxnOffsetCommit) ─► EndTxn
//
// Repeated is only what the coordinator did not begin since it was busy with the transaction before. What has failed for sure is aborted; whatever
// else fails is doubt: the transaction is left to the broker, to whose time-out or to the next fence.
import { setTimeout } from 'node:timers/promises'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import type { Connection } from '../../clients/kafka/direct/connection.ts'
import { kafkaError } from '../../clients/kafka/direct/errors.ts'
import type { Producer } from '../../clients/kafka/direct/transaction-calls.ts'
import {
  addOffsets,
  addPartitions,
  END_TXN,
  endTxn,
  initProducerId,
  PRODUCE,
  TXN_OFFSET_COMMIT,
  txnOffsetCommit,
} from '../../clients/kafka/direct/transaction-calls.ts'
import { explain } from '../../clients/kafka/explain.ts'
import type { Cluster, Offsets, RefusedTransaction } from './cluster.ts'
import { REFUSALS } from './cluster.ts'
import { ABORT_MS_MAX, BEGIN_MS_MAX, newPace, TRANSACTION_MS_MAX } from './deadlines.ts'
import type { Failure, RecordSender } from './direct-sender.ts'
import { CONCURRENT, CONCURRENT_MS } from './direct-sender.ts'
import { endHanging } from './hanging.ts'
import type { Packed } from './pack.ts'
import { untilReady, whileBusy } from './until-ready.ts'

const SOON_MS = 50
const SOON = ['NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'CONCURRENT_TRANSACTIONS']
const OPERATION_NOT_ATTEMPTED = 55
const PRODUCE_OLD = 11
const PRODUCE_REPAIRED = 12

interface Held {
  producer: Producer
  readonly coordinator: number
  /** What the cluster has agreed on. */
  readonly repaired: boolean
  readonly produceVersion: number
}

export function directTransactions(brokers: Brokers, sender: RecordSender, id: string): Pick<Cluster, 'fence' | 'commit'> {
  const pace = newPace()
  let held: Held | undefined
  /** The group's coordinator. */
  let group: number | undefined

  async function take(): Promise<Held> {
    const coordinator = await brokers.coordinator('transaction', id)
    const connection = await brokers.node(coordinator)
    const producer = await connection.send(initProducerId(id, TRANSACTION_MS_MAX))
    sender.restart()
    const repaired = speaksRepaired(connection)
    const produceVersion = Math.min(connection.versionOf(PRODUCE) ?? 0, repaired ? PRODUCE_REPAIRED : PRODUCE_OLD)
    return (held = { producer, coordinator, repaired, produceVersion })
  }

  /** Until the coordinator is there and has ended what was open. */
  const fence = (signal: AbortSignal) =>
    withDeadline('take the transactional id', BEGIN_MS_MAX, signal, untilReady(take, SOON_MS, SOON))

  async function fill(it: Held, packed: Packed, offsets: Offsets): Promise<Failure[]> {
    const stored = storePosition(it, offsets).then(
      () => [],
      (error: unknown) => [{ topic: undefined, error }],
    )
    return (await Promise.all([sender.send(it.producer, it.produceVersion, packed), stored])).flat()
  }

  async function storePosition({ producer, coordinator, repaired }: Held, offsets: Offsets): Promise<void> {
    group ??= await brokers.coordinator('group', offsets.group)
    const [ofTransaction, ofGroup] = [await brokers.node(coordinator), await brokers.node(group)]
    if (!repaired) await whileBusy(() => ofTransaction.send(addOffsets(producer, offsets.group)))
    await whileBusy(() => ofGroup.send(txnOffsetCommit(producer, repaired ? 5 : 3, offsets)))
  }

  async function end(it: Held, what: 'commit' | 'abort'): Promise<void> {
    const coordinator = await brokers.node(it.coordinator)
    it.producer = await whileBusy(() => coordinator.send(endTxn(it.producer, it.repaired ? 5 : 3, what)))
    if (it.repaired) sender.restart()
  }

  /** Old protocol: numbers are counted on within an epoch, and a batch that was refused may be there in spite of it (not enough replicas after the append). The next one with its numbers would be taken for it and left out: a new epoch. */
  async function abort(it: Held): Promise<void> {
    await withDeadline('abort the transaction', ABORT_MS_MAX, undefined, end(it, 'abort'))
    if (!it.repaired) held = undefined
  }

  return {
    async fence(signal, ours) {
      const { producer } = await fence(signal)
      if (ours && (await endHanging(brokers, producer, ours, signal))) await fence(signal)
    },
    async commit(packed, offsets, signal) {
      const it = held ?? (await fence(signal))
      const began = performance.now()
      const left = pace.begin(packed.bytes)
      if (!it.repaired) {
        const refused = await withDeadline('begin a transaction', left(), signal, begin(brokers, it, packed))
        if (refused) return refused
      }
      const failures = await withDeadline('send', left(), signal, fill(it, packed, offsets))
      if (failures.length > 0) {
        const refused = refusalOf(failures)
        await abort(it)
        return refused
      }
      await withDeadline('commit', left(), signal, end(it, 'commit'))
      pace.committed(packed.bytes, performance.now() - began)
      return 'committed'
    },
  }
}

/** Throws when one of them leaves a doubt. */
export function refusalOf(failures: readonly Failure[]): RefusedTransaction {
  const doubt = failures.find(({ error }) => !REFUSALS.has(explain(error).protocol))
  if (doubt) throw asUnreachable(doubt.error)
  const first = failures.find(({ topic }) => topic !== undefined) ?? (failures[0] as Failure)
  return { refused: explain(first.error), topic: first.topic }
}

function speaksRepaired(connection: Connection): boolean {
  const knows = (api: number, version: number) => (connection.versionOf(api) ?? 0) >= version
  const known = knows(END_TXN, 5) && knows(TXN_OFFSET_COMMIT, 5) && knows(PRODUCE, PRODUCE_REPAIRED)
  return known && connection.featureOf('transaction.version') >= 2
}

/** Old protocol: from then on all partitions are in the transaction, or none where one is refused. */
async function begin(brokers: Brokers, { producer, coordinator }: Held, packed: Packed): Promise<RefusedTransaction | undefined> {
  const topics = [...packed.batches].map(([topic, batches]) => ({
    topic,
    partitions: [...new Set(batches.map((it) => it.partition))],
  }))
  const connection = await brokers.node(coordinator)
  for (;;) {
    const failed = (await connection.send(addPartitions(producer, topics))).filter((it) => it.error !== 0)
    const first = failed.find((it) => it.error !== OPERATION_NOT_ATTEMPTED) ?? failed[0]
    if (!first) return undefined
    const error = kafkaError(first.error, `${first.topic}/${first.partition}`)
    if (first.error !== CONCURRENT) return refusalOf([{ topic: first.topic, error }])
    await setTimeout(CONCURRENT_MS)
  }
}
