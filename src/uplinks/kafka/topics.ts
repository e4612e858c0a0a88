// What the destination's topics are like: partitions, the largest batch, and which times they take.
import { explain } from '../../clients/kafka/explain.ts'
import { Unreachable } from '../../core/errors.ts'
import type { EndOffsets } from '../../core/log.ts'
import type { Cluster } from './cluster.ts'
import type { Destination } from './events.ts'

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

/** A topic's settings that say what it takes. */
export const CONFIG_NAMES = [
  'retention.ms',
  'max.message.bytes',
  'message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms',
]
/** A topic that was missing is asked for again after so long. */
const MISSING_ASK_MS = 2_000
const MISSING = new Set<string | undefined>([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
])

/** The topic that a template is for one class at one site. */
export function filledTopic(template: string, className: string, site: string): string {
  return template.replaceAll('{class}', className).replaceAll('{site}', site.replaceAll(/[^a-zA-Z0-9._-]/g, '_'))
}

export function isMissing(topic: Topic | MissingTopic): topic is MissingTopic {
  return 'problem' in topic
}

/** Where one was asked for. */
export function onlyTopic(found: ReadonlyMap<string, Topic | MissingTopic>): Topic | MissingTopic {
  return found.values().next().value as Topic | MissingTopic
}

/** For whoever cannot go on without the topic. */
export function unreachableTopic({ problem }: MissingTopic): Unreachable {
  const { code, text, remedy } = problem
  return new Unreachable(code, text, remedy === undefined ? {} : { remedy })
}

/** Whether a topic takes a record of this time, now. */
export function isTaken(ms: number, topic: Topic, nowMs: number): boolean {
  return ms >= 0 && ms >= nowMs - topic.pastMsMax && ms <= nowMs + topic.aheadMsMax
}

/** Milliseconds: the source time where the topic takes it, else the time of sending. */
export function timestampOf(micros: number, topic: Topic, nowMs: number): number {
  const ms = Math.floor(micros / 1000)
  return isTaken(ms, topic, nowMs) ? ms : nowMs
}

/** Why a topic cannot be used, from what the cluster said when it was asked for it; undefined when that was something else. */
export function missingTopic(name: string, error: unknown): MissingTopic | undefined {
  const { code, text, remedy, protocol } = explain(error)
  return MISSING.has(protocol) ? { name, problem: { code, text: `${name}: ${text}`, ...(remedy && { remedy }) } } : undefined
}

/** From the topic's settings; an empty map when we may not read them. */
export function limitsOf(config: ReadonlyMap<string, number>): Omit<Topic, 'name' | 'partitions'> {
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

/** What was asked about the topics of this connection. */
export function knownTopics(cluster: Cluster, monotonic: () => number) {
  const known = new Map<string, { topic: Topic | MissingTopic; at: number }>()

  function isKnown(name: string): boolean {
    const before = known.get(name)
    return before !== undefined && (!isMissing(before.topic) || monotonic() - before.at < MISSING_ASK_MS)
  }

  async function ask(names: Iterable<string>): Promise<ReadonlyMap<string, Topic | MissingTopic>> {
    const all = [...new Set(names)]
    const unknown = all.filter((it) => !isKnown(it))
    const found = unknown.length > 0 ? await cluster.topics(unknown) : []
    for (const [name, topic] of found) known.set(name, { topic, at: monotonic() })
    return new Map(all.map((name) => [name, (known.get(name) as { topic: Topic | MissingTopic }).topic]))
  }

  /** By `topic/partition`; all that were asked for, as far as they exist. */
  async function ends(): Promise<EndOffsets> {
    const there = [...(await ask(known.keys()))].flatMap(([name, topic]) => (isMissing(topic) ? [] : [name]))
    return there.length > 0 ? Object.fromEntries(await cluster.ends(there)) : {}
  }

  return {
    ask,
    /** Of those that were asked for; undefined where it is missing. */
    known(name: string): Topic | undefined {
      const topic = known.get(name)?.topic
      return topic && !isMissing(topic) ? topic : undefined
    },
    forget(name: string): void {
      known.delete(name)
    },
    /** The topic takes no larger batches than that. */
    limit(name: string, batchBytesMax: number): boolean {
      const before = known.get(name)
      if (!before || isMissing(before.topic)) return false
      known.set(name, { ...before, topic: { ...before.topic, batchBytesMax } })
      return true
    },
    /** With all topics that were asked for, as far as they exist. */
    async describe(): Promise<Destination> {
      const now = await ends()
      const partitions = [...known].flatMap(([name, { topic }]) => (isMissing(topic) ? [] : [[name, topic.partitions] as const]))
      return { cluster: await cluster.id(), topics: Object.fromEntries(partitions), ends: now }
    },
    ends,
  }
}
