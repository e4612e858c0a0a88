// A block's columns in parts by sequence, where they are too much for one block.
import type { ValueKind } from '../core/reading.ts'
import type { Columns } from './decode.ts'

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
  const count = to - from
  const { places, runs } = placesOf(columns, from, to)
  const value = pickSlots(columns.value, places)
  const { sequence, received, quality, status } = columns
  return {
    ...columns,
    first: columns.first + from,
    count,
    runs,
    time: pick(columns.time, places, new Float64Array(count)),
    value,
    quality: quality && pick(quality, places, new Uint8Array(count)),
    status: status && pick(status, places, new Uint32Array(count)),
    received: { ...received, batch: received.batch && pick(received.batch, places, new Uint32Array(count)) },
    bytes: compact(columns.bytes, value, runs, kindOf),
    ...(sequence && { sequence: pick(sequence, places, new Float64Array(count)) }),
  }
}

/** Where they stand in the block, and the runs that they make. */
function placesOf({ runs, first, sequence }: Columns, from: number, to: number): { places: Uint32Array; runs: Columns['runs'] } {
  const places = new Uint32Array(to - from)
  const ids = new Uint32Array(runs.length)
  const starts = new Uint32Array(runs.length + 1)
  let length = 0
  let found = 0
  for (let run = 0; run < runs.length; run++) {
    const before = found
    for (let i = runs.starts[run] as number; i < (runs.starts[run + 1] as number); i++) {
      const rank = sequence ? (sequence[i] as number) - first : i
      if (rank >= from && rank < to) places[found++] = i
    }
    if (found === before) continue
    ids[length] = runs.ids[run] as number
    starts[length++] = before
  }
  starts[length] = found
  return { places, runs: { length, ids: ids.slice(0, length), starts: starts.slice(0, length + 1) } }
}

function pick<T extends Float64Array | Uint32Array | Uint8Array>(column: T, places: Uint32Array, to: T): T {
  for (let i = 0; i < places.length; i++) to[i] = column[places[i] as number] as number
  return to
}

/** As words: a copy as doubles may change the bits of what is not a double. */
function pickSlots(value: Float64Array<ArrayBuffer>, places: Uint32Array): Float64Array<ArrayBuffer> {
  const words = new Int32Array(value.buffer, value.byteOffset, value.length * 2)
  const to = new Int32Array(places.length * 2)
  for (let i = 0; i < places.length; i++) {
    const at = (places[i] as number) * 2
    to[i * 2] = words[at] as number
    to[i * 2 + 1] = words[at + 1] as number
  }
  return new Float64Array(to.buffer)
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
