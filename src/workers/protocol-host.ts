// Main's side of a protocol's thread: keeps it running, and stands for its sources, whichever thread they live in at the moment.
import { isDeepStrictEqual } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { ReadingBatch } from '../core/batch.ts'
import type { Control } from '../core/cloud-command.ts'
import type { LogWriter } from '../core/log.ts'
import type {
  BrowseEntry,
  BrowseRequest,
  Certificate,
  Logger,
  Source,
  SourceItem,
  SourceStatus,
  TestStep,
  TrustRequest,
} from '../core/source.ts'
import { Unreachable } from '../core/errors.ts'
import type { Value } from '../core/reading.ts'
import type { Backoff } from '../pipeline/keep-running.ts'
import { keepRunning, sleep } from '../pipeline/keep-running.ts'
import type { Caller } from './port.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import { caller, serve } from './port.ts'
import type { ProtocolSource, ProtocolWorkerData } from './protocol.ts'
import { streamCalls } from './stream-calls.ts'
import type { Level } from './thread-logger.ts'

const HEAP_MB = 768
const STOP_MS_MAX = 2_000
const WAITS: ProtocolWaits = { backoff: { minMs: 200, maxMs: 30_000 }, silenceMs: 30_000 }
/** A thread that has lived so long is well: its next death is the first again. */
const WELL_AFTER_MS = 60_000

interface ProtocolWaits {
  readonly backoff: Backoff
  /** A thread that says nothing for so long hangs: it is ended and started anew. */
  readonly silenceMs: number
}

