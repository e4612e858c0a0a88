// Blocks of one stream that follow one another, to few large ones. All of a series comes to lie together, which is what compresses.
import type { ValueKind } from '../core/reading.ts'
import type { Columns } from './decode.ts'
import { decodeColumns } from './decode.ts'
import { createGatherer } from './gather.ts'
import type { SealedBlock } from './seal.ts'
import { createSealer } from './seal.ts'
import { cut, split } from './split.ts'

export interface MergerOptions {
  /** zstd's. */
  readonly level: number
  /** Bounds of each block that comes out: readings, and uncompressed bytes of strings and byte values (a single reading may have more). */
  readonly readingsMax: number
  readonly bytesMax: number
  readonly kindOf: (series: number) => ValueKind
}

export type Merged = SealedBlock

/**
 * `blocks`: versions 1 or 2, of one stream, ascending. `place.first` a number: readings get new numbers from there on, in the order in
 * which they come out. 'kept': each keeps its own; RangeError where one is missing between them. Throws DamagedBlock.
 */
export type Merge = (blocks: readonly Uint8Array[], place: { stream: number; first: number | 'kept' }) => Merged[]

/** A merger keeps its buffers from call to call, about 60 bytes for each reading of the largest; one for each thread that seals. */
export function createMerger(options: MergerOptions): Merge {
  const merge = createColumnsMerger(options)
  return (blocks, place) => merge(blocks.map(decodeColumns), place)
}

/** Readings [from, to) by sequence of a decoded block. */
export interface Part {
  readonly columns: Columns
  readonly from: number
  readonly to: number
}

/** Parts of blocks of one stream that follow one another, to blocks that hold these readings and no others; each keeps its sequence. */
export function createCutter(options: MergerOptions): (parts: readonly Part[], stream: number) => Merged[] {
  const merge = createColumnsMerger(options)
  return (parts, stream) => {
    const columns = parts.map((it) => cut(it.columns, it.from, it.to, options.kindOf))
    return merge(columns, { stream, first: 'kept' })
  }
}

function createColumnsMerger(options: MergerOptions) {
  const { level, kindOf } = options
  const gather = createGatherer(kindOf)
  const seal = createSealer({ level, kindOf })
  return (parts: readonly Columns[], { stream, first }: { stream: number; first: number | 'kept' }): Merged[] => {
    if (first === 'kept') checkHoles(parts)
    let next = first
    return portions(parts, options).map((portion) => {
      const kept = next === 'kept'
      const start = next === 'kept' ? (portion[0] as Columns).first : next
      const merged = seal(gather(portion, kept), { stream, first: start })
      if (next !== 'kept') next += merged.count
      return merged
    })
  }
}

function checkHoles(parts: readonly Columns[]): void {
  for (let i = 1; i < parts.length; i++) {
    const before = parts[i - 1] as Columns
    const { first } = parts[i] as Columns
    if (first !== before.first + before.count) throw new RangeError(`${first} does not follow ${before.first} + ${before.count}`)
  }
}

/** What goes into one block each. */
function portions(parts: readonly Columns[], bounds: MergerOptions): Columns[][] {
  const list: Columns[][] = []
  let readings = Infinity
  let bytes = 0
  for (const part of parts.flatMap((it) => split(it, bounds))) {
    readings += part.count
    bytes += part.bytes.length
    if (readings > bounds.readingsMax || bytes > bounds.bytesMax) {
      list.push([])
      readings = part.count
      bytes = part.bytes.length
    }
    list.at(-1)?.push(part)
  }
  return list
}
