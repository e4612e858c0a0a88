// A protocol's thread: its sources at work, so that an exception in a protocol's library ends this thread and nothing else.
//
//   source.read ─► 'batch' to main ─► … fsync … ─► 'durable' from main ─► item.durable()
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import type { ReadingBatch } from '../core/batch.ts'
import { newOrigin, transferables } from '../core/batch.ts'
import type { Control } from '../core/cloud-command.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { Value } from '../core/reading.ts'
import type { BrowseRequest, Protocol, Source, SourceContext, SourceStatus, TrustRequest } from '../core/source.ts'
import type { ReportRule } from '../core/report-rule.ts'
import { systemClock } from './clock.ts'
import type { Delivering } from './delivering.ts'
import { delivering } from './delivering.ts'
import { caller, serve } from './port.ts'
import { streamServer } from './stream-calls.ts'
import { threadLogger } from './thread-logger.ts'

export interface ProtocolSource {
  readonly name: string
  readonly protocol: string
  readonly settings: unknown
  readonly report?: readonly ReportRule[] | undefined
}

export interface ProtocolWorkerData {
  readonly sources: readonly ProtocolSource[]
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
const streams = streamServer(main)
const open = new Map<string, Running>()
let runs = 0
const ends = new Map<string, Promise<void>>()

interface Running extends Delivering {
  readonly source: Source
  readonly of: ProtocolSource
  /** Tells the runs of one name apart. */
  readonly number: number
  readonly stop: AbortController
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

// By a name that a bundler sees.
const own = () => import('../sources/index.ts')
const { protocols } = await (data.protocols === undefined ? own() : (import(data.protocols) as ReturnType<typeof own>))
const load = (protocol: string) =>
  (protocols[protocol] as NonNullable<(typeof protocols)[string]>).load() as Promise<Protocol<unknown>>

async function run({ source, of, stop, handOver, ...running }: Running): Promise<void> {
  for await (const item of source.read(stop.signal)) {
    handOver(item)
    await running.room()
  }
  running.release()
  if (!stop.signal.aborted) throw new Error(`source ${of.name} ended by itself`)
}

async function start(of: ProtocolSource): Promise<void> {
  const { name, protocol, settings, report } = of
  const source = (await load(protocol)).open(settings, contextOf(name, protocol))
  const number = ++runs
  const send = (batch: ReadingBatch) => main.tell('batch', [name, number, batch], transferables(batch))
  const running: Running = { source, of, number, stop: new AbortController(), ...delivering(send, report) }
  open.set(name, running)
  source.onStalled?.(() => main.tell('stalled', [name]))
  const end = run(running)
  ends.set(name, end)
  // A source that ends by throwing is a bug of its protocol: the thread goes down with it and is started anew.
  end.catch((error: unknown) => queueMicrotask(() => Promise.reject(error)))
}

async function startAll(sources: readonly ProtocolSource[]): Promise<void> {
  for (const it of sources) await start(it)
}

/** Ends a source once it has handed out what it holds. */
async function end(name: string): Promise<void> {
  open.get(name)?.stop.abort()
  await ends.get(name)
  open.delete(name)
  ends.delete(name)
}

/** One after the other: a port or a line has one user at a time. */
let changes: Promise<unknown> = Promise.resolve()
function inTurn(change: () => Promise<unknown>): Promise<unknown> {
  changes = changes.then(change)
  return changes
}

function runningOf(name: string): Running {
  const running = open.get(name)
  if (!running) {
    const remedy = 'Try again in a few seconds.'
    throw new Unreachable('protocol-restarting', `source ${name} is being started`, { remedy })
  }
  return running
}

function controlOf(name: string): Control {
  const { source, of } = runningOf(name)
  if (source.control) return source.control
  throw new BadInput([{ where: name, text: `${of.protocol} writes nothing` }])
}

serve(port, {
  durable(name: string, run: number) {
    const running = open.get(name)
    if (running?.number === run) running.durable()
  },
  stop: () => Promise.all([...open.keys()].map(end)),
  end: (names: readonly string[]) => inTurn(() => Promise.all(names.map(end))),
  begin: (sources: readonly ProtocolSource[]) => inTurn(() => startAll(sources)),
  test: streams.handler(async (signal, name: string) => {
    const { source, of } = runningOf(name)
    return source.test?.(signal) ?? (await load(of.protocol)).test(of.settings, contextOf(name, of.protocol), signal)
  }),
  browse: streams.handler(async (signal, name: string, request: BrowseRequest) => {
    const { source, of } = runningOf(name)
    if (!source.browse) throw new BadInput([{ where: name, text: `${of.protocol} has nothing to look round in` }])
    return source.browse(request, signal)
  }),
  trust: streams.handler(async (signal, name: string, request: TrustRequest) => {
    const { source, of } = runningOf(name)
    if (!source.trust) throw new BadInput([{ where: name, text: `${of.protocol} has no list of certificates` }])
    return source.trust(request, signal)
  }),
  readTag: (name: string, tag: string) => controlOf(name).read(tag),
  prepareTag: (name: string, tag: string, value: Value) => controlOf(name).prepare(tag, value),
  writeTag: (name: string, tag: string, value: Value) => controlOf(name).write(tag, value),
  cancel: streams.cancel,
})

await inTurn(() => startAll(data.sources))

function statusOf({ source, withheld }: Running): SourceStatus {
  const count = withheld()
  return count === undefined ? source.status() : { ...source.status(), withheld: count }
}

setInterval(() => {
  for (const it of open.values()) it.due()
  main.tell('status', [[...open].map(([name, it]) => [name, statusOf(it)])])
}, STATUS_EVERY_MS)
