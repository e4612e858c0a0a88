// Our own client's bytes beside those of another implementation, and what it makes of a far end that is no broker.
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import * as other from '@platformatic/kafka'
import fc from '../../prove/fast-check.ts'
import { afterEach, expect, test } from 'vitest'
import { brokersOf } from '../../../src/clients/kafka/direct/brokers.ts'
import type { Call } from '../../../src/clients/kafka/direct/calls.ts'
import { describeTopics, listEnds, metadata, offsetCommit, offsetFetch } from '../../../src/clients/kafka/direct/calls.ts'
import { crc32c } from '../../../src/clients/kafka/direct/crc32c.ts'
import { batchHeader } from '../../../src/clients/kafka/direct/record-batch.ts'
import * as ours from '../../../src/clients/kafka/direct/transaction-calls.ts'
import { decoder, encoder } from '../../../src/clients/kafka/direct/wire.ts'
import { recordWriter } from '../../../src/clients/kafka/records.ts'
import { Unreachable } from '../../../src/core/errors.ts'

const open: net.Server[] = []
afterEach(() => {
  for (const it of open.splice(0)) it.close()
})

test('CRC-32C is what the other implementation counts, in parts or whole', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, at) => {
      const whole = Buffer.from(bytes)
      expect(crc32c(whole)).toBe(other.crc32c(whole) >>> 0)
      expect(crc32c(whole.subarray(0, at), whole.subarray(at))).toBe(crc32c(whole))
    }),
  )
})

type TheirApi = { readonly createRequest: unknown }

function theirs(api: TheirApi, ...args: readonly unknown[]): Buffer {
  const create = api.createRequest as (...args: readonly unknown[]) => { readonly buffer: Buffer }
  return Buffer.from(create(...args).buffer)
}

const bytesOf = (call: Call<unknown>) => Buffer.concat(call.body)

test('requests are the bytes that the other implementation writes', () => {
  const producer = { transaction: 'holdfast.bóx.cloud', id: 4_294_967_299n, epoch: 7 }
  const { transaction, id, epoch } = producer
  const stored = { group: 'g', topic: 'events', offset: '12345678901', metadata: 'h1:ä'.repeat(40) }
  const partition = {
    partitionIndex: 0,
    committedOffset: 12_345_678_901n,
    committedLeaderEpoch: -1,
    committedMetadata: stored.metadata,
  }
  const added = [
    {
      transactionalId: transaction,
      producerId: id,
      producerEpoch: epoch,
      verifyOnly: false,
      topics: [{ name: 't', partitions: [0, 5, 200] }],
    },
  ]
  const pairs: [Call<unknown>, Buffer][] = [
    [ours.initProducerId(transaction, 30_000), theirs(other.initProducerIdV4, transaction, 30_000, -1n, -1)],
    [ours.initProducerId(null, 30_000), theirs(other.initProducerIdV4, null, 30_000, -1n, -1)],
    [ours.addPartitions(producer, [{ topic: 't', partitions: [0, 5, 200] }]), theirs(other.addPartitionsToTxnV3, added)],
    [ours.addOffsets(producer, 'g'), theirs(other.addOffsetsToTxnV3, transaction, id, epoch, 'g')],
    [
      ours.txnOffsetCommit(producer, 3, stored),
      theirs(other.txnOffsetCommitV3, transaction, 'g', id, epoch, -1, '', null, [{ name: 'events', partitions: [partition] }]),
    ],
    [ours.endTxn(producer, 3, 'commit'), theirs(other.endTxnV3, transaction, id, epoch, true)],
    [ours.endTxn(producer, 3, 'abort'), theirs(other.endTxnV3, transaction, id, epoch, false)],
  ]
  for (const [call, bytes] of pairs) expect(bytesOf(call).toString('hex'), call.name).toBe(bytes.toString('hex'))
})

test('a produce request with its batches is the bytes that the other implementation writes', () => {
  const producer = { transaction: 'a', id: 77n, epoch: 3 }
  const writer = recordWriter()
  const records = [1_764_000_000_000, 1_764_000_000_005, 1_763_999_999_990]
  // Key null, value 'v', no headers.
  for (const it of records) writer.add(it, '\x01\x02v\x00')
  const batch = writer.close(4)
  const request = bytesOf(ours.produce(producer, 11, 15_000, [{ topic: 'topic', batch, sequence: 9 }]))
  const header = batchHeader(batch, producer, 9)
  expect(request.includes(Buffer.concat([header, batch.compressed]))).toBe(true)
  const messages = records.map((timestamp) => ({
    topic: 'topic',
    partition: 4,
    timestamp: BigInt(timestamp),
    value: Buffer.from('v'),
  }))
  const options = { transactionalId: 'a', producerId: 77n, producerEpoch: 3, sequences: { getWithDefault: () => 9 } }
  const bytes = theirs(other.produceV11, -1, 15_000, messages, options)
  // Theirs is not compressed: what comes before the batch, and in its header all behind the attributes, is the same.
  expect(bytes.includes(header.subarray(23))).toBe(true)
  // Transactional and zstd; outside of transactions zstd alone.
  expect(header.readInt16BE(21)).toBe(16 | 4)
  expect(batchHeader(batch, { ...producer, transaction: null }, 9).readInt16BE(21)).toBe(4)
  expect(header.readUInt32BE(17)).toBe(other.crc32c(Buffer.concat([header.subarray(21), batch.compressed])) >>> 0)
  const before = request.indexOf(header) - 2
  expect(request.subarray(0, before).toString('hex')).toBe(bytes.subarray(0, before).toString('hex'))
})

