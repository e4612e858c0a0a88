// A block's columns in parts by sequence, where they are too much for one block.
import type { ValueKind } from '../core/reading.ts'
import type { Columns } from './decode.ts'
import { sequenceAt } from './decode.ts'

export interface Bounds {
  readonly readingsMax: number
  readonly bytesMax: number
  readonly kindOf: (series: number) => ValueKind
}

/** Halves of halves that follow one another, until each is within the bounds or a single reading. */
export function split(columns: Columns, bounds: Bounds): Columns[] {
  const { count, bytes } = columns
  if (count === 1 || (count <= bounds.readingsMax && bytes.length <= bounds.bytesMax)) return [columns]
  const half = count >>> 1
  return [part(columns, 0, half, bounds), part(columns, half, count, bounds)].flatMap((it) => split(it, bounds))
}

/** The readings [from, to) by sequence, which must be in the block. */
export function cut(columns: Columns, from: number, to: number, kindOf: Bounds['kindOf']): Columns {
  const { first, count } = columns
  if (!(from >= first && from < to && to <= first + count)) throw new RangeError(`${from} to ${to} of ${first} + ${count}`)
  return from === first && to === first + count ? columns : part(columns, from - first, to - first, { kindOf })
}

/** The readings whose sequence − first is in [from, to), in block order. */
function part(columns: Columns, from: number, to: number, { kindOf }: Pick<Bounds, 'kindOf'>): Columns {
  const first = columns.first + from
  const places: number[] = []
  const ids: number[] = []
  const starts: number[] = []
  for (let run = 0; run < columns.runs.length; run++) {
    const before = places.length
    for (let i = columns.runs.starts[run] as number; i < (columns.runs.starts[run + 1] as number); i++) {
      const rank = sequenceAt(columns, i) - columns.first
      if (rank >= from && rank < to) places.push(i)
    }
    if (places.length === before) continue
    ids.push(columns.runs.ids[run] as number)
    starts.push(before)
  }
  const runs = { length: ids.length, ids: Uint32Array.from(ids), starts: Uint32Array.from([...starts, places.length]) }
  const value = pick(columns.value, places)
  const { sequence, received, quality, status } = columns
  return {
    ...columns,
    first,
    count: to - from,
    runs,
    time: Float64Array.from(places, (it) => columns.time[it] as number),
    value,
    quality: quality && Uint8Array.from(places, (it) => quality[it] as number),
    status: status && Uint32Array.from(places, (it) => status[it] as number),
    received: { ...received, batch: received.batch && Uint32Array.from(places, (it) => received.batch?.[it] as number) },
    bytes: compact(columns.bytes, value, runs, kindOf),
    ...(sequence && { sequence: Float64Array.from(places, (it) => sequence[it] as number) }),
  }
}

/** As int64: a copy as doubles may change the bits of what is not a double. */
function pick(value: Float64Array<ArrayBuffer>, places: readonly number[]): Float64Array<ArrayBuffer> {
  const slots = new BigInt64Array(value.buffer, value.byteOffset, value.length)
  return new Float64Array(BigInt64Array.from(places, (it) => slots[it] as bigint).buffer)
}

/** The bytes that strings of these runs use, each content once; `value` then points into them. */
function compact(
  bytes: Uint8Array,
  value: Float64Array<ArrayBuffer>,
  runs: Columns['runs'],
  kindOf: Bounds['kindOf'],
): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(value.buffer)
  const moved = new Map<string, number>()
  const contents: Uint8Array[] = []
  let used = 0
  for (let run = 0; run < runs.length; run++) {
    const kind = kindOf(runs.ids[run] as number)
    if (kind !== 'string' && kind !== 'bytes') continue
    for (let i = runs.starts[run] as number; i < (runs.starts[run + 1] as number); i++) {
      const [offset, length] = [words[i * 2] as number, words[i * 2 + 1] as number]
      const key = `${offset} ${length}`
      if (!moved.has(key)) {
        moved.set(key, used)
        contents.push(bytes.subarray(offset, offset + length))
        used += length
      }
      words[i * 2] = moved.get(key) as number
    }
  }
  return new Uint8Array(Buffer.concat(contents))
}
