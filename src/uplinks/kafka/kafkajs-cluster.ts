// A cluster by kafkajs.
import { setTimeout } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import kafkajs from 'kafkajs'
import type Parts from 'kafkajs/src/cluster/index.js'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import { brokersOf } from '../../clients/kafka/direct/brokers.ts'
import type { KafkaClient } from '../../clients/kafka/client.ts'
import { kafkaClient } from '../../clients/kafka/client.ts'
import { explain } from '../../clients/kafka/explain.ts'
import { clusterParts } from '../../clients/kafka/parts.ts'
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
    // Each connection has its own time: by a slow way both are not made in that of one, nor in that of the first call.
    const parts = clusterParts(client)
    await withDeadline('connect', OPEN_MS_MAX, undefined, Promise.race([parts.connect(), client.unreachable]))
    const work = settings.guarantee === 'exactly-once' ? kafkajsTransactions(client, identity) : kafkajsPlain(client)
    return clusterOn(
      { client, admin, parts },
      {
        ...work,
        async fence(signal, ours) {
          if (ours && settings.guarantee === 'exactly-once') await endHanging(settings, options, ours, signal)
          await work.fence(signal)
        },
      },
    )
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

interface Connected {
  readonly client: KafkaClient
  readonly admin: Admin
  readonly parts: Parts
}

function clusterOn({ client, admin, parts }: Connected, work: Pick<Cluster, 'fence' | 'commit' | 'close'>): Cluster {
  return {
    async brokers() {
      return (await admin.describeCluster()).brokers.map((it) => `${it.host}:${it.port}`)
    },
    id: async () => (await admin.describeCluster()).clusterId,
    topics: (names) => askTopics(admin, names),
    ends: (topics) => endsOf(parts, topics),
    stored: (group, topic) => storedOffset(admin, group, topic),
    fence: work.fence,
    commit: work.commit,
    async close() {
      await Promise.allSettled([work.close(), admin.disconnect()])
    },
    destroy: client.destroy,
  }
}

/** The admin client asks for the ends of one topic at a time, and for their beginnings too. */
async function endsOf(parts: Parts, topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
  await parts.addMultipleTargetTopics(topics)
  const wanted = topics.map((topic) => {
    const partitions = parts.findTopicPartitionMetadata(topic).map((it) => ({ partition: it.partitionId }))
    return { topic, partitions, fromBeginning: false }
  })
  const found = await parts.fetchTopicsOffset(wanted)
  return new Map(
    found.flatMap(({ topic, partitions }) => partitions.map((it) => [`${topic}/${it.partition}`, it.offset] as const)),
  )
}

/**
 * The topics' partitions and limits, or why they cannot be used. Rejects when the cluster cannot be asked. Of several of which one cannot be used the
 * library only says that: then each is asked for.
 */
export async function askTopics(admin: Admin, names: readonly string[]): Promise<ReadonlyMap<string, Topic | MissingTopic>> {
  try {
    const [{ topics }, configs] = await Promise.all([admin.fetchTopicMetadata({ topics: [...names] }), configsOf(admin, names)])
    return new Map(
      topics.map(({ name, partitions }) => [
        name,
        { name, partitions: partitions.length, ...limitsOf(configs.get(name) ?? new Map()) },
      ]),
    )
  } catch (error) {
    const [name = ''] = names
    const missing = missingTopic(name, error)
    if (!missing) throw error
    return names.length === 1 ? new Map([[name, missing]]) : oneByOne(names, (it) => askTopics(admin, [it]))
  }
}

/** Without those that we may not ask for: there the defaults hold. */
async function configsOf(admin: Admin, names: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const type = kafkajs.ConfigResourceTypes.TOPIC
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type, name, configNames: CONFIG_NAMES })),
    })
    return new Map(
      resources.map((it) => [it.resourceName, new Map(it.configEntries.map((one) => [one.configName, Number(one.configValue)]))]),
    )
  } catch (error) {
    if (explain(error).protocol === undefined) throw error
    return names.length === 1 ? new Map() : oneByOne(names, (it) => configsOf(admin, [it]))
  }
}

async function oneByOne<T>(
  names: readonly string[],
  ask: (name: string) => Promise<ReadonlyMap<string, T>>,
): Promise<ReadonlyMap<string, T>> {
  return new Map((await Promise.all(names.map(ask))).flatMap((it) => [...it]))
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