export interface ProtocolHost {
  /** By name. */
  readonly sources: ReadonlyMap<string, Source>
  /** Keeps the thread running until the signal aborts; then stops it. */
  run(signal: AbortSignal): Promise<void>
  test(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  browse(name: string, request: BrowseRequest, signal: AbortSignal): AsyncIterable<BrowseEntry>
  trust(name: string, request: TrustRequest, signal: AbortSignal): AsyncIterable<Certificate>
  /** Rejects with Unreachable while the thread is being started, too. */
  control(name: string): Control
  /** Those that are no more, or are another now, end with what they hold; the others go on; then the new ones begin. */
  change(sources: readonly ProtocolSource[]): Promise<void>
  readonly restarts: number
}

interface Remote extends Source {
  push(item: SourceItem): void
  /** Nothing more will come: `read` ends with what is here. */
  end(): void
  stalled(): void
  set(status: SourceStatus): void
}

export function protocolHost(
  worker: string,
  atFirst: ProtocolWorkerData,
  log: LogWriter,
  logger: Logger,
  random: () => number,
  waits = WAITS,
): ProtocolHost {
  let data = atFirst
  const sources = new Map<string, Remote>(data.sources.map(({ name }) => [name, remoteSource(log)]))
  const streams = streamCalls()
  let thread: Caller | undefined
  let end: (() => Promise<unknown>) | undefined
  let restarts = 0

  function setAll(status: SourceStatus): void {
    for (const it of sources.values()) it.set(status)
  }

  /** One life of the thread: rejects when it dies, resolves when it was stopped. */
  async function live(well: () => void, signal: AbortSignal): Promise<void> {
    const started = performance.now()
    let heard = started
    const started_ = new Worker(new URL('./protocol.ts', import.meta.url), {
      workerData: data,
      name: worker,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    const calls = caller(started_)
    thread = calls
    end = () => started_.terminate()
    serve(started_, {
      batch: (name: string, run: number, batch: ReadingBatch) =>
        sources.get(name)?.push({ batch, durable: () => calls.tell('durable', [name, run]) }),
      stalled: (name: string) => sources.get(name)?.stalled(),
      status(all: readonly [string, SourceStatus][]) {
        heard = performance.now()
        if (heard - started > WELL_AFTER_MS) well()
        for (const [name, status] of all) sources.get(name)?.set(status)
      },
      item: streams.item,
      log: (level: Level, fields: object, text: string) => logger[level](fields, text),
    })
    const watch = setInterval(() => {
      if (performance.now() - heard > waits.silenceMs) void started_.terminate()
    }, 1000)
    try {
      await ended(started_, calls, signal)
    } finally {
      clearInterval(watch)
      thread = undefined
      end = undefined
      calls.fail(new Unreachable('protocol-restarting', `the ${worker} thread was ended`))
    }
  }

  function failed(error: unknown, waitMs: number): undefined {
    restarts++
    const text = `the ${worker} thread ended: ${(error as Error).message}`
    logger.error({ protocol: worker, waitMs: Math.round(waitMs), stack: (error as Error).stack }, text)
    setAll({
      state: 'down',
      code: 'protocol-crashed',
      lastError: text,
      remedy: 'It is started again by itself. Should it repeat, send us the diagnostics.',
    })
  }

  async function change(next: readonly ProtocolSource[]): Promise<void> {
    const isKept = (it: ProtocolSource, list: readonly ProtocolSource[]) => list.some((one) => isDeepStrictEqual(one, it))
    const gone = data.sources.filter((it) => !isKept(it, next)).map((it) => it.name)
    const added = next.filter((it) => !isKept(it, data.sources))
    data = { ...data, sources: next }
    const asked = await inThread('end', [gone])
    for (const name of gone) {
      sources.get(name)?.end()
      sources.delete(name)
    }
    for (const { name } of added) sources.set(name, remoteSource(log))
    // A thread that was started meanwhile has begun them already.
    if (asked !== undefined && asked === thread) await inThread('begin', [added])
  }

  /** The thread that has done it. One that cannot in time is ended, and the next begins with what is wanted now. */
  async function inThread(call: string, args: readonly unknown[]): Promise<Caller | undefined> {
    const asked = thread
    if (!asked) return undefined
    const late = setTimeout(() => void end?.(), STOP_MS_MAX)
    return asked
      .call(call, args)
      .then(
        () => asked,
        () => undefined,
      )
      .finally(() => clearTimeout(late))
  }

  function running(): Caller {
    if (thread) return thread
    const remedy = 'Try again in a few seconds.'
    throw new Unreachable('protocol-restarting', `the ${worker} thread is being started`, { remedy })
  }

  return {
    sources,
    get restarts() {
      return restarts
    },
    async run(signal) {
      await keepRunning((well) => live(well, signal), { backoff: waits.backoff, random, sleep, failed }, signal)
      for (const it of sources.values()) it.end()
    },
    test: (name, signal) => streams.stream<TestStep>(running(), 'test', [name], signal),
    browse: (name, request, signal) => streams.stream<BrowseEntry>(running(), 'browse', [name, request], signal),
    trust: (name, request, signal) => streams.stream<Certificate>(running(), 'trust', [name, request], signal),
    control: (name) => ({
      read: async (tag) => running().call<Value>('readTag', [name, tag]),
      prepare: async (tag, value) => running().call<{ from: Value; to: Value }>('prepareTag', [name, tag, value]),
      write: async (tag, value) => running().call<void>('writeTag', [name, tag, value]),
    }),
    change,
  }
}

/** Waits for the thread's end; stops it when the signal aborts. */
async function ended(worker: Worker, calls: Caller, signal: AbortSignal): Promise<void> {
  const stop = () => {
    void calls
      .call('stop', [])
      .catch(() => {})
      .finally(() => worker.terminate())
    setTimeout(() => worker.terminate(), STOP_MS_MAX).unref()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      let failure: Error | undefined
      worker.on('error', (error) => (failure = error as Error))
      worker.on('exit', (code) => (signal.aborted ? resolve() : reject(failure ?? new Error(`ended with code ${code}`))))
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Its batches come from one thread after another; each thread's run of the source is an origin of its own. */
function remoteSource(log: LogWriter): Remote {
  const queue: SourceItem[] = []
  let ended = false
  let status: SourceStatus = { state: 'starting' }
  let wake = () => {}
  let onStalled = () => {}
  let origin: number | undefined
  return {
    push(item) {
      queue.push(item)
      wake()
    },
    end() {
      ended = true
      wake()
    },
    stalled: () => onStalled(),
    set: (next) => void (status = next),
    status: () => status,
    onStalled: (listener) => void (onStalled = listener),
    /** Ends after the thread: what a source hands over when it is stopped goes into the last commit. */
    async *read() {
      while (queue.length > 0 || !ended) {
        const item = queue.shift()
        if (!item) {
          await new Promise<void>((resolve) => (wake = resolve))
          continue
        }
        // A new origin means that the thread before is gone and its batches are all handed over.
        if (origin !== undefined && origin !== item.batch.origin) log.forget(origin)
        origin = item.batch.origin
        yield item
      }
    },
  }
}
