// Reads commands from a topic of the cluster (core/cloud-command.ts), by our own client whatever the uplink sends by. No consumer group: the place is
// ours, on the box. The broker holds a question back until there is something: an idle topic costs a few hundred bytes each HELD_MS.
import type { FetchedPartition, RecordBatch } from '../../clients/kafka/batches.ts'
import { committedBatches, forEachRecord } from '../../clients/kafka/batches.ts'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import { brokersOf } from '../../clients/kafka/direct/brokers.ts'
import type { TopicMetadata } from '../../clients/kafka/direct/calls.ts'
import { fetchCommitted, listEnds, listStarts } from '../../clients/kafka/direct/calls.ts'
import { kafkaError } from '../../clients/kafka/direct/errors.ts'
import { COMMAND_BYTES_MAX } from '../../core/bounds.ts'
import type { CommandPage, CommandPlace, CommandReader, CommandRecord } from '../../core/cloud-command.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import type { KafkaSettings } from './settings.ts'
import { missingTopic, unreachableTopic } from './topics.ts'

const HELD_MS = 20_000
const ANSWER_MS_MAX = HELD_MS + 15_000
const CALL_MS_MAX = 15_000
/** At least one record comes, whatever its size. */
const FETCH_BYTES_MAX = 1_000_000
/** Others' commands are passed over: how far is worth an fsync now and then. */
const PASSED_MAX = 1_000
/** Partitions that were added are looked for so often. */
const LOOK_EVERY_MS = 300_000
const OFFSET_OUT_OF_RANGE = 1

interface Partition {
  at: number
  leader: number
  /** Producers whose aborted transaction we are in. */
  readonly aborting: Set<bigint>
}

/** `from` undefined: from the end of what is there now. Rejects with Unreachable. */
export async function openCommands(
  settings: KafkaSettings,
  context: UplinkContext,
  from: CommandPlace | undefined,
): Promise<CommandReader> {
  const brokers = brokersOf(settings, {
    clientId: `holdfast-${context.device}-commands`,
    localAddress: context.route?.localAddress,
    traffic: context.traffic,
  })
  try {
    return await readerOn(brokers, settings.commands?.topic ?? '', context, from)
  } catch (error) {
    brokers.destroy()
    throw asUnreachable(error)
  }
}

