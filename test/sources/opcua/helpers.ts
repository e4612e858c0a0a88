// Servers as child processes, and a source with everything it yields, for the tests of this folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { z } from 'zod'
import type { ReadingBatch, Refused } from '../../../src/core/batch.ts'
import { NO_VALUE, QUALITIES, type SeriesDescriptor, type Value } from '../../../src/core/reading.ts'
import type { Certificate, Source, SourceContext, SourceStatus } from '../../../src/core/source.ts'
import type { Open } from '../../../src/sources/opcua/browse.ts'
import { connect } from '../../../src/sources/opcua/connection.ts'
import { readFacts } from '../../../src/sources/opcua/nodes.ts'
import { opcuaSettings } from '../../../src/sources/opcua/settings.ts'
import { opcuaWith } from '../../../src/sources/opcua/source.ts'
import { TIMING, type Timing } from '../../../src/sources/opcua/timing.ts'

export type Input = z.input<typeof opcuaSettings>

/** In more of a hurry than a plant: what takes 25 s there takes 3 here. */
export const HURRY: Timing = {
  ...TIMING,
  silenceMarginMs: 2_000,
  watchEveryMs: 100,
  settleMs: 700,
  backoffMsMin: 200,
  backoffMsMax: 1_000,
  connectMsMax: 15_000,
  disconnectMsMax: 2_000,
}

export function temporary(): string {
  return mkdtempSync(path.join(tmpdir(), 'holdfast-opcua-'))
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Until it is true, or it fails with what was seen last. */
export async function until<T>(what: string, look: () => T | undefined | false, ms = 40_000): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const found = look()
    if (found) return found
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export interface ServerProcess {
  readonly endpoint: string
  readonly pid: number
  command(command: object): Promise<Record<string, unknown>>
  kill(signal?: NodeJS.Signals): Promise<void>
}

const here = import.meta.dirname
const python = path.join(here, '../../../.cache/venv/bin/python')

/** A server written in Python, on asyncua. Options: see server.py. */
export function asyncua(options: { port: number; [option: string]: unknown }): Promise<ServerProcess> {
  return serve(python, [path.join(here, 'server.py'), JSON.stringify(options)], options.port)
}

/** A server of node-opcua. Options: see server.main.ts. */
export function nodeOpcua(options: { port: number; [option: string]: unknown }): Promise<ServerProcess> {
  return serve(process.execPath, [path.join(here, 'server.main.ts'), JSON.stringify(options)], options.port)
}

/** A server of Eclipse Milo. Options: see milo/Server.java. */
export function milo({ port, ...options }: { port: number; [option: string]: number }): Promise<ServerProcess> {
  const parameters = Object.entries(options).map(([key, value]) => `${key}=${value}`)
  return serve('bash', [path.join(here, 'milo/milo.sh'), 'serve', String(port), ...parameters], port)
}

/** A cable between a client and a server on loopback, that can be cut. */
export interface Link {
  readonly port: number
  cut(): void
  heal(): void
  close(): void
}

/** `heard`: what the client sends, as it comes. */
export async function openLink(to: number, heard: (part: Buffer) => void = () => {}): Promise<Link> {
  const sockets = new Set<Socket>()
  let isCut = false
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const hub = createServer((near) => {
    if (isCut) return near.destroy()
    const far = connectTcp({ host: '127.0.0.1', port: to })
    near.on('data', heard)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve))
  return {
    port: (hub.address() as { port: number }).port,
    cut: () => {
      isCut = true
      cut()
    },
    heal: () => {
      isCut = false
    },
    close: () => {
      cut()
      hub.close()
    },
  }
}

async function serve(program: string, parameters: string[], port: number): Promise<ServerProcess> {
  const child = spawn(program, parameters, { stdio: ['pipe', 'pipe', 'pipe'] })
  const answers: PromiseWithResolvers<string>[] = []
  let output = ''
  child.stderr.on('data', (data) => (output = (output + data).slice(-4_000)))
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') resolve()
      else if (line.startsWith('{')) answers.shift()?.resolve(line)
      else output += `${line}\n`
    })
    child.once('exit', (code) => {
      const error = new Error(`the server ended with ${code}: ${output}`)
      reject(error)
      for (const answer of answers.splice(0)) answer.reject(error)
    })
  })
  await ready
  return {
    endpoint: `opc.tcp://127.0.0.1:${port}`,
    pid: child.pid as number,
    command: async (command) => {
      const answer = Promise.withResolvers<string>()
      answers.push(answer)
      child.stdin.write(`${JSON.stringify(command)}\n`)
      return JSON.parse(await answer.promise)
    },
    kill: (signal = 'SIGKILL') => ended(child, signal),
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}

