// Requests that only ask, with the versions that brokers from 2.8 to 4.x know. What belongs to a transaction: transaction-calls.ts.
import type { FetchedPartition } from '../batches.ts'
import { readFetchResponse } from '../batches.ts'
import { assertNone, kafkaError } from './errors.ts'
import type { Decoder, Encoder } from './wire.ts'
import { encoder } from './wire.ts'

/** A request as it goes out, and how to read what comes back. */
export interface Call<T> {
  readonly name: string
  readonly api: number
  readonly version: number
  /** The header of the request, and of the answer, ends with tagged fields. */
  readonly tagged: boolean
  readonly taggedAnswer: boolean
  readonly body: readonly Buffer[]
  /** Throws KafkaError where the broker refuses the whole. */
  readonly read: (answer: Decoder) => T
}

function call<T>(name: string, api: number, version: number, body: Encoder, read: (answer: Decoder) => T): Call<T> {
  return { name, api, version, tagged: false, taggedAnswer: false, body: body.take(), read }
}

/** Of a version with compact texts and tagged fields. */
export function flexibleCall<T>(
  name: string,
  api: number,
  version: number,
  body: Encoder,
  read: (answer: Decoder) => T,
): Call<T> {
  return { name, api, version, tagged: true, taggedAnswer: true, body: body.noTags().take(), read }
}

export interface Versions {
  readonly apis: ReadonlyMap<number, number>
  readonly features: ReadonlyMap<string, number>
}

/** The broker must be able to read a request before it says what it can read: this one has a header of its own. */
export function apiVersions(): Call<Versions> {
  const body = encoder().compactText('holdfast').compactText('1').noTags()
  return {
    name: 'ApiVersions',
    api: 18,
    version: 3,
    tagged: true,
    taggedAnswer: false,
    body: body.take(),
    read(answer) {
      assertNone(answer.int16(), 'ApiVersions')
      const apis = new Map<number, number>()
      answer.compactArray(() => {
        const [api, , max] = [answer.int16(), answer.int16(), answer.int16()]
        apis.set(api, max)
        answer.tags()
      })
      answer.int32()
      const features = new Map<string, number>()
      const finalised = () =>
        void answer.compactArray(() => {
          features.set(answer.compactText() ?? '', answer.int16())
          answer.int16()
          answer.tags()
        })
      answer.tags({ 2: finalised })
      return { apis, features }
    },
  }
}

export function saslHandshake(mechanism: string): Call<void> {
  return call('SaslHandshake', 17, 1, encoder().text(mechanism), (answer) => {
    const code = answer.int16()
    const offered = answer.array(() => answer.text())
    assertNone(code, `SASL ${mechanism}`, `the broker offers ${offered.join(', ') || 'none'}`)
  })
}

export function saslAuthenticate(message: Buffer): Call<{ bytes: Buffer; sessionMs: bigint }> {
  return call('SaslAuthenticate', 36, 1, encoder().bytes(message), (answer) => {
    const code = answer.int16()
    assertNone(code, 'SASL', answer.text())
    return { bytes: answer.bytes(), sessionMs: answer.int64() }
  })
}

export interface Metadata {
  /** What the cluster calls itself. */
  readonly cluster: string | undefined
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[]
  readonly topics: readonly TopicMetadata[]
}

export interface TopicMetadata {
  readonly name: string
  readonly error: number
  /** Leader by partition, −1 for none now. */
  readonly leaders: readonly number[]
}

/** Never makes a topic. */
export function metadata(topics: readonly string[]): Call<Metadata> {
  const body = encoder()
  body.array(topics, (it) => body.text(it)).int8(0)
  return call('Metadata', 3, 4, body, (answer) => {
    answer.int32()
    const brokers = answer.array(() => {
      const broker = { id: answer.int32(), host: answer.text() ?? '', port: answer.int32() }
      answer.text()
      return broker
    })
    const cluster = answer.text() ?? undefined
    answer.int32()
    return { cluster, brokers, topics: answer.array(() => topicMetadata(answer)) }
  })
}