test('every number and text comes back as it was written, and nothing is read beyond the end', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), fc.string(), fc.array(fc.string(), { maxLength: 5 }), (n, text, list) => {
      const out = encoder()
      out
        .varint(n)
        .compactText(text)
        .text(text)
        .compactText(null)
        .compactArray(list, (it) => out.text(it))
      const bytes = Buffer.concat(out.noTags().take())
      const entries: (string | null)[] = []
      // A varint has no reader of its own: it is only ever a length.
      const at = encoder().varint(n).take()[0] as Buffer
      const rest = decoder(bytes.subarray(at.length))
      expect(rest.compactText()).toBe(text)
      expect(rest.text()).toBe(text)
      expect(rest.compactText()).toBe(null)
      rest.compactArray(() => {
        entries.push(rest.text())
        rest.tags()
      })
      expect(entries).toEqual(list)
      rest.tags()
      expect(() => rest.int8()).toThrow(RangeError)
    }),
  )
})

test('any bytes as an answer are read as one, refused by Kafka, or out of range; never for ever, never with memory without end', () => {
  const calls: Call<unknown>[] = [
    metadata(['t']),
    offsetFetch('g', 't'),
    listEnds(new Map([['t', [0]]])),
    describeTopics(['t'], ['a']),
    offsetCommit({ group: 'g', topic: 't', offset: '1', metadata: '' }),
    ours.produce({ transaction: null, id: 1n, epoch: 0 }, 11, 1, []),
    ours.endTxn({ transaction: 'a', id: 1n, epoch: 0 }, 5, 'commit'),
  ]
  fc.assert(
    fc.property(fc.constantFrom(...calls), fc.uint8Array({ maxLength: 300 }), (call, bytes) => {
      try {
        call.read(decoder(Buffer.from(bytes)))
      } catch (error) {
        expect(error instanceof RangeError || (error as Error).name === 'KafkaError').toBe(true)
      }
    }),
    { numRuns: 5_000 },
  )
})

/** Answers everything that comes with these bytes. */
async function farEnd(answer: (request: Buffer) => Buffer | 'hang up'): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (request) => {
      const bytes = answer(request)
      if (bytes === 'hang up') socket.destroy()
      else socket.write(bytes)
    })
  })
  open.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function refused(address: string): Promise<Unreachable> {
  const brokers = brokersOf({ brokers: [address] }, { clientId: 'test', localAddress: undefined })
  try {
    await brokers.any()
    throw new Error('it was taken for a broker')
  } catch (error) {
    expect(error).toBeInstanceOf(Unreachable)
    expect((error as Unreachable).remedy).toBeTruthy()
    return error as Unreachable
  } finally {
    brokers.destroy()
  }
}

test('a far end that is no broker, speaks TLS or hangs up is said, with what to do', async () => {
  const cases: [string, (request: Buffer) => Buffer | 'hang up'][] = [
    ['answer-unreadable', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['tls-required', () => Buffer.from([0x15, 3, 3, 0, 2, 2, 40])],
    ['closed', () => 'hang up'],
    // An answer to a question that nobody asked; one that ends in the midst.
    ['answer-unreadable', () => Buffer.from([0, 0, 0, 6, 0, 0, 99, 99, 0, 0])],
    [
      'answer-unreadable',
      (request) => Buffer.concat([Buffer.from([0, 0, 0, 7]), request.subarray(8, 12), Buffer.from([0, 0, 9])]),
    ],
  ]
  for (const [code, answer] of cases) expect(await refused(await farEnd(answer)), code).toMatchObject({ code })
})

test('an answer that comes byte by byte is an answer', async () => {
  const body = encoder().int16(0).varint(2).int16(18).int16(0).int16(3).noTags().int32(0).noTags()
  const bytes = Buffer.concat(body.take())
  const server = net.createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('data', async (request) => {
      const head = Buffer.alloc(8)
      head.writeInt32BE(bytes.length + 4)
      request.copy(head, 4, 8, 12)
      for (const it of Buffer.concat([head, bytes])) {
        socket.write(Buffer.of(it))
        await new Promise((done) => setImmediate(done))
      }
    })
  })
  open.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const brokers = brokersOf({ brokers: [address] }, { clientId: 'test', localAddress: undefined })
  const connection = await brokers.any()
  expect(connection.versionOf(18)).toBe(3)
  expect(connection.versionOf(0)).toBeUndefined()
  brokers.destroy()
  expect(connection.isUsable()).toBe(false)
})
