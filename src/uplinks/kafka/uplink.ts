// Kafka as an uplink: records and position in one transaction, or nothing.
//
//   open      a new client; the topics and what they take
//   position  the transactional id first (whoever had it is shut out, what they left open is aborted), then the position
//   prepare   packs what will probably be sent next (ahead.ts)
//   send      begin → records → position → commit. A refusal before the commit is aborted and said as Blocked.
//             Any other error, or no answer in time, is doubt: the sockets are closed and this uplink is of no more use.
//
// Retries nothing. Adapts once or twice where the topic said that it takes less than it let us know (size, time stamps).
import { explain } from '../../clients/kafka/explain.ts'
import { asUnreachable, withDeadline } from '../../clients/kafka/access.ts'
import { Blocked, Unreachable } from '../../core/errors.ts'
import type { EndOffsets, Slice } from '../../core/log.ts'
import type { Form, Stream } from '../../core/stream.ts'
import { streamKey, streamOf } from '../../core/stream.ts'
import type { Position, Refusal } from '../../core/position.ts'
import type { Uplink, UplinkBatch, UplinkContext } from '../../core/uplink.ts'
import type { Ready } from './ahead.ts'
import { packedAhead, together } from './ahead.ts'
import { topicSchemas } from './avro/topic-schemas.ts'
import type { Cluster, RefusedTransaction } from './cluster.ts'
import { openCluster } from './cluster.ts'
import type { Destination } from './events.ts'
import { checkpointRecord, elsewhereRecord, refusedRecord } from './events.ts'
import type { Packed, Packer } from './pack.ts'
import { packer, templatesOf } from './pack.ts'
import { readBack, withReader } from './read-back.ts'
import { decodePosition, encodePosition } from './position.ts'
import type { KafkaSettings } from './settings.ts'
import type { MissingTopic, Topic } from './topics.ts'
import { filledTopic, isMissing, knownTopics } from './topics.ts'

const CALL_MS_MAX = 15_000
const CLOSE_MS_MAX = 3_000
const PEEK_MS_MAX = 2_000
const ADAPTATIONS_MAX = 4
const BATCH_BYTES_MIN = 1_024
/** What decides where a slice goes, beside the settings. */
type Where = Pick<UplinkContext, 'site' | 'records' | 'classes'>

/** Group of the position and transactional id at once. */
export function identityOf(context: Pick<UplinkContext, 'device' | 'name'>): string {
  return `holdfast.${context.device}.${context.name}`
}

export async function openUplink(settings: KafkaSettings, context: UplinkContext): Promise<Uplink> {
  const { log, route, traffic } = context
  const options = { identity: identityOf(context), log, localAddress: route?.localAddress, traffic }
  return uplinkOn(await openCluster(settings, options), settings, context)
}

