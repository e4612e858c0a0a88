// Holds what comes while nobody pulls; beyond its bound a reading becomes a line in the ledger.
import { BatchBuilder } from '../../core/batch.ts'
import { SOURCE_QUEUE_READINGS_MAX } from '../../core/bounds.ts'
import type { SourceContext, SourceItem } from '../../core/source.ts'
import type { Bookmark } from './bookmark.ts'
import { markOf, type TagState } from './decode.ts'

/** Of strings and byte values beside the readings, while the disk is slow. */
const QUEUE_BYTES_MAX = 32 * 1024 * 1024

type Fill = (builder: BatchBuilder, now: number) => void

export interface Queue {
  add(state: TagState, fill: Fill): void
  /** The same for a reading that no bookmark is about. */
  addTo(className: string, fill: Fill): void
  batches(connected: Promise<void>, signal: AbortSignal): AsyncGenerator<SourceItem>
  /** Resolves when no more than half of the queue is taken: history waits where values cannot. */
  room(): Promise<void>
}

export function newQueue(context: SourceContext, bookmark: Bookmark): Queue {
  const builder = new BatchBuilder(context.origin, context.clock)
  const touched = new Set<TagState>()
  const waiting: (() => void)[] = []
  let received = 0
  let wake = () => {}
  const isFilledTo = (share: number) =>
    builder.count >= SOURCE_QUEUE_READINGS_MAX * share || builder.bytesHeld >= QUEUE_BYTES_MAX * share
  const item = (): SourceItem => {
    const marks = [...touched].map((it) => [it.at, markOf(it)] as const)
    touched.clear()
    const batch = builder.take(received)
    for (const resolve of waiting.splice(0)) resolve()
    const durable = () => {
      for (const [at, mark] of marks) bookmark.set(at, mark)
      bookmark.save()
    }
    return { batch, durable }
  }
  const addTo = (className: string, fill: Fill) => {
    const now = builder.now()
    if (builder.isEmpty) received = now
    if (isFilledTo(1)) builder.refuse(className, 'overflow', now)
    else fill(builder, now)
    wake()
  }
  return {
    addTo,
    add(state, fill) {
      touched.add(state)
      addTo(state.tag.class, fill)
    },
    async room() {
      while (isFilledTo(0.5)) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    async *batches(connected, signal) {
      while (!signal.aborted) {
        if (builder.isEmpty) {
          const woken = new Promise<void>((resolve) => {
            wake = resolve
          })
          await Promise.race([woken, connected])
        }
        // What came with the same publish response goes into the same batch.
        await new Promise(setImmediate)
        if (!builder.isEmpty) yield item()
      }
      for (const resolve of waiting.splice(0)) resolve()
      await connected
      if (!builder.isEmpty) yield item()
    },
  }
}
