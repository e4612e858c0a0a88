// What checkpoints say of the destination, and what of it can be held against the records that are left. Of each uplink only the newest counts; of
// those before it, one more: the first that was written when all that is left in the topics was still to come (`base`). What it has may have been
// deleted by retention since. What came after it must be there, whatever the order in which lanes and partitions brought it.
import type { Intervals } from '../../../core/intervals.ts'
import type { Form } from '../../../core/stream.ts'
import { streamOf } from '../../../core/stream.ts'
import { isEmpty, without } from './runs.ts'
import type { PartitionPlace, TopicRole } from './topics.ts'
import { ROLES_OF } from './topics.ts'

/** What the newest checkpoint of one uplink says of a stream. */
export interface Claim {
  readonly uplink: string
  delivered: Intervals
  next: number
  /** Readings of the stream in the box's ledger; undefined where the checkpoint does not say. */
  lost: number | undefined
  /** What may be deleted: delivered before the oldest of what is left. Undefined: no checkpoint is as old as that. */
  base: Intervals | undefined
  /** The settings do not send its class here. */
  stays: boolean
  readonly contradictions: string[]
}

export interface CheckpointValue {
  readonly device: string
  readonly uplink: string
  readonly transaction: number
  readonly streams: Readonly<Record<string, { delivered: [number, number][]; next?: number; lost?: number }>>
  /** Partitions by topic. */
  readonly topics?: Readonly<Record<string, number>>
  /** By `topic/partition`: where it ended before this transaction. Of the cluster of this id. */
  readonly ends?: Readonly<Record<string, string>>
  readonly cluster?: string
  /** `stays`: classes, with commas between them. */
  readonly detail?: { readonly stays?: string }
}

export interface Checkpoints {
  /** By stream; several uplinks of one box may write to one cluster. */
  readonly claims: Map<string, Claim[]>
  /** The most partitions that a checkpoint says of a topic. */
  readonly topics: Map<string, number>
  /** In the order they were written. Returns the streams that it speaks of. */
  add(checkpoint: CheckpointValue): string[]
}

const CONTRADICTIONS_MAX = 20

export function checkpointReader(places: readonly PartitionPlace[], cluster: string | undefined): Checkpoints {
  const claims = new Map<string, Claim[]>()
  const topics = new Map<string, number>()
  const transactions = new Map<string, number>()

  function claimOf(stream: string, uplink: string): Claim {
    const all = claims.get(stream) ?? []
    claims.set(stream, all)
    let claim = all.find((it) => it.uplink === uplink)
    if (!claim) {
      claim = { uplink, delivered: [], next: 0, lost: undefined, base: undefined, stays: false, contradictions: [] }
      all.push(claim)
    }
    return claim
  }

  /** Something is deleted, but nothing that was written after this checkpoint. */
  function allLeft(form: Form, { ends, cluster: of }: CheckpointValue): boolean {
    const roles: readonly TopicRole[] = ROLES_OF[form]
    const cut = places.filter((it) => roles.includes(it.role) && it.start > 0)
    if (cut.length === 0 || !ends || of === undefined || of !== cluster) return false
    return cut.every(({ topic, partition, start }) => Number(ends[`${topic}/${partition}`] ?? -1) >= start)
  }

  return {
    claims,
    topics,
    add(checkpoint) {
      const { device, uplink, transaction, streams, detail } = checkpoint
      const stays = detail?.stays?.split(',') ?? []
      const name = `${device}:${uplink}`
      const before = transactions.get(name) ?? -1
      transactions.set(name, transaction)
      for (const [topic, count] of Object.entries(checkpoint.topics ?? {}))
        topics.set(topic, Math.max(count, topics.get(topic) ?? 0))
      for (const [key, { delivered, next, lost }] of Object.entries(streams)) {
        const claim = claimOf(key, name)
        const now = delivered.map(([from, to]) => ({ from, to }))
        if (claim.contradictions.length < CONTRADICTIONS_MAX)
          claim.contradictions.push(...takenBack(claim, now, transaction, before))
        claim.delivered = now
        claim.next = Math.max(claim.next, next ?? 0, now.at(-1)?.to ?? 0)
        claim.lost = lost
        claim.stays = stays.includes(streamOf(key).class)
        if (!claim.base && allLeft(streamOf(key).form, checkpoint)) claim.base = now
      }
      return Object.keys(streams)
    },
  }
}

function takenBack(claim: Claim, delivered: Intervals, transaction: number, before: number): string[] {
  const [lost] = without(claim.delivered, delivered)
  // The same one twice is what at-least-once may bring.
  const isNews = lost !== undefined || !isEmpty(without(delivered, claim.delivered))
  const isLate = transaction < before || (transaction === before && isNews)
  return [
    ...(isLate ? [`checkpoint ${transaction} comes after checkpoint ${before}`] : []),
    ...(lost ? [`checkpoint ${transaction} no longer has ${lost.from} to ${lost.to - 1}`] : []),
  ]
}
