// Strings and byte values: each content once for a block, readings name its entry.
import { DamagedBlock } from './header.ts'
import type { Reader, Writer } from './varint.ts'
import { putVarint, readVarint, reserve, VARINT_BYTES_MAX, varintAt } from './varint.ts'

/** Entries in the order of their first use, as spans of the input's bytes. */
export interface Dictionary {
  readonly source: Buffer
  readonly offsets: number[]
  readonly lengths: number[]
  /** Open addressing: entry + 1, by hash of the content. */
  readonly table: Uint32Array
}

/** Looks at so many entries before a content is stored once more: keeps contents made to collide from costing time. */
const PROBES_MAX = 8
/** Long contents are hashed by their ends. */
const HASHED_BYTES = 32

/** For up to `count` strings in `bytes`. */
export function createDictionary(bytes: Uint8Array, count: number): Dictionary {
  return {
    source: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    offsets: [],
    lengths: [],
    table: new Uint32Array(1 << (33 - Math.clz32(count))),
  }
}

/** Values [from, to) as entries of the dictionary. Room for as many varints must be reserved. */
export function writeSpans(writer: Writer, words: Int32Array, from: number, to: number, dictionary: Dictionary): void {
  for (let i = from; i < to; i++) {
    const known = dictionary.offsets.length
    const entry = entryOf(dictionary, (words[i * 2] as number) >>> 0, (words[i * 2 + 1] as number) >>> 0)
    writer.at = varintAt(writer.bytes, writer.at, entry === known ? 0 : entry + 1)
  }
}

function entryOf(dictionary: Dictionary, offset: number, length: number): number {
  const { source, table, offsets, lengths } = dictionary
  if (offset + length > source.length)
    throw new RangeError(`a string at ${offset} + ${length} is outside of ${source.length} bytes`)
  let slot = hash(source, offset, length) & (table.length - 1)
  for (let probe = 0; probe < PROBES_MAX && table[slot] !== 0; probe++) {
    const entry = (table[slot] as number) - 1
    if (equals(dictionary, entry, offset, length)) return entry
    slot = (slot + 1) & (table.length - 1)
  }
  offsets.push(offset)
  lengths.push(length)
  table[slot] = offsets.length
  return offsets.length - 1
}

function equals({ source, offsets, lengths }: Dictionary, entry: number, offset: number, length: number): boolean {
  if (lengths[entry] !== length) return false
  const at = offsets[entry] as number
  return source.compare(source, at, at + length, offset, offset + length) === 0
}

/** FNV-1a with the length. */
function hash(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length
  let it = 0x811c9dc5 ^ length
  const head = Math.min(end, offset + HASHED_BYTES)
  for (let i = offset; i < head; i++) it = Math.imul(it ^ (bytes[i] as number), 0x01000193)
  for (let i = Math.max(head, end - HASHED_BYTES); i < end; i++) it = Math.imul(it ^ (bytes[i] as number), 0x01000193)
  return it ^ (it >>> 15)
}

/** The entries' lengths and contents; `dictionary` absent: there is no string in the block. */
export function writeDictionary(writer: Writer, dictionary: Dictionary | undefined): void {
  const lengths = dictionary?.lengths ?? []
  putVarint(writer, lengths.length)
  reserve(writer, lengths.length * VARINT_BYTES_MAX + lengths.reduce((sum, it) => sum + it, 0))
  for (const length of lengths) writer.at = varintAt(writer.bytes, writer.at, length)
  lengths.forEach((length, i) => {
    const offset = dictionary?.offsets[i] as number
    writer.at += dictionary?.source.copy(writer.bytes, writer.at, offset, offset + length) ?? 0
  })
}

/** Which values are strings, and how many entries they have used so far. */
export interface SpanRuns {
  readonly runs: [from: number, to: number][]
  used: number
}

/** Leaves the number of the entry in each slot, until the dictionary is known. */
export function readSpans(reader: Reader, words: Int32Array, from: number, to: number, spans: SpanRuns): void {
  for (let i = from; i < to; i++) {
    const code = readVarint(reader)
    if (code > spans.used) throw new DamagedBlock('header', 'an unknown entry of the dictionary')
    words[i * 2] = code === 0 ? spans.used++ : code - 1
    words[i * 2 + 1] = 0
  }
  spans.runs.push([from, to])
}

/** Puts offsets and lengths where the entries' numbers are. Returns the contents that they point into. */
export function readDictionary(reader: Reader, words: Int32Array, spans: SpanRuns): Uint8Array<ArrayBuffer> {
  if (readVarint(reader) !== spans.used) throw new DamagedBlock('header', 'a dictionary of another length')
  const ends = new Uint32Array(spans.used + 1)
  const available = reader.bytes.length - reader.at
  for (let entry = 0; entry < spans.used; entry++) {
    const end = (ends[entry] as number) + readVarint(reader)
    if (end > available) throw new DamagedBlock('header', 'a dictionary is too long')
    ends[entry + 1] = end
  }
  for (const [from, to] of spans.runs) resolve(words, from, to, ends)
  const start = reader.at
  reader.at += ends[spans.used] as number
  // Not slice: of a Buffer that is a view of the whole payload.
  return new Uint8Array(reader.bytes.subarray(start, reader.at))
}

function resolve(words: Int32Array, from: number, to: number, ends: Uint32Array): void {
  for (let i = from; i < to; i++) {
    const entry = words[i * 2] as number
    const offset = ends[entry] as number
    words[i * 2] = offset
    words[i * 2 + 1] = (ends[entry + 1] as number) - offset
  }
}