function topicMetadata(answer: Decoder): TopicMetadata {
  const error = answer.int16()
  const name = answer.text() ?? ''
  answer.int8()
  const leaders: number[] = []
  answer.array(() => {
    answer.int16()
    const partition = answer.int32()
    const leader = answer.int32()
    // An entry of an answer of so many partitions cannot have a higher number; one that lies makes no hole of any size.
    if (partition < 0 || partition > 1_000_000) throw new RangeError(`a partition ${partition}`)
    leaders[partition] = leader
    answer.array(() => answer.int32())
    answer.array(() => answer.int32())
  })
  return { name, error, leaders: Array.from(leaders, (it) => it ?? -1) }
}

export interface Coordinator {
  readonly id: number
  readonly host: string
  readonly port: number
}

export function findCoordinator(kind: 'group' | 'transaction', key: string): Call<Coordinator> {
  const body = encoder()
    .text(key)
    .int8(kind === 'group' ? 0 : 1)
  return call('FindCoordinator', 10, 2, body, (answer) => {
    answer.int32()
    const code = answer.int16()
    assertNone(code, `coordinator of ${kind} ${key}`, answer.text())
    return { id: answer.int32(), host: answer.text() ?? '', port: answer.int32() }
  })
}

export interface StoredOffset {
  readonly offset: bigint
  readonly metadata: string | null
}

/**
 * At partition 0 of a topic. Waits for no transaction: one that is open is an error of its own, UNSTABLE_OFFSET_COMMIT; `open: 'before'`: what was
 * stored before it.
 */
export function offsetFetch(group: string, topic: string, open: 'error' | 'before' = 'error'): Call<StoredOffset | undefined> {
  const body = encoder().compactText(group)
  body.compactArray([topic], (name) => {
    body.compactText(name).varint(2).int32(0)
  })
  return flexibleCall('OffsetFetch', 9, 7, body.int8(open === 'error' ? 1 : 0), (answer) => {
    answer.int32()
    let found: StoredOffset | undefined
    let problem = 0
    answer.compactArray(() => {
      answer.compactText()
      answer.compactArray(() => {
        answer.int32()
        const offset = answer.int64()
        answer.int32()
        found = { offset, metadata: answer.compactText() }
        problem ||= answer.int16()
        answer.tags()
      })
      answer.tags()
    })
    assertNone(answer.int16() || problem, `position of group ${group}`)
    return found
  })
}

/** The high watermark of partitions, by `topic/partition`; `stable`: where the oldest open transaction begins, if that is before it. */
export function listEnds(wanted: ReadonlyMap<string, readonly number[]>, stable = false): Call<ReadonlyMap<string, bigint>> {
  return listOffsets(wanted, -1n, stable)
}

/** The first offset of partitions that is still there, by `topic/partition`. */
export function listStarts(wanted: ReadonlyMap<string, readonly number[]>): Call<ReadonlyMap<string, bigint>> {
  return listOffsets(wanted, -2n, false)
}

function listOffsets(wanted: ReadonlyMap<string, readonly number[]>, which: -1n | -2n, stable: boolean) {
  const body = encoder()
    .int32(-1)
    .int8(stable ? 1 : 0)
  body.array([...wanted], ([topic, partitions]) => {
    body.text(topic).array(partitions, (it) => body.int32(it).int64(which))
  })
  return call('ListOffsets', 2, 2, body, (answer) => {
    answer.int32()
    const ends = new Map<string, bigint>()
    answer.array(() => {
      const topic = answer.text()
      answer.array(() => {
        const place = `${topic}/${answer.int32()}`
        assertNone(answer.int16(), `end of ${place}`)
        answer.int64()
        ends.set(place, answer.int64())
      })
    })
    return ends
  })
}

/**
 * What partitions of one leader have from an offset on, as a read_committed reader gets it (batches.ts). Where there is nothing, the broker answers
 * when something comes, after `waitMs` at the latest.
 */
