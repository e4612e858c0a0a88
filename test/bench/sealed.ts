// Recorded data as sealed blocks: the codec alone, without a log around it.
import { createEncoder, createMerger, decodeBlock } from '../../src/columns/index.ts'
import { BLOCK_READINGS_MAX, SEALED_BYTES_MAX, SEALED_READINGS_MAX } from '../../src/core/bounds.ts'
import type { Readings } from './arrival.ts'
import { random } from './arrival.ts'

/** Jitter of receive times is made from it. */
export const SEED = 20_260_101

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

export function seal(readings: Readings, arrival: Arrival, first: number | 'kept', level: number, rounds: number): Sealed {
  const fresh = freshBlocks(readings, arrival)
  const merge = createMerger({
    level,
    readingsMax: SEALED_READINGS_MAX,
    bytesMax: SEALED_BYTES_MAX,
    kindOf: () => 'double',
  })
  const perRun = Math.floor(SEALED_READINGS_MAX / BLOCK_READINGS_MAX)
  let blocks: Uint8Array[] = []
  let mergeMs = Infinity
  let decodeMs = Infinity
  for (let round = 0; round < rounds; round++) {
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
