// A block back to readings. Nothing is allocated by a length that was not checked, and nothing wrong comes out: DamagedBlock instead.
import { zstdDecompressSync } from 'node:zlib'
import type { BlockHeader, Envelope } from './header.ts'
import { DamagedBlock, open } from './header.ts'
import { readReceived, readRuns, readSeries } from './runs.ts'
import { readTimes } from './times.ts'
import { readValues } from './values.ts'
import type { Reader } from './varint.ts'

/** Columns in block order: reading i has the sequence `first` + i. Buffers of its own, to transfer as one likes. */
export interface DecodedBlock extends BlockHeader {
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
}

/** Throws DamagedBlock when anything is off. */
export function decodeBlock(block: Uint8Array): DecodedBlock {
  const { stored, compressed, ...header } = open(block)
  if (header.version === 3) throw new DamagedBlock('version', 'aggregates where readings are expected')
  const reader: Reader = { bytes: compressed ? unpack(stored, header) : stored, at: 0 }
  const runs = readSeries(reader, header.count)
  const quality = new Uint8Array(header.count)
  readRuns(reader, quality, 0xff)
  const status = new Uint32Array(header.count)
  readRuns(reader, status, 0xffff_ffff)
  const received = readReceived(reader, runs)
  const time = readTimes(reader, runs)
  const { value, bytes } = readValues(reader, runs)
  if (reader.at !== reader.bytes.length) throw new DamagedBlock('header', 'more payload than readings')
  const sizes = runs.ids.map((_, i) => (runs.starts[i + 1] as number) - (runs.starts[i] as number))
  return { ...header, seriesIds: runs.ids, runs: sizes, time, value, quality, status, received, bytes }
}

function unpack(stored: Envelope['stored'], { rawBytes }: BlockHeader): Uint8Array {
  try {
    const raw = zstdDecompressSync(stored, { maxOutputLength: rawBytes, chunkSize: Math.max(rawBytes, 64) })
    if (raw.length === rawBytes) return raw
  } catch (cause) {
    throw new DamagedBlock('header', 'the payload cannot be decompressed', { cause })
  }
  throw new DamagedBlock('header', 'a payload of another length')
}