function uplinkOn(cluster: Cluster, settings: KafkaSettings, context: UplinkContext): Uplink {
  const identity = identityOf(context)
  const about = { device: context.device, uplink: context.name }
  const style = { site: context.site, headers: settings.headers }
  const sentTimeOnly = new Set<string>()
  const schemas = topicSchemas(context)
  const known = templatesOf(schemas.format)
  const pack = packer(style, sentTimeOnly, schemas.format, known)
  const packAhead = packer(style, sentTimeOnly, schemas.format, known)
  const topics = knownTopics(cluster, () => context.clock.monotonic())
  const events = settings.topics.events
  const topicOfStream = (key: string) => topicOf(streamOf(key), settings, context)
  /** Topics whose schema is known: a transaction has gone there, or was about to. */
  const written = new Set<string>()
  const ahead = packedAhead({
    pack: packAhead,
    steps: (batch, topicFor) => stepsOf(packAhead, batch, topicFor),
    topicOf(slice) {
      const name = topicOf(slice.stream, settings, context)
      return written.has(name) ? topics.known(name) : undefined
    },
    marksOf: (batch, slice) =>
      JSON.stringify([duplicatesWithin(batch, slice), sentTimeOnly.has(topicOf(slice.stream, settings, context))]),
    now: () => context.clock.now(),
  })
  let spent = false

  /** One call at the destination. An error that is neither Blocked nor ours (a position too long) gives the client up; a bug or a damaged block stays what it is. */
  async function orSpend<T>(work: () => Promise<T>): Promise<T> {
    if (spent) throw new Unreachable('spent', 'this connection was given up after a doubt')
    try {
      return await work()
    } catch (error) {
      if (error instanceof Blocked || error instanceof RangeError) throw error
      spent = true
      cluster.destroy()
      throw isOfTheLink(error) ? asUnreachable(error) : error
    }
  }

  async function readPosition(signal: AbortSignal, told: number): Promise<Position | 'none'> {
    await cluster.fence(signal, {
      group: identity,
      events,
      topics: [...topicsOf(settings, context).keys()],
      told,
      reading: (work) => withReader(settings, context, signal, work),
      ended: (what, where) => context.log.warn({ what, where }, 'a transaction that the cluster left half done was ended'),
    })
    const stored = await withDeadline('read the position', CALL_MS_MAX, signal, cluster.stored(identity, events))
    if (!stored || stored.offset === '-1') return 'none'
    try {
      return { transaction: Number(stored.offset), delivered: decodePosition(stored.metadata ?? '') }
    } catch (cause) {
      const remedy = 'somebody else commits offsets to this group: delete its offsets, or rename the uplink'
      throw new Unreachable('position-unreadable', `the position of group ${identity} cannot be read`, { cause, remedy })
    }
  }

  async function peek(signal: AbortSignal): Promise<number | 'none' | 'busy'> {
    try {
      const stored = await withDeadline('read the position', CALL_MS_MAX, signal, cluster.stored(identity, events, PEEK_MS_MAX))
      return stored && stored.offset !== '-1' ? Number(stored.offset) : 'none'
    } catch (error) {
      if (explain(error).protocol === 'UNSTABLE_OFFSET_COMMIT') return 'busy'
      throw error
    }
  }

  function* stepsOf(to: Packer, batch: UplinkBatch, topicFor: (slice: Slice) => Topic): Iterable<void> {
    for (const slice of batch.slices) {
      const topic = topicFor(slice)
      const maybe = duplicatesOf(batch, slice)
      yield
      if (slice.form === 'event') to.addListEvents(slice, topic, maybe)
      else if (slice.form === 'gap') to.addGaps(slice, topic, maybe)
      else if (context.records === 'blocks') to.blocks.add(slice, batch.series, topic, maybe)
      else if (slice.form === 'aggregate') to.addAggregates(slice, batch.series, topic, maybe)
      else yield* to.stepsOfReadings(slice, batch.series, topic, maybe)
    }
    to.blocks.flush()
  }

  function packAll(
    batch: UplinkBatch,
    position: Position,
    found: ReadonlyMap<string, Topic>,
    destination: Destination | undefined,
    ready: Ready | undefined,
  ): Packed {
    const now = context.clock.now()
    const eventsTopic = found.get(events) as Topic
    const rest = ready ? { ...batch, slices: batch.slices.filter((it) => !ready.slices.has(it)) } : batch
    pack.begin(now)
    for (const _ of stepsOf(pack, rest, ({ stream }) => found.get(topicOf(stream, settings, context)) as Topic));
    for (const [n, range] of (batch.elsewhere ?? []).entries()) {
      const topic = found.get(topicOf(gapOf(range.stream), settings, context)) as Topic
      pack.addEvent(elsewhereRecord(range, n, position, about, style, now), topic)
    }
    const refusals = [...(ready?.packed.refusals ?? []), ...pack.refusals]
    if (refusals.length > 0) pack.addEvent(refusedRecord(refusals, position, about, style, now), eventsTopic)
    if (batch.checkpoint && destination) {
      const { classes = [], served = classes } = context
      const where = { ...about, destination, stays: classes.filter((it) => !served.includes(it)) }
      pack.addEvent(checkpointRecord({ ...batch, checkpoint: batch.checkpoint }, position, where, style, now), eventsTopic)
    }
    return together(ready, pack.take())
  }

  /** Of all topics that the records may go to, so that the schema of a gap is known before there is one; those of this batch must be. */
  async function refuseUnknown(batch: UplinkBatch): Promise<void> {
    const used = new Map(streamsOf(batch).map((it) => [topicOf(it, settings, context), it.form]))
    const problems = await schemas.missing(new Map([...topicsOf(settings, context), ...used]))
    const names = [...problems.keys()].filter((it) => it === events || used.has(it))
    const first = problems.get(names[0] ?? '')
    if (!first) return
    const where = { topics: names, classes: classesOf(batch, settings, context, names) }
    throw new Blocked(first.code, first.text, where, { remedy: first.remedy })
  }

  /** Of all topics that the records may go to; each call has its own time. */
  const askAll = (signal: AbortSignal) =>
    withDeadline('ask for the topics', CALL_MS_MAX, signal, topics.ask(topicsOf(settings, context).keys()))

  async function endOffsets(signal: AbortSignal): Promise<EndOffsets> {
    await askAll(signal)
    return withDeadline('read the ends', CALL_MS_MAX, signal, topics.ends())
  }

  async function sendAll(batch: UplinkBatch, position: Position, signal: AbortSignal): Promise<readonly Refusal[]> {
    const claimed = ahead.claim(batch)
    const names = new Set([events, ...streamsOf(batch).map((it) => topicOf(it, settings, context))])
    const metadata = positionText(position.delivered)
    const offsets = { group: identity, topic: events, offset: String(position.transaction), metadata }
    for (let adaptations = 0; ; adaptations++) {
      const found = await withDeadline('ask for the topics', CALL_MS_MAX, signal, topics.ask(names))
      refuseMissing(found, batch, settings, context)
      await refuseUnknown(batch)
      if (batch.checkpoint) await askAll(signal)
      const destination = batch.checkpoint && (await withDeadline('describe the cluster', CALL_MS_MAX, signal, topics.describe()))
      for (const name of names) written.add(name)
      // A second time round it is packed in another way.
      const ready = adaptations === 0 ? await claimed() : undefined
      const packed = packAll(batch, position, found as ReadonlyMap<string, Topic>, destination, ready)
      const outcome = await cluster.commit(packed, offsets, signal)
      if (outcome === 'committed') return packed.refusals
      const adapted = adaptations < ADAPTATIONS_MAX && adapt(outcome, packed)
      if (!adapted) throw blocked(outcome, batch, settings, context)
    }
  }

  /** True when the same records may go in another way. */
  function adapt({ refused, topic }: RefusedTransaction, packed: Packed): boolean {
    if (topic === undefined) return false
    if (refused.protocol === 'UNKNOWN_TOPIC_OR_PARTITION') topics.forget(topic)
    if (refused.protocol === 'INVALID_TIMESTAMP') {
      if (sentTimeOnly.has(topic)) return false
      sentTimeOnly.add(topic)
      return true
    }
    if (refused.protocol !== 'MESSAGE_TOO_LARGE') return false
    const largest = Math.max(...(packed.batches.get(topic) ?? []).map((it) => it.compressed.length))
    return largest / 2 >= BATCH_BYTES_MIN && topics.limit(topic, Math.floor(largest / 2))
  }

  return {
    position: (signal, told = 0) => orSpend(() => readPosition(signal, told)),
    peek: (signal) => orSpend(() => peek(signal)),
    endOffsets: (signal) => orSpend(() => endOffsets(signal)),
    readBack: (ranges, from, signal) => orSpend(() => readBack(settings, context, topicOfStream, ranges, from, signal)),
    send: (batch, position, signal) => orSpend(() => sendAll(batch, position, signal)),
    // Blocks go as they are: there is nothing to do before.
    ...(context.records === 'blocks' ? {} : { prepare: (batch: UplinkBatch) => ahead.prepare(batch) }),
    async close() {
      spent = true
      ahead.drop()
      await withDeadline('close', CLOSE_MS_MAX, undefined, cluster.close()).catch(() => {})
      cluster.destroy()
    },
  }
}

