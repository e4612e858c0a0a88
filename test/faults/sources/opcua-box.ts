// The protocol's thread as the agent runs it, in more of a hurry than at a plant, with a log that takes at once; and a cable to a server that
// can be cut, slowed, deafened, reset, and whose frames can be changed on the way.
import { createServer, connect, type Socket } from 'node:net'
import type { ReadingBatch } from '../../../src/core/batch.ts'
import { SMALL_BATCHES_IN_FLIGHT_MAX } from '../../../src/core/bounds.ts'
import type { SeriesDescriptor } from '../../../src/core/reading.ts'
import type { SourceStatus } from '../../../src/core/source.ts'
import { ingest } from '../../../src/pipeline/ingest.ts'
import type { OpcuaSettings } from '../../../src/sources/opcua/settings.ts'
import { protocolHost } from '../../../src/workers/protocol-host.ts'

const WAITS = { backoff: { minMs: 10, maxMs: 500 }, silenceMs: 30_000 }

/** One reading of a source: its tag and its value as 64 bits. */
export type Taken = (tag: string, value: bigint, batch: ReadingBatch) => void

export interface Box {
  readonly restarts: () => number
  /** What the thread died of. */
  readonly deaths: readonly string[]
  status(name: string): SourceStatus
  /** Readings so far. */
  count(): number
  stop(): Promise<void>
}

export interface BoxSource {
  readonly name: string
  readonly settings: OpcuaSettings
}

/** `patience`: hurried, where faults are to be over soon; plant, as it is delivered. */
export function startBox(
  sources: readonly BoxSource[],
  dir: string,
  taken: Taken = () => {},
  patience: 'hurried' | 'plant' = 'hurried',
): Box {
  const stop = new AbortController()
  const series = new Map<number, SeriesDescriptor[]>()
  const deaths: string[] = []
  let count = 0
  const take = (batch: ReadingBatch) => {
    const known = series.get(batch.origin) ?? []
    series.set(batch.origin, known)
    known.push(...batch.newSeries)
    const longs = new BigInt64Array(batch.value.buffer)
    count += batch.count
    for (let at = 0; at < batch.count; at++)
      taken((known[batch.series[at] as number] as SeriesDescriptor).tag, longs[at] as bigint, batch)
  }
  const log = {
    append: async (batch: ReadingBatch) => take(batch),
    hurry() {},
    forget: (origin: number) => series.delete(origin),
  }
  const host = protocolHost(
    'opcua',
    {
      sources: sources.map((it) => ({ ...it, protocol: 'opcua' })),
      dir,
      device: 'hf-test',
      commitEveryMs: 250,
      ...(patience === 'hurried' && { protocols: new URL('./opcua-hurried.ts', import.meta.url).href }),
    },
    log,
    { debug() {}, info() {}, warn() {}, error: (fields) => void deaths.push(String((fields as { stack?: string }).stack)) },
    Math.random,
    WAITS,
  )
  const ends = [
    host.run(stop.signal),
    ...[...host.sources.values()].map((it) => ingest(it, log, () => {}, stop.signal, SMALL_BATCHES_IN_FLIGHT_MAX)),
  ]
  return {
    restarts: () => host.restarts,
    deaths,
    status: (name) => host.sources.get(name)?.status() ?? { state: 'stopped' },
    count: () => count,
    async stop() {
      stop.abort()
      await Promise.all(ends)
    },
  }
}

export type Direction = 'to-client' | 'to-server'
/** What becomes of a frame on the way. */
export type Change = (frame: Buffer, direction: Direction) => Buffer

export interface Cable {
  readonly port: number
  /** open: as it should be · cut: nobody answers · deaf: connections stand and nothing comes through · slow: each frame takes 150 ms. */
  set(state: 'open' | 'cut' | 'deaf' | 'slow'): void
  reset(): void
  close(): void
}

const SLOW_MS = 150

export async function layCable(to: number, change: Change = (it) => it): Promise<Cable> {
  const sockets = new Set<Socket>()
  let state: Parameters<Cable['set']>[0] = 'open'
  const end = (how: 'destroy' | 'resetAndDestroy') => {
    for (const it of sockets) it[how]()
    sockets.clear()
  }
  const hub = createServer((near) => {
    if (state === 'cut') return near.destroy()
    const far = connect({ host: '127.0.0.1', port: to })
    carry(near, far, 'to-server')
    carry(far, near, 'to-client')
  })
  function carry(one: Socket, other: Socket, direction: Direction): void {
    sockets.add(one)
    one.on('error', () => {})
    one.on('close', () => {
      sockets.delete(one)
      other.destroy()
    })
    const pass = framed((frame) => {
      const changed = change(frame, direction)
      if (state === 'slow') setTimeout(() => other.write(changed), SLOW_MS)
      else if (state !== 'deaf') other.write(changed)
    })
    one.on('data', pass)
  }
  await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve))
  return {
    port: (hub.address() as { port: number }).port,
    set(next) {
      state = next
      // What stood while nothing came through has lost frames: it is of no use any more.
      if (next === 'cut') end('destroy')
    },
    reset: () => end('resetAndDestroy'),
    close() {
      end('destroy')
      hub.close()
    },
  }
}

/** Cuts a stream into the frames of OPC UA TCP: 4 bytes of type, 4 of length. */
function framed(take: (frame: Buffer) => void): (data: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  return (data) => {
    held = Buffer.concat([held, data])
    for (;;) {
      const length = held.length >= 8 ? held.readUInt32LE(4) : Number.POSITIVE_INFINITY
      if (length < 8 || held.length < length) return
      take(held.subarray(0, length))
      held = held.subarray(length)
    }
  }
}

export async function until(what: string, look: () => unknown, ms = 60_000): Promise<number> {
  const began = performance.now()
  while (!look()) {
    if (performance.now() - began > ms) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return performance.now() - began
}
