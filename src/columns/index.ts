// The block codec. A block is readings of one stream, on disk and on the way to an uplink; damage costs one block and is always seen.
// FORMAT.md beside this file says what is on disk, to the byte; test/columns/decoder.py is written from it alone.
//
// What must always hold: series ascend from run to run, and readings of a series keep the order in which they came. A block of n
// readings has the sequences first … first + n − 1, each once. Every column holds exactly n entries; the payload ends with the last
// column. Values come back bit by bit. Magic, version and the header's CRC keep their places in every later version.
//
//   fresh    encode.ts ─► values, times, runs         one zstd: fast, for a block a commit
//   sealed   merge.ts ─► gather.ts ─► seal.ts ─► sealed-*, ints, order, sections         small, for large blocks
//   both     decode.ts
//
// Imports core only, and as the one exception node:zlib, for zstd and CRC-32: a pure function of its input here.
export type { DecodedBlock } from './decode.ts'
export { decodeBlock, decodeColumns, sequenceAt } from './decode.ts'
export type { BlockInput } from './encode.ts'
export { createEncoder, encodeBlock } from './encode.ts'
export { DamagedBlock, lengthOf, READINGS_MAX, readHeader } from './header.ts'
export type { Merged, Part } from './merge.ts'
export { createCutter, createMerger } from './merge.ts'
export { seriesIn } from './peek.ts'
