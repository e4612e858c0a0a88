// Where transactions of ours are open that nobody holds any more. The usual answer, that nothing is open, costs two small questions to each leader.
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import type { ActiveProducer, StoredOffset } from '../../clients/kafka/direct/calls.ts'
import { describeProducers, DESCRIBE_PRODUCERS, listEnds, offsetFetch } from '../../clients/kafka/direct/calls.ts'
import { isKafkaError } from '../../clients/kafka/direct/errors.ts'
import type { Producer } from '../../clients/kafka/direct/transaction-calls.ts'

export interface Place extends ActiveProducer {
  readonly topic: string
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

const UNKNOWN_TOPIC = 3
/** In the place of a partition: of a topic that we are told nothing of. */
export const ALL = -1

/** Where to look. */
export interface Looked {
  /** Of the position, which lies at partition 0 of `events`. */
  readonly group: string
  readonly events: string
  /** All that our records may go to. */
  readonly topics: readonly string[]
}

export interface Found {
  /** Places that know our producer: all, or those where somebody has something open. */
  readonly places: readonly Place[]
  readonly open: readonly Place[]
  /** Partitions without a leader, or whose producers we are not told: they may be read by nobody, by others alone, or the broker is older than 2.8. */
  readonly unseen: readonly TopicPartition[]
  readonly isPositionOpen: boolean
}

/** `where`: 'open' asks only where anybody has something open. */
export async function look(brokers: Brokers, producer: Producer, ours: Looked, where: 'open' | 'everywhere'): Promise<Found> {
  const [isPositionOpen, ...topics] = await Promise.all([
    isOpen(brokers, ours),
    ...ours.topics.map((it) => lookInto(brokers, producer, it, where)),
  ])
  const places = topics.flatMap((it) => it.places)
  return { places, open: places.filter((it) => it.openFrom >= 0), unseen: topics.flatMap((it) => it.unseen), isPositionOpen }
}

/** `open`: 'before' gives what was stored before a transaction that is open. */
export async function stored(
  brokers: Brokers,
  { group, events }: Looked,
  open: 'error' | 'before',
): Promise<StoredOffset | undefined> {
  const coordinator = await brokers.node(await brokers.coordinator('group', group))
  return coordinator.send(offsetFetch(group, events, open))
}

async function isOpen(brokers: Brokers, ours: Looked): Promise<boolean> {
  try {
    await stored(brokers, ours, 'error')
    return false
  } catch (error) {
    if (isKafkaError(error, 'UNSTABLE_OFFSET_COMMIT')) return true
    // Whoever reads the position waits for its coordinator.
    if (isOfKafka(error)) return false
    throw error
  }
}

type OfTopic = Pick<Found, 'places' | 'unseen'>

/** Nothing where there is no such topic. */
async function lookInto(brokers: Brokers, producer: Producer, topic: string, where: 'open' | 'everywhere'): Promise<OfTopic> {
  const found = (await brokers.metadata([topic])).topics.find((it) => it.name === topic)
  if (!found || found.error === UNKNOWN_TOPIC) return { places: [], unseen: [] }
  if (found.error !== 0) return { places: [], unseen: [{ topic, partition: ALL }] }
  const byLeader = Map.groupBy(found.leaders.keys(), (partition) => found.leaders[partition] ?? -1)
  const all = await Promise.all(
    [...byLeader].map(([leader, partitions]) => lookAt(brokers, producer, topic, leader, partitions, where)),
  )
  return { places: all.flatMap((it) => it.places), unseen: all.flatMap((it) => it.unseen) }
}

async function lookAt(
  brokers: Brokers,
  producer: Producer,
  topic: string,
  leader: number,
  partitions: readonly number[],
  where: 'open' | 'everywhere',
): Promise<OfTopic> {
  const unseen = { places: [], unseen: partitions.map((partition) => ({ topic, partition })) }
  if (leader < 0) return unseen
  const broker = await brokers.node(leader)
  if (broker.versionOf(DESCRIBE_PRODUCERS) === undefined) return unseen
  try {
    let asked = partitions
    if (where === 'open') {
      const wanted = new Map([[topic, partitions]])
      const ends = await broker.send(listEnds(wanted))
      const stable = await broker.send(listEnds(wanted, true))
      asked = partitions.filter((it) => (stable.get(`${topic}/${it}`) ?? -1n) < (ends.get(`${topic}/${it}`) ?? 0n))
    }
    if (asked.length === 0) return { places: [], unseen: [] }
    const known = await broker.send(describeProducers(topic, asked))
    return { places: known.filter((it) => it.id === producer.id).map((it) => ({ ...it, topic })), unseen: [] }
  } catch (error) {
    if (isOfKafka(error)) return unseen
    throw error
  }
}

function isOfKafka(error: unknown): boolean {
  return error instanceof Error && error.name === 'KafkaError'
}
