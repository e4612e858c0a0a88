// The payload of a sealed block: like bytes together in sections, each compressed by itself, so that each gets its own statistics.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { DamagedBlock, PAYLOAD_BYTES_MAX } from './header.ts'
import type { Reader, Writer } from './varint.ts'
import { putVarint, readVarint } from './varint.ts'

/** In the order in which they lie in the payload. */
export const SECTIONS = [
  'runs',
  'times',
  'numbers',
  'distances',
  'exceptions',
  'planes',
  'flags',
  'entries',
  'contents',
  'bits',
] as const
type Section = (typeof SECTIONS)[number]
export type SectionWriters = { readonly [name in Section]: Writer }
export type SectionReaders = { readonly [name in Section]: Reader }

/** zstd cannot win below this and would cost more than all else. */
const COMPRESSED_BYTES_MIN = 64

export function createSections(): SectionWriters {
  return Object.fromEntries(SECTIONS.map((it) => [it, { bytes: new Uint8Array(0), at: 0 }])) as unknown as SectionWriters
}

/** Undefined where it does not get smaller. */
export function compress(raw: Uint8Array, level: number): Uint8Array | undefined {
  if (raw.length < COMPRESSED_BYTES_MIN) return undefined
  const packed = zstdCompressSync(raw, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    // Known in advance, so that zstd takes tables that fit, and the answer comes in one piece.
    pledgedSrcSize: raw.length,
    chunkSize: raw.length + (raw.length >>> 7) + 128,
  })
  return packed.length < raw.length ? packed : undefined
}

export function decompress(stored: Uint8Array, rawBytes: number): Uint8Array {
  try {
    const raw = zstdDecompressSync(stored, { maxOutputLength: rawBytes, chunkSize: Math.max(rawBytes, 64) })
    if (raw.length === rawBytes) return raw
  } catch (cause) {
    throw new DamagedBlock('header', 'the payload cannot be decompressed', { cause })
  }
  throw new DamagedBlock('header', 'a payload of another length')
}

/** The payload as stored, and the bytes before compression. */
export function joinSections(sections: SectionWriters, level: number): { stored: Uint8Array; rawBytes: number } {
  const raw = SECTIONS.map((it) => sections[it].bytes.subarray(0, sections[it].at))
  const packed = raw.map((it) => compress(it, level))
  const table: Writer = { bytes: new Uint8Array(0), at: 0 }
  raw.forEach((it, n) => {
    putVarint(table, it.length)
    putVarint(table, packed[n]?.length ?? 0)
  })
  const parts = raw.map((it, n) => packed[n] ?? it)
  const stored = Buffer.concat([table.bytes.subarray(0, table.at), ...parts])
  return { stored, rawBytes: raw.reduce((sum, it) => sum + it.length, 0) }
}

/** Throws DamagedBlock when the lengths do not fit, before anything is allocated by them. */
export function splitSections(stored: Uint8Array, rawBytes: number): SectionReaders {
  const table: Reader = { bytes: stored, at: 0 }
  const lengths = SECTIONS.map(() => [readVarint(table), readVarint(table)] as const)
  const sum = lengths.reduce((all, [raw]) => all + raw, 0)
  const end = lengths.reduce((at, [raw, packed]) => at + (packed || raw), table.at)
  if (sum !== rawBytes || sum > PAYLOAD_BYTES_MAX || end !== stored.length)
    throw new DamagedBlock('header', 'sections of other lengths')
  let at = table.at
  const readers = lengths.map(([raw, packed]) => {
    const bytes = stored.subarray(at, (at += packed || raw))
    return { bytes: packed > 0 ? decompress(bytes, raw) : bytes, at: 0 }
  })
  return Object.fromEntries(SECTIONS.map((it, n) => [it, readers[n]])) as unknown as SectionReaders
}

export function checkAllRead(sections: SectionReaders): void {
  for (const it of SECTIONS)
    if (sections[it].at !== sections[it].bytes.length) throw new DamagedBlock('header', 'more payload than readings')
}