export function fetchCommitted(
  topic: string,
  from: ReadonlyMap<number, number>,
  { waitMs, bytesMax }: { readonly waitMs: number; readonly bytesMax: number },
): Call<FetchedPartition[]> {
  const body = encoder().int32(-1).int32(waitMs).int32(1).int32(bytesMax).int8(1).int32(0).int32(-1)
  body.array([topic], (name) => {
    body.text(name).array([...from], ([partition, offset]) => {
      body.int32(partition).int32(-1).int64(BigInt(offset)).int64(-1n).int32(bytesMax)
    })
  })
  body.array([], () => {}).text('')
  return call('Fetch', 1, 11, body, (answer) => readFetchResponse(answer.rest()))
}

/** A producer that a partition remembers. */
export interface ActiveProducer {
  readonly partition: number
  readonly id: bigint
  readonly epoch: number
  /** Where its open transaction begins; −1: none is open there. */
  readonly openFrom: number
}

export const DESCRIBE_PRODUCERS = 61

/** Of partitions that the broker leads. Rejects where one may not be read. */
export function describeProducers(topic: string, partitions: readonly number[]): Call<ActiveProducer[]> {
  const body = encoder()
  body.compactArray([topic], (name) => {
    body.compactText(name).varint(partitions.length + 1)
    for (const it of partitions) body.int32(it)
  })
  return flexibleCall('DescribeProducers', DESCRIBE_PRODUCERS, 0, body, (answer) => {
    answer.int32()
    const all = answer.compactArray(() => {
      answer.compactText()
      const found = answer.compactArray(() => {
        const partition = answer.int32()
        assertNone(answer.int16(), `producers of ${topic}/${partition}`, answer.compactText())
        const producers = answer.compactArray(() => {
          const id = answer.int64()
          const epoch = answer.int32()
          answer.int32()
          answer.int64()
          answer.int32()
          const openFrom = Number(answer.int64())
          answer.tags()
          return { partition, id, epoch, openFrom }
        })
        answer.tags()
        return producers
      })
      answer.tags()
      return found.flat()
    })
    return all.flat()
  })
}

const TOPIC_RESOURCE = 2

/** Values of topics' settings, by topic and name; without topics whose settings the broker does not tell. */
export function describeTopics(
  topics: readonly string[],
  names: readonly string[],
): Call<ReadonlyMap<string, ReadonlyMap<string, string | null>>> {
  const body = encoder()
  body
    .array(topics, (topic) => {
      body
        .int8(TOPIC_RESOURCE)
        .text(topic)
        .array(names, (it) => body.text(it))
    })
    .int8(0)
  return call('DescribeConfigs', 32, 1, body, (answer) => {
    answer.int32()
    const found = new Map<string, ReadonlyMap<string, string | null>>()
    answer.array(() => {
      const code = answer.int16()
      answer.text()
      answer.int8()
      const topic = answer.text() ?? ''
      const config = new Map<string, string | null>()
      if (code === 0) found.set(topic, config)
      answer.array(() => {
        config.set(answer.text() ?? '', answer.text())
        answer.int8()
        answer.int8()
        answer.int8()
        answer.array(() => [answer.text(), answer.text(), answer.int8()])
      })
    })
    return found
  })
}

export interface GroupOffset {
  readonly group: string
  readonly topic: string
  readonly offset: string
  readonly metadata: string
}

/** Outside of a transaction, by nobody who is a member: the group is only a place to keep it. */
export function offsetCommit({ group, topic, offset, metadata: text }: GroupOffset): Call<void> {
  const body = encoder().text(group).int32(-1).text('').text(null)
  body.array([topic], (name) => {
    body.text(name).array([0], (partition) => body.int32(partition).int64(BigInt(offset)).int32(-1).text(text))
  })
  return call('OffsetCommit', 8, 7, body, (answer) => {
    answer.int32()
    let problem = 0
    answer.array(() => {
      answer.text()
      answer.array(() => {
        answer.int32()
        problem ||= answer.int16()
      })
    })
    if (problem !== 0) throw kafkaError(problem, `position of group ${group}`)
  })
}
