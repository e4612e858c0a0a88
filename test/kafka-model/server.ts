// A Kafka of our own for counting: the calls of the uplink's clients on the state of state.ts. One node; faults of its own by a hook before each call.
// What it says must be what a real Kafka says: test/kafka-model/conformance.test.ts asks both the same.
import net from 'node:net'
import type { Api } from '../faults/kafka/frames.ts'
import { APIS, frameSplitter, requestHead } from '../faults/kafka/frames.ts'
import type { Reader, Writer } from './codec.ts'
import { reader, writer } from './codec.ts'
import type { State } from './state.ts'
import { ERRORS, newState } from './state.ts'

export interface ModelOptions {
  readonly topics: Readonly<Record<string, number>>
  readonly transactionVersion?: 1 | 2
  /** How long the end of a transaction is under way to its partitions. */
  readonly markersMs?: () => number
  /** Where clients are told to find it, when that is a proxy before it. */
  readonly advertisedPort?: () => number
  /** The name of it in that proxy's certificate; absent: 127.0.0.1. */
  readonly advertisedHost?: string
  /** An error to answer this call with, before it is done; undefined: it is done. */
  readonly refuse?: (api: Api, clientId: string) => number | undefined
}

export interface Model {
  readonly port: number
  readonly state: State
  /** Every connection is reset, and for a while none is taken; what is kept stays. */
  restart(forMs: number): void
  close(): Promise<void>
}

/** By call: the highest version, and from which one it is flexible. */
const VERSIONS: Readonly<Record<Api, readonly [max: number, flexibleFrom: number]>> = {
  Produce: [12, 9],
  Fetch: [11, 12],
  ListOffsets: [5, 6],
  Metadata: [6, 9],
  OffsetFetch: [7, 6],
  FindCoordinator: [2, 3],
  SaslHandshake: [1, 99],
  ApiVersions: [3, 3],
  InitProducerId: [4, 2],
  AddPartitionsToTxn: [3, 3],
  AddOffsetsToTxn: [3, 3],
  EndTxn: [5, 3],
  TxnOffsetCommit: [5, 3],
  DescribeConfigs: [2, 4],
  SaslAuthenticate: [1, 99],
}
const EXPIRE_EVERY_MS = 500
const UNSTABLE_OFFSET_COMMIT = 88
const TOPIC_AUTHORIZATION_FAILED = 29

interface Call {
  readonly version: number
  readonly in: Reader
  readonly out: Writer
  /** When set, each error of the answer is this one, and nothing is done. */
  readonly refused: number | undefined
  readonly state: State
  readonly host: string
  readonly port: number
}

