// A files source on a real folder, and a reader that takes its batches as the log would.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadingBatch, Refused } from '../../../src/core/batch.ts'
import { newOrigin } from '../../../src/core/batch.ts'
import type { SeriesDescriptor, Value } from '../../../src/core/reading.ts'
import { NO_VALUE } from '../../../src/core/reading.ts'
import type { Source } from '../../../src/core/source.ts'
import { filesSettings } from '../../../src/sources/files/settings.ts'
import { files } from '../../../src/sources/files/source.ts'

export interface Row {
  readonly tag: string
  readonly time: number
  readonly value: Value
  readonly status: number
  readonly class: string
}

const text = new TextDecoder()

/** Readings of batches of one origin, in their order. */
function rowReader(): (batch: ReadingBatch) => Row[] {
  const series: SeriesDescriptor[] = []
  return (batch) => {
    if (batch.newSeries.length > 0 && batch.seriesFrom !== series.length) throw new Error('series out of order')
    series.push(...batch.newSeries)
    const bits = new BigInt64Array(batch.value.buffer)
    const words = new Uint32Array(batch.value.buffer)
    const valueOf = (at: number, kind: SeriesDescriptor['kind']): Value => {
      const bytes = batch.bytes.slice(words[at * 2], (words[at * 2] as number) + (words[at * 2 + 1] as number))
      if (kind === 'string') return text.decode(bytes)
      if (kind === 'bytes') return bytes
      if (kind === 'long') return bits[at] as bigint
      return kind === 'bool' ? batch.value[at] === 1 : (batch.value[at] as number)
    }
    return Array.from({ length: batch.count }, (_, at) => {
      const { tag, kind, class: name } = series[batch.series[at] as number] as SeriesDescriptor
      if (((batch.quality[at] as number) & NO_VALUE) !== 0) throw new Error('a reading without a value')
      return { tag, time: batch.time[at] as number, value: valueOf(at, kind), status: batch.status[at] as number, class: name }
    })
  }
}

export interface Running {
  readonly source: Source
  readonly rows: Row[]
  readonly refused: Refused[]
  readonly batches: number
  /** From now on batches become durable at once; those that wait do. */
  release(): void
  stop(): Promise<void>
  /** As a kill: nothing more is told, nothing is waited for. */
  abandon(): void
}

export interface Place {
  readonly folder: string
  readonly dir: string
  open(settings: object, options?: { isHeld?: boolean }): Running
  remove(): void
}

export const CSV = {
  format: 'csv',
  every: '100ms',
  settled: '0s',
  time: 'time',
  tags: [{ tag: '{file}/value', column: 'value', class: 'process' }],
}

export function place(): Place {
  const root = mkdtempSync(join(tmpdir(), 'hf-files-'))
  const [folder, dir] = [join(root, 'in'), join(root, 'data')]
  mkdirSync(folder)
  return {
    folder,
    dir,
    open: (settings, { isHeld = false } = {}) => open(folder, dir, settings, isHeld),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

function open(folder: string, dir: string, settings: object, isHeld: boolean): Running {
  const stop = new AbortController()
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const clock = { now: () => Date.now() * 1000, monotonic: () => performance.now() }
  const context = { name: 'legacy', dir, device: 'box', clock, log, origin: newOrigin(0), commitEveryMs: 10 }
  const source = files.open(filesSettings.parse({ path: folder, ...settings }), context)
  const read = rowReader()
  const rows: Row[] = []
  const refused: Refused[] = []
  let waiting: (() => void)[] = []
  let [held, gone, batches] = [isHeld, false, 0]
  const end = (async () => {
    for await (const { batch, durable } of source.read(stop.signal)) {
      if (gone) continue
      batches++
      rows.push(...read(batch))
      refused.push(...batch.refused)
      if (held) waiting.push(durable)
      else durable()
    }
  })()
  return {
    source,
    rows,
    refused,
    get batches() {
      return batches
    },
    release() {
      held = false
      for (const it of waiting) it()
      waiting = []
    },
    async stop() {
      stop.abort()
      await end
    },
    abandon() {
      gone = true
      stop.abort()
    },
  }
}

export async function until(what: () => boolean, say: () => unknown): Promise<void> {
  for (const end = Date.now() + 30_000; !what(); await sleep(10)) {
    if (Date.now() > end)
      throw new Error(`not reached: ${JSON.stringify(say(), (_, it) => (typeof it === 'bigint' ? String(it) : it))}`)
  }
}

export const values = (rows: readonly Row[]) => rows.map((it) => it.value)

/** Lines of CSV, header not included; values from `from` on, each with a time of its own. */
export function csvLines(from: number, count: number): string {
  return Array.from({ length: count }, (_, at) => `${new Date(1.7e12 + (from + at) * 1000).toISOString()},${from + at}\n`).join(
    '',
  )
}

export const numbers = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at)
