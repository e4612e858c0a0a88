// What will probably be sent next is packed while the transaction before it is under way, so that neither waits for the other.
//
//   prepare   packs in short turns, so that answers of the cluster are heard between them, by a packer of its own: another batch may be sent
//             meanwhile. What was prepared before and nobody has claimed is dropped
//   claim     by whoever sends: all of it has to be in the batch that goes, or nothing of it does. A batch that has none of it leaves it as it is
//
// Nothing goes that is not in the batch, nor what was packed for a topic, a mark or a time that is another one now.
import { setImmediate } from 'node:timers/promises'
import type { Slice } from '../../core/log.ts'
import type { UplinkBatch } from '../../core/uplink.ts'
import type { Packed, Packer } from './pack.ts'
import type { Topic } from './topics.ts'

const TURN_MS = 3
/** Which times a topic takes is asked of the clock when it is packed; a minute's difference is allowed for (topics.ts). */
const AGE_MS_MAX = 20_000

export interface Ready {
  readonly slices: ReadonlySet<Slice>
  readonly packed: Packed
}

export interface AheadParts {
  readonly pack: Pick<Packer, 'begin' | 'take'>
  /** Packs a batch's slices by `pack`. */
  steps(batch: UplinkBatch, topicOf: (slice: Slice) => Topic): Iterable<void>
  /** The topic that a slice goes to, of those that are known; undefined: it is none of them. */
  topicOf(slice: Slice): Topic | undefined
  /** What a slice's records say beside what is in it: its marks, whose time they have. */
  marksOf(batch: UplinkBatch, slice: Slice): string
  now(): number
}

interface Ahead {
  readonly batch: UplinkBatch
  readonly topics: ReadonlyMap<Slice, Topic>
  readonly marks: readonly string[]
  readonly begun: number
  state: 'packing' | 'waited-for' | 'dropped'
  done: Promise<Ready | undefined>
}

/** Yields what of the batch is packed already; undefined: nothing. Rejects never. */
export type Claim = () => Promise<Ready | undefined>

export function packedAhead(parts: AheadParts) {
  let current: Ahead | undefined
  /** Has the packer now, or had it last. */
  let last: Promise<unknown> = Promise.resolve()

  const drop = () => {
    if (current) current.state = 'dropped'
    current = undefined
  }

  async function packIn(ahead: Ahead, before: Promise<unknown>): Promise<Ready | undefined> {
    await before
    // What is to be written goes first.
    await setImmediate()
    if (isDropped(ahead)) return undefined
    const { batch, topics } = ahead
    parts.pack.begin(parts.now())
    let ends = performance.now() + TURN_MS
    for (const _ of parts.steps(batch, (slice) => topics.get(slice) as Topic)) {
      if (ahead.state === 'waited-for' || performance.now() < ends) continue
      await setImmediate()
      if (isDropped(ahead)) return undefined
      ends = performance.now() + TURN_MS
    }
    return { slices: new Set(batch.slices), packed: parts.pack.take() }
  }

  function isStillTrue({ batch, topics, marks, begun }: Ahead, sent: UplinkBatch): boolean {
    if (performance.now() - begun > AGE_MS_MAX) return false
    const slices = new Set(sent.slices)
    return batch.slices.every(
      (it, n) => slices.has(it) && parts.topicOf(it) === topics.get(it) && parts.marksOf(sent, it) === marks[n],
    )
  }

  return {
    drop,
    /** Nothing is prepared where a topic is not known yet. Rejects never: what cannot be packed is found out by `send`. */
    async prepare(batch: UplinkBatch): Promise<void> {
      drop()
      const topics = new Map<Slice, Topic>()
      for (const it of batch.slices) {
        const topic = parts.topicOf(it)
        if (!topic) return
        topics.set(it, topic)
      }
      const marks = batch.slices.map((it) => parts.marksOf(batch, it))
      const begun = performance.now()
      const ahead: Ahead = { batch, topics, marks, begun, state: 'packing', done: Promise.resolve(undefined) }
      current = ahead
      ahead.done = packIn(ahead, last).catch(() => undefined)
      // What is packed is not kept for who waits.
      last = ahead.done.then(() => undefined)
      await ahead.done
    },
    claim(batch: UplinkBatch): Claim {
      const slices = new Set(batch.slices)
      const ahead = current
      if (!ahead?.batch.slices.some((it) => slices.has(it))) return async () => undefined
      if (!isStillTrue(ahead, batch)) {
        drop()
        return async () => undefined
      }
      current = undefined
      return async () => {
        ahead.state = 'waited-for'
        const ready = await ahead.done
        // A topic may have been asked for anew meanwhile.
        return isStillTrue(ahead, batch) ? ready : undefined
      }
    },
  }
}

const isDropped = (it: Ahead): boolean => it.state === 'dropped'

/** One transaction of both. */
export function together(ready: Ready | undefined, rest: Packed): Packed {
  if (!ready) return rest
  const { packed } = ready
  const names = new Set([...packed.batches.keys(), ...rest.batches.keys()])
  const of = (name: string) => [...(packed.batches.get(name) ?? []), ...(rest.batches.get(name) ?? [])]
  return {
    batches: new Map([...names].map((name) => [name, of(name)])),
    refusals: [...packed.refusals, ...rest.refusals],
    records: packed.records + rest.records,
    bytes: packed.bytes + rest.bytes,
  }
}
