// Decoded blocks side by side in one set of columns, ordered by series. They come ordered already, so that whole runs are copied.
import type { ValueKind } from '../core/reading.ts'
import type { Columns } from './decode.ts'
import type { SeriesRuns } from './group.ts'

/** Columns of one block to be; arrays may be longer than it, and are valid until the next are gathered. */
export interface Gathered {
  readonly count: number
  readonly runs: SeriesRuns
  readonly time: Float64Array<ArrayBuffer>
  readonly value: Float64Array<ArrayBuffer>
  /** Absent where all are 0. */
  readonly quality: Uint8Array | undefined
  readonly status: Uint32Array | undefined
  /** Index into `received`. Absent where there is one receive time. */
  readonly batch: Uint32Array | undefined
  readonly received: Float64Array
  readonly bytes: Uint8Array
  /** Sequence − that of the first, where readings keep theirs. */
  readonly ranks: Uint32Array | undefined
}

interface Buffers {
  readonly capacity: number
  readonly time: Float64Array<ArrayBuffer>
  readonly value: Float64Array<ArrayBuffer>
  readonly words: Int32Array
  readonly quality: Uint8Array
  readonly status: Uint32Array
  readonly batch: Uint32Array
  readonly ranks: Uint32Array
}

function buffersOf(capacity: number): Buffers {
  const value = new Float64Array(capacity)
  return {
    capacity,
    time: new Float64Array(capacity),
    value,
    words: new Int32Array(value.buffer),
    quality: new Uint8Array(capacity),
    status: new Uint32Array(capacity),
    batch: new Uint32Array(capacity),
    ranks: new Uint32Array(capacity),
  }
}

/** Keeps its buffers from call to call. `kept`: with the readings' sequences. */
export type Gather = (parts: readonly Columns[], kept: boolean) => Gathered

export function createGatherer(kindOf: (series: number) => ValueKind): Gather {
  let buffers = buffersOf(0)
  return (parts, kept) => {
    const count = parts.reduce((sum, it) => sum + it.count, 0)
    if (buffers.capacity < count) buffers = buffersOf(count)
    const { runs, places } = planRuns(parts)
    const received = receiveTimes(parts)
    const bytes = allBytes(parts)
    const withQuality = parts.some((it) => it.quality)
    const withStatus = parts.some((it) => it.status)
    const withBatch = received.times.length > 1
    parts.forEach((part, n) => {
      const to = places[n] as Uint32Array
      copyTimesAndValues(part, to, buffers)
      if (withQuality) copyCodes(part, part.quality, to, buffers.quality, 0)
      if (withStatus) copyCodes(part, part.status, to, buffers.status, 0)
      if (withBatch) copyCodes(part, part.received.batch, to, buffers.batch, received.starts[n] as number)
    })
    if (kept) parts.forEach((part, n) => copyRanks(part, places[n] as Uint32Array, buffers.ranks, (parts[0] as Columns).first))
    if (bytes.length > 0)
      parts.forEach((part, n) => moveSpans(part, places[n] as Uint32Array, buffers.words, kindOf, bytes.starts[n] as number))
    return {
      count,
      runs,
      time: buffers.time,
      value: buffers.value,
      quality: withQuality ? buffers.quality : undefined,
      status: withStatus ? buffers.status : undefined,
      batch: withBatch ? buffers.batch : undefined,
      received: received.times,
      bytes: bytes.bytes,
      ranks: kept ? buffers.ranks : undefined,
    }
  }
}

/** The runs of all parts together, and where each run of each part goes. */
function planRuns(parts: readonly Columns[]): { runs: SeriesRuns; places: Uint32Array[] } {
  const { ids, numbers } = numberSeries(parts)
  const starts = new Uint32Array(ids.length + 1)
  parts.forEach(({ runs }, n) => {
    const own = numbers[n] as Uint32Array
    for (let run = 0; run < runs.length; run++) {
      const after = (own[run] as number) + 1
      starts[after] = (starts[after] as number) + (runs.starts[run + 1] as number) - (runs.starts[run] as number)
    }
  })
  for (let i = 1; i <= ids.length; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number)
  const next = starts.slice()
  const places = parts.map(({ runs }, n) => {
    const own = numbers[n] as Uint32Array
    const to = new Uint32Array(runs.length)
    for (let run = 0; run < runs.length; run++) {
      const number = own[run] as number
      to[run] = next[number] as number
      next[number] = (to[run] as number) + (runs.starts[run + 1] as number) - (runs.starts[run] as number)
    }
    return to
  })
  return { runs: { length: ids.length, ids, starts }, places }
}

