// An uplink's thread: encodes and sends, so that neither costs the rest of the agent a beat.
import type { MessagePort } from 'node:worker_threads'
import { parentPort, workerData } from 'node:worker_threads'
import type { QueryRow } from '../core/agent-api.ts'
import type { CommandPlace, CommandReader } from '../core/cloud-command.ts'
import type { Position } from '../core/position.ts'
import type { EndOffsets } from '../core/log.ts'
import type { UplinkSettings } from '../core/settings.ts'
import type { Route } from '../core/admission.ts'
import type { StreamRange } from '../core/stream.ts'
import type { ReadBack, Uplink, UplinkBatch } from '../core/uplink.ts'
import { uplinkKind } from '../uplinks/index.ts'
import { systemClock } from './clock.ts'
import { caller, serve } from './port.ts'
import { streamServer } from './stream-calls.ts'
import { threadLogger } from './thread-logger.ts'
import { countTraffic } from './traffic.ts'

export interface UplinkWorkerData {
  readonly name: string
  readonly kind: string
  readonly settings: unknown
  readonly device: string
  /** The agent's time (workers/clock.ts). */
  readonly cell?: SharedArrayBuffer
  readonly site: string
  readonly records: UplinkSettings['records']
  readonly encoding?: UplinkSettings['encoding']
  readonly cacheDir?: string
  readonly classes?: readonly string[]
  readonly served?: readonly string[]
}

const data = workerData as UplinkWorkerData
const port = parentPort as MessagePort
const main = caller(port)
const kind = await uplinkKind(data.kind)
const traffic = countTraffic()
const streams = streamServer(main)
const context = {
  name: data.name,
  device: data.device,
  site: data.site,
  records: data.records,
  encoding: data.encoding,
  cacheDir: data.cacheDir,
  classes: data.classes,
  served: data.served,
  clock: systemClock(data.cell),
  log: threadLogger(main, { uplink: data.name }),
  traffic,
}

let uplink: Uplink | undefined
/** What main has had prepared last, by its number: its slices are known by being the same objects. */
let prepared: { readonly id: number; readonly batch: UplinkBatch } | undefined
let commands: CommandReader | undefined
const replays = new Map<number, AbortController>()
/** Aborts what is under way. */
let stop = new AbortController()

function opened(): Uplink {
  if (!uplink) throw new Error('the uplink is not open')
  return uplink
}

function withPrepared(rest: UplinkBatch, { slices, series }: UplinkBatch): UplinkBatch {
  return { ...rest, slices: [...rest.slices, ...slices], series: new Map([...rest.series, ...series]) }
}

/** Main has them, and hands them out portion by portion. */
async function* rowsOf(id: number): AsyncIterable<QueryRow> {
  for (;;) {
    const rows = await main.call<readonly QueryRow[]>('rows', [id])
    if (rows.length === 0) return
    yield* rows
  }
}

serve(port, {
  async open(route: Route | undefined) {
    stop = new AbortController()
    prepared = undefined
    uplink = await kind.open(data.settings, { ...context, route })
    return { prepares: uplink.prepare !== undefined }
  },
  carried: () => traffic.bytes(),
  position: (told: number) => opened().position(stop.signal, told),
  peek: () => opened().peek?.(stop.signal),
  endOffsets: () => opened().endOffsets(stop.signal),
  readBack: (ranges: readonly StreamRange[], from: EndOffsets): Promise<ReadBack> =>
    opened().readBack?.(ranges, from, stop.signal) ?? Promise.resolve({ found: new Map(), undecided: ranges }),
  async prepare(id: number, batch: UplinkBatch) {
    prepared = { id, batch }
    await uplink?.prepare?.(batch)
  },
  send(batch: UplinkBatch, position: Position, ahead: number | undefined) {
    if (ahead === undefined) return opened().send(batch, position, stop.signal)
    const it = prepared
    prepared = undefined
    if (it?.id !== ahead) throw new Error('what was prepared is not here')
    return opened().send(withPrepared(batch, it.batch), position, stop.signal)
  },
  abort: () => stop.abort(),
  async close() {
    const it = uplink
    uplink = undefined
    stop.abort()
    await it?.close()
  },
  async openCommands(from: CommandPlace | undefined, route: Route | undefined) {
    commands?.close()
    commands = undefined
    if (!kind.commands) throw new Error(`an uplink of kind ${data.kind} brings no commands`)
    commands = await kind.commands(data.settings, { ...context, route }, from)
  },
  nextCommands() {
    if (!commands) throw new Error('commands are not open')
    return commands.next()
  },
  closeCommands() {
    commands?.close()
    commands = undefined
  },
  async replay(id: number, topic: string, route: Route | undefined) {
    const mine = new AbortController()
    replays.set(id, mine)
    try {
      if (!kind.replay) throw new Error(`an uplink of kind ${data.kind} replays nothing`)
      return await kind.replay(data.settings, { ...context, route }, topic, rowsOf(id), mine.signal)
    } finally {
      replays.delete(id)
    }
  },
  cancelReplay: (id: number) => replays.get(id)?.abort(),
  test: streams.handler(async (signal, route: Route | undefined) => kind.test(data.settings, { ...context, route }, signal)),
  cancel: streams.cancel,
})