/** Does what the remedy of an untrusted certificate says. */
export async function approve({ source }: { readonly source: Source }): Promise<Certificate> {
  const status = () => source.status()
  const { remedy = '' } = await until('an untrusted certificate', () => status().code === 'certificate-untrusted' && status())
  return trustBy(source, remedy)
}

/** `holdfast sources trust NAME FINGERPRINT`, as a remedy says it. */
export async function trustBy({ trust }: Source, remedy: string): Promise<Certificate> {
  const [, fingerprint = ''] = /holdfast sources trust line-1 ([\dA-F:]{59})$/.exec(remedy) ?? []
  for await (const it of trust?.({ fingerprint }, new AbortController().signal) ?? []) return it
  throw new Error(`nothing was trusted: ${remedy}`)
}

export interface Row {
  readonly tag: string
  readonly kind: SeriesDescriptor['kind']
  readonly time: number
  readonly value: Value | undefined
  readonly quality: string
  readonly status: number
}

/** A source at work, and all that it yielded. */
export interface Running {
  readonly source: Source
  readonly rows: Row[]
  readonly refused: Refused[]
  readonly batches: number[]
  readonly states: SourceStatus[]
  status(): SourceStatus
  of(tag: string): Row[]
  stop(): Promise<void>
}

let origins = 1

export function contextIn(dir: string, lines: string[] = []): SourceContext {
  const log = (level: string) => (fields: object, text: string) => void lines.push(`${level} ${text} ${JSON.stringify(fields)}`)
  return {
    name: 'line-1',
    dir,
    device: 'hf-test',
    clock: { now: () => Math.round((performance.timeOrigin + performance.now()) * 1000), monotonic: () => performance.now() },
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    origin: origins++,
    commitEveryMs: 250,
  }
}

export function run(
  input: Input,
  dir: string,
  options: { timing?: Timing; pull?: () => Promise<void>; lines?: string[] } = {},
): Running {
  const source = opcuaWith(options.timing ?? HURRY).open(opcuaSettings.parse(input), contextIn(dir, options.lines))
  const stop = new AbortController()
  const rows: Row[] = []
  const refused: Refused[] = []
  const batches: number[] = []
  const states: SourceStatus[] = []
  const series: SeriesDescriptor[] = []
  const pulling = (async () => {
    for await (const { batch, durable } of source.read(stop.signal)) {
      series.push(...batch.newSeries)
      rows.push(...rowsOf(batch, series))
      refused.push(...batch.refused)
      batches.push(batch.count)
      await options.pull?.()
      durable()
    }
  })()
  const watching = setInterval(() => {
    const now = source.status()
    if (now.state !== states.at(-1)?.state || now.code !== states.at(-1)?.code) states.push(now)
  }, 20)
  return {
    source,
    rows,
    refused,
    batches,
    states,
    status: () => source.status(),
    of: (tag) => rows.filter((it) => it.tag === tag),
    stop: async () => {
      clearInterval(watching)
      stop.abort()
      await pulling
    },
  }
}

function* rowsOf(batch: ReadingBatch, series: readonly SeriesDescriptor[]): Iterable<Row> {
  const longs = new BigInt64Array(batch.value.buffer)
  const words = new Uint32Array(batch.value.buffer)
  for (let at = 0; at < batch.count; at++) {
    const { tag, kind } = series[batch.series[at] as number] as SeriesDescriptor
    const quality = batch.quality[at] as number
    const span = () => batch.bytes.slice(words[at * 2], (words[at * 2] as number) + (words[at * 2 + 1] as number))
    const value = (): Value => {
      if (kind === 'double') return batch.value[at] as number
      if (kind === 'bool') return batch.value[at] === 1
      if (kind === 'long') return longs[at] as bigint
      return kind === 'string' ? new TextDecoder().decode(span()) : span()
    }
    yield {
      tag,
      kind,
      time: batch.time[at] as number,
      value: quality & NO_VALUE ? undefined : value(),
      quality: QUALITIES[(quality & 3) as 0 | 1 | 2],
      status: batch.status[at] as number,
    }
  }
}

/** A session of its own, without a source around it. */
export async function openSession(endpoint: string, dir: string): Promise<{ open: Open; close(): Promise<void> }> {
  const security = { policy: 'None', mode: 'None', insecure: 'a server on loopback' } as const
  const settings = opcuaSettings.parse({ endpoint, security, tags: [{ tag: 'x', node: 'i=2258', class: 'process' }] })
  const { session, close } = await connect({ name: 'line-1', settings, dir, device: 'hf-test', timing: HURRY })
  return { open: { session, facts: await readFacts(session) }, close }
}
