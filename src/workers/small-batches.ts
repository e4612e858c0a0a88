// Many small batches in one message: a message between threads costs more than the few readings of a batch, and each typed array in it again.
// The columns of all go one behind the other, so that a message has as many arrays with a hundred batches as with one.
import type { ReadingBatch, Refused } from '../core/batch.ts'
import type { SeriesDescriptor } from '../core/reading.ts'

/** Of one batch: origin, seriesFrom, count, bytes, received, clock (-1: absent). */
const HEAD_NUMBERS = 6

export interface SmallBatches {
  readonly ids: Float64Array<ArrayBuffer>
  readonly heads: Float64Array<ArrayBuffer>
  readonly series: Uint32Array<ArrayBuffer>
  readonly time: Float64Array<ArrayBuffer>
  /** Value slots as words: copied as doubles, what is none might not be the same bits. */
  readonly words: Uint32Array<ArrayBuffer>
  readonly quality: Uint8Array<ArrayBuffer>
  readonly status: Uint32Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
  /** What only few batches have, by their place. */
  readonly more: readonly More[]
}

interface More {
  readonly place: number
  readonly newSeries: readonly SeriesDescriptor[]
  readonly refused: readonly Refused[]
}

export interface Append {
  readonly id: number
  readonly batch: ReadingBatch
}

export function packSmall(appends: readonly Append[]): SmallBatches {
  const count = appends.reduce((sum, it) => sum + it.batch.count, 0)
  const packed = {
    ids: Float64Array.from(appends, (it) => it.id),
    heads: new Float64Array(appends.length * HEAD_NUMBERS),
    series: new Uint32Array(count),
    time: new Float64Array(count),
    words: new Uint32Array(count * 2),
    quality: new Uint8Array(count),
    status: new Uint32Array(count),
    bytes: new Uint8Array(appends.reduce((sum, it) => sum + it.batch.bytes.length, 0)),
  }
  let [at, byte] = [0, 0]
  for (const [place, { batch }] of appends.entries()) {
    const { origin, seriesFrom, received, clock = -1, value } = batch
    packed.heads.set([origin, seriesFrom, batch.count, batch.bytes.length, received, clock], place * HEAD_NUMBERS)
    packed.series.set(batch.series, at)
    packed.time.set(batch.time, at)
    packed.words.set(new Uint32Array(value.buffer, value.byteOffset, batch.count * 2), at * 2)
    packed.quality.set(batch.quality, at)
    packed.status.set(batch.status, at)
    packed.bytes.set(batch.bytes, byte)
    at += batch.count
    byte += batch.bytes.length
  }
  const more = appends.flatMap(({ batch: { newSeries, refused } }, place) =>
    newSeries.length + refused.length > 0 ? [{ place, newSeries, refused }] : [],
  )
  return { ...packed, more }
}

/** The same batches in the same order; their columns are views. */
export function unpackSmall({ ids, heads, more, words, ...columns }: SmallBatches): Append[] {
  const rare = new Map(more.map((it) => [it.place, it]))
  const value = new Float64Array(words.buffer)
  let [at, byte] = [0, 0]
  return Array.from(ids, (id, place) => {
    const [origin, seriesFrom, count, bytes, received, clock] = heads.subarray(place * HEAD_NUMBERS) as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const [from, byteFrom] = [at, byte]
    at += count
    byte += bytes
    const batch: ReadingBatch = {
      origin,
      newSeries: rare.get(place)?.newSeries ?? [],
      seriesFrom,
      count,
      series: columns.series.subarray(from, at),
      time: columns.time.subarray(from, at),
      value: value.subarray(from, at),
      quality: columns.quality.subarray(from, at),
      status: columns.status.subarray(from, at),
      bytes: columns.bytes.subarray(byteFrom, byte),
      received,
      ...(clock >= 0 && { clock }),
      refused: rare.get(place)?.refused ?? [],
    }
    return { id, batch }
  })
}
