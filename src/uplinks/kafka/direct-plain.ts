// At least once, by our own client: the records, then the position, for a service that has no transactions. Nobody is shut out, and what was written
// before a doubt is written again after it. The numbers of an idempotent producer keep the batches of a connection whole and in their order.
import { withDeadline } from '../../clients/kafka/access.ts'
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import { offsetCommit } from '../../clients/kafka/direct/calls.ts'
import type { Producer } from '../../clients/kafka/direct/transaction-calls.ts'
import { initProducerId, PRODUCE } from '../../clients/kafka/direct/transaction-calls.ts'
import type { Cluster, Offsets } from './cluster.ts'
import { BEGIN_MS_MAX, newPace, TRANSACTION_MS_MAX } from './deadlines.ts'
import type { RecordSender } from './direct-sender.ts'
import { refusalOf } from './direct-transactions.ts'

/** The highest outside of transactions. */
const PRODUCE_VERSION = 11

export function directPlain(brokers: Brokers, sender: RecordSender): Pick<Cluster, 'fence' | 'commit'> {
  const pace = newPace()
  let held: { producer: Producer; version: number } | undefined

  async function take() {
    const connection = await brokers.any()
    const producer = await connection.send(initProducerId(null, TRANSACTION_MS_MAX))
    sender.restart()
    return (held = { producer, version: Math.min(connection.versionOf(PRODUCE) ?? 0, PRODUCE_VERSION) })
  }

  const ready = (signal: AbortSignal) => withDeadline('take a producer id', BEGIN_MS_MAX, signal, take())

  async function storePosition(offsets: Offsets): Promise<void> {
    const coordinator = await brokers.node(await brokers.coordinator('group', offsets.group))
    await coordinator.send(offsetCommit(offsets))
  }

  return {
    async fence(signal) {
      await ready(signal)
    },
    async commit(packed, offsets, signal) {
      const { producer, version } = held ?? (await ready(signal))
      const began = performance.now()
      const left = pace.begin(packed.bytes)
      const failures = await withDeadline('send', left(), signal, sender.send(producer, version, packed))
      // A refused batch may be there in spite of it; the next one with its numbers would be taken for it and left out.
      if (failures.length > 0) held = undefined
      if (failures.length > 0) return refusalOf(failures)
      await withDeadline('store the position', left(), signal, storePosition(offsets))
      pace.committed(packed.bytes, performance.now() - began)
      return 'committed'
    },
  }
}
