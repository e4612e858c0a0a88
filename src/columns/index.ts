// The block codec. A block is readings of one stream, on disk and on the way to an uplink; damage costs one block and is always seen.
//
// On disk, little endian:
//
//   header, 68 bytes
//      0  u16  0x4648 ("HF")                  28  f64  least source time, µs
//      2  u8   version, 1                     36  f64  greatest source time, µs
//      3  u8   1: payload is zstd, 0: plain   44  f64  least receive time, µs
//      4  u32  stream, the log's number       52  f64  greatest receive time, µs
//      8  f64  sequence of the first reading  60  u32  CRC-32 of the payload as stored
//     16  u32  readings, 1 or more            64  u32  CRC-32 of bytes 0 to 63
//     20  u32  payload bytes as stored
//     24  u32  payload bytes before zstd
//   payload, to the end of the block. Before zstd it is these columns one after the other:
//      series     varint runs, then for each run: varint series − (series of the run before + 1, at first 0), varint readings − 1
//      quality    column of runs
//      status     column of runs
//      received   varint number of receive times, byte f, then the times: f = 0: signed, each less the one before (the first less 0);
//                 f = 1: f64 each. With more than one, for each run of series: byte 1 (the same as the run before, which is as long), or
//                 byte 0 and pairs until the run is full: signed step of the index of the receive time (from 0 at the start of each
//                 run), varint readings − 1
//      time       byte u. u = 0: f64 each. u = 1, 2, 3: in units of 1 µs, 1 ms, 1 s; for each run of series: byte 1 (the same as the run
//                 before, which is as long), or byte 0, signed first time − first time of the last run that had byte 0 (at first 0),
//                 and for each further one signed (delta − delta before). The delta before goes on from run to run, at first 0.
//      value      for each run of series a byte, kind + 16 × decimals, and
//                   0  doubles k ÷ 10^decimals: signed k − k before (at first 0)
//                   1  the same, rounded to the nearest float32
//                   2  8 bytes each, XOR with the reading before (at first 0), as 8 planes: all first bytes, all second bytes, …
//                   3  the same with 4 bytes, float32
//                   4  int64: signed value − value before (at first 0), modulo 2^64
//                   5  bools as bits, least significant first, filled up to whole bytes
//                   6  strings, bytes: varint 0 is the next entry of the dictionary that was not used yet, n + 1 is entry n
//                   7  all k as in 0, then for each reading signed units of the last place: what to add to the bits of k ÷ 10^decimals,
//                      taken as an int64
//      dictionary varint entries, varint length of each, then their contents, which end the payload
//   varint   LEB128 · signed  zigzag (0, −1, 1, −2 … as 0, 1, 2, 3 …) as varint
//   column of runs   byte 0: all are 0. Byte 1: pairs until all readings have one: varint what, varint readings − 1
//
// What must always hold: series ascend from run to run, and readings of a series keep the order in which they came. Reading i of the
// block has the sequence first + i. Every column holds exactly `readings` entries; the payload ends with the last column. Values come
// back bit by bit. Magic, version and the header's CRC keep their places in every later version.
//
// Imports core only, and as the one exception node:zlib, for zstd and CRC-32: a pure function of its input here.
export type { DecodedBlock } from './decode.ts'
export { decodeBlock } from './decode.ts'
export type { BlockInput } from './encode.ts'
export { createEncoder, encodeBlock } from './encode.ts'
export { DamagedBlock, READINGS_MAX, readHeader } from './header.ts'
