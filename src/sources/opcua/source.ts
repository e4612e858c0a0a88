// The protocol `opcua`: subscriptions, pushed by the server into one bounded queue.
//
//   server ─publish─► session.ts ─reading by reading─► BatchBuilder (the queue) ─one batch a turn─► ingest
import { BatchBuilder } from '../../core/batch.ts'
import { SOURCE_QUEUE_READINGS_MAX } from '../../core/bounds.ts'
import { BAD } from '../../core/reading.ts'
import type { Protocol, Source, SourceContext, SourceItem, SourceStatus } from '../../core/source.ts'
import type { Route } from './connection.ts'
import { addReading, addWithout, type TagState, tagState } from './decode.ts'
import { routeLibraryLog } from './library-log.ts'
import { keepConnected, type Sink } from './session.ts'
import type { OpcuaSettings } from './settings.ts'
import { testSteps } from './test-steps.ts'
import { TIMING, type Timing } from './timing.ts'

/** Of strings and byte values beside the readings, while the disk is slow. */
const QUEUE_BYTES_MAX = 32 * 1024 * 1024

/** The protocol with another patience than a plant needs: for tests. */
export function opcuaWith(timing: Timing): Protocol<OpcuaSettings> {
  return {
    name: 'opcua',
    open: (settings, context) => open({ settings, dir: context.dir, device: context.device, timing }, context),
    test: (settings, context, signal) => {
      routeLibraryLog(context.log)
      return testSteps({ settings, dir: context.dir, device: context.device, timing }, signal)
    },
  }
}

export const opcua = opcuaWith(TIMING)

function open(route: Route, context: SourceContext): Source {
  routeLibraryLog(context.log)
  const queue = newQueue(context)
  const tags = route.settings.tags.map(tagState)
  let status: SourceStatus = { state: 'starting' }
  const notes: Record<string, number> = {}
  const sink: Sink = {
    data: (state, value) => queue.add(state, (builder, now) => addReading(builder, state, value, now, note)),
    none: (state, code) => queue.add(state, (builder, now) => addWithout(builder, state, now, BAD, code)),
    status: (next) => {
      status = next
    },
    note,
  }
  function note(reason: string): void {
    notes[reason] = (notes[reason] ?? 0) + 1
  }
  async function* read(signal: AbortSignal): AsyncGenerator<SourceItem> {
    const stop = new AbortController()
    const connected = keepConnected({ route, tags, sink, context }, AbortSignal.any([signal, stop.signal]))
    try {
      yield* queue.batches(connected, signal)
    } finally {
      stop.abort()
      await connected
      status = { state: 'stopped' }
    }
  }
  return { read, status: () => (Object.keys(notes).length > 0 ? { ...status, notes: { ...notes } } : status) }
}

interface Queue {
  add(state: TagState, fill: (builder: BatchBuilder, now: number) => void): void
  batches(connected: Promise<void>, signal: AbortSignal): AsyncGenerator<SourceItem>
}

/** Holds what comes while nobody pulls; beyond its bound a reading becomes a line in the ledger. */
function newQueue(context: SourceContext): Queue {
  const builder = new BatchBuilder(context.origin, context.clock)
  let received = 0
  let wake = () => {}
  const isFull = () => builder.count >= SOURCE_QUEUE_READINGS_MAX || builder.bytesHeld >= QUEUE_BYTES_MAX
  const item = (): SourceItem => ({ batch: builder.take(received), durable: () => {} })
  return {
    add(state, fill) {
      const now = builder.now()
      if (builder.isEmpty) received = now
      if (isFull()) builder.refuse(state.tag.class, 'overflow', now)
      else fill(builder, now)
      wake()
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
      await connected
      if (!builder.isEmpty) yield item()
    },
  }
}
