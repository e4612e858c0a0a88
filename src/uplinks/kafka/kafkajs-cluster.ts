// A cluster by kafkajs.
import { setTimeout } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import kafkajs from 'kafkajs'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import { brokersOf } from '../../clients/kafka/direct/brokers.ts'
import type { KafkaClient } from '../../clients/kafka/client.ts'
import { kafkaClient } from '../../clients/kafka/client.ts'
import { explain } from '../../clients/kafka/explain.ts'
import type { Cluster, ClusterOptions, ClusterSettings, Stored } from './cluster.ts'
import { BEGIN_MS_MAX, OPEN_MS_MAX } from './deadlines.ts'
import { recordSender } from './direct-sender.ts'
import { directTransactions } from './direct-transactions.ts'
import type { Ours } from './hanging.ts'
import { kafkajsPlain } from './kafkajs-plain.ts'
import { kafkajsTransactions } from './kafkajs-transactions.ts'
import type { MissingTopic, Topic } from './topics.ts'
import { CONFIG_NAMES, limitsOf, missingTopic } from './topics.ts'

const COORDINATOR_ASK_MS = 100
const COORDINATOR_MOVES = new Set(['NOT_COORDINATOR_FOR_GROUP', 'GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE'])

export async function openKafkajs(settings: ClusterSettings, options: ClusterOptions): Promise<Cluster> {
  const { identity, log, localAddress, traffic } = options
  const client = kafkaClient(settings, { clientId: identity, log, localAddress, traffic })
  try {
    const admin = client.kafka.admin()
    await withDeadline('connect', OPEN_MS_MAX, undefined, Promise.race([admin.connect(), client.unreachable]))
    const work = settings.guarantee === 'exactly-once' ? kafkajsTransactions(client, identity) : kafkajsPlain(client)
    return clusterOn(client, admin, {
      ...work,
      async fence(signal, ours) {
        if (ours && settings.guarantee === 'exactly-once') await endHanging(settings, options, ours, signal)
        await work.fence(signal)
      },
    })
  } catch (error) {
    client.destroy()
    throw asUnreachable(error)
  }
}

/** kafkajs reads a position as it was before an open transaction, and can neither see nor end one that hangs: our own client does. */
async function endHanging(settings: ClusterSettings, options: ClusterOptions, ours: Ours, signal: AbortSignal): Promise<void> {
  const { identity, localAddress, traffic } = options
  const brokers = brokersOf(settings, { clientId: identity, localAddress, traffic })
  try {
    await directTransactions(
      brokers,
      recordSender(brokers, () => -1),
      identity,
    ).fence(signal, ours)
  } finally {
    brokers.destroy()
  }
}

function clusterOn(client: KafkaClient, admin: Admin, work: Pick<Cluster, 'fence' | 'commit' | 'close'>): Cluster {
  return {
    async brokers() {
      return (await admin.describeCluster()).brokers.map((it) => `${it.host}:${it.port}`)
    },
    id: async () => (await admin.describeCluster()).clusterId,
    topic: (name) => askTopic(admin, name),
    async ends(topic) {
      return new Map((await admin.fetchTopicOffsets(topic)).map((it) => [it.partition, it.high]))
    },
    stored: (group, topic) => storedOffset(admin, group, topic),
    fence: work.fence,
    commit: work.commit,
    async close() {
      await Promise.allSettled([work.close(), admin.disconnect()])
    },
    destroy: client.destroy,
  }
}

/** The topic's partitions and limits, or why it cannot be used. Rejects when the cluster cannot be asked. */
export async function askTopic(admin: Admin, name: string): Promise<Topic | MissingTopic> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
    return { name, partitions: topics[0]?.partitions.length ?? 0, ...limitsOf(await configOf(admin, name)) }
  } catch (error) {
    const missing = missingTopic(name, error)
    if (!missing) throw error
    return missing
  }
}

/** Empty when we may not ask: the defaults hold. */
async function configOf(admin: Admin, name: string): Promise<ReadonlyMap<string, number>> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: CONFIG_NAMES }],
    })
    return new Map((resources[0]?.configEntries ?? []).map((it) => [it.configName, Number(it.configValue)]))
  } catch (error) {
    if (explain(error).protocol === undefined) throw error
    return new Map()
  }
}

/** Waits while the group's coordinator moves or reads its past. */
async function storedOffset(admin: Admin, group: string, topic: string): Promise<Stored | undefined> {
  const ends = performance.now() + BEGIN_MS_MAX
  for (;;) {
    try {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return found?.partitions.find((it) => it.partition === 0)
    } catch (error) {
      if (!COORDINATOR_MOVES.has(explain(error).protocol ?? '') || performance.now() > ends) throw error
      await setTimeout(COORDINATOR_ASK_MS)
    }
  }
}
