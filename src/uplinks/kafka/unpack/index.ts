// `unpack`: blocks of one topic as records of readings in another, exactly once: records and position are one transaction, the position is read after
// the transactional id is taken, and whoever had the id before is shut out. So it may be killed at any instant and started twice.
//
//   open → fence → position (unknown: what the destination has) → read committed blocks → transaction by transaction → …
//
// After a doubt all of it anew. Two that run at once shut each other out: the one that is shut out ends and says so.
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaAccess } from '../../../clients/kafka/access.ts'
import { asUnreachable } from '../../../clients/kafka/access.ts'
import type { PartitionSpan } from '../../../clients/kafka/fetch.ts'
import { DamagedBlock } from '../../../columns/index.ts'
import { Unreachable } from '../../../core/errors.ts'
import type { Logger } from '../../../core/source.ts'
import type { UnpackProgress, UnpackReport } from '../../../core/unpack.ts'
import type { Destination } from './destination.ts'
import { openDestination } from './destination.ts'
import type { Offsets } from './position.ts'
import { presentIn } from './present.ts'
import type { Counts, UnpackTopics, Work } from './work.ts'
import { unpackWork } from './work.ts'

export interface UnpackOptions extends KafkaAccess {
  readonly topics: UnpackTopics
  /** Ends when all is unpacked that was there at the start. */
  readonly once: boolean
  readonly signal: AbortSignal
  readonly log?: Logger | undefined
  readonly onProgress?: ((progress: UnpackProgress) => void) | undefined
  /** Told of what it goes on after. */
  readonly onTrouble?: ((error: Unreachable, waitMs: number) => void) | undefined
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
/** The topic is looked at so often. */
const LOOK_MS = 500
/** Brokers forget a position that was not renewed for 7 days. */
const RENEW_MS = 12 * 3_600_000
const BACKOFF_MS_MIN = 500
const BACKOFF_MS_MAX = 30_000
/** Nothing that waiting would mend. */
const FINAL = new Set(['fenced', 'block-unreadable', 'record-too-large', 'position-unreadable', 'topic-made-anew'])

/** Resolves when all is unpacked (`once`), or the signal aborts. Rejects with Unreachable. */
export async function unpackTopic(options: UnpackOptions): Promise<UnpackReport> {
  const began = performance.now()
  const counts: Counts = { blocks: 0, readings: 0, aggregates: 0, transactions: 0, foreign: 0, deleted: 0, present: 0 }
  const report = () => ({ ...counts, seconds: (performance.now() - began) / 1000 })
  let waitMs = BACKOFF_MS_MIN
  /** A call of a client that we gave up may shut out its successor, once. */
  let isFirstAfterDoubt = false
  while (!options.signal.aborted) {
    const before = counts.transactions
    try {
      await session(options, counts, (behind) => options.onProgress?.({ ...report(), behind }))
      return report()
    } catch (error) {
      if (options.signal.aborted) break
      if (error instanceof DamagedBlock) throw new Unreachable('block-unreadable', error.message, { cause: error })
      const trouble = asUnreachable(error)
      const isFinal = FINAL.has(trouble.code) && !(trouble.code === 'fenced' && isFirstAfterDoubt)
      if (isFinal || options.once) throw explained(trouble, options.topics)
      isFirstAfterDoubt = trouble.code !== 'fenced'
      waitMs = counts.transactions > before ? BACKOFF_MS_MIN : Math.min(BACKOFF_MS_MAX, waitMs * 2)
      options.onTrouble?.(trouble, waitMs)
      await sleep(waitMs, undefined, { signal: options.signal }).catch(() => undefined)
    }
  }
  return report()
}

function explained(error: Unreachable, topics: UnpackTopics): Unreachable {
  if (error.code !== 'fenced') return error
  return new Unreachable('fenced', `another unpack from ${topics.from} to ${topics.to} is at work, and this one is shut out`, {
    cause: error,
    remedy: 'run one of them; nothing is lost or doubled by this',
  })
}

function identityOf({ from, to }: UnpackTopics): string {
  return `holdfast.unpack.${from}.${to}`
}

async function session(options: UnpackOptions, counts: Counts, progress: (behind: number) => void): Promise<void> {
  const { topics, once, signal, log = SILENT } = options
  const destination = await openDestination(options, { identity: identityOf(topics), from: topics.from, log, signal })
  try {
    const offsets = await destination.position()
    const present = offsets ? undefined : await presentIn(destination.reader, [topics.to, topics.aggregates])
    const work = unpackWork(destination, topics, { offsets: offsets ?? new Map(), present }, counts, () => Date.now() * 1000)
    let renewed = performance.now()
    do {
      const transactions = counts.transactions
      await unpackNow(destination, work, topics.from, counts, progress, signal)
      if (counts.transactions > transactions) renewed = performance.now()
      else if (performance.now() - renewed > RENEW_MS) {
        await work.flush(true)
        renewed = performance.now()
      }
      if (!once) await sleep(LOOK_MS, undefined, { signal })
    } while (!once)
  } finally {
    destination.destroy()
  }
}

/** All that is there now. */
async function unpackNow(
  { reader }: Destination,
  work: Work,
  from: string,
  counts: Counts,
  progress: (behind: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const found = await reader.spans(from)
  if (!found) throw new Unreachable('topic-missing', `${from}: there is no such topic`, { remedy: 'create the topic' })
  const spans = found.map((it) => restOf(it, work.offsets, counts))
  // Partitions of several leaders come at the same time: one after the other here.
  let turn = Promise.resolve()
  await reader.read({
    spans,
    onBatch: (_topic, partition, batch) => {
      turn = turn.then(() => (signal.aborted ? signal.throwIfAborted() : work.add(partition, batch)))
      return turn
    },
    onProgress: (done, all) => progress(all - done),
  })
  await work.flush()
}

function restOf(span: PartitionSpan, offsets: Offsets, counts: Counts): PartitionSpan {
  const at = offsets.get(span.partition) ?? span.from
  if (at > span.to)
    throw new Unreachable('topic-made-anew', `${span.topic}/${span.partition} ends at ${span.to}, and was unpacked up to ${at}`, {
      remedy: 'it was made anew: delete the offsets of the group, and what is there already is found in the destination',
    })
  if (at < span.from) counts.deleted += span.from - at
  return { ...span, from: Math.max(at, span.from) }
}
