// Values of a sealed block: for each run of series the form that suits it, its parts in sections of like bytes.
// Values of a sealed block: for each run of series the form that suits it, its parts in sections of like bytes.
import type { ValueKind } from '../core/reading.ts'
import type { Closeness, MostScratch } from './decimals.ts'
import { chooseDecimals, exceptionsMax, scaleBest } from './decimals.ts'
import type { Dictionary } from './dictionary.ts'
import { createDictionary, writeDictionary, writeSpans } from './dictionary.ts'
import type { SeriesRuns } from './group.ts'
import type { IntsScratch, IntsWriters } from './ints.ts'
import { INTEGER_MAX, intsScratch, writeInts } from './ints.ts'
import { nearScratch } from './near.ts'
import type { Slots } from './numbers.ts'
import { areBools, scale, slotsOf, writeBools, writeLongs } from './numbers.ts'
import type { SectionWriters } from './sections.ts'
import type { Writer } from './varint.ts'
import { putByte, putVarint, reserve, signedAt, VARINT_BYTES_MAX, varintAt } from './varint.ts'

export const DECIMAL = 0
export const DECIMAL_SINGLE = 1
export const PLANES = 2
export const SINGLE = 3
export const LONG = 4
export const BOOL = 5
export const SPAN = 6
export const NEAR_DECIMAL = 7
export const SMALL_LONG = 8
const KIND_OF: Readonly<Record<Closeness, number>> = { exact: DECIMAL, single: DECIMAL_SINGLE, near: NEAR_DECIMAL }
/** Scratch for runs of up to `capacity` readings. */
export interface ValueScratch {
  readonly ints: IntsScratch
  readonly most: MostScratch
}

export function valueScratch(capacity: number): ValueScratch {
  const most = { ...nearScratch(capacity), x: new Float64Array(capacity), exceptions: new Uint32Array(capacity) }
  return { ints: intsScratch(capacity), most }
}

interface Progress {
  readonly sections: SectionWriters
  readonly writers: IntsWriters
  readonly slots: Slots
  readonly scratch: ValueScratch
  /** Runs as byte planes. */
  readonly planes: [from: number, to: number][]
  /** What the last run of decimals needed: the next one often needs the same. */
  decimals: number
  single: boolean
}

export function writeSealedValues(
  sections: SectionWriters,
  runs: SeriesRuns,
  value: Float64Array,
  bytes: Uint8Array,
  kindOf: (series: number) => ValueKind,
  scratch: ValueScratch,
): void {
  const count = runs.starts[runs.length] as number
  const writers = { heads: sections.runs, tokens: sections.numbers, bits: sections.bits }
  const progress: Progress = { sections, writers, slots: slotsOf(value), scratch, planes: [], decimals: 0, single: false }
  let dictionary: Dictionary | undefined
  for (let run = 0; run < runs.length; run++) {
    const kind = kindOf(runs.ids[run] as number)
    const from = runs.starts[run] as number
    const to = runs.starts[run + 1] as number
    if (kind === 'string' || kind === 'bytes') {
      dictionary ??= createDictionary(bytes, count)
      putByte(sections.runs, SPAN)
      reserve(sections.entries, (to - from) * VARINT_BYTES_MAX)
      writeSpans(sections.entries, progress.slots.words, from, to, dictionary)
    } else if (kind === 'long') writeSealedLongs(progress, from, to)
    else if (kind === 'bool' && areBools(value, from, to)) {
      putByte(sections.runs, BOOL)
      reserve(sections.flags, to - from)
      writeBools(sections.flags, value, from, to)
    } else writeDoubles(progress, from, to)
  }
  writeAllPlanes(progress)
  writeDictionary(sections.contents, dictionary)
}

function writeSealedLongs({ sections, writers, slots, scratch }: Progress, from: number, to: number): void {
  if (smallLongs(slots.words, from, to, scratch.most.x)) {
    putByte(sections.runs, SMALL_LONG)
    return writeInts(writers, scratch.most.x, to - from, scratch.ints)
  }
  putByte(sections.runs, LONG)
  reserve(sections.numbers, (to - from) * VARINT_BYTES_MAX)
  writeLongs(sections.numbers, slots.words, from, to)
}

function smallLongs(words: Int32Array, from: number, to: number, x: Float64Array): boolean {
  for (let i = from; i < to; i++) {
    const it = (words[i * 2 + 1] as number) * 2 ** 32 + ((words[i * 2] as number) >>> 0)
    if (it > INTEGER_MAX || it < -INTEGER_MAX) return false
    x[i - from] = it
  }
  return true
}

