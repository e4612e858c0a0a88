// A protocol's thread: its sources at work, so that an exception in a protocol's library ends this thread and nothing else.
//
//   source.read ─► 'batch' to main ─► … fsync … ─► 'durable' from main ─► item.durable()
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import type { ReadingBatch } from '../core/batch.ts'
import { newOrigin, transferables } from '../core/batch.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { BrowseRequest, Protocol, Source, SourceContext, SourceStatus, TrustRequest } from '../core/source.ts'
import type { ReportRule } from '../core/report-rule.ts'
import { systemClock } from './clock.ts'
import type { Delivering } from './delivering.ts'
import { delivering } from './delivering.ts'
import { caller, serve } from './port.ts'
import { streamServer } from './stream-calls.ts'
import { threadLogger } from './thread-logger.ts'

export interface ProtocolWorkerData {
  readonly sources: readonly {
    readonly name: string
    readonly protocol: string
    readonly settings: unknown
    readonly report?: readonly ReportRule[] | undefined
  }[]
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

interface Running extends Delivering {
  readonly source: Source
  readonly protocol: string
  readonly settings: unknown
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

async function run(name: string, { source, handOver, ...running }: Running): Promise<void> {
  for await (const item of source.read(stop.signal)) {
    handOver(item)
    await running.room()
  }
  running.release()
  if (!stop.signal.aborted) throw new Error(`source ${name} ended by itself`)
}

function runningOf(name: string): Running {
  const running = open.get(name)
  if (!running) {
    const remedy = 'Try again in a few seconds.'
    throw new Unreachable('protocol-restarting', `source ${name} is being started`, { remedy })
  }
  return running
}

serve(port, {
  durable(name: string) {
    open.get(name)?.durable()
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
  trust: streams.handler(async (signal, name: string, request: TrustRequest) => {
    const { source, protocol } = runningOf(name)
    if (!source.trust) throw new BadInput([{ where: name, text: `${protocol} has no list of certificates` }])
    return source.trust(request, signal)
  }),
  cancel: streams.cancel,
})

const ends: Promise<void>[] = []
for (const { name, protocol, settings, report } of data.sources) {
  const source = (await load(protocol)).open(settings, contextOf(name, protocol))
  const send = (batch: ReadingBatch) => main.tell('batch', [name, batch], transferables(batch))
  const running: Running = { source, protocol, settings, ...delivering(send, report) }
  open.set(name, running)
  source.onStalled?.(() => main.tell('stalled', [name]))
  ends.push(run(name, running))
}
// A source that ends by throwing is a bug of its protocol: the thread goes down with it and is started anew.
for (const end of ends) end.catch((error: unknown) => queueMicrotask(() => Promise.reject(error)))

function statusOf({ source, withheld }: Running): SourceStatus {
  const count = withheld()
  return count === undefined ? source.status() : { ...source.status(), withheld: count }
}

setInterval(() => {
  for (const it of open.values()) it.due()
  main.tell('status', [[...open].map(([name, it]) => [name, statusOf(it)])])
}, STATUS_EVERY_MS)
