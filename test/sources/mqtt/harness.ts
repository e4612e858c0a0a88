// What stands around a source in these tests: a context, a consumer that pulls `read()` by hand, and a publisher.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import type { ReadingBatch } from '../../../src/core/batch.ts'
import { newOrigin } from '../../../src/core/batch.ts'
import { NO_VALUE } from '../../../src/core/reading.ts'
import type { SeriesDescriptor } from '../../../src/core/reading.ts'
import type { Protocol, Source, SourceContext, SourceItem } from '../../../src/core/source.ts'
import { mqttSettings } from '../../../src/sources/mqtt/settings.ts'
import { mqttProtocol } from '../../../src/sources/mqtt/source.ts'

export interface Row {
  readonly tag: string
  readonly class: string
  readonly kind: string
  readonly unit?: string
  readonly boxTime?: true
  readonly time: number
  readonly value: number | bigint | string | undefined
  readonly quality: number
  /** Where it is not 0. */
  readonly status?: number
}

/** Batches of one origin as rows. */
export function rowReader(): (batch: ReadingBatch) => Row[] {
  const series: SeriesDescriptor[] = []
  return (batch) => {
    for (const [at, it] of batch.newSeries.entries()) series[batch.seriesFrom + at] = it
    const words = new Uint32Array(batch.value.buffer)
    const longs = new BigInt64Array(batch.value.buffer)
    return Array.from(batch.series, (number, at): Row => {
      const it = series[number] as SeriesDescriptor
      const offset = words[at * 2] as number
      const value =
        it.kind === 'bytes'
          ? Buffer.from(batch.bytes.subarray(offset, offset + (words[at * 2 + 1] as number))).toString('hex')
          : it.kind === 'string'
            ? new TextDecoder().decode(batch.bytes.subarray(offset, offset + (words[at * 2 + 1] as number)))
            : it.kind === 'long'
              ? (longs[at] as bigint)
              : (batch.value[at] as number)
      const quality = batch.quality[at] as number
      return {
        ...it,
        time: batch.time[at] as number,
        value: (quality & NO_VALUE) === 0 ? value : undefined,
        quality: quality & 3,
        ...(batch.status[at] !== 0 && { status: batch.status[at] as number }),
      }
    })
  }
}

export interface Opened {
  readonly source: Source
  readonly context: SourceContext
  readonly lines: { readonly level: string; readonly fields: Record<string, unknown>; readonly text: string }[]
}

/** A source as the settings file would have it; `dir` keeps its session note. */
export function openSource(settings: object, dir: string, name = 'broker'): Opened {
  return openProtocol(mqttProtocol, mqttSettings.parse(settings), dir, name)
}

export function openProtocol<Settings>(protocol: Protocol<Settings>, settings: Settings, dir: string, name: string): Opened {
  const lines: Opened['lines'] = []
  const line = (level: string) => (fields: object, text: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, text })
  const context: SourceContext = {
    name,
    dir,
    device: 'test',
    clock: { now: () => Date.now() * 1000, monotonic: () => performance.now() },
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    origin: newOrigin(0),
    commitEveryMs: 250,
  }
  return { source: protocol.open(settings, context), context, lines }
}

export interface Consumer {
  readonly rows: Row[]
  readonly items: SourceItem[]
  readonly refused: Record<string, number>
  batches: number
  /** Ends the reading and waits for its end. */
  stop(): Promise<void>
}

/** Pulls like the route does: at most two batches wait; `commitMs` later both are durable. Without it they wait for the test, in `items`. */
export function consume(
  source: Source,
  options: { commitMs?: number; keepRows?: boolean } = {},
): Consumer & { commitNow(): void } {
  const abort = new AbortController()
  const toRows = rowReader()
  const consumer = { rows: [] as Row[], items: [] as SourceItem[], refused: {} as Record<string, number>, batches: 0 }
  let timer: NodeJS.Timeout | undefined
  let goOn = () => {}
  const commit = () => {
    clearTimeout(timer)
    timer = undefined
    for (const item of consumer.items.splice(0)) item.durable()
    goOn()
  }
  const ended = (async () => {
    for await (const item of source.read(abort.signal)) {
      consumer.batches++
      for (const it of item.batch.refused) consumer.refused[it.reason] = (consumer.refused[it.reason] ?? 0) + it.count
      if (options.keepRows !== false) consumer.rows.push(...toRows(item.batch))
      consumer.items.push(item)
      if (options.commitMs !== undefined) timer ??= setTimeout(commit, options.commitMs)
      while (consumer.items.length >= 2 && !abort.signal.aborted) await new Promise<void>((resolve) => (goOn = resolve))
    }
  })()
  return Object.assign(consumer, {
    commitNow: commit,
    async stop() {
      abort.abort()
      goOn()
      await ended
      clearTimeout(timer)
    },
  })
}

export async function publisher(port: number, options: object = {}): Promise<MqttClient> {
  return await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: `publisher-${Math.random()}`, ...options })
}

export async function until(what: string, holds: () => boolean, msMax = 30_000): Promise<void> {
  const end = Date.now() + msMax
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited ${msMax} ms in vain: ${what}`)
    await wait(10)
  }
}

export function tempDir(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'mqtt-source-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
