// A cluster by our own client: clients/kafka/direct.
import { setTimeout } from 'node:timers/promises'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import type { Brokers } from '../../clients/kafka/direct/brokers.ts'
import { brokersOf } from '../../clients/kafka/direct/brokers.ts'
import { describeTopics, listEnds, offsetFetch } from '../../clients/kafka/direct/calls.ts'
import type { KafkaError } from '../../clients/kafka/direct/errors.ts'
import { isKafkaError, kafkaError } from '../../clients/kafka/direct/errors.ts'
import type { Cluster, ClusterOptions, ClusterSettings, Stored } from './cluster.ts'
import { BEGIN_MS_MAX, OPEN_MS_MAX } from './deadlines.ts'
import { directPlain } from './direct-plain.ts'
import { recordSender } from './direct-sender.ts'
import { directTransactions } from './direct-transactions.ts'
import type { MissingTopic, Topic } from './topics.ts'
import { CONFIG_NAMES, limitsOf, missingTopic } from './topics.ts'

const ASK_AGAIN_MS = 50
/** The coordinator moves or reads its past, or is about to end a transaction. */
const SOON = ['NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'UNSTABLE_OFFSET_COMMIT']

export async function openDirect(settings: ClusterSettings, options: ClusterOptions): Promise<Cluster> {
  const { identity, localAddress, traffic } = options
  const brokers = brokersOf(settings, { clientId: identity, localAddress, traffic })
  try {
    await withDeadline('connect', OPEN_MS_MAX, undefined, brokers.any())
    return clusterOn(brokers, settings.guarantee === 'exactly-once' ? identity : undefined)
  } catch (error) {
    brokers.destroy()
    throw asUnreachable(error)
  }
}

/** `transactionalId` undefined: without transactions. */
function clusterOn(brokers: Brokers, transactionalId: string | undefined): Cluster {
  /** Of topics that were asked for; where a leader has moved, the broker says so, and all begins anew. */
  const leaders = new Map<string, readonly number[]>()

  async function topics(names: readonly string[]): Promise<ReadonlyMap<string, Topic | MissingTopic>> {
    const found = new Map((await brokers.metadata(names)).topics.map((it) => [it.name, it]))
    const there = names.filter((name) => found.get(name)?.error === 0)
    const configs = there.length > 0 ? await configsOf(brokers, there) : new Map()
    const topicOf = (name: string): Topic | MissingTopic => {
      const it = found.get(name)
      if (it?.error !== 0) return missingOrThrow(name, kafkaError(it?.error ?? 3, name))
      leaders.set(name, it.leaders)
      return { name, partitions: it.leaders.length, ...limitsOf(configs.get(name) ?? new Map()) }
    }
    return new Map(names.map((name) => [name, topicOf(name)]))
  }

  async function ends(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const all = names.flatMap((topic) => (leaders.get(topic) ?? []).map((leader, partition) => ({ topic, partition, leader })))
    const answers = [...Map.groupBy(all, (it) => it.leader)].map(async ([leader, own]) => {
      const byTopic = Map.groupBy(own, (it) => it.topic)
      const partitions = new Map([...byTopic].map(([topic, some]) => [topic, some.map((it) => it.partition)]))
      return [...(await (await brokers.node(leader)).send(listEnds(partitions)))]
    })
    return new Map((await Promise.all(answers)).flat().map(([place, end]) => [place, String(end)]))
  }

  const sender = recordSender(brokers, (name, partition) => leaders.get(name)?.[partition] ?? -1)
  const work = transactionalId === undefined ? directPlain(brokers, sender) : directTransactions(brokers, sender, transactionalId)
  return {
    async brokers() {
      return (await brokers.metadata([])).brokers.map((it) => `${it.host}:${it.port}`)
    },
    id: async () => (await brokers.metadata([])).cluster,
    topics,
    ends,
    stored: (group, name, msMax = BEGIN_MS_MAX) => storedOffset(brokers, group, name, msMax),
    ...work,
    async close() {},
    destroy: brokers.destroy,
  }
}

function missingOrThrow(name: string, error: KafkaError): MissingTopic {
  const missing = missingTopic(name, error)
  if (!missing) throw error
  return missing
}

/** Without those that we may not ask for: there the defaults hold. */
async function configsOf(brokers: Brokers, names: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const found = await (await brokers.any()).send(describeTopics(names, CONFIG_NAMES))
  const numbers = (config: ReadonlyMap<string, string | null>) => new Map([...config].map(([key, it]) => [key, Number(it)]))
  return new Map([...found].map(([name, config]) => [name, numbers(config)]))
}

async function storedOffset(brokers: Brokers, group: string, topic: string, msMax: number): Promise<Stored | undefined> {
  const ends = performance.now() + msMax
  for (;;) {
    try {
      const coordinator = await brokers.node(await brokers.coordinator('group', group))
      const found = await coordinator.send(offsetFetch(group, topic))
      return found && { offset: String(found.offset), metadata: found.metadata }
    } catch (error) {
      if (!isKafkaError(error, ...SOON) || performance.now() > ends) throw error
      await setTimeout(ASK_AGAIN_MS)
    }
  }
}
