// Reads commands from a topic of the cluster (core/cloud-command.ts), by our own client whatever the uplink sends by. No consumer group: the place is
// ours, on the box. The broker holds a question back until there is something: an idle topic costs a few hundred bytes each HELD_MS.
import { setTimeout as sleep } from 'node:timers/promises'
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
/** What is asked for grows as long as answers come quickly: a thin link could not bring the most in ANSWER_MS_MAX. A whole batch comes in any case. */
const FETCH_BYTES_MIN = 64_000
const FETCH_BYTES_MAX = 1_000_000
const QUICK_MS_MAX = 5_000
/** Others' commands are passed over: how far is worth an fsync now and then. */
const PASSED_MAX = 1_000
const PASSED_BYTES_MAX = 256_000
/** Partitions that were added are looked for so often. */
const LOOK_EVERY_MS = 300_000
/** A broker that has just started knows no topic for some seconds. */
const SECOND_LOOK_MS = 5_000
const OFFSET_OUT_OF_RANGE = 1
const UNKNOWN_TOPIC = 3

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
  let passedBytes = 0
  let bytesMax = FETCH_BYTES_MIN
  /** Leaders that have let us read. */
  const readable = new Set<number>()
  let isReadable = false

  async function look(): Promise<TopicMetadata | undefined> {
    const found = await ask('ask for the topic of commands', brokers.metadata([topic]))
    cluster = found.cluster ?? ''
    lookAt = clock.monotonic() + LOOK_EVERY_MS
    const its = found.topics.find((it) => it.name === topic)
    if (its?.error === 0) return its
    if (its?.error !== UNKNOWN_TOPIC) throw missing(topic, its?.error ?? -1)
    return undefined
  }

  /** That there is no topic means that all of it is to be read once it is there: that is believed the second time. */
  async function firstLook(): Promise<TopicMetadata | undefined> {
    const found = await look()
    if (found) return found
    await sleep(SECOND_LOOK_MS)
    return look()
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
  const page = (records: readonly CommandRecord[], unreadable: number, isFetched: boolean): CommandPage => {
    told = passed()
    passedBytes = 0
    return { place: placeNow(), records, unreadable, isFetched }
  }

  async function fetch(leader: number): Promise<{ leader: number; answers: FetchedPartition[] }> {
    const wanted = new Map([...partitions].filter(([, it]) => it.leader === leader).map(([partition, it]) => [partition, it.at]))
    const node = await brokers.node(leader)
    const began = clock.monotonic()
    // The first time only whether we may read, and what is there.
    const waitMs = readable.has(leader) ? HELD_MS : 0
    const call = node.send(fetchCommitted(topic, wanted, { waitMs, bytesMax }))
    const answers = await withDeadline('wait for commands', ANSWER_MS_MAX, undefined, call)
    const brought = answers.some((it) => it.batches.length > 0)
    if (brought && clock.monotonic() - began < QUICK_MS_MAX) bytesMax = Math.min(FETCH_BYTES_MAX, bytesMax * 2)
    return { leader, answers }
  }

  /** Once: when each leader has let us read. */
  function becameReadable(): boolean {
    if (isReadable) return false
    isReadable = [...partitions.values()].every((it) => readable.has(it.leader))
    return isReadable
  }

  async function nextAnswers(): Promise<{ leader: number; answers: readonly FetchedPartition[] }> {
    for (const leader of new Set([...partitions.values()].map((it) => it.leader)))
      if (!asked.has(leader)) {
        const answer = fetch(leader)
        answer.catch(() => {})
        asked.set(leader, answer)
      }
    const next = await Promise.race(asked.values())
    asked.delete(next.leader)
    return next
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
    for (const batch of answer.batches) passedBytes += batch.records.length
    it.at = Math.max(it.at, answer.batches.at(-1)?.end ?? 0)
  }

  const first = await firstLook()
  if (from && from.cluster === cluster && first) take(first, from.partitions)
  else if (from && first) take(first, {})
  else if (first) take(first, await offsets(listEnds, first.leaders))
  else if (from) throw missing(topic, UNKNOWN_TOPIC)

  return {
    async next() {
      try {
        // At first it is said where it begins: that must stand on disk before anything else.
        if (told === undefined && (!from || from.cluster !== cluster)) return page([], 0, false)
        told ??= passed()
        if (partitions.size === 0) throw missing(topic, UNKNOWN_TOPIC)
        for (;;) {
          if (clock.monotonic() > lookAt) take((await look()) ?? { name: topic, error: 0, leaders: [] }, {})
          const found = { records: [] as CommandRecord[], unreadable: 0 }
          const { leader, answers } = await nextAnswers()
          for (const answer of answers) await advance(answer, found)
          readable.add(leader)
          const isFar = passed() - told > PASSED_MAX || passedBytes > PASSED_BYTES_MAX
          if (becameReadable() || isFar || found.records.length > 0 || found.unreadable > 0)
            return page(found.records, found.unreadable, true)
        }
      } catch (error) {
        throw asUnreachable(error)
      }
    },
    close: brokers.destroy,
  }
}

function missing(topic: string, code: number) {
  const error = kafkaError(code, topic)
  const found = missingTopic(topic, error)
  return found ? unreachableTopic(found) : error
}
