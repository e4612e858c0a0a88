// Values of a sealed block, read.
import type { SpanRuns } from './dictionary.ts'
import { readDictionary, readSpans } from './dictionary.ts'
import type { SeriesRuns } from './group.ts'
import { DamagedBlock } from './header.ts'
import type { IntsReaders } from './ints.ts'
import { readInts } from './ints.ts'
import { move } from './near.ts'
import type { Slots } from './numbers.ts'
import { POWERS_OF_TEN, readBools, readLongs, slotsOf } from './numbers.ts'
import { BOOL, DECIMAL, DECIMAL_SINGLE, LONG, NEAR_DECIMAL, PLANES, SINGLE, SMALL_LONG, SPAN } from './sealed-values.ts'
import type { SectionReaders } from './sections.ts'
import type { Reader } from './varint.ts'
import { readByte, readSigned, readVarint } from './varint.ts'

interface Progress {
  readonly sections: SectionReaders
  readonly readers: IntsReaders
  readonly slots: Slots
  readonly x: Float64Array
  readonly spans: SpanRuns
  readonly planes: [from: number, to: number][]
}

/** Value slots, and the bytes that strings point into. */
export function readSealedValues(
  sections: SectionReaders,
  runs: SeriesRuns,
): { value: Float64Array<ArrayBuffer>; bytes: Uint8Array<ArrayBuffer> } {
  const value = new Float64Array(runs.starts[runs.length] as number)
  const slots = slotsOf(value)
  const readers = { heads: sections.runs, tokens: sections.numbers, bits: sections.bits }
  const x = new Float64Array(value.length)
  const progress: Progress = { sections, readers, slots, x, spans: { runs: [], used: 0 }, planes: [] }
  for (let run = 0; run < runs.length; run++) readRun(progress, runs.starts[run] as number, runs.starts[run + 1] as number)
  readAllPlanes(progress)
  return { value, bytes: readDictionary(sections.contents, slots.words, progress.spans) }
}

function readRun(progress: Progress, from: number, to: number): void {
  const { sections, readers, slots, x, spans, planes } = progress
  const kind = readByte(sections.runs)
  if (kind === DECIMAL || kind === DECIMAL_SINGLE || kind === NEAR_DECIMAL) readDecimals(progress, from, to, kind)
  else if (kind === SINGLE) readSingles(progress, from, to)
  else if (kind === SMALL_LONG) {
    readInts(readers, x, to - from)
    toLongs(x, slots.words, from, to)
  } else if (kind === LONG) readLongs(sections.numbers, slots.words, from, to)
  else if (kind === BOOL) readBools(sections.flags, slots.value, from, to)
  else if (kind === SPAN) readSpans(sections.entries, slots.words, from, to, spans)
  else if (kind === PLANES) planes.push([from, to])
  else throw new DamagedBlock('header', 'an unknown form of values')
}

function readDecimals({ sections, readers, slots, x }: Progress, from: number, to: number, kind: number): void {
  const power = POWERS_OF_TEN[readByte(sections.runs)]
  if (power === undefined) throw new DamagedBlock('header', 'too many decimals')
  const exceptions = readVarint(sections.runs)
  const { value } = slots
  readInts(readers, x, to - from)
  if (kind === DECIMAL_SINGLE) for (let i = from; i < to; i++) value[i] = Math.fround((x[i - from] as number) / power)
  else for (let i = from; i < to; i++) value[i] = (x[i - from] as number) / power
  if (kind === NEAR_DECIMAL) readDistances(sections.distances, slots.words, from, to)
  if (exceptions > 0) readExceptions(sections.exceptions, slots.bytes, from, to, exceptions)
}

function readDistances(reader: Reader, words: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const ulps = readSigned(reader)
    if (ulps !== 0) move(words, i * 2, ulps)
  }
}

function readExceptions(reader: Reader, bytes: Uint8Array, from: number, to: number, count: number): void {
  let next = from
  for (let n = 0; n < count; n++) {
    const place = next + readVarint(reader)
    if (place >= to || reader.at + 8 > reader.bytes.length) throw new DamagedBlock('header', 'an exception outside of its run')
    bytes.set(reader.bytes.subarray(reader.at, reader.at + 8), place * 8)
    reader.at += 8
    next = place + 1
  }
}

function toLongs(x: Float64Array, words: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const it = x[i - from] as number
    words[i * 2] = it
    words[i * 2 + 1] = Math.floor(it / 2 ** 32)
  }
}

function readSingles({ sections, readers, slots, x }: Progress, from: number, to: number): void {
  const exceptions = readVarint(sections.runs)
  readInts(readers, x, to - from)
  toSingles(x, slots.value, from, to)
  if (exceptions > 0) readExceptions(sections.exceptions, slots.bytes, from, to, exceptions)
}

function toSingles(x: Float64Array, value: Float64Array, from: number, to: number): void {
  const words = new Int32Array(to - from)
  for (let i = 0; i < words.length; i++) {
    const it = x[i] as number
    words[i] = it < 0 ? (-1 - it) | 0x8000_0000 : it
  }
  value.set(new Float32Array(words.buffer), from)
}

function readAllPlanes({ sections: { planes }, slots: { bytes }, planes: runs }: Progress): void {
  const count = runs.reduce((sum, [from, to]) => sum + to - from, 0)
  if (planes.at + count * 8 > planes.bytes.length) throw new DamagedBlock('header', 'a column ends before its time')
  for (let plane = 0; plane < 8; plane++) {
    for (const [from, to] of runs) {
      let before = 0
      for (let i = from * 8 + plane; i < to * 8; i += 8) {
        before ^= planes.bytes[planes.at++] as number
        bytes[i] = before
      }
    }
  }
}
