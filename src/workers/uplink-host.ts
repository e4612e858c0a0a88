// Main's side of an uplink's thread: opens uplinks in it, and starts it again should it have died.
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { QueryRow } from '../core/agent-api.ts'
import { Unreachable } from '../core/errors.ts'
import type { CommandPage, CommandPlace, CommandReader } from '../core/cloud-command.ts'
import type { Route } from '../core/admission.ts'
import type { Logger, TestStep } from '../core/source.ts'
import type { Uplink, UplinkBatch } from '../core/uplink.ts'
import type { Caller } from './port.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import { caller, serve } from './port.ts'
import { preparing } from './preparing.ts'
import { streamCalls } from './stream-calls.ts'
import type { Level } from './thread-logger.ts'
import type { UplinkWorkerData } from './uplink.ts'

const HEAP_MB = 512
const CLOSE_MS_MAX = 3_000
const ROWS_IN_PORTION = 1_000
const CARRIED_MS_MAX = 1_000

export interface UplinkHost {
  open(signal: AbortSignal, route: Route | undefined): Promise<Uplink>
  /** Bytes both ways on the uplink's sockets, ever; what was known last when the thread is too busy to say. */
  carried(): Promise<number>
  test(signal: AbortSignal, route?: Route): AsyncIterable<TestStep>
  /** Resolves with how many were sent. Rejects with Unreachable. */
  replay(topic: string, rows: AsyncIterable<QueryRow>, route: Route | undefined, signal: AbortSignal): Promise<number>
  /** One at a time: the reader before is closed. */
  commands(from: CommandPlace | undefined, route: Route | undefined): Promise<CommandReader>
  close(): Promise<void>
}

interface Thread {
  readonly worker: Worker
  readonly calls: Caller
}

export function uplinkHost(data: UplinkWorkerData, logger: Logger): UplinkHost {
  const streams = streamCalls()
  let thread: Thread | undefined
  let isClosed = false
  /** What is replayed, by the number of its replay. */
  const reading = new Map<number, AsyncIterator<readonly QueryRow[]>>()
  let replays = 0
  const carried = carriedOf(() => thread?.calls)

  function running(): Thread {
    // Nobody would ever end it.
    if (isClosed) throw new Unreachable('uplink-restarting', `uplink ${data.name} is being started anew`)
    if (thread) return thread
    const worker = new Worker(new URL('./uplink.ts', import.meta.url), {
      workerData: data,
      name: `uplink ${data.name}`,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    const calls = caller(worker)
    serve(worker, {
      item: streams.item,
      rows: async (id: number) => (await reading.get(id)?.next())?.value ?? [],
      log: (level: Level, fields: object, text: string) => logger[level](fields, text),
    })
    const gone = (error: unknown) => {
      if (thread?.worker === worker) {
        thread = undefined
        carried.ended()
      }
      calls.fail(error)
    }
    worker.on('error', gone)
    worker.on('exit', (code) => gone(new Error(`the thread of uplink ${data.name} ended with code ${code}`)))
    thread = { worker, calls }
    return thread
  }

  return {
    carried: carried.ask,
    async open(signal, route) {
      const { calls, worker } = running()
      const { prepares } = await orAborted(calls.call<{ prepares: boolean }>('open', [route]), signal)
      return remoteUplink(calls, worker, prepares, signal)
    },
    test: (signal, route) => streams.stream<TestStep>(running().calls, 'test', [route], signal),
    async replay(topic, rows, route, signal) {
      const mine = running()
      const id = ++replays
      const portions = portionsOf(rows)
      reading.set(id, portions)
      const abort = () => mine.calls.tell('cancelReplay', [id])
      signal.addEventListener('abort', abort, { once: true })
      try {
        return await mine.calls.call<number>('replay', [id, topic, route])
      } catch (error) {
        if (thread === mine) throw error
        throw new Unreachable('uplink-restarting', `uplink ${data.name} is being started anew`, { cause: error })
      } finally {
        signal.removeEventListener('abort', abort)
        reading.delete(id)
        await portions.return?.(undefined)
      }
    },
    async commands(from, route) {
      const { calls } = running()
      await calls.call('openCommands', [from, route])
      return { next: () => calls.call<CommandPage>('nextCommands', []), close: () => calls.tell('closeCommands', []) }
    },
    async close() {
      isClosed = true
      const it = thread
      thread = undefined
      await it?.worker.terminate()
    },
  }
}

/** A call for each row would cost more than the row. */
async function* portionsOf(rows: AsyncIterable<QueryRow>): AsyncGenerator<readonly QueryRow[]> {
  let held: QueryRow[] = []
  for await (const row of rows) {
    held.push(row)
    if (held.length < ROWS_IN_PORTION) continue
    yield held
    held = []
  }
  if (held.length > 0) yield held
}

/** Counts on over the lives of the thread. */
function carriedOf(calls: () => Caller | undefined) {
  let before = 0
  let last = 0
  return {
    async ask(): Promise<number> {
      const asked = calls()
        ?.call<number>('carried', [])
        .then((it) => (last = it))
      await Promise.race([asked?.catch(() => {}), setTimeout(CARRIED_MS_MAX, undefined, { ref: false })])
      return before + last
    },
    ended(): void {
      before += last
      last = 0
    },
  }
}

/** Opening has deadlines of its own, but a stop does not wait for them. */
async function orAborted<T>(what: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => (stop = () => reject(new Error('stopped'))))
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  what.catch(() => {})
  try {
    return await Promise.race([what, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function remoteUplink(calls: Caller, worker: Worker, prepares: boolean, signal: AbortSignal): Uplink {
  const ahead = preparing(calls)
  const abort = () => calls.tell('abort', [])
  signal.addEventListener('abort', abort, { once: true })
  return {
    position: (_, told = 0) => calls.call('position', [told]),
    peek: () => calls.call('peek', []),
    endOffsets: () => calls.call('endOffsets', []),
    readBack: (ranges, from) => calls.call('readBack', [ranges, from]),
    ...(prepares && { prepare: ahead.prepare }),
    send(batch, position) {
      const [rest, id] = ahead.taken(batch)
      return calls.call('send', [rest, position, id], buffersOf(rest))
    },
    async close() {
      signal.removeEventListener('abort', abort)
      const timer = globalThis.setTimeout(() => void worker.terminate(), CLOSE_MS_MAX)
      // An uplink that does not even close is ended with its thread; the next `open` starts another.
      await calls.call('close', []).catch(() => {})
      clearTimeout(timer)
    },
  }
}

function buffersOf(batch: UplinkBatch): ArrayBuffer[] {
  const blocks = batch.slices.flatMap((it) => (it.form === 'raw' ? [it.block.buffer as ArrayBuffer] : []))
  return [...new Set(blocks)]
}
