// A protocol's thread: its sources at work, so that an exception in a protocol's library ends this thread and nothing else.
//
//   source.read ─► 'batch' to main ─► … fsync … ─► 'durable' from main ─► item.durable()
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { newOrigin, transferables } from '../core/batch.ts'
import {
  BATCHES_IN_FLIGHT_MAX,
  SMALL_BATCH_PACE_MS,
  SMALL_BATCHES_IN_FLIGHT_MAX,
  SMALL_READINGS_IN_FLIGHT_MAX,
} from '../core/bounds.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { BrowseRequest, Protocol, Source, SourceContext, SourceItem } from '../core/source.ts'
import { systemClock } from './clock.ts'
import { caller, serve } from './port.ts'
import { streamServer } from './stream-calls.ts'
import { threadLogger } from './thread-logger.ts'

export interface ProtocolWorkerData {
  readonly sources: readonly { readonly name: string; readonly protocol: string; readonly settings: unknown }[]
  /** DIR. */
  readonly dir: string
  readonly device: string
  /** The agent's time (workers/clock.ts). */
  readonly cell?: SharedArrayBuffer
  readonly commitEveryMs: number
  /** The module with the table of protocols, where it is not sources/index.ts. */
  readonly protocols?: string
}

const STATUS_EVERY_MS = 1000

const data = workerData as ProtocolWorkerData
const port = parentPort as MessagePort
const main = caller(port)
const stop = new AbortController()
const streams = streamServer(main)
const open = new Map<string, Running>()

interface Running {
  readonly source: Source
  readonly protocol: string
  readonly settings: unknown
  /** Handed over and not durable yet, oldest first. */
  readonly inFlight: SourceItem[]
  /** Resolves the wait of the one who would hand over more. */
  room: (() => void) | undefined
}

function contextOf(name: string, protocol: string): SourceContext {
  return {
    name,
    dir: join(data.dir, 'protocols', protocol),
    device: data.device,
    clock: systemClock(data.cell),
    log: threadLogger(main, { source: name }),
    origin: newOrigin(threadId),
    commitEveryMs: data.commitEveryMs,
  }
}

const { protocols } = (await import(data.protocols ?? '../sources/index.ts')) as typeof import('../sources/index.ts')
const load = (protocol: string) =>
  (protocols[protocol] as NonNullable<(typeof protocols)[string]>).load() as Promise<Protocol<unknown>>

/** Resolves when the next batch may be handed over. */
async function roomIn(running: Running): Promise<void> {
  const { inFlight } = running
  while (inFlight.length >= BATCHES_IN_FLIGHT_MAX) {
    const readings = inFlight.reduce((sum, it) => sum + it.batch.count, 0)
    const isSmall = inFlight.length < SMALL_BATCHES_IN_FLIGHT_MAX && readings < SMALL_READINGS_IN_FLIGHT_MAX
    if (!(await durableOr(running, isSmall ? SMALL_BATCH_PACE_MS : undefined))) return
  }
}

/** True when a batch became durable, false when the time was up first. */
function durableOr(running: Running, ms: number | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(() => resolve(false), ms)
    running.room = () => {
      clearTimeout(timer)
      resolve(true)
    }
  })
}

async function run(name: string, running: Running): Promise<void> {
  for await (const item of running.source.read(stop.signal)) {
    running.inFlight.push(item)
    main.tell('batch', [name, item.batch], transferables(item.batch))
    await roomIn(running)
  }
  if (!stop.signal.aborted) throw new Error(`source ${name} ended by itself`)
}

function runningOf(name: string): Running {
  const running = open.get(name)
  if (!running) throw new Unreachable('protocol-restarting', `source ${name} is being started`)
  return running
}

serve(port, {
  durable(name: string) {
    const running = open.get(name)
    running?.inFlight.shift()?.durable()
    running?.room?.()
  },
  async stop() {
    stop.abort()
    await Promise.all(ends)
  },
  test: streams.handler(async (signal, name: string) => {
    const { source, protocol, settings } = runningOf(name)
    return source.test?.(signal) ?? (await load(protocol)).test(settings, contextOf(name, protocol), signal)
  }),
  browse: streams.handler(async (signal, name: string, request: BrowseRequest) => {
    const { source, protocol } = runningOf(name)
    if (!source.browse) throw new BadInput([{ where: name, text: `${protocol} has nothing to look round in` }])
    return source.browse(request, signal)
  }),
  cancel: streams.cancel,
})

const ends: Promise<void>[] = []
for (const { name, protocol, settings } of data.sources) {
  const source = (await load(protocol)).open(settings, contextOf(name, protocol))
  const running: Running = { source, protocol, settings, inFlight: [], room: undefined }
  open.set(name, running)
  source.onStalled?.(() => main.tell('stalled', [name]))
  ends.push(run(name, running))
}
// A source that ends by throwing is a bug of its protocol: the thread goes down with it and is started anew.
for (const end of ends) end.catch((error: unknown) => queueMicrotask(() => Promise.reject(error)))

setInterval(() => main.tell('status', [[...open].map(([name, { source }]) => [name, source.status()])]), STATUS_EVERY_MS)
