// Which series a block of readings holds, without decoding it: of a sealed one only its first section is decompressed.
import type { SectionReaders } from './sections.ts'
import { decompress, SECTIONS } from './sections.ts'
import { DamagedBlock, open } from './header.ts'
import { readSeries } from './runs.ts'
import type { Reader } from './varint.ts'
import { readVarint } from './varint.ts'

const FIRST: keyof SectionReaders = 'runs'

/** Ascending. Throws DamagedBlock when what is looked at is off; the payload's CRC is checked. */
export function seriesIn(block: Uint8Array): Uint32Array {
  const { stored, compressed, sealed, version, count, rawBytes } = open(block)
  if (version === 3) throw new DamagedBlock('version', 'aggregates where readings are expected')
  if (!sealed) return readSeries({ bytes: compressed ? decompress(stored, rawBytes) : stored, at: 0 }, count).ids
  return readSeries(firstSection(stored, rawBytes), count).ids
}

function firstSection(stored: Uint8Array, rawBytes: number): Reader {
  const table: Reader = { bytes: stored, at: 0 }
  const lengths = SECTIONS.map((name) => ({ name, raw: readVarint(table), packed: readVarint(table) }))
  const [first] = lengths
  if (first?.name !== FIRST || first.raw > rawBytes) throw new DamagedBlock('header', 'sections of other lengths')
  const bytes = stored.subarray(table.at, table.at + (first.packed || first.raw))
  return { bytes: first.packed > 0 ? decompress(bytes, first.raw) : bytes, at: 0 }
}
