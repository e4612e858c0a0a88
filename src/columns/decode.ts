// A block back to readings. Nothing is allocated by a length that was not checked, and nothing wrong comes out: DamagedBlock instead.
import type { ReadingColumns } from '../core/aggregate.ts'
import type { SeriesRuns } from './group.ts'
import type { BlockHeader } from './header.ts'
import { DamagedBlock, open } from './header.ts'
import { readOrder } from './order.ts'
import type { Received } from './runs.ts'
import { readQuality, readReceived, readSeries, readStatus } from './runs.ts'
import { readSealedReceived } from './sealed-received.ts'
import { readSealedTimes } from './sealed-times.ts'
import type { SectionReaders } from './sections.ts'
import { checkAllRead, decompress, splitSections } from './sections.ts'
import { readTimes } from './times.ts'
import { readSealedValues } from './unsealed-values.ts'
import { readValues } from './values.ts'
import type { Reader } from './varint.ts'

/** Columns in block order. Buffers of its own, to transfer as one likes. */
export interface DecodedBlock extends BlockHeader, ReadingColumns {
  /** Ascending; series run i is `runs[i]` readings of `seriesIds[i]`. */
  readonly seriesIds: Uint32Array<ArrayBuffer>
  readonly runs: Uint32Array<ArrayBuffer>
  readonly time: Float64Array<ArrayBuffer>
  /** 8-byte slots as in core/batch.ts; equal strings of a block share their bytes. */
  readonly value: Float64Array<ArrayBuffer>
  readonly quality: Uint8Array<ArrayBuffer>
  readonly status: Uint32Array<ArrayBuffer>
  /** Receive time per reading, microseconds. */
  readonly received: Float64Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly sequence?: Float64Array<ArrayBuffer>
}

/** What decoding gives inside of this folder: receive times by number, series runs by where they start. */
export interface Columns extends BlockHeader {
  readonly runs: SeriesRuns
  readonly time: Float64Array<ArrayBuffer>
  readonly value: Float64Array<ArrayBuffer>
  /** Absent where all are 0. */
  readonly quality: Uint8Array<ArrayBuffer> | undefined
  readonly status: Uint32Array<ArrayBuffer> | undefined
  readonly received: Received
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly sequence?: Float64Array<ArrayBuffer>
}

/** Throws DamagedBlock when anything is off. */
export function decodeBlock(block: Uint8Array): DecodedBlock {
  const { runs, received, quality, status, ...columns } = decodeColumns(block)
  const { count } = columns
  const sizes = runs.ids.map((_, i) => (runs.starts[i + 1] as number) - (runs.starts[i] as number))
  return {
    ...columns,
    seriesIds: runs.ids,
    runs: sizes,
    quality: quality ?? new Uint8Array(count),
    status: status ?? new Uint32Array(count),
    received: receivedOf(received, count),
  }
}

/** Sequence of reading `i`, in block order. */
export function sequenceAt(block: Pick<ReadingColumns, 'first' | 'sequence'>, i: number): number {
  return block.sequence ? (block.sequence[i] as number) : block.first + i
}

function receivedOf({ times, batch }: Received, count: number): Float64Array<ArrayBuffer> {
  const received = new Float64Array(count)
  if (!batch) return received.fill(times[0] as number)
  for (let i = 0; i < count; i++) received[i] = times[batch[i] as number] as number
  return received
}

/** Throws DamagedBlock when anything is off. */
export function decodeColumns(block: Uint8Array): Columns {
  const { stored, compressed, sealed, ...header } = open(block)
  if (header.version === 3) throw new DamagedBlock('version', 'aggregates where readings are expected')
  if (sealed) return { ...header, ...unseal(splitSections(stored, header.rawBytes), header) }
  if (header.version === 2) throw new DamagedBlock('header', 'an order column where there is none')
  return { ...header, ...readColumns(compressed ? decompress(stored, header.rawBytes) : stored, header.count) }
}

type Body = Omit<Columns, keyof BlockHeader>

function readColumns(payload: Uint8Array, count: number): Body {
  const reader: Reader = { bytes: payload, at: 0 }
  const runs = readSeries(reader, count)
  const quality = readQuality(reader, count)
  const status = readStatus(reader, count)
  const received = readReceived(reader, runs)
  const time = readTimes(reader, runs)
  const { value, bytes } = readValues(reader, runs)
  if (reader.at !== reader.bytes.length) throw new DamagedBlock('header', 'more payload than readings')
  return { runs, time, value, quality, status, received, bytes }
}

function unseal(sections: SectionReaders, { version, count, first, timeFrom, receivedFrom }: BlockHeader): Body {
  const runs = readSeries(sections.runs, count)
  const quality = readQuality(sections.runs, count)
  const status = readStatus(sections.runs, count)
  const time = readSealedTimes(sections, runs, timeFrom)
  const received = readSealedReceived(sections, runs, time, receivedFrom)
  const order = version === 2 ? { sequence: readOrder(sections.runs, runs, first) } : {}
  const { value, bytes } = readSealedValues(sections, runs)
  checkAllRead(sections)
  return { runs, time, value, quality, status, received, bytes, ...order }
}
