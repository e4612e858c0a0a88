// What the destination's topics are like: partitions, the largest batch, and which times they take.
import type { Admin } from 'kafkajs'
import kafkajs from 'kafkajs'
import { explain } from '../../clients/kafka/explain.ts'

export interface Topic {
  readonly name: string
  readonly partitions: number
  /** A compressed batch may have so many bytes. */
  readonly batchBytesMax: number
  /** A record's time may be so many ms before and after now. */
  readonly pastMsMax: number
  readonly aheadMsMax: number
  /** How long the topic keeps records, ms; undefined when we may not ask. */
  readonly retentionMs?: number
}

export interface MissingTopic {
  readonly name: string
  readonly problem: { readonly code: string; readonly text: string; readonly remedy?: string }
}

const DAY_MS = 86_400_000
/** Without permission to read the topic's settings. */
const PAST_MS_DEFAULT = 3 * DAY_MS
const AHEAD_MS_DEFAULT = 600_000
/** Kafka's own default of max.message.bytes. */
const BATCH_BYTES_DEFAULT = 1_048_588
/** Our clock and the broker's differ, and a record is some seconds under way. */
const CLOCK_MARGIN_MS = 60_000

/** The topic's partitions and limits, or why it cannot be used. Rejects when the cluster cannot be asked. */
export async function askTopic(admin: Admin, name: string): Promise<Topic | MissingTopic> {
  const found = await partitionsOf(admin, name)
  if (typeof found !== 'number') return found
  const config = await configOf(admin, name)
  return { name, partitions: found, ...limitsOf(config) }
}

/** The topic that a template is for one class at one site. */
export function filledTopic(template: string, className: string, site: string): string {
  return template.replaceAll('{class}', className).replaceAll('{site}', site.replaceAll(/[^a-zA-Z0-9._-]/g, '_'))
}

export function isMissing(topic: Topic | MissingTopic): topic is MissingTopic {
  return 'problem' in topic
}

async function partitionsOf(admin: Admin, name: string): Promise<number | MissingTopic> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
    return topics[0]?.partitions.length ?? 0
  } catch (error) {
    const { code, text, remedy, protocol } = explain(error)
    if (
      protocol !== 'UNKNOWN_TOPIC_OR_PARTITION' &&
      protocol !== 'TOPIC_AUTHORIZATION_FAILED' &&
      protocol !== 'INVALID_TOPIC_EXCEPTION'
    )
      throw error
    return { name, problem: { code, text: `${name}: ${text}`, ...(remedy && { remedy }) } }
  }
}

/** Empty when we may not ask: the defaults hold. */
async function configOf(admin: Admin, name: string): Promise<ReadonlyMap<string, number>> {
  const configNames = ['retention.ms', 'max.message.bytes', 'message.timestamp.before.max.ms', 'message.timestamp.after.max.ms']
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames }],
    })
    return new Map((resources[0]?.configEntries ?? []).map((it) => [it.configName, Number(it.configValue)]))
  } catch (error) {
    if (explain(error).protocol === undefined) throw error
    return new Map()
  }
}

function limitsOf(config: ReadonlyMap<string, number>): Omit<Topic, 'name' | 'partitions'> {
  const batchBytesMax = config.get('max.message.bytes') ?? BATCH_BYTES_DEFAULT
  const retentionMs = config.get('retention.ms')
  if (retentionMs === undefined) return { batchBytesMax, pastMsMax: PAST_MS_DEFAULT, aheadMsMax: AHEAD_MS_DEFAULT }
  const kept = retentionMs < 0 ? Infinity : retentionMs / 2
  const before = (config.get('message.timestamp.before.max.ms') ?? Infinity) - CLOCK_MARGIN_MS
  const after = config.get('message.timestamp.after.max.ms') ?? AHEAD_MS_DEFAULT
  return {
    batchBytesMax,
    retentionMs: retentionMs < 0 ? Infinity : retentionMs,
    pastMsMax: Math.max(0, Math.min(kept, before)),
    aheadMsMax: Math.max(0, after - CLOCK_MARGIN_MS),
  }
}