async function readerOn(
  brokers: Brokers,
  topic: string,
  { device, clock }: UplinkContext,
  from: CommandPlace | undefined,
): Promise<CommandReader> {
  const ask = <T>(what: string, call: Promise<T>) => withDeadline(what, CALL_MS_MAX, undefined, call)
  const key = Buffer.from(device)
  const partitions = new Map<number, Partition>()
  const asked = new Map<number, Promise<{ leader: number; answers: FetchedPartition[] }>>()
  let cluster = ''
  let lookAt = 0
  let told: number | undefined

  async function look(): Promise<TopicMetadata | undefined> {
    const found = await ask('ask for the topic of commands', brokers.metadata([topic]))
    cluster = found.cluster ?? ''
    lookAt = clock.monotonic() + LOOK_EVERY_MS
    const its = found.topics.find((it) => it.name === topic)
    return its?.error === 0 ? its : undefined
  }

  function take({ leaders }: TopicMetadata, starts: CommandPlace['partitions']): void {
    for (const [partition, leader] of leaders.entries()) {
      const known = partitions.get(partition)
      if (known) known.leader = leader
      else partitions.set(partition, { at: starts[partition] ?? 0, leader, aborting: new Set() })
    }
  }

  async function offsets(
    which: typeof listEnds | typeof listStarts,
    leaders: readonly number[],
  ): Promise<Record<number, number>> {
    const byLeader = Map.groupBy(leaders.keys(), (it) => leaders[it] ?? -1)
    const answers = [...byLeader].map(async ([leader, of]) => [
      ...(await (await brokers.node(leader)).send(which(new Map([[topic, of]])))),
    ])
    const all = await ask(`ask for the ends of ${topic}`, Promise.all(answers))
    return Object.fromEntries(all.flat().map(([place, offset]) => [Number(place.slice(topic.length + 1)), Number(offset)]))
  }

  const placeNow = (): CommandPlace => ({
    cluster,
    partitions: Object.fromEntries([...partitions].map(([partition, { at }]) => [partition, at])),
  })
  const passed = () => [...partitions.values()].reduce((sum, it) => sum + it.at, 0)
  const page = (records: readonly CommandRecord[], unreadable: number): CommandPage => {
    told = passed()
    return { place: placeNow(), records, unreadable }
  }

  async function fetch(leader: number): Promise<{ leader: number; answers: FetchedPartition[] }> {
    const wanted = new Map([...partitions].filter(([, it]) => it.leader === leader).map(([partition, it]) => [partition, it.at]))
    const node = await brokers.node(leader)
    const call = node.send(fetchCommitted(topic, wanted, { waitMs: HELD_MS, bytesMax: FETCH_BYTES_MAX }))
    return { leader, answers: await withDeadline('wait for commands', ANSWER_MS_MAX, undefined, call) }
  }

  async function nextAnswers(): Promise<readonly FetchedPartition[]> {
    for (const leader of new Set([...partitions.values()].map((it) => it.leader)))
      if (!asked.has(leader)) {
        const answer = fetch(leader)
        answer.catch(() => {})
        asked.set(leader, answer)
      }
    const { leader, answers } = await Promise.race(asked.values())
    asked.delete(leader)
    return answers
  }

  /** Records for this box; undefined where the batch cannot be read. */
  function recordsOf(batch: RecordBatch, partition: number, from: number): CommandRecord[] | undefined {
    const records: CommandRecord[] = []
    try {
      forEachRecord(batch, ({ bytes, offset, keyAt, keyLength, valueAt, valueLength }) => {
        if (offset < from || valueLength < 0 || keyLength !== key.length) return
        if (!bytes.subarray(keyAt, keyAt + keyLength).equals(key)) return
        const value = valueLength > COMMAND_BYTES_MAX ? undefined : bytes.toString('utf8', valueAt, valueAt + valueLength)
        records.push({ partition, offset, value })
      })
    } catch {
      return undefined
    }
    return records
  }

  async function advance(answer: FetchedPartition, found: { records: CommandRecord[]; unreadable: number }): Promise<void> {
    const it = partitions.get(answer.partition)
    if (!it) return
    if (answer.error === OFFSET_OUT_OF_RANGE) {
      // What was deleted meanwhile is gone; a topic that was made anew begins at its beginning.
      const starts = await offsets(
        listStarts,
        [...partitions.values()].map((one) => one.leader),
      )
      it.at = starts[answer.partition] ?? 0
      return
    }
    if (answer.error !== 0) throw kafkaError(answer.error, `${topic}/${answer.partition}`)
    for (const batch of committedBatches(answer, it.aborting)) {
      const records = recordsOf(batch, answer.partition, it.at)
      if (records) found.records.push(...records)
      else found.unreadable += batch.count
    }
    it.at = Math.max(it.at, answer.batches.at(-1)?.end ?? 0)
  }

  const first = await look()
  if (from && from.cluster === cluster && first) take(first, from.partitions)
  else if (from && first) take(first, {})
  else if (first) take(first, await offsets(listEnds, first.leaders))
  else if (from) throw missing(topic)

  return {
    async next() {
      try {
        // At first it is said where it begins: that must stand on disk before anything else.
        if (told === undefined && (!from || from.cluster !== cluster)) return page([], 0)
        told ??= passed()
        if (partitions.size === 0) throw missing(topic)
        for (;;) {
          if (clock.monotonic() > lookAt) take((await look()) ?? { name: topic, error: 0, leaders: [] }, {})
          const found = { records: [] as CommandRecord[], unreadable: 0 }
          for (const answer of await nextAnswers()) await advance(answer, found)
          if (found.records.length > 0 || found.unreadable > 0 || passed() - told > PASSED_MAX)
            return page(found.records, found.unreadable)
        }
      } catch (error) {
        throw asUnreachable(error)
      }
    },
    close: brokers.destroy,
  }
}

function missing(topic: string) {
  const found = missingTopic(topic, kafkaError(3, topic))
  return found ? unreachableTopic(found) : kafkaError(3, topic)
}
