// What windows hold and what is usual at an hour, as blocks of the log's own form: a reading that several rules hold of one tag is there once, and
// times and values take what they take in the log.
import { createEncoder, decodeBlock } from '../columns/index.ts'
import { BLOCK_READINGS_MAX } from '../core/bounds.ts'
import type { HeldColumns } from '../rules/held.ts'

/** Rows [from, to) of a series of the blocks. */
export type Place = readonly [series: number, from: number, to: number]

export interface ColumnsWriter {
  /** `group`: where its readings may be found among those of others. */
  put(group: string, columns: HeldColumns): { place(): Place }
  /** All that was put has its place then. */
  blocks(): Uint8Array[]
}

interface Waiting {
  readonly columns: HeldColumns
  place: Place | undefined
}

/** zstd's. */
const LEVEL = 3

export function columnsWriter(): ColumnsWriter {
  const groups = new Map<string, Waiting[]>()
  return {
    put(group, columns) {
      const it: Waiting = { columns, place: undefined }
      const others = groups.get(group)
      if (others) others.push(it)
      else groups.set(group, [it])
      return { place: () => it.place as Place }
    },
    blocks() {
      const series: HeldColumns[] = []
      for (const waiting of groups.values()) placeAll(waiting, series)
      return blocksOf(series)
    },
  }
}

/** The longest first: the others are part of it as a rule. */
function placeAll(waiting: readonly Waiting[], series: HeldColumns[]): void {
  const first = series.length
  for (const it of waiting.toSorted((a, b) => b.columns.time.length - a.columns.time.length)) {
    const { length } = it.columns.time
    for (let at = first; at < series.length && !it.place; at++) {
      const from = startIn(series[at] as HeldColumns, it.columns)
      if (from !== undefined) it.place = [at, from, from + length]
    }
    it.place ??= [series.push(it.columns) - 1, 0, length]
  }
}

/** Where a part stands in the whole; undefined: it does not. */
function startIn(whole: HeldColumns, part: HeldColumns): number | undefined {
  if (part.time.length === 0) return 0
  const latest = whole.time.length - part.time.length
  for (let from = firstAt(whole.time, part.time[0] as number); from <= latest && whole.time[from] === part.time[0]; from++)
    if (isThere(whole, part, from)) return from
  return undefined
}

function firstAt(time: Float64Array, wanted: number): number {
  let [low, high] = [0, time.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((time[middle] as number) < wanted) low = middle + 1
    else high = middle
  }
  return low
}

function isThere(whole: HeldColumns, part: HeldColumns, from: number): boolean {
  for (let i = 0; i < part.time.length; i++)
    if (
      part.time[i] !== whole.time[from + i] ||
      !Object.is(part.value[i], whole.value[from + i]) ||
      part.quality[i] !== whole.quality[from + i]
    )
      return false
  return true
}

function blocksOf(all: readonly HeldColumns[]): Uint8Array[] {
  const encode = createEncoder(LEVEL)
  const room = roomFor(BLOCK_READINGS_MAX)
  const blocks: Uint8Array[] = []
  let count = 0
  const flush = () => {
    if (count > 0) blocks.push(encode({ ...room, count }, { stream: 0, first: 0 }).block)
    count = 0
  }
  for (const [id, { time, value, quality }] of all.entries())
    for (let i = 0; i < time.length; i++) {
      if (count === BLOCK_READINGS_MAX) flush()
      room.series[count] = id
      room.time[count] = time[i] as number
      room.value[count] = value[i] as number
      room.quality[count++] = quality[i] as number
    }
  flush()
  return blocks
}

function roomFor(count: number) {
  return {
    series: new Uint32Array(count),
    time: new Float64Array(count),
    value: new Float64Array(count),
    quality: new Uint8Array(count),
    status: new Uint32Array(count),
    batch: new Uint16Array(count),
    received: new Float64Array(1),
    bytes: new Uint8Array(0),
    kindOf: () => 'double' as const,
  }
}

/** Throws DamagedBlock. */
export function columnsReader(blocks: readonly Uint8Array[]): (place: Place) => HeldColumns {
  const parts = new Map<number, HeldColumns[]>()
  for (const block of blocks) {
    const { seriesIds, runs, time, value, quality } = decodeBlock(block)
    let from = 0
    for (const [run, id] of seriesIds.entries()) {
      const to = from + (runs[run] as number)
      const part = { time: time.slice(from, to), value: value.slice(from, to), quality: quality.slice(from, to) }
      parts.set(id, [...(parts.get(id) ?? []), part])
      from = to
    }
  }
  const series = new Map([...parts].map(([id, of]) => [id, joined(of)]))
  return ([id, from, to]) => {
    const { time, value, quality } = series.get(id) ?? joined([])
    return { time: time.slice(from, to), value: value.slice(from, to), quality: quality.slice(from, to) }
  }
}

function joined(parts: readonly HeldColumns[]): HeldColumns {
  const count = parts.reduce((sum, it) => sum + it.time.length, 0)
  const all = { time: new Float64Array(count), value: new Float64Array(count), quality: new Uint8Array(count) }
  let at = 0
  for (const it of parts) {
    all.time.set(it.time, at)
    all.value.set(it.value, at)
    all.quality.set(it.quality, at)
    at += it.time.length
  }
  return all
}