function isOfTheLink(error: unknown): boolean {
  return (
    error instanceof Unreachable ||
    (error instanceof Error && error.name.startsWith('KafkaJS')) ||
    explain(error).code !== 'failed'
  )
}

/** Streams whose records go along. */
function streamsOf({ slices, elsewhere = [] }: UplinkBatch): Stream[] {
  return [...slices.map((it) => it.stream), ...elsewhere.map((it) => gapOf(it.stream))]
}

const gapOf = (key: string): Stream => ({ ...streamOf(key), form: 'gap' })

function topicOf(
  { form, class: name }: Pick<Stream, 'form' | 'class'>,
  settings: KafkaSettings,
  { site, records }: Where,
): string {
  const { telemetry, aggregates, gaps, events, blocks } = settings.topics
  const inBlocks = records === 'blocks' && (form === 'raw' || form === 'aggregate')
  const template = inBlocks ? blocks : { raw: telemetry, aggregate: aggregates, gap: gaps, event: events }[form]
  return filledTopic(template, name, site)
}

/** Every topic that the records may go to, as far as the classes are known, and what its records are. */
export function topicsOf(settings: KafkaSettings, { site, records, classes = [] }: Where): Map<string, Form> {
  const { telemetry, aggregates, events, gaps, blocks } = settings.topics
  const readings: [string, Form][] = [
    [telemetry, 'raw'],
    [aggregates, 'aggregate'],
  ]
  const data: [string, Form][] = records === 'blocks' ? [[blocks, 'raw']] : readings
  const templates: [string, Form][] = [...data, [events, 'event'], [gaps, 'gap']]
  return new Map(
    templates.flatMap(([template, form]) =>
      (template.includes('{class}') ? classes : ['']).map((it): [string, Form] => [filledTopic(template, it, site), form]),
    ),
  )
}

