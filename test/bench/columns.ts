// Bytes a reading of recorded data: sealed blocks beside pcodec, Parquet and JSON, all in one run.
//
//   node test/bench/columns.ts [--data DIR] [--python PROGRAM] [--level ZSTD] [--json]
//
// DIR holds the data sets by name (skab-water-loop, which is not in this tree because of its licence, is measured only with it).
// The Python needs numpy, pcodec and pyarrow. Jitter of receive times is made from a seed.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { createEncoder, createMerger, decodeBlock } from '../../src/columns/index.ts'
import { BLOCK_READINGS_MAX, SEALED_BYTES_MAX, SEALED_READINGS_MAX } from '../../src/core/bounds.ts'
import type { DataSet } from './recorded.ts'
import { readDataSets } from './recorded.ts'

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    python: { type: 'string', default: fileURLToPath(new URL('../../.cache/venv/bin/python', import.meta.url)) },
    level: { type: 'string', default: '9' },
    json: { type: 'boolean', default: false },
  },
})
const LEVEL = Number(options.level)
const SEED = 20_260_101
const ROUNDS = 5

/** Readings in the order in which they arrive: row by row. */
interface Readings {
  readonly count: number
  readonly series: Uint32Array
  readonly time: Float64Array
  readonly value: Float64Array
  /** Number of the row, by reading. */
  readonly row: Uint32Array
  readonly tags: readonly string[]
}

function arrivalOrder({ tables }: DataSet): Readings {
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
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

type Arrival = 'at once' | 'in batches' | 'row by row'

/** Blocks as a source's batches make them. Receive time: 20 to 25 ms after the last source time of the batch, to the microsecond. */
function freshBlocks(readings: Readings, arrival: Arrival): Uint8Array[] {
  const encode = createEncoder()
  const dice = random(SEED)
  const blocks: Uint8Array[] = []
  for (let from = 0; from < readings.count; from += BLOCK_READINGS_MAX) {
    const to = Math.min(readings.count, from + BLOCK_READINGS_MAX)
    const batchOf = (i: number): number =>
      arrival === 'in batches' ? Math.floor((i - from) / 1_000) : (readings.row[i] as number) - (readings.row[from] as number)
    const batch = Uint16Array.from({ length: to - from }, (_, i) => (arrival === 'at once' ? 0 : batchOf(from + i)))
    const received: number[] = []
    batch.forEach((it, i) => (received[it] = (readings.time[from + i] as number) + 20_000 + Math.floor(dice() * 5_000)))
    if (arrival === 'at once') received[0] = 2e15
    const { block } = encode(
      {
        count: to - from,
        series: readings.series.subarray(from, to),
        time: readings.time.subarray(from, to),
        value: readings.value.subarray(from, to),
        quality: new Uint8Array(to - from),
        status: new Uint32Array(to - from),
        batch,
        received: Float64Array.from(received),
        bytes: new Uint8Array(0),
        kindOf: () => 'double',
      },
      { stream: 1, first: from },
    )
    blocks.push(block)
  }
  return blocks
}

interface Sealed {
  readonly bytes: number
  readonly mergedPerSecond: number
  readonly decodedPerSecond: number
}

/** Of this process, so that others beside it count less. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function seal(readings: Readings, arrival: Arrival, first: number | 'kept'): Sealed {
  const fresh = freshBlocks(readings, arrival)
  const merge = createMerger({
    level: LEVEL,
    readingsMax: SEALED_READINGS_MAX,
    bytesMax: SEALED_BYTES_MAX,
    kindOf: () => 'double',
  })
  const perRun = Math.floor(SEALED_READINGS_MAX / BLOCK_READINGS_MAX)
  let blocks: Uint8Array[] = []
  let mergeMs = Infinity
  let decodeMs = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = cpuMs()
    blocks = []
    for (let n = 0; n < fresh.length; n += perRun) {
      const run = merge(fresh.slice(n, n + perRun), { stream: 1, first: first === 'kept' ? first : n * BLOCK_READINGS_MAX })
      blocks.push(...run.map((it) => it.block))
    }
    const merged = cpuMs()
    for (const it of blocks) decodeBlock(it)
    mergeMs = Math.min(mergeMs, merged - start)
    decodeMs = Math.min(decodeMs, cpuMs() - merged)
  }
  const bytes = blocks.reduce((sum, it) => sum + it.length, 0)
  return { bytes, mergedPerSecond: (readings.count / mergeMs) * 1_000, decodedPerSecond: (readings.count / decodeMs) * 1_000 }
}

function jsonBytes(readings: Readings): { plain: number; packed: number } {
  const lines = Array.from({ length: readings.count }, (_, i) => {
    const tag = readings.tags[readings.series[i] as number]
    return JSON.stringify({ tag, ts: (readings.time[i] as number) / 1_000, value: readings.value[i] })
  })
  const plain = Buffer.from(`${lines.join('\n')}\n`)
  return { plain: plain.length, packed: zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 9 } }).length }
}

/** pcodec and Parquet, by Python from files of one column each. */
function beside(readings: Readings): { pcodec: number; parquet: number } {
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
    return JSON.parse(execFileSync(options.python, [script, dir, JSON.stringify(readings.tags)], { encoding: 'utf8' }))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function measure(set: DataSet): Record<string, number | string> {
  const readings = arrivalOrder(set)
  const each = (bytes: number): number => Number((bytes / readings.count).toFixed(3))
  const bare = seal(readings, 'at once', 0)
  const batches = seal(readings, 'in batches', 0)
  const rows = seal(readings, 'row by row', 0)
  const kept = seal(readings, 'in batches', 'kept')
  const json = jsonBytes(readings)
  const others = beside(readings)
  return {
    set: set.name,
    readings: readings.count,
    'values and times': each(bare.bytes),
    everything: each(batches.bytes),
    'everything, kept numbers': each(kept.bytes),
    'everything, each row received by itself': each(rows.bytes),
    pcodec: each(others.pcodec),
    parquet: each(others.parquet),
    json: each(json.plain),
    'json + zstd': each(json.packed),
    'ratio to pcodec': Number((bare.bytes / others.pcodec).toFixed(3)),
    'merged M/s of CPU': Number((batches.mergedPerSecond / 1e6).toFixed(1)),
    'decoded M/s of CPU': Number((batches.decodedPerSecond / 1e6).toFixed(1)),
  }
}

const results = readDataSets(options.data).map(measure)
if (options.json) console.log(JSON.stringify({ level: LEVEL, seed: SEED, node: process.version, results }))
else {
  console.log(`bytes a reading · zstd level ${LEVEL} · seed ${SEED} · node ${process.version}`)
  for (const result of results) for (const [what, value] of Object.entries(result)) console.log(`  ${what.padEnd(42)}${value}`)
}