/** All series, ascending, and by part and run the number in that list. Blocks that follow one another often have the same series. */
function numberSeries(parts: readonly Columns[]): { ids: Uint32Array<ArrayBuffer>; numbers: Uint32Array[] } {
  const known = new Map<number, number>()
  parts.forEach(({ runs }, n) => {
    if (sameSeries(runs, parts[n - 1]?.runs)) return
    for (let run = 0; run < runs.length; run++) known.set(runs.ids[run] as number, 0)
  })
  const ids = Uint32Array.from(known.keys()).sort()
  ids.forEach((id, number) => known.set(id, number))
  const numbers: Uint32Array[] = []
  parts.forEach(({ runs }, n) => {
    if (sameSeries(runs, parts[n - 1]?.runs)) numbers.push(numbers[n - 1] as Uint32Array)
    else numbers.push(runs.ids.subarray(0, runs.length).map((id) => known.get(id) as number))
  })
  return { ids, numbers }
}

function sameSeries(a: SeriesRuns, b: SeriesRuns | undefined): boolean {
  if (a.length !== b?.length) return false
  for (let run = 0; run < a.length; run++) if (a.ids[run] !== b.ids[run]) return false
  return true
}

/** One list for all parts, and where each part's own begins in it; a time that goes on from part to part is there once. */
function receiveTimes(parts: readonly Columns[]): { times: Float64Array; starts: number[] } {
  const times: number[] = []
  const starts = parts.map(({ received }) => {
    const goesOn = times.length > 0 && times.at(-1) === received.times[0]
    const start = goesOn ? times.length - 1 : times.length
    for (let i = goesOn ? 1 : 0; i < received.times.length; i++) times.push(received.times[i] as number)
    return start
  })
  return { times: Float64Array.from(times), starts }
}

function allBytes(parts: readonly Columns[]): { bytes: Uint8Array; length: number; starts: number[] } {
  let length = 0
  const starts = parts.map(({ bytes }) => (length += bytes.length) - bytes.length)
  return { bytes: Buffer.concat(parts.map((it) => it.bytes)), length, starts }
}

function copyTimesAndValues({ runs, time, value }: Columns, places: Uint32Array, to: Buffers): void {
  const words = new Int32Array(value.buffer, value.byteOffset, value.length * 2)
  for (let run = 0, i = 0; run < runs.length; run++) {
    const end = runs.starts[run + 1] as number
    for (let at = places[run] as number; i < end; i++, at++) {
      to.time[at] = time[i] as number
      to.words[at * 2] = words[i * 2] as number
      to.words[at * 2 + 1] = words[i * 2 + 1] as number
    }
  }
}

/** `from` absent: all are 0. `add` is added to each. */
function copyCodes(
  { runs }: Columns,
  from: Uint8Array | Uint32Array | undefined,
  places: Uint32Array,
  to: Uint8Array | Uint32Array,
  add: number,
): void {
  for (let run = 0, i = 0; run < runs.length; run++) {
    const end = runs.starts[run + 1] as number
    for (let at = places[run] as number; i < end; i++, at++) to[at] = add + (from ? (from[i] as number) : 0)
  }
}

function copyRanks({ runs, first, sequence }: Columns, places: Uint32Array, ranks: Uint32Array, origin: number): void {
  for (let run = 0, i = 0; run < runs.length; run++) {
    const end = runs.starts[run + 1] as number
    for (let at = places[run] as number; i < end; i++, at++) ranks[at] = (sequence ? (sequence[i] as number) : first + i) - origin
  }
}

/** Offsets of strings from the part's bytes to the bytes of all. */
function moveSpans(
  { runs }: Columns,
  places: Uint32Array,
  words: Int32Array,
  kindOf: (series: number) => ValueKind,
  bytesStart: number,
): void {
  for (let run = 0; run < runs.length; run++) {
    const kind = kindOf(runs.ids[run] as number)
    if (kind !== 'string' && kind !== 'bytes') continue
    const at = places[run] as number
    const end = at + (runs.starts[run + 1] as number) - (runs.starts[run] as number)
    for (let i = at; i < end; i++) words[i * 2] = (words[i * 2] as number) + bytesStart
  }
}
