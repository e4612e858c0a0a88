// What one class has waiting for its next block: columns that batches are copied into, with the log's own series numbers.
import type { ReadingBatch } from '../core/batch.ts'
import { BLOCK_BYTES_MAX, BLOCK_READINGS_MAX } from '../core/bounds.ts'
import type { ValueKind } from '../core/reading.ts'

/** What a batch's local series numbers mean in the log. */
export interface SeriesMap {
  /** By local number: the log's series. */
  readonly ids: number[]
  /** By local number: the class's place, or -1 for a class that is not in the settings. */
  readonly classes: number[]
  readonly kinds: ValueKind[]
  /** The one class that all series so far belong to, -2 when there are several. */
  only: number
  /** Whether any series holds strings or bytes. */
  spans: boolean
}

export interface Gather {
  count: number
  /** Source batches so far; their receive times. */
  batches: number
  bytesUsed: number
  series: Uint32Array
  time: Float64Array
  value: Float64Array
  words: Uint32Array
  quality: Uint8Array
  status: Uint32Array
  batch: Uint16Array
  received: Float64Array
  bytes: Uint8Array
}

const BATCHES_MAX = 65_535

export function newGather(): Gather {
  const value = new Float64Array(BLOCK_READINGS_MAX)
  return {
    count: 0,
    batches: 0,
    bytesUsed: 0,
    series: new Uint32Array(BLOCK_READINGS_MAX),
    time: new Float64Array(BLOCK_READINGS_MAX),
    value,
    words: new Uint32Array(value.buffer),
    quality: new Uint8Array(BLOCK_READINGS_MAX),
    status: new Uint32Array(BLOCK_READINGS_MAX),
    batch: new Uint16Array(BLOCK_READINGS_MAX),
    received: new Float64Array(1024),
    bytes: new Uint8Array(0),
  }
}

export function emptyGather(gather: Gather): void {
  gather.count = 0
  gather.batches = 0
  gather.bytesUsed = 0
}

/** Whether readings [from, from + n) of a batch fit in; when not, the block has to be made first. */
export function hasRoom(gather: Gather, n: number, bytes: number): boolean {
  if (gather.count === 0) return true
  return (
    gather.count + n <= BLOCK_READINGS_MAX &&
    gather.batches < BATCHES_MAX &&
    (bytes === 0 || gather.bytesUsed + bytes <= BLOCK_BYTES_MAX)
  )
}

/** Copies readings [from, to) of a batch whose series all belong to this gather's class. */
export function gatherRun(gather: Gather, batch: ReadingBatch, map: SeriesMap, from: number, to: number): void {
  const at = gather.count
  const n = to - from
  const index = beginBatch(gather, batch.received)
  gather.time.set(from === 0 && to === batch.count ? batch.time : batch.time.subarray(from, to), at)
  gather.words.set(wordsOf(batch).subarray(from * 2, to * 2), at * 2)
  gather.quality.set(batch.quality.subarray(from, to), at)
  gather.status.set(batch.status.subarray(from, to), at)
  gather.batch.fill(index, at, at + n)
  const { ids } = map
  const { series } = gather
  for (let i = 0; i < n; i++) series[at + i] = ids[batch.series[from + i] as number] as number
  gather.count += n
  if (map.spans)
    for (let i = 0; i < n; i++) copySpan(gather, at + i, batch, map.kinds[batch.series[from + i] as number] as ValueKind)
}

/** Where a run of a batch's readings from `from` on has to end, for a block to hold it. */
export function runEnd(batch: ReadingBatch, map: SeriesMap, from: number): number {
  const most = Math.min(batch.count, from + BLOCK_READINGS_MAX)
  if (!map.spans || batch.bytes.length <= BLOCK_BYTES_MAX) return most
  const words = wordsOf(batch)
  let bytes = 0
  for (let row = from; row < most; row++) {
    const kind = map.kinds[batch.series[row] as number]
    if (kind === 'string' || kind === 'bytes') bytes += words[row * 2 + 1] as number
    if (bytes > BLOCK_BYTES_MAX && row > from) return row
  }
  return most
}

export const wordsOf = ({ value }: ReadingBatch) => new Uint32Array(value.buffer, value.byteOffset, value.length * 2)

/** Copies the one reading at `row` of a batch; `words` are the batch's values as `wordsOf` gives them. */
export function gatherOne(
  gather: Gather,
  batch: ReadingBatch,
  words: Uint32Array,
  map: SeriesMap,
  row: number,
  index: number,
): void {
  const at = gather.count++
  const local = batch.series[row] as number
  gather.series[at] = map.ids[local] as number
  gather.time[at] = batch.time[row] as number
  gather.words[at * 2] = words[row * 2] as number
  gather.words[at * 2 + 1] = words[row * 2 + 1] as number
  gather.quality[at] = batch.quality[row] as number
  gather.status[at] = batch.status[row] as number
  gather.batch[at] = index
  copySpan(gather, at, batch, map.kinds[local] as ValueKind)
}

/** Notes a source batch's receive time; its index goes beside each of its readings. */
export function beginBatch(gather: Gather, received: number): number {
  if (gather.batches === gather.received.length) {
    const grown = new Float64Array(gather.received.length * 2)
    grown.set(gather.received)
    gather.received = grown
  }
  gather.received[gather.batches] = received
  return gather.batches++
}

function copySpan(gather: Gather, at: number, batch: ReadingBatch, kind: ValueKind): void {
  if (kind !== 'string' && kind !== 'bytes') return
  const offset = gather.words[at * 2] as number
  const length = gather.words[at * 2 + 1] as number
  reserve(gather, length)
  gather.bytes.set(batch.bytes.subarray(offset, offset + length), gather.bytesUsed)
  gather.words[at * 2] = gather.bytesUsed
  gather.bytesUsed += length
}

function reserve(gather: Gather, more: number): void {
  const needed = gather.bytesUsed + more
  if (needed <= gather.bytes.length) return
  const grown = new Uint8Array(Math.max(needed, gather.bytes.length * 2, 4096))
  grown.set(gather.bytes.subarray(0, gather.bytesUsed))
  gather.bytes = grown
}
