// What a refusal in a transaction of kafkajs leads to, call by call, without a broker.
import { expect, test } from 'vitest'
import type { KafkaClient } from '../../../src/clients/kafka/client.ts'
import { kafkajsTransactions } from '../../../src/uplinks/kafka/kafkajs-transactions.ts'

const OFFSETS = { group: 'g', topic: 'events', offset: '1', metadata: '' }
const BATCH = { partition: 0, count: 1, firstTimestamp: 0, maxTimestamp: 0, compressed: Buffer.alloc(8) }
const PACKED = { batches: new Map([['readings', [BATCH]]]), refusals: [], records: 1, bytes: 8 }

test('after a refusal another producer takes the id before it is told, and it is the one that goes on', async () => {
  const calls: string[] = []
  let producers = 0
  let refused = 1
  const producer = () => {
    const n = ++producers
    const call = (name: string) => async () => void calls.push(`${name} ${n}`)
    const sendBatch = async () => {
      calls.push(`send ${n}`)
      if (refused-- > 0) throw Object.assign(new Error('too large'), { name: 'KafkaJSProtocolError', type: 'MESSAGE_TOO_LARGE' })
    }
    const transaction = { sendOffsets: call('offsets'), sendBatch, abort: call('abort'), commit: call('commit') }
    return { connect: call('connect'), disconnect: call('disconnect'), transaction: async () => transaction }
  }
  const own = kafkajsTransactions({ kafka: { producer } } as unknown as KafkaClient, 'id')
  const { signal } = new AbortController()
  expect(await own.commit(PACKED, OFFSETS, signal)).toMatchObject({
    topic: 'readings',
    refused: { protocol: 'MESSAGE_TOO_LARGE' },
  })
  expect(calls.splice(0)).toEqual(['connect 1', 'offsets 1', 'send 1', 'disconnect 1', 'connect 2', 'abort 2'])
  expect(await own.commit(PACKED, OFFSETS, signal)).toBe('committed')
  expect(calls).toEqual(['offsets 2', 'send 2', 'commit 2'])
})
