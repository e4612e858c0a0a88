// Record batches to the leaders of their partitions, numbered: one request for all partitions of a leader at a time.
import { setTimeout } from 'node:timers/promises'
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import { kafkaError } from '../../clients/kafka/direct/errors.ts'
import type { PartitionResult, Placed, Producer } from '../../clients/kafka/direct/transaction-calls.ts'
import { produce } from '../../clients/kafka/direct/transaction-calls.ts'
import { Unreachable } from '../../core/errors.ts'
import { BEGIN_MS_MAX } from './deadlines.ts'
import type { Packed } from './pack.ts'
import { roundsOf } from './rounds.ts'

/** Of a partition, or of the position: then without a topic. */
export interface Failure {
  readonly topic: string | undefined
  readonly error: unknown
}

export interface RecordSender {
  /** The failures, at most one for each partition; none: all is written. Rejects never. */
  send(producer: Producer, produceVersion: number, packed: Packed): Promise<Failure[]>
  /** The producer is another one, or has another epoch: its numbers begin at 0. */
  restart(): void
}

type Located = Failure & { readonly key: string }

export const CONCURRENT = 51
export const CONCURRENT_MS = 3
/** After the last one comes 0. */
const SEQUENCES = 2 ** 31

export function recordSender(brokers: Brokers, leaderOf: (topic: string, partition: number) => number): RecordSender {
  const sequences = new Map<string, number>()

  async function sendRound(producer: Producer, version: number, round: readonly Placed[], mayWait: boolean): Promise<Located[]> {
    const groups = Map.groupBy(round, ({ topic, batch }) => leaderOf(topic, batch.partition))
    const sending = [...groups].map(([leader, placed]) => sendTo(producer, version, leader, placed, mayWait))
    return (await Promise.all(sending)).flat()
  }

  async function sendTo(
    producer: Producer,
    version: number,
    leader: number,
    placed: readonly Placed[],
    mayWait: boolean,
  ): Promise<Located[]> {
    try {
      const connection = await brokers.node(leader)
      const answers = await connection.send(produce(producer, version, BEGIN_MS_MAX, placed))
      const byKey = new Map(answers.map((it) => [`${it.topic}/${it.partition}`, it]))
      const isWaiting = (it: Placed) => mayWait && byKey.get(keyOf(it))?.error === CONCURRENT
      const failed = placed.filter((it) => !isWaiting(it)).flatMap((it) => counted(it, byKey.get(keyOf(it))))
      const waiting = placed.filter(isWaiting)
      if (waiting.length === 0) return failed
      await setTimeout(CONCURRENT_MS)
      return [...failed, ...(await sendTo(producer, version, leader, waiting, mayWait))]
    } catch (error) {
      return placed.map((it) => ({ topic: it.topic, key: keyOf(it), error }))
    }
  }

  /** Numbers go on only where the broker has what they stand for. */
  function counted(it: Placed, answer: PartitionResult | undefined): Located[] {
    const key = keyOf(it)
    if (answer?.error === 0) {
      sequences.set(key, (it.sequence + it.batch.count) % SEQUENCES)
      return []
    }
    const error = answer
      ? kafkaError(answer.error, key, answer.text)
      : new Unreachable('answer-unreadable', `the broker says nothing of ${key}`)
    return [{ topic: it.topic, key, error }]
  }

  return {
    async send(producer, version, packed) {
      const [first = [], ...later] = roundsOf(placedOf(packed, sequences))
      // The first of each partition adds it to the transaction, and the coordinator may not be ready for that. Those behind it would overtake it.
      const failures = await sendRound(producer, version, first, true)
      if (failures.length > 0) return failures
      const rounds = await Promise.all(later.map((round) => sendRound(producer, version, round, false)))
      // What fails takes those behind it along by their numbers: only the first failure of a partition says why.
      return firstOfEach(rounds.flat())
    },
    restart: () => sequences.clear(),
  }
}

/** In the order in which they stand, with the numbers that follow. */
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

function firstOfEach(failures: readonly Located[]): Located[] {
  const known = new Set<string>()
  return failures.filter(({ key }) => !known.has(key) && known.add(key))
}
