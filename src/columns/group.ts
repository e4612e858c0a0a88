// Readings ordered by series: a counting sort, since a comparison sort would cost more than all the rest of encoding.
import type { BlockInput } from './encode.ts'
import type { Batches } from './runs.ts'

/** Runs of one series each: run i has the readings [starts[i], starts[i + 1]) of the block. */
export interface SeriesRuns {
  readonly length: number
  readonly ids: Uint32Array<ArrayBuffer>
  /** length + 1 entries. */
  readonly starts: Uint32Array
}

/** Columns in block order; arrays may be longer than the block. */
export interface Grouped {
  readonly runs: SeriesRuns
  readonly time: Float64Array
  readonly value: Float64Array
  /** Absent where all are 0. */
  readonly quality: Uint8Array | undefined
  readonly status: Uint32Array | undefined
  /** Absent where all are of source batch 0. */
  readonly batch: Uint16Array | Uint32Array | undefined
}

/** Buffers that live from block to block. */
export interface GroupScratch {
  capacity: number
  /** Open addressing: run number + 1, by series. */
  table: Uint32Array
  ids: Uint32Array<ArrayBuffer>
  starts: Uint32Array
  next: Uint32Array
  runOf: Uint32Array
  time: Float64Array
  value: Float64Array
  quality: Uint8Array
  status: Uint32Array
  batch: Uint32Array
}

export function groupScratch(capacity: number): GroupScratch {
  return {
    capacity,
    table: new Uint32Array(tableSize(capacity)),
    ids: new Uint32Array(capacity),
    starts: new Uint32Array(capacity + 1),
    next: new Uint32Array(capacity),
    runOf: new Uint32Array(capacity),
    time: new Float64Array(capacity),
    value: new Float64Array(capacity),
    quality: new Uint8Array(capacity),
    status: new Uint32Array(capacity),
    batch: new Uint32Array(capacity),
  }
}

/** A power of two, at most half full. */
function tableSize(count: number): number {
  return 1 << (33 - Math.clz32(count))
}

/** Orders by series, ascending; within a series the order stays. Input that is in order already is not copied. */
export function group(input: BlockInput, scratch: GroupScratch): Grouped {
  const { count } = input
  const quality = isZero(input.quality, count) ? undefined : input.quality
  const status = isZero(input.status, count) ? undefined : input.status
  const batch = isZero(input.batch, count) ? undefined : input.batch
  const columns = { time: input.time, value: input.value, quality, status, batch }
  if (isAscending(input.series, count)) return { ...columns, runs: splitRuns(input.series, count, scratch) }
  return scatter(columns, count, numberRuns(input.series, count, scratch), scratch)
}

function isZero(column: Uint8Array | Uint16Array | Uint32Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (column[i] !== 0) return false
  return true
}

function isAscending(column: Uint32Array, count: number): boolean {
  for (let i = 1; i < count; i++) if ((column[i] as number) < (column[i - 1] as number)) return false
  return true
}

function splitRuns(series: Uint32Array, count: number, { ids, starts }: GroupScratch): SeriesRuns {
  let length = 0
  for (let i = 0; i < count; i++) {
    if (i > 0 && series[i] === series[i - 1]) continue
    ids[length] = series[i] as number
    starts[length++] = i
  }
  starts[length] = count
  return { length, ids, starts }
}

/** Finds the runs; afterwards scratch.runOf has each reading's run and scratch.next where each run begins. */
function numberRuns(series: Uint32Array, count: number, scratch: GroupScratch): SeriesRuns {
  const { ids, starts, next, runOf } = scratch
  const length = numberByFirstUse(series, count, scratch)
  next.fill(0, 0, length)
  for (let i = 0; i < count; i++) {
    const run = runOf[i] as number
    next[run] = (next[run] as number) + 1
  }
  const places = isAscending(ids, length) ? undefined : sortIds(ids, length, scratch)
  if (places) renumber(runOf, count, next, length, places)
  let start = 0
  for (let run = 0; run < length; run++) {
    const size = next[run] as number
    starts[run] = start
    next[run] = start
    start += size
  }
  starts[length] = start
  return { length, ids, starts }
}

function numberByFirstUse(series: Uint32Array, count: number, { table, ids, runOf }: GroupScratch): number {
  const size = tableSize(count)
  const shift = Math.clz32(size) + 1
  table.fill(0, 0, size)
  let length = 0
  for (let i = 0; i < count; i++) {
    const id = series[i] as number
    let slot = Math.imul(id, 0x9e3779b1) >>> shift
    let entry = table[slot] as number
    while (entry !== 0 && ids[entry - 1] !== id) {
      slot = (slot + 1) & (size - 1)
      entry = table[slot] as number
    }
    if (entry === 0) {
      ids[length] = id
      table[slot] = entry = ++length
    }
    runOf[i] = entry - 1
  }
  return length
}

/** Sorts the distinct series (few beside the readings); returns by old run number the new one. */
function sortIds(ids: Uint32Array, length: number, { starts }: GroupScratch): Uint32Array {
  const old = ids.slice(0, length)
  const sorted = ids.subarray(0, length).sort()
  const places = starts.subarray(0, length)
  for (let i = 0; i < length; i++) places[i] = placeOf(sorted, old[i] as number)
  return places.slice()
}

function placeOf(sorted: Uint32Array, id: number): number {
  let low = 0
  let high = sorted.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < id) low = middle + 1
    else high = middle
  }
  return low
}

function renumber(runOf: Uint32Array, count: number, sizes: Uint32Array, length: number, places: Uint32Array): void {
  const old = sizes.slice(0, length)
  for (let run = 0; run < length; run++) sizes[places[run] as number] = old[run] as number
  for (let i = 0; i < count; i++) runOf[i] = places[runOf[i] as number] as number
}

function scatter(columns: Omit<Grouped, 'runs'>, count: number, runs: SeriesRuns, scratch: GroupScratch): Grouped {
  const { runOf, next } = scratch
  for (let i = 0; i < count; i++) {
    const run = runOf[i] as number
    const to = next[run] as number
    next[run] = to + 1
    runOf[i] = to
  }
  place(columns.time, scratch.time, runOf, count)
  placeSlots(columns.value, scratch.value, runOf, count)
  return {
    runs,
    time: scratch.time,
    value: scratch.value,
    quality: columns.quality && place(columns.quality, scratch.quality, runOf, count),
    status: columns.status && place(columns.status, scratch.status, runOf, count),
    batch: columns.batch && placeCodes(columns.batch, scratch.batch, runOf, count),
  }
}

function placeCodes(from: Batches, to: Uint32Array, places: Uint32Array, count: number): Uint32Array {
  for (let i = 0; i < count; i++) to[places[i] as number] = from[i] as number
  return to
}

function place<T extends Float64Array | Uint8Array | Uint32Array>(from: T, to: T, places: Uint32Array, count: number): T {
  for (let i = 0; i < count; i++) to[places[i] as number] = from[i] as number
  return to
}

/** As words: a copy as doubles may change the bits of what is not a double. */
function placeSlots(from: Float64Array, to: Float64Array, places: Uint32Array, count: number): void {
  const source = new Int32Array(from.buffer, from.byteOffset, count * 2)
  const target = new Int32Array(to.buffer, to.byteOffset, to.length * 2)
  for (let i = 0; i < count; i++) {
    const at = (places[i] as number) * 2
    target[at] = source[i * 2] as number
    target[at + 1] = source[i * 2 + 1] as number
  }
}