export async function startModel(options: ModelOptions): Promise<Model> {
  const state = newState({
    topics: options.topics,
    transactionVersion: options.transactionVersion ?? 1,
    now: () => performance.now(),
    writeMarkers: (done) => void setTimeout(done, options.markersMs?.() ?? 1),
  })
  const open = new Set<net.Socket>()
  let downUntil = 0
  const server = net.createServer((socket) => {
    if (performance.now() < downUntil) return void socket.resetAndDestroy()
    open.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.once('close', () => open.delete(socket))
    const split = frameSplitter()
    const port = () => options.advertisedPort?.() ?? (server.address() as net.AddressInfo).port
    socket.on('data', (chunk) => {
      for (const frame of split(chunk)) {
        const answer = answerTo(frame.subarray(4), state, port(), options)
        if (!answer) return socket.destroy()
        socket.write(answer)
      }
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const expiring = setInterval(() => state.expire(), EXPIRE_EVERY_MS)
  return {
    port: (server.address() as net.AddressInfo).port,
    state,
    restart(forMs) {
      downUntil = performance.now() + forMs
      for (const it of open) it.resetAndDestroy()
    },
    async close() {
      clearInterval(expiring)
      for (const it of open) it.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

function answerTo(frame: Buffer, state: State, port: number, options: ModelOptions): Buffer | undefined {
  const { api, version, correlation, clientId } = requestHead(frame)
  if (!api) return undefined
  const [max, flexibleFrom] = VERSIONS[api]
  const isFlexible = version >= flexibleFrom
  const out = writer(isFlexible)
  const head = writer(false).int32(correlation)
  // The answer to ApiVersions never has tags in its header: the client does not know yet what the broker can do.
  if (isFlexible && api !== 'ApiVersions') head.int8(0)
  if (version > max) {
    if (api !== 'ApiVersions') return undefined
    return framed(head.take(), apiVersions(writer(false), 0, state, 35).take())
  }
  const input = reader(frame.subarray(10 + Math.max(0, frame.readInt16BE(8))), isFlexible)
  input.end()
  const { advertisedHost: host = '127.0.0.1' } = options
  const call: Call = { version, in: input, out, refused: options.refuse?.(api, clientId), state, host, port }
  const handle = HANDLERS[api]
  if (!handle) return undefined
  handle(call)
  return framed(head.take(), out.take())
}

function framed(...parts: Buffer[]): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(parts.reduce((sum, it) => sum + it.length, 0))
  return Buffer.concat([size, ...parts])
}

function apiVersions(out: Writer, version: number, state: State, error = 0): Writer {
  out.int16(error).array(Object.entries(VERSIONS), ([name, [max]]) => {
    out
      .int16(APIS[name as Api])
      .int16(0)
      .int16(max)
      .end()
  })
  if (version >= 1) out.int32(0)
  if (version < 3) return out
  if (state.transactionVersion < 2) return out.end()
  const feature = writer(true)
  feature.array(['transaction.version'], (it) =>
    feature.text(it).int16(state.transactionVersion).int16(state.transactionVersion).end(),
  )
  return out.tag(2, feature)
}

const HANDLERS: Readonly<Partial<Record<Api, (call: Call) => void>>> = {
  ApiVersions: ({ out, version, state }) => void apiVersions(out, version, state),

  Metadata({ in: it, out, version, refused, state, host, port }) {
    const names = it.array(() => it.text() ?? '')
    if (version >= 3) out.int32(0)
    out.array([1], (id) => out.int32(id).text(host).int32(port).text(null))
    if (version >= 2) out.text('model')
    out.int32(1)
    out.array(names.length > 0 ? names : Object.keys(state.topics()), (name) => {
      const count = state.partitionsOf(name)
      out
        .int16(refused ?? (count === undefined ? ERRORS.UNKNOWN_TOPIC_OR_PARTITION : 0))
        .text(name)
        .int8(0)
      out.array([...Array(count ?? 0).keys()], (partition) => {
        out.int16(0).int32(partition).int32(1)
        out.array([1], (id) => out.int32(id)).array([1], (id) => out.int32(id))
        if (version >= 5) out.array([], () => {})
      })
    })
  },

  FindCoordinator({ in: it, out, version, refused, host, port }) {
    it.text()
    if (version >= 1) out.int32(0)
    out.int16(refused ?? 0)
    if (version >= 1) out.text(null)
    out.int32(1).text(host).int32(port)
  },

  InitProducerId({ in: it, out, refused, state }) {
    const [id, timeoutMs] = [it.text() ?? '', it.int32()]
    const found = refused === undefined ? state.initProducer(id, timeoutMs) : { error: refused, producer: -1n, epoch: -1 }
    out.int32(0).int16(found.error).int64(found.producer).int16(found.epoch).end()
  },

  AddPartitionsToTxn({ in: it, out, refused, state }) {
    const [id, producer, epoch] = [it.text() ?? '', it.int64(), it.int16()]
    const topics = it.array(() => {
      const topic = { name: it.text() ?? '', partitions: it.array(() => it.int32()) }
      it.end()
      return topic
    })
    const names = topics.flatMap(({ name, partitions }) => partitions.map((n) => `${name}/${n}`))
    const error = refused ?? state.addPartitions(id, producer, epoch, names)
    out.int32(0).array(topics, ({ name, partitions }) => {
      out.text(name).array(partitions, (n) => out.int32(n).int16(error).end())
      out.end()
    })
    out.end()
  },

  AddOffsetsToTxn({ in: it, out, refused, state }) {
    const [id, producer, epoch, group] = [it.text() ?? '', it.int64(), it.int16(), it.text() ?? '']
    out
      .int32(0)
      .int16(refused ?? state.addOffsets(id, producer, epoch, group))
      .end()
  },

  TxnOffsetCommit({ in: it, out, version, refused, state }) {
    const [id, group, producer, epoch] = [it.text() ?? '', it.text() ?? '', it.int64(), it.int16()]
    if (version >= 3) {
      it.int32()
      it.text()
      it.text()
    }
    const results = it.array(() => {
      const topic = it.text() ?? ''
      const partitions = it.array(() => {
        const [partition, offset] = [it.int32(), it.int64()]
        if (version >= 2) it.int32()
        const stored = { offset, metadata: it.text() }
        it.end()
        const where = { group, topic, partition }
        return { partition, error: refused ?? state.commitOffset(id, producer, epoch, where, stored, version >= 5) }
      })
      it.end()
      return { topic, partitions }
    })
    out.int32(0).array(results, ({ topic, partitions }) => {
      out.text(topic).array(partitions, ({ partition, error }) => out.int32(partition).int16(error).end())
      out.end()
    })
    out.end()
  },

  EndTxn({ in: it, out, version, refused, state }) {
    const [id, producer, epoch, isCommit] = [it.text() ?? '', it.int64(), it.int16(), it.int8() === 1]
    const found =
      refused === undefined
        ? state.endTransaction(id, producer, epoch, isCommit ? 'commit' : 'abort', version)
        : { error: refused, producer, epoch }
    out.int32(0).int16(found.error)
    if (version >= 5) out.int64(found.producer).int16(found.epoch)
    out.end()
  },

  Produce({ in: it, out, version, refused, state }) {
    const id = it.text()
    it.int16()
    it.int32()
    const topics = it.array(() => {
      const topic = it.text() ?? ''
      const partitions = it.array(() => {
        const [partition, bytes] = [it.int32(), it.bytes()]
        it.end()
        const done =
          refused === undefined ? state.append(id, topic, partition, bytes, version >= 12) : { error: refused, base: -1 }
        return { partition, ...done }
      })
      it.end()
      return { topic, partitions }
    })
    out.array(topics, ({ topic, partitions }) => {
      out.text(topic).array(partitions, ({ partition, error, base }) => {
        out.int32(partition).int16(error).int64(BigInt(base)).int64(-1n)
        if (version >= 5) out.int64(0n)
        if (version >= 8) out.array([], () => {}).text(null)
        out.end()
      })
      out.end()
    })
    out.int32(0).end()
  },

  OffsetFetch({ in: it, out, version, refused, state }) {
    const group = it.text() ?? ''
    const topics = it.array(() => {
      const topic = { name: it.text() ?? '', partitions: it.array(() => it.int32()) }
      it.end()
      return topic
    })
    const isStable = version >= 7 && it.int8() === 1
    if (version >= 3) out.int32(0)
    out.array(topics, ({ name, partitions }) => {
      out.text(name).array(partitions, (partition) => {
        const { stored, isOpen } = state.offsetOf(group, name, partition)
        out.int32(partition).int64(stored?.offset ?? -1n)
        if (version >= 5) out.int32(-1)
        out
          .text(stored?.metadata ?? '')
          .int16(isOpen && isStable ? UNSTABLE_OFFSET_COMMIT : 0)
          .end()
      })
      out.end()
    })
    out.int16(refused ?? 0).end()
  },

  ListOffsets({ in: it, out, version, state }) {
    it.int32()
    if (version >= 2) it.int8()
    const topics = it.array(() => ({
      name: it.text() ?? '',
      partitions: it.array(() => ({ n: it.int32(), at: (version >= 4 && it.int32(), it.int64()) })),
    }))
    if (version >= 2) out.int32(0)
    out.array(topics, ({ name, partitions }) =>
      out.text(name).array(partitions, ({ n, at }) => {
        const end = state.endOf(name, n)
        out
          .int32(n)
          .int16(end === undefined ? ERRORS.UNKNOWN_TOPIC_OR_PARTITION : 0)
          .int64(-1n)
          .int64(at === -2n ? 0n : BigInt(end ?? -1))
        if (version >= 4) out.int32(0)
      }),
    )
  },

  /** Records are not kept: nobody may read here. */
  Fetch({ in: it, out }) {
    for (let left = 4; left > 0; left--) it.int32()
    it.int8()
    for (let left = 2; left > 0; left--) it.int32()
    const topics = it.array(() => ({
      name: it.text() ?? '',
      partitions: it.array(() => {
        const n = it.int32()
        it.int32()
        for (let left = 2; left > 0; left--) it.int64()
        it.int32()
        return n
      }),
    }))
    out.int32(0).int16(0).int32(0)
    out.array(topics, ({ name, partitions }) =>
      out.text(name).array(partitions, (n) => {
        out.int32(n).int16(TOPIC_AUTHORIZATION_FAILED)
        for (const none of [-1n, -1n, -1n]) out.int64(none)
        out.int32(-1).int32(-1).int32(0)
      }),
    )
  },

  DescribeConfigs({ in: it, out, version }) {
    const resources = it.array(() => ({ type: it.int8(), name: it.text() ?? '', keys: it.array(() => it.text() ?? '') }))
    out.int32(0).array(resources, ({ type, name, keys }) => {
      out.int16(0).text(null).int8(type).text(name)
      const known = Object.entries(CONFIG).filter(([key]) => keys.length === 0 || keys.includes(key))
      out.array(known, ([key, value]) => {
        out.text(key).text(value).int8(0)
        if (version >= 1) out.int8(5)
        else out.int8(1)
        out.int8(0)
        if (version >= 1) out.array([], () => {})
      })
    })
  },
}

const CONFIG = {
  'retention.ms': '604800000',
  'max.message.bytes': '1048588',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '3600000',
}
