// The model says what a real Kafka says: the same calls, by bytes of our own, to both; the answers are compared with what stands here.
import net from 'node:net'
import { randomUUID } from 'node:crypto'
import { crc32c } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Api } from '../faults/kafka/frames.ts'
import { APIS, frameSplitter } from '../faults/kafka/frames.ts'
import type { Broker } from '../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../kafka/broker.ts'
import { settled } from '../uplinks/kafka/cluster.ts'
import type { Reader, Writer } from './codec.ts'
import { reader, writer } from './codec.ts'
import type { Model } from './server.ts'
import { startModel } from './server.ts'
import { ERRORS } from './state.ts'

const NAMES = new Map<number, string>(Object.entries(ERRORS).map(([name, code]) => [code, name]))
const nameOf = (code: number) => NAMES.get(code) ?? String(code)
/** After an end its markers are under way for a while: whoever is told so asks again. */
const PATIENCE = 200

type Ask = <T>(
  api: Api,
  version: number,
  isFlexible: boolean,
  write: (out: Writer) => void,
  read: (answer: Reader) => T,
) => Promise<T>

function connect(port: number): { ask: Ask; close(): void } {
  const socket = net.connect({ host: '127.0.0.1', port })
  const waiting: ((frame: Buffer) => void)[] = []
  const split = frameSplitter()
  socket.on('data', (chunk) => {
    for (const it of split(chunk)) waiting.shift()?.(it.subarray(8))
  })
  return {
    ask: (api, version, isFlexible, write, read) => {
      const body = writer(isFlexible)
      write(body)
      const head = writer(false).int16(APIS[api]).int16(version).int32(1).text('conformance')
      if (isFlexible) head.int8(0)
      const frame = Buffer.concat([head.take(), body.take()])
      socket.write(Buffer.concat([writer(false).int32(frame.length).take(), frame]))
      return new Promise((done) =>
        waiting.push((answer) => done(read(reader(isFlexible ? answer.subarray(1) : answer, isFlexible)))),
      )
    },
    close: () => socket.destroy(),
  }
}

/** One record, no compression; what the batch says of its producer is what matters. */
function batchOf(producer: bigint, epoch: number, sequence: number): Buffer {
  const record = Buffer.from([14, 0, 0, 0, 1, 2, 120, 0])
  const bytes = Buffer.alloc(61 + record.length)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(16, 21)
  bytes.writeBigInt64BE(BigInt(Date.now()), 27)
  bytes.writeBigInt64BE(BigInt(Date.now()), 35)
  bytes.writeBigInt64BE(producer, 43)
  bytes.writeInt16BE(epoch, 51)
  bytes.writeInt32BE(sequence, 53)
  bytes.writeInt32BE(1, 57)
  record.copy(bytes, 61)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)) >>> 0, 17)
  return bytes
}

/** A producer by hand: each call yields the name of its error. */
function handMade(ask: Ask, id: string) {
  let [producer, epoch] = [-1n, -1]
  const patient = async (call: () => Promise<number>): Promise<string> => {
    for (let i = 0; ; i++) {
      const code = await call()
      if (code !== ERRORS.CONCURRENT_TRANSACTIONS || i > PATIENCE) return nameOf(code)
      await new Promise((done) => setTimeout(done, 20))
    }
  }
  const who = (out: Writer) => out.text(id).int64(producer).int16(epoch)
  return {
    epoch: () => epoch,
    init: () =>
      patient(() =>
        ask(
          'InitProducerId',
          1,
          false,
          (out) => out.text(id).int32(30_000),
          (it) => {
            it.int32()
            const code = it.int16()
            if (code === 0) [producer, epoch] = [it.int64(), it.int16()]
            return code
          },
        ),
      ),
    add: (topic: string = TOPICS.telemetry) =>
      patient(() =>
        ask(
          'AddPartitionsToTxn',
          1,
          false,
          (out) => who(out).array([topic], (name) => out.text(name).array([0], (n) => out.int32(n))),
          (it) => {
            it.int32()
            return it.array(() => [it.text(), it.array(() => [it.int32(), it.int16()])] as const)[0]?.[1][0]?.[1] ?? -1
          },
        ),
      ),
    addOffsets: () =>
      patient(() =>
        ask(
          'AddOffsetsToTxn',
          1,
          false,
          (out) => who(out).text(id),
          (it) => (it.int32(), it.int16()),
        ),
      ),
    offset: (offset: bigint) =>
      patient(() =>
        ask(
          'TxnOffsetCommit',
          1,
          false,
          (out) => {
            out.text(id).text(id).int64(producer).int16(epoch)
            out.array([TOPICS.events], (name) => out.text(name).array([0], (n) => out.int32(n).int64(offset).text('m')))
          },
          (it) => {
            it.int32()
            return it.array(() => [it.text(), it.array(() => [it.int32(), it.int16()])] as const)[0]?.[1][0]?.[1] ?? -1
          },
        ),
      ),
    send: (sequence: number) =>
      patient(() =>
        ask(
          'Produce',
          7,
          false,
          (out) => {
            out.text(id).int16(-1).int32(10_000)
            out.array([TOPICS.telemetry], (name) =>
              out.text(name).array([0], (n) => out.int32(n).bytes(batchOf(producer, epoch, sequence))),
            )
          },
          (it) =>
            it.array(
              () => [it.text(), it.array(() => [it.int32(), it.int16(), it.int64(), it.int64(), it.int64()])] as const,
            )[0]?.[1][0]?.[1] as number,
        ),
      ),
    end: (what: 'commit' | 'abort') =>
      patient(() =>
        ask(
          'EndTxn',
          1,
          false,
          (out) => who(out).int8(what === 'commit' ? 1 : 0),
          (it) => (it.int32(), it.int16()),
        ),
      ),
    stored: () =>
      ask(
        'OffsetFetch',
        4,
        false,
        (out) => out.text(id).array([TOPICS.events], (name) => out.text(name).array([0], (n) => out.int32(n))),
        (it) => {
          it.int32()
          return it.array(
            () => [it.text(), it.array(() => [it.int32(), it.int64(), it.text(), it.int16()])] as const,
          )[0]?.[1][0]?.[1]
        },
      ),
  }
}

