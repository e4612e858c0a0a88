// The column of values: for each run of series the form that suits it, then its readings.
import type { ValueKind } from '../core/reading.ts'
import type { Dictionary, SpanRuns } from './dictionary.ts'
import { createDictionary, readDictionary, readSpans, writeDictionary, writeSpans } from './dictionary.ts'
import type { SeriesRuns } from './group.ts'
import { DamagedBlock } from './header.ts'
import type { NearScratch } from './near.ts'
import { nearScratch, readNear, scaleNear, writeNear } from './near.ts'
import type { Slots } from './numbers.ts'
import {
  areBools,
  areSingles,
  powerOf,
  readBools,
  readLongs,
  readPlanes,
  readScaled,
  scale,
  slotsOf,
  writeBools,
  writeLongs,
  writePlanes,
  writeScaled,
} from './numbers.ts'
import type { Reader, Writer } from './varint.ts'
import { readByte, readSigned, reserve, VARINT_BYTES_MAX } from './varint.ts'

const DECIMAL = 0
const DECIMAL_SINGLE = 1
const PLANES = 2
const PLANES_SINGLE = 3
const LONG = 4
const BOOL = 5
const SPAN = 6
const NEAR_DECIMAL = 7

/** What encoding values remembers while it goes through a block. */
interface Progress {
  readonly writer: Writer
  readonly slots: Slots
  readonly scaled: Float64Array
  /** What the last run of decimals needed: the next one often needs the same. */
  decimals: number
  single: boolean
  /** Made when a run first needs it. */
  near: NearScratch | undefined
}

/** `scaled`: scratch for as many numbers as there are readings. */
export function writeValues(
  writer: Writer,
  runs: SeriesRuns,
  value: Float64Array,
  scaled: Float64Array,
  bytes: Uint8Array,
  kindOf: (series: number) => ValueKind,
): void {
  const count = runs.starts[runs.length] as number
  const progress: Progress = { writer, slots: slotsOf(value), scaled, decimals: 0, single: false, near: undefined }
  let dictionary: Dictionary | undefined
  reserve(writer, runs.length + count * VARINT_BYTES_MAX)
  for (let run = 0; run < runs.length; run++) {
    const kind = kindOf(runs.ids[run] as number)
    const from = runs.starts[run] as number
    const to = runs.starts[run + 1] as number
    if (kind === 'string' || kind === 'bytes') {
      dictionary ??= createDictionary(bytes, count)
      writer.bytes[writer.at++] = SPAN
      writeSpans(writer, progress.slots.words, from, to, dictionary)
    } else writeNumbers(progress, kind, from, to)
  }
  writeDictionary(writer, dictionary)
}

function writeNumbers(progress: Progress, kind: ValueKind, from: number, to: number): void {
  const { writer, slots } = progress
  if (kind === 'long') {
    writer.bytes[writer.at++] = LONG
    writeLongs(writer, slots.words, from, to)
  } else if (kind === 'bool' && areBools(slots.value, from, to)) {
    writer.bytes[writer.at++] = BOOL
    writeBools(writer, slots.value, from, to)
  } else if (!writeDecimals(progress, from, to) && !writeNearDecimals(progress, from, to)) writeAsPlanes(progress, from, to)
}

/** False where the run is not all decimals. Tries first what held for the run before. */
function writeDecimals(progress: Progress, from: number, to: number): boolean {
  return writeDecimalsAs(progress, from, to, progress.single) || writeDecimalsAs(progress, from, to, !progress.single)
}

function writeDecimalsAs(progress: Progress, from: number, to: number, single: boolean): boolean {
  const { writer, slots, scaled } = progress
  // What is no decimal as a double may still be the float32 nearest to one: most PLCs compute in float32.
  const first = slots.value[from] as number
  if (single && Math.fround(first) !== first) return false
  const decimals = scale(slots.value, from, to, progress.decimals, single, scaled)
  if (decimals < 0) return false
  progress.decimals = decimals
  progress.single = single
  writer.bytes[writer.at++] = (single ? DECIMAL_SINGLE : DECIMAL) | (decimals << 4)
  writeScaled(writer, scaled, to - from)
  return true
}

function writeNearDecimals(progress: Progress, from: number, to: number): boolean {
  const { writer, slots, scaled } = progress
  progress.near ??= nearScratch(slots.value.length)
  const decimals = scaleNear(slots, from, to, scaled, progress.near)
  if (decimals < 0) return false
  writer.bytes[writer.at++] = NEAR_DECIMAL | (decimals << 4)
  writeNear(writer, scaled, progress.near.distances, to - from)
  return true
}

function writeAsPlanes({ writer, slots }: Progress, from: number, to: number): void {
  const single = areSingles(slots.value, from, to)
  writer.bytes[writer.at++] = single ? PLANES_SINGLE : PLANES
  if (!single) return writePlanes(writer, slots.bytes, from, to, 8)
  const singles = new Float32Array(slots.value.subarray(from, to))
  writePlanes(writer, new Uint8Array(singles.buffer), 0, to - from, 4)
}

/** Value slots, and the bytes that strings point into. */
export function readValues(
  reader: Reader,
  runs: SeriesRuns,
): { value: Float64Array<ArrayBuffer>; bytes: Uint8Array<ArrayBuffer> } {
  const value = new Float64Array(runs.starts[runs.length] as number)
  const slots = slotsOf(value)
  const spans: SpanRuns = { runs: [], used: 0 }
  for (let run = 0; run < runs.length; run++) {
    readRun(reader, slots, runs.starts[run] as number, runs.starts[run + 1] as number, spans)
  }
  return { value, bytes: readDictionary(reader, slots.words, spans) }
}

function readRun(reader: Reader, slots: Slots, from: number, to: number, spans: SpanRuns): void {
  const form = readByte(reader)
  const kind = form & 0xf
  if (kind === DECIMAL && to - from === 1) {
    // Most of what comes in has one reading of each series a block: without the call of a loop.
    slots.value[from] = readSigned(reader) / powerOf(form >>> 4)
    return
  }
  if (kind === DECIMAL) return readScaled(reader, slots.value, from, to, form >>> 4, false)
  if (kind === DECIMAL_SINGLE) return readScaled(reader, slots.value, from, to, form >>> 4, true)
  if (kind === NEAR_DECIMAL) return readNear(reader, slots, from, to, form >>> 4)
  if (form === PLANES) return readPlanes(reader, slots.bytes, from, to, 8)
  if (form === PLANES_SINGLE) return readSingles(reader, slots.value, from, to)
  if (form === LONG) return readLongs(reader, slots.words, from, to)
  if (form === BOOL) return readBools(reader, slots.value, from, to)
  if (form === SPAN) return readSpans(reader, slots.words, from, to, spans)
  throw new DamagedBlock('header', 'an unknown form of values')
}

function readSingles(reader: Reader, value: Float64Array, from: number, to: number): void {
  const singles = new Float32Array(to - from)
  readPlanes(reader, new Uint8Array(singles.buffer), 0, to - from, 4)
  value.set(singles, from)
}
