// The order column of version 2: sequences of readings that lie series by series and yet keep their numbers. Readings whose numbers
// ascend with their places make a source; each reading names its source, in runs, and takes the next number of it.
import type { SeriesRuns } from './group.ts'
import { readBatches, writeBatches } from './runs.ts'
import type { Reader, Writer } from './varint.ts'
import { putVarint, readVarint } from './varint.ts'
import { DamagedBlock } from './header.ts'

/** `ranks`: sequence − first, by reading in block order; each of 0 … count − 1 once. */
export function writeOrder(writer: Writer, runs: SeriesRuns, ranks: Uint32Array): void {
  const { sources, length } = sourcesOf(ranks, runs.starts[runs.length] as number)
  putVarint(writer, length)
  if (length > 1) writeBatches(writer, runs, sources)
}

/** As few sources as there can be: a new one begins where the next number lies before the last one. */
function sourcesOf(ranks: Uint32Array, count: number): { sources: Uint32Array; length: number } {
  const places = new Uint32Array(count)
  for (let i = 0; i < count; i++) places[ranks[i] as number] = i
  const sources = new Uint32Array(count)
  let source = 0
  for (let rank = 1; rank < count; rank++) {
    if ((places[rank] as number) < (places[rank - 1] as number)) source++
    sources[places[rank] as number] = source
  }
  return { sources, length: source + 1 }
}

/** Sequence by reading. */
export function readOrder(reader: Reader, runs: SeriesRuns, first: number): Float64Array<ArrayBuffer> {
  const count = runs.starts[runs.length] as number
  const length = readVarint(reader)
  if (length < 1 || length > count) throw new DamagedBlock('header', 'more sources than readings')
  const sequence = new Float64Array(count)
  const sources = length > 1 ? readBatches(reader, runs, length) : new Uint32Array(count)
  const next = startsOf(sources, length, first)
  for (let i = 0; i < count; i++) {
    const source = sources[i] as number
    const it = next[source] as number
    sequence[i] = it
    next[source] = it + 1
  }
  return sequence
}

/** The first sequence of each source: they follow one another. */
function startsOf(sources: Uint32Array, length: number, first: number): Float64Array {
  const next = new Float64Array(length + 1)
  for (let i = 0; i < sources.length; i++) {
    const after = (sources[i] as number) + 1
    next[after] = (next[after] as number) + 1
  }
  next[0] = first
  for (let source = 1; source <= length; source++) next[source] = (next[source] as number) + (next[source - 1] as number)
  return next
}