let broker: Broker
let model: Model
beforeAll(async () => {
  broker = await startBroker({ portFrom: 25_400 })
  await createTopics(broker.bootstrap, 3)
  await settled(broker.bootstrap)
  model = await startModel({ topics: { [TOPICS.telemetry]: 3, [TOPICS.events]: 1 }, markersMs: () => 5 })
})
afterAll(async () => {
  await broker?.down()
  await model?.close()
})

describe.each(['a real Kafka', 'the model'])('%s', (which) => {
  async function on(work: (make: () => ReturnType<typeof handMade>, other: () => ReturnType<typeof handMade>) => Promise<void>) {
    const port = which === 'the model' ? model.port : Number(broker.bootstrap.split(':')[1])
    const link = connect(port)
    const id = `conformance-${randomUUID()}`
    try {
      await work(
        () => handMade(link.ask, id),
        () => handMade(link.ask, `other-${id}`),
      )
    } finally {
      link.close()
    }
  }

  test('a transaction: begin, add, send, position, commit; the position shows with the commit', () =>
    on(async (make) => {
      const it = make()
      expect(await it.init()).toBe('NONE')
      expect([await it.addOffsets(), await it.offset(7n), await it.add(), await it.send(0), await it.send(1)]).toEqual(
        Array(5).fill('NONE'),
      )
      expect(await it.stored()).toBe(-1n)
      expect(await it.end('commit')).toBe('NONE')
      // The same call once more, as after a lost answer.
      expect(await it.end('commit')).toBe('NONE')
      expect(await it.end('abort')).toBe('INVALID_TXN_STATE')
      await expect.poll(() => it.stored(), { timeout: 5_000 }).toBe(7n)
      expect([await it.addOffsets(), await it.offset(8n), await it.end('abort'), await it.init()]).toEqual(Array(4).fill('NONE'))
      expect(await it.stored()).toBe(7n)
    }))

  test('an end without a beginning, and calls out of their order', () =>
    on(async (make) => {
      const it = make()
      expect(await it.init()).toBe('NONE')
      expect(await it.end('commit')).toBe('INVALID_TXN_STATE')
      expect(await it.add('nowhere')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
      expect([await it.add(), await it.send(0)]).toEqual(['NONE', 'NONE'])
      // The same batch once more is answered as it was; a hole is refused.
      expect(await it.send(0)).toBe('NONE')
      expect(await it.send(5)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
      expect(await it.end('abort')).toBe('NONE')
    }))

  test('who begins anew shuts out who was there, and what they had open is aborted', () =>
    on(async (make) => {
      const [old, next] = [make(), make()]
      expect(await old.init()).toBe('NONE')
      expect([await old.addOffsets(), await old.offset(1n), await old.add(), await old.send(0)]).toEqual(Array(4).fill('NONE'))
      expect(await next.init()).toBe('NONE')
      expect(next.epoch()).toBeGreaterThan(old.epoch())
      const fenced = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH']
      expect(fenced).toContain(await old.end('commit'))
      expect(fenced).toContain(await old.add())
      expect(fenced).toContain(await old.send(1))
      expect(fenced).toContain(await old.addOffsets())
      expect([...fenced, 'INVALID_TXN_STATE']).toContain(await old.offset(2n))
      expect(await next.stored()).toBe(-1n)
      expect([await next.add(), await next.send(0), await next.end('commit')]).toEqual(Array(3).fill('NONE'))
    }))

  test('an id that nobody has begun', () =>
    on(async (_, other) => {
      const it = other()
      expect(await it.add()).toBe('INVALID_PRODUCER_ID_MAPPING')
      expect(await it.end('commit')).toBe('INVALID_PRODUCER_ID_MAPPING')
    }))
})
