// What the Modbus tests share: a context, readings as objects, devices by pymodbus, and bare servers that answer as a test wants.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import type { ReadingBatch } from '../../../src/core/batch.ts'
import { newOrigin } from '../../../src/core/batch.ts'
import type { SeriesDescriptor } from '../../../src/core/reading.ts'
import { NO_VALUE, QUALITIES } from '../../../src/core/reading.ts'
import type { Source, SourceContext, TestStep } from '../../../src/core/source.ts'

export const clock = {
  now: () => Math.round((performance.timeOrigin + performance.now()) * 1_000),
  monotonic: () => performance.now(),
}

export function contextOf(name: string): SourceContext {
  const quiet = () => {}
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  return { name, dir: '', device: 'box', clock, log, origin: newOrigin(0), commitEveryMs: 250 }
}

export interface Seen {
  readonly tag: string
  readonly kind: string
  readonly unit: string | undefined
  readonly value: unknown
  readonly quality: string
  readonly status: number
  readonly time: number
}

/** Batches of one source to readings; keeps the series between them. */
function createReader(): (batch: ReadingBatch) => Seen[] {
  const known: SeriesDescriptor[] = []
  return (batch) => {
    if (batch.seriesFrom !== known.length) throw new Error(`series from ${batch.seriesFrom}, known ${known.length}`)
    known.push(...batch.newSeries)
    return Array.from({ length: batch.count }, (_, i): Seen => {
      const series = known[batch.series[i] as number] as SeriesDescriptor
      const quality = batch.quality[i] as number
      const value = quality & NO_VALUE ? undefined : valueOf(batch, i, series.kind)
      return {
        tag: series.tag,
        kind: series.kind,
        unit: series.unit,
        value,
        quality: QUALITIES[quality & 3] as string,
        status: batch.status[i] as number,
        time: batch.time[i] as number,
      }
    })
  }
}

function valueOf(batch: ReadingBatch, i: number, kind: string): unknown {
  if (kind === 'long') return new BigInt64Array(batch.value.buffer)[i]
  if (kind === 'bool') return batch.value[i] === 1
  if (kind === 'double') return batch.value[i]
  const words = new Uint32Array(batch.value.buffer)
  const at = words[i * 2] as number
  return new TextDecoder().decode(batch.bytes.subarray(at, at + (words[i * 2 + 1] as number)))
}

export interface Reading {
  readonly source: Source
  /** All that came, poll by poll. */
  readonly polls: Seen[][]
  stop(): Promise<void>
}

/** Reads a source until it is stopped. */
export function start(source: Source): Reading {
  const stop = new AbortController()
  const polls: Seen[][] = []
  const toSeen = createReader()
  const running = (async () => {
    for await (const item of source.read(stop.signal)) {
      polls.push(toSeen(item.batch))
      item.durable()
    }
  })()
  return {
    source,
    polls,
    async stop() {
      stop.abort()
      await running
    },
  }
}

/** Asks again until it is so; fails after the deadline with what it was about. */
export async function until<T>(what: string, ask: () => T | undefined | false, deadlineMs = 20_000): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const found = ask()
    if (found) return found
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export async function stepsOf(steps: AsyncIterable<TestStep>): Promise<TestStep[]> {
  const list: TestStep[] = []
  for await (const step of steps) list.push(step)
  return list
}

export type Tables = Partial<Record<'coil' | 'discrete' | 'holding' | 'input', [at: number, content: unknown][]>>

/** A pymodbus server; resolves once it answers. */
export async function startDevice(at: object, units: Record<number, Tables>): Promise<{ stop(): Promise<void> }> {
  const child = spawn('.cache/venv/bin/python', ['test/sources/modbus/device.py'], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.write(`${JSON.stringify({ ...at, units })}\n`)
  await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) })
  return { stop: () => ended(child) }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Two serial devices joined by socat; resolves once both are there. */
export async function startPair(a: string, b: string): Promise<{ stop(): Promise<void> }> {
  const child = spawn('socat', ['-d', '-d', `pty,raw,echo=0,link=${a}`, `pty,raw,echo=0,link=${b}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  await until('socat starts', () => text.includes('starting data transfer loop'))
  return { stop: () => ended(child) }
}

export interface Asked {
  readonly transaction: number
  readonly unit: number
  readonly code: number
  readonly from: number
  readonly count: number
  readonly socket: net.Socket
}

/** A Modbus TCP server of the test's own: whatever `answer` yields is sent as it is. Port 0 is a free one. */
export async function serve(answer: (asked: Asked) => Buffer | undefined, port = 0) {
  const requests: Asked[] = []
  const sockets = new Set<net.Socket>()
  let connections = 0
  const server = net.createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let held = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk])
      for (; held.length >= 12; held = held.subarray(12)) {
        const asked = {
          transaction: held.readUInt16BE(0),
          unit: held[6] as number,
          code: held[7] as number,
          from: held.readUInt16BE(8),
          count: held.readUInt16BE(10),
          socket,
        }
        requests.push(asked)
        const frame = answer(asked)
        if (frame && !socket.destroyed) socket.write(frame)
      }
    })
  })
  // All of 127.0.0.0/8: many hosts.
  server.listen(port, '0.0.0.0')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    requests,
    get connections() {
      return connections
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A right answer around `data`. */
export function answerFrame(asked: Asked, data: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUInt16BE(asked.transaction, 0)
  head.writeUInt16BE(data.length + 3, 4)
  head[6] = asked.unit
  head[7] = asked.code
  head[8] = data.length
  return Buffer.concat([head, data])
}

export function exceptionFrame(asked: Asked, exception: number): Buffer {
  const frame = Buffer.alloc(9)
  frame.writeUInt16BE(asked.transaction, 0)
  frame.writeUInt16BE(3, 4)
  frame[6] = asked.unit
  frame[7] = asked.code | 0x80
  frame[8] = exception
  return frame
}

/** Every register holds its own address; every third bit is set. */
export function addressesAsData(asked: Asked): Buffer {
  if (asked.code > 2) {
    const data = Buffer.alloc(asked.count * 2)
    for (let i = 0; i < asked.count; i++) data.writeUInt16BE((asked.from + i) & 0xffff, i * 2)
    return data
  }
  const data = Buffer.alloc(Math.ceil(asked.count / 8))
  for (let i = 0; i < asked.count; i++) if ((asked.from + i) % 3 === 0) data[i >> 3] = (data[i >> 3] as number) | (1 << (i & 7))
  return data
}
