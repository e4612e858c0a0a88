// What the uplink needs of a cluster, by whichever client. Nothing here is tried again but what costs nothing to try again; whatever
// rejects with another error than a refusal leaves a cluster that is of no more use: destroy it.
import type { Explained } from '../../clients/kafka/explain.ts'
import type { Logger } from '../../core/source.ts'
import type { Traffic } from '../../core/uplink.ts'
import type { Ours } from './hanging.ts'
import type { Packed } from './pack.ts'
import type { KafkaSettings } from './settings.ts'
import type { MissingTopic, Topic } from './topics.ts'

export interface Cluster {
  /** `host:port` of each. */
  brokers(): Promise<readonly string[]>
  /** What the cluster calls itself; undefined where it does not say. */
  id(): Promise<string | undefined>
  /** All are asked for in one call, here and below: by satellite one after the other takes longer than a call may. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, Topic | MissingTopic>>
  /** The offset after the last record of each partition, committed or not, by `topic/partition`. Of topics that were found. */
  ends(topics: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** What a group has stored for partition 0 of a topic. After `fence`: what was committed last. For so long at most it is asked for again while a transaction is open. */
  stored(group: string, topic: string, msMax?: number): Promise<Stored | undefined>
  /** Aborts what predecessors left open and shuts them out; with `ours`, ends what the cluster left half done. What was committed can be read from then on. */
  fence(signal: AbortSignal, ours?: Ours): Promise<void>
  /** Resolves when committed, or refused for sure; rejects in doubt. */
  commit(packed: Packed, offsets: Offsets, signal: AbortSignal): Promise<'committed' | RefusedTransaction>
  /** Ends in an orderly way; `destroy` has to follow. */
  close(): Promise<void>
  /** Closes every socket now. */
  destroy(): void
}

export interface Stored {
  readonly offset: string
  readonly metadata: string | null
}

export interface Offsets {
  readonly group: string
  readonly topic: string
  readonly offset: string
  readonly metadata: string
}

/** Nothing was committed. `topic`: where it was refused, undefined when it was the position. */
export interface RefusedTransaction {
  readonly refused: Explained
  readonly topic: string | undefined
}

/** What of the settings says how a cluster is reached. */
export type ClusterSettings = Pick<KafkaSettings, 'brokers' | 'tls' | 'sasl' | 'client' | 'guarantee'>

export interface ClusterOptions {
  /** Client id and transactional id. */
  readonly identity: string
  readonly log: Logger
  readonly localAddress: string | undefined
  readonly traffic?: Traffic | undefined
}

/** Errors after which nothing was committed, if the transaction can be aborted: somebody has to change something at the destination. */
export const REFUSALS: ReadonlySet<string | undefined> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TIMESTAMP',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'INVALID_RECORD',
  'POLICY_VIOLATION',
])

/** Connected and signed in. Rejects with Unreachable. A client is loaded when it is asked for: each costs memory. */
export async function openCluster(settings: ClusterSettings, options: ClusterOptions): Promise<Cluster> {
  if (settings.client === 'kafkajs') return (await import('./kafkajs-cluster.ts')).openKafkajs(settings, options)
  return (await import('./direct-cluster.ts')).openDirect(settings, options)
}