function writeDoubles(progress: Progress, from: number, to: number): void {
  if (writeAllDecimals(progress, from, to) || writeMostDecimals(progress, from, to) || writeSingles(progress, from, to)) return
  putByte(progress.sections.runs, PLANES)
  progress.planes.push([from, to])
}

/** False where more than a few readings are no float32. */
function writeSingles({ sections, slots, scratch, writers }: Progress, from: number, to: number): boolean {
  const exceptions = singlesToInts(slots.value, from, to, scratch.most)
  if (exceptions < 0) return false
  putByte(sections.runs, SINGLE)
  putVarint(sections.runs, exceptions)
  writeExceptions(sections.exceptions, slots, from, scratch.most.exceptions, exceptions)
  writeInts(writers, scratch.most.x, to - from, scratch.ints)
  return true
}

/** False where the run is not all decimals. Tries first what held for the run before. */
function writeAllDecimals(progress: Progress, from: number, to: number): boolean {
  return writeDecimalsAs(progress, from, to, progress.single) || writeDecimalsAs(progress, from, to, !progress.single)
}

function writeDecimalsAs(progress: Progress, from: number, to: number, single: boolean): boolean {
  const { sections, slots, scratch, writers } = progress
  const first = slots.value[from] as number
  if (single && Math.fround(first) !== first) return false
  const decimals = scale(slots.value, from, to, progress.decimals, single, scratch.most.x)
  if (decimals < 0) return false
  progress.decimals = decimals
  progress.single = single
  writeDecimalsHead(sections, single ? DECIMAL_SINGLE : DECIMAL, decimals, 0)
  writeInts(writers, scratch.most.x, to - from, scratch.ints)
  return true
}

/** False where more than a few readings are neither decimals nor near them. */
function writeMostDecimals({ sections, slots, scratch, writers }: Progress, from: number, to: number): boolean {
  const sampled = chooseDecimals(slots, from, to)
  if (!sampled) return false
  const { exceptions, ...chosen } = scaleBest(slots, from, to, sampled, scratch.most)
  if (exceptions < 0) return false
  const kind = KIND_OF[chosen.closeness]
  writeDecimalsHead(sections, kind, chosen.decimals, exceptions)
  writeExceptions(sections.exceptions, slots, from, scratch.most.exceptions, exceptions)
  writeInts(writers, scratch.most.x, to - from, scratch.ints)
  if (kind === NEAR_DECIMAL) writeDistances(sections.distances, scratch.most.distances, to - from)
  return true
}

function writeDecimalsHead({ runs }: SectionWriters, kind: number, decimals: number, exceptions: number): void {
  putByte(runs, kind)
  putByte(runs, decimals)
  putVarint(runs, exceptions)
}

function writeExceptions(writer: Writer, { bytes }: Slots, from: number, places: Uint32Array, count: number): void {
  reserve(writer, count * (VARINT_BYTES_MAX + 8))
  let expected = 0
  for (let n = 0; n < count; n++) {
    const place = places[n] as number
    writer.at = varintAt(writer.bytes, writer.at, place - expected)
    const slot = (from + place) * 8
    writer.bytes.set(bytes.subarray(slot, slot + 8), writer.at)
    writer.at += 8
    expected = place + 1
  }
}

function writeDistances(writer: Writer, distances: Int8Array, count: number): void {
  reserve(writer, count * 2)
  for (let i = 0; i < count; i++) writer.at = signedAt(writer.bytes, writer.at, distances[i] as number)
}

/** Bits of float32 as integers that ascend as the numbers do. Returns the number of exceptions; −1 where there are more than pay. */
function singlesToInts(value: Float64Array, from: number, to: number, { x, exceptions }: MostScratch): number {
  const probe = new Float32Array(1)
  const word = new Int32Array(probe.buffer)
  const max = exceptionsMax(to - from)
  let found = 0
  let before = 0
  for (let i = from; i < to; i++) {
    probe[0] = value[i] as number
    // No NaN either: its bits may not survive the conversion.
    if (probe[0] === value[i]) {
      const it = word[0] as number
      before = it < 0 ? -1 - (it & 0x7fff_ffff) : it
    } else if (found === max) return -1
    else exceptions[found++] = i - from
    x[i - from] = before
  }
  return found
}

/** First the first bytes of all readings of all such runs, then the second bytes … */
function writeAllPlanes({ sections: { planes }, slots: { bytes }, planes: runs }: Progress): void {
  for (let plane = 0; plane < 8; plane++) {
    for (const [from, to] of runs) {
      reserve(planes, to - from)
      let before = 0
      for (let i = from * 8 + plane; i < to * 8; i += 8) {
        const it = bytes[i] as number
        planes.bytes[planes.at++] = it ^ before
        before = it
      }
    }
  }
}
