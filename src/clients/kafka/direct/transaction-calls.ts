// Requests of a producer. A transaction under the repaired protocol (KIP-890) has the same bytes in higher versions, by which the broker knows that
// produce and txnOffsetCommit themselves add what they touch to the transaction, and that endTxn gives the producer of the next one.
import type { PreparedBatch } from '../records.ts'
import type { Call, GroupOffset } from './calls.ts'
import { flexibleCall } from './calls.ts'
import { assertNone } from './errors.ts'
import { batchHeader } from './record-batch.ts'
import { encoder } from './wire.ts'

export const PRODUCE = 0
export const TXN_OFFSET_COMMIT = 28
export const END_TXN = 26

/** Whoever sends: the numbers that the coordinator gave. `transaction`: the transactional id, null outside of transactions. */
export interface Producer {
  readonly transaction: string | null
  readonly id: bigint
  readonly epoch: number
}

/** Fences whoever had the id and ends what they left open. */
export function initProducerId(transaction: string | null, timeoutMs: number): Call<Producer> {
  const body = encoder().compactText(transaction).int32(timeoutMs).int64(-1n).int16(-1)
  return flexibleCall('InitProducerId', 22, 4, body, (answer) => {
    answer.int32()
    assertNone(answer.int16(), 'InitProducerId')
    return { transaction, id: answer.int64(), epoch: answer.int16() }
  })
}

export type TopicPartitions = readonly { readonly topic: string; readonly partitions: readonly number[] }[]

/** By `topic` the error codes of its partitions: one that is not allowed keeps all out. */
export function addPartitions(producer: Producer, topics: TopicPartitions): Call<PartitionResult[]> {
  const body = encoder().compactText(producer.transaction).int64(producer.id).int16(producer.epoch)
  body.compactArray(topics, ({ topic, partitions }) => {
    body.compactText(topic).varint(partitions.length + 1)
    for (const it of partitions) body.int32(it)
  })
  return flexibleCall('AddPartitionsToTxn', 24, 3, body, (answer) => {
    answer.int32()
    return results(answer)
  })
}

export function addOffsets(producer: Producer, group: string): Call<void> {
  const body = encoder().compactText(producer.transaction).int64(producer.id).int16(producer.epoch).compactText(group)
  return flexibleCall('AddOffsetsToTxn', 25, 3, body, (answer) => {
    answer.int32()
    assertNone(answer.int16(), 'AddOffsetsToTxn')
  })
}

/** By nobody who is a member of the group. */
export function txnOffsetCommit(producer: Producer, version: 3 | 5, { group, topic, offset, metadata }: GroupOffset): Call<void> {
  const body = encoder().compactText(producer.transaction).compactText(group).int64(producer.id).int16(producer.epoch)
  body.int32(-1).compactText('').compactText(null)
  body.compactArray([topic], (name) => {
    body.compactText(name)
    body.compactArray([0], (partition) => body.int32(partition).int64(BigInt(offset)).int32(-1).compactText(metadata))
  })
  return flexibleCall('TxnOffsetCommit', TXN_OFFSET_COMMIT, version, body, (answer) => {
    answer.int32()
    for (const it of results(answer)) assertNone(it.error, `position of group ${group}`)
  })
}

/** Gives the producer of the next transaction, which is the same one under the old protocol. */
export function endTxn(producer: Producer, version: 3 | 5, what: 'commit' | 'abort'): Call<Producer> {
  const body = encoder().compactText(producer.transaction).int64(producer.id).int16(producer.epoch)
  return flexibleCall('EndTxn', END_TXN, version, body.int8(what === 'commit' ? 1 : 0), (answer) => {
    answer.int32()
    assertNone(answer.int16(), 'EndTxn')
    return version === 3 ? producer : { ...producer, id: answer.int64(), epoch: answer.int16() }
  })
}

export interface PartitionResult {
  readonly topic: string
  readonly partition: number
  readonly error: number
  readonly text?: string | null
}

/** A batch and where it goes. At most one for a partition in one request. */
export interface Placed {
  readonly topic: string
  readonly batch: PreparedBatch
  readonly sequence: number
}

export function produce(
  producer: Producer,
  version: number,
  timeoutMs: number,
  placed: readonly Placed[],
): Call<PartitionResult[]> {
  const body = encoder().compactText(producer.transaction).int16(-1).int32(timeoutMs)
  body.compactArray([...Map.groupBy(placed, (it) => it.topic)], ([topic, parts]) => {
    body.compactText(topic)
    body.compactArray(parts, ({ batch, sequence }) => {
      const header = batchHeader(batch, producer, sequence)
      body.int32(batch.partition).varint(header.length + batch.compressed.length + 1)
      body.append(header, batch.compressed)
    })
  })
  return flexibleCall('Produce', PRODUCE, version, body, (answer) =>
    answer
      .compactArray(() => {
        const topic = answer.compactText() ?? ''
        const partitions = answer.compactArray(() => {
          const partition = answer.int32()
          const error = answer.int16()
          answer.int64()
          answer.int64()
          answer.int64()
          const records = answer.compactArray(() => {
            answer.int32()
            const why = answer.compactText()
            answer.tags()
            return why
          })
          const text = answer.compactText()
          answer.tags()
          return { topic, partition, error, text: records.find((it) => it) ?? text }
        })
        answer.tags()
        return partitions
      })
      .flat(),
  )
}

function results(answer: Parameters<Call<unknown>['read']>[0]): PartitionResult[] {
  return answer
    .compactArray(() => {
      const topic = answer.compactText() ?? ''
      const partitions = answer.compactArray(() => {
        const result = { topic, partition: answer.int32(), error: answer.int16() }
        answer.tags()
        return result
      })
      answer.tags()
      return partitions
    })
    .flat()
}
