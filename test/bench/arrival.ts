// Recorded data as readings in the order of their arrival, and what other formats make of it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { constants, zstdCompressSync } from 'node:zlib'
import type { DataSet } from './recorded.ts'

export const PYTHON = fileURLToPath(new URL('../../.cache/venv/bin/python', import.meta.url))

/** Readings in the order in which they arrive: row by row. */
export interface Readings {
  readonly count: number
  readonly series: Uint32Array
  readonly time: Float64Array
  readonly value: Float64Array
  /** Number of the row, by reading. */
  readonly row: Uint32Array
  readonly tags: readonly string[]
}

export function arrivalOrder({ tables }: DataSet): Readings {
  const tags = [...new Set(tables.flatMap((it) => [...it.columns.keys()]))]
  const count = tables.reduce((sum, it) => sum + it.time.length * it.columns.size, 0)
  const readings = {
    count,
    series: new Uint32Array(count),
    time: new Float64Array(count),
    value: new Float64Array(count),
    row: new Uint32Array(count),
    tags,
  }
  let at = 0
  let row = 0
  for (const { time, columns } of tables) {
    for (let i = 0; i < time.length; i++, row++) {
      for (const [tag, values] of columns) {
        readings.series[at] = tags.indexOf(tag)
        readings.time[at] = time[i] as number
        readings.value[at] = values[i] as number
        readings.row[at++] = row
      }
    }
  }
  return readings
}

/** Mulberry32. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** As lines of JSON, all bytes. */
export function jsonBytes(readings: Readings): { plain: number; packed: number } {
  const lines = Array.from({ length: readings.count }, (_, i) => {
    const tag = readings.tags[readings.series[i] as number]
    return JSON.stringify({ tag, ts: (readings.time[i] as number) / 1_000, value: readings.value[i] })
  })
  const plain = Buffer.from(`${lines.join('\n')}\n`)
  return { plain: plain.length, packed: zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 9 } }).length }
}

/** pcodec and Parquet, by Python from files of one column each. */
export function beside(readings: Readings, python: string): { pcodec: number; parquet: number } {
  const dir = mkdtempSync(join(tmpdir(), 'columns-'))
  try {
    readings.tags.forEach((_, series) => {
      const places = [...readings.series.keys()].filter((i) => readings.series[i] === series)
      writeFileSync(
        join(dir, `${series}.value`),
        Float64Array.from(places, (i) => readings.value[i] as number),
      )
      writeFileSync(
        join(dir, `${series}.time`),
        Float64Array.from(places, (i) => readings.time[i] as number),
      )
    })
    const script = fileURLToPath(new URL('columns-beside.py', import.meta.url))
    return JSON.parse(execFileSync(python, [script, dir, JSON.stringify(readings.tags)], { encoding: 'utf8' }))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
