// Readings of batches on their own, and batches of such readings again.
import type { ReadingBatch } from '../../core/batch.ts'
import type { SeriesDescriptor, ValueKind } from '../../core/reading.ts'
import { NO_VALUE } from '../../core/reading.ts'
import type { Sample } from './decide.ts'

/** A reading that can outlive its batch. */
export interface Row extends Sample {
  readonly series: number
  /** The value's eight bytes as they stand in the batch. */
  readonly bits: bigint
  readonly received: number
  readonly clock: number | undefined
}

/** Reads rows of one batch. */
export function rowReader(batch: ReadingBatch, kindOf: (series: number) => ValueKind): (at: number) => Row {
  const { buffer, byteOffset, length } = batch.value
  const bits = new BigInt64Array(buffer, byteOffset, length)
  const words = new Uint32Array(buffer, byteOffset, length * 2)
  const valueOf = (at: number, kind: ValueKind, quality: number): Sample['value'] => {
    if ((quality & NO_VALUE) !== 0) return undefined
    if (kind === 'double' || kind === 'bool') return batch.value[at]
    if (kind === 'long') return bits[at]
    const offset = words[at * 2] as number
    return batch.bytes.slice(offset, offset + (words[at * 2 + 1] as number))
  }
  return (at) => {
    const series = batch.series[at] as number
    const quality = batch.quality[at] as number
    return {
      series,
      time: batch.time[at] as number,
      value: valueOf(at, kindOf(series), quality),
      bits: bits[at] as bigint,
      quality,
      status: batch.status[at] as number,
      received: batch.received,
      clock: batch.clock,
    }
  }
}

interface Head extends Pick<ReadingBatch, 'origin' | 'received' | 'refused'> {
  readonly newSeries: readonly SeriesDescriptor[]
  readonly seriesFrom: number
  readonly clock: number | undefined
}

export function batchOf({ clock, ...head }: Head, rows: readonly Row[]): ReadingBatch {
  const count = rows.length
  const value = new Float64Array(count)
  const bits = new BigInt64Array(value.buffer)
  const words = new Uint32Array(value.buffer)
  const texts = rows.map((it) => (it.value instanceof Uint8Array ? it.value : undefined))
  const bytes = new Uint8Array(texts.reduce((sum, it) => sum + (it?.length ?? 0), 0))
  let used = 0
  for (const [at, row] of rows.entries()) {
    const text = texts[at]
    if (text) {
      bytes.set(text, used)
      words[at * 2] = used
      words[at * 2 + 1] = text.length
      used += text.length
    } else bits[at] = row.bits
  }
  return {
    ...head,
    ...(clock !== undefined && { clock }),
    count,
    series: Uint32Array.from(rows, (it) => it.series),
    time: Float64Array.from(rows, (it) => it.time),
    value,
    quality: Uint8Array.from(rows, (it) => it.quality),
    status: Uint32Array.from(rows, (it) => it.status),
    bytes,
  }
}