/** What of a slice may be there already. */
function duplicatesWithin(batch: UplinkBatch, slice: Slice) {
  return duplicatesOf(batch, slice).filter((it) => it.from < slice.to && slice.from < it.to)
}

function duplicatesOf(batch: UplinkBatch, slice: Slice) {
  const key = streamKey(slice.stream)
  return batch.maybeDuplicate.filter((it) => it.stream === key).toSorted((a, b) => a.from - b.from)
}

function classesOf(batch: UplinkBatch, settings: KafkaSettings, where: Where, names: readonly string[]): string[] {
  // Without the events topic there is no position: then every class waits.
  const all = names.includes(settings.topics.events)
  const streams = streamsOf(batch).filter((it) => all || names.includes(topicOf(it, settings, where)))
  return [...new Set(streams.map((it) => it.class))]
}

function refuseMissing(
  found: ReadonlyMap<string, Topic | MissingTopic>,
  batch: UplinkBatch,
  settings: KafkaSettings,
  context: Where,
): void {
  const missing = [...found.values()].filter(isMissing)
  const first = missing[0]?.problem
  if (!first) return
  const names = missing.map((it) => it.name)
  const where = { topics: names, classes: classesOf(batch, settings, context, names) }
  throw new Blocked(
    first.code,
    missing.map((it) => it.problem.text).join('; '),
    where,
    first.remedy ? { remedy: first.remedy } : {},
  )
}

function blocked({ refused, topic }: RefusedTransaction, batch: UplinkBatch, settings: KafkaSettings, context: Where): Blocked {
  const names = topic === undefined ? [settings.topics.events] : [topic]
  const where = { topics: names, classes: classesOf(batch, settings, context, names) }
  return new Blocked(refused.code, `${names[0]}: ${refused.text}`, where, refused.remedy ? { remedy: refused.remedy } : {})
}

function positionText(delivered: Position['delivered']): string {
  try {
    return encodePosition(delivered)
  } catch (cause) {
    throw new Unreachable('position-too-long', (cause as Error).message, {
      cause,
      remedy: 'Too many streams: fewer classes, or fewer boxes that send to this one.',
    })
  }
}
