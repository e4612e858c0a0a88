// Damage in the write-ahead log, before SQLite sees it: at the first frame whose checksum does not hold SQLite takes the log for ended, and
// every commit behind it would be gone without a word.
//
//   one flipped bit      mended where it lies: the checksums tell which one it was
//   more than that       what the other frames hold is copied out (`salvageWal`), and the journal is built anew from it
//   the last commit      may be what a power cut left of one that was never acknowledged: `torn`, and cut off before anybody writes on
//
// SQLite would leave it there, go on with the same salts and write over its start alone. Behind the commits of a process that is killed then, or
// behind the next one that a power cut tears, what is left of it would look like a commit that was lost.
//
// On disk (SQLite, wal.c), big endian: a header of 32 bytes (magic, version, page size, number, two salts, two sums), then frames of 24 bytes
// (page, database size after a commit or 0, the salts, two sums) and a page. The sums go on from frame to frame over the first 8 bytes and the page.
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { LAYOUTS } from './journal-layout.ts'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const PAGE_BYTES_AT = 8
/** The last bit says in which order the words of a sum are: 0, little endian. */
const MAGIC = 0x377f0682
const VERSION = 3_007_000
const SALTS_AT = 8
const SUMS_AT = 16
const HEADER_SALTS_AT = 16
const HEADER_SUMS_AT = 24

type Sums = readonly [number, number]

/** sound: as SQLite will read it. torn: one commit, the last, is not whole. damaged: commits stand behind what cannot be read. */
export interface WalState {
  readonly kind: 'sound' | 'torn' | 'damaged'
  readonly mendedBits: number
  /** Up to where frames go on from each other. */
  readonly bytes: number
}

interface Wal {
  readonly bytes: Buffer
  readonly frameBytes: number
  readonly frames: number
  readonly isLittle: boolean
  readonly salts: Sums
  readonly headerSums: Sums
}

/** Mends single bits in the file, or only says how many there are; `path` need not be there. */
export function mendWal(path: string, write = true): WalState {
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  if (bytes.length < HEADER_BYTES) return { kind: 'sound', mendedBits: 0, bytes: bytes.length }
  const before = Buffer.from(bytes)
  const isWhole = mendHeader(bytes)
  const wal = read(bytes)
  if (wal.frames === 0) return { kind: 'sound', mendedBits: 0, bytes: bytes.length }
  const end = isWhole ? chainEnd(wal, true) : 0
  const mendedBits = !isWhole ? 0 : write ? writeBack(path, before, bytes) : before.filter((it, at) => it !== bytes[at]).length
  const commits = range(end, wal.frames).filter((n) => hasSalts(wal, n) && sizeAfter(wal, n) > 0).length
  const kind = !isWhole || commits > 1 ? 'damaged' : commits === 1 ? 'torn' : 'sound'
  return { kind, mendedBits, bytes: HEADER_BYTES + end * wal.frameBytes }
}

/** On the disk when it returns. */
export function cutTorn(path: string, { bytes }: WalState): void {
  const fd = openSync(path, 'r+')
  try {
    ftruncateSync(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** A write-ahead log of all frames of `from` that are whole, for SQLite to read beside a copy of the journal. */
export function salvageWal(from: string, to: string): void {
  const bytes = readFileSync(from)
  if (bytes.length < HEADER_BYTES) return
  const wal = read(bytes)
  const { frameBytes } = wal
  if (wal.frames === 0) return
  const end = isHeaderWhole(wal.bytes) ? chainEnd(wal, false) : 0
  const kept = likelyFrames(wal, end)
  const out = Buffer.alloc(HEADER_BYTES + kept.length * frameBytes)
  writeHeader(out, wal)
  let sums = sumsOver(out.subarray(0, HEADER_SUMS_AT), [0, 0], true)
  writeSums(out, HEADER_SUMS_AT, sums)
  kept.forEach((n, place) => {
    const frame = out.subarray(HEADER_BYTES + place * frameBytes, HEADER_BYTES + (place + 1) * frameBytes)
    frameOf(wal, n).copy(frame)
    sums = frameSums(frame, sums, true)
    writeSums(frame, SUMS_AT, sums)
  })
  writeFileSync(to, out)
}

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)

function read(bytes: Buffer): Wal {
  const isWhole = isHeaderWhole(bytes)
  const frameBytes = FRAME_HEADER_BYTES + (isWhole ? bytes.readUInt32BE(PAGE_BYTES_AT) : likelyPageBytes(bytes))
  const frames = Math.floor((bytes.length - HEADER_BYTES) / frameBytes)
  // The second frame is not on the page of the header.
  const saltsAt = isWhole ? HEADER_SALTS_AT : HEADER_BYTES + Math.max(0, Math.min(1, frames - 1)) * frameBytes + SALTS_AT
  return {
    bytes,
    frameBytes,
    frames,
    isLittle: !isWhole || bytes.readUInt32BE(0) === MAGIC,
    salts: frames > 0 ? pair(bytes, saltsAt) : [0, 0],
    headerSums: pair(bytes, HEADER_SUMS_AT),
  }
}

/** Where the header does not say it: frames that follow one another have the same salts. The first ones may be gone with the header. */
function likelyPageBytes(bytes: Buffer): number {
  const pairsOf = (pageBytes: number) => {
    const frame = FRAME_HEADER_BYTES + pageBytes
    const salts = (n: number) => pair(bytes, HEADER_BYTES + n * frame + SALTS_AT)
    const frames = Math.floor((bytes.length - HEADER_BYTES) / frame)
    return range(1, frames).filter((n) => isSame(salts(n - 1), salts(n)) && !isSame(salts(n), [0, 0])).length * pageBytes
  }
  const sizes = LAYOUTS.map((it) => it.pageBytes)
  return sizes.reduce((best, it) => (pairsOf(it) > pairsOf(best) ? it : best))
}

/** Frames up to the first whose sums do not go on from those before it. `mend`: single bits are put right in the buffer. */
function chainEnd(wal: Wal, mend: boolean): number {
  let sums = wal.headerSums
  for (let n = 0; n < wal.frames; n++) {
    const frame = frameOf(wal, n)
    const found = frameSums(frame, sums, wal.isLittle)
    if (!(mend ? isMended(wal, n, found) : isSame(found, pair(frame, SUMS_AT)) && hasSalts(wal, n))) return n
    sums = pair(frame, SUMS_AT)
  }
  return wal.frames
}

/** Whole, or made so by turning one bit. `found`: its sums as they come out. */
function isMended(wal: Wal, n: number, found: Sums): boolean {
  const { salts, isLittle } = wal
  const frame = frameOf(wal, n)
  const written = pair(frame, SUMS_AT)
  const saltBits = bitsApart(pair(frame, SALTS_AT), salts)
  if (isSame(found, written)) {
    if (saltBits === 1) writeSums(frame, SALTS_AT, salts)
    return saltBits <= 1
  }
  if (saltBits > 0) return false
  const turns = turnsOf(frame, found, written, isLittle)
  if (turns.length !== 1 && !(turns.length > 1 && isSuperseded(wal, n))) return false
  turns[0]?.()
  return true
}

/** A later commit has the page anew: what this frame says of it is of no account. */
function isSuperseded(wal: Wal, n: number): boolean {
  const page = frameOf(wal, n).readUInt32BE(0)
  const later = range(n + 1, wal.frames).filter((it) => hasSalts(wal, it))
  const again = later.find((it) => frameOf(wal, it).readUInt32BE(0) === page)
  return again !== undefined && later.some((it) => it >= again && sizeAfter(wal, it) > 0) && !isHeaderTurned(wal, n)
}

/** The first words of a frame say which page it is, and whether a commit ends with it. */
function isHeaderTurned(wal: Wal, n: number): boolean {
  const { isLittle } = wal
  const frame = frameOf(wal, n)
  const found = frameSums(frame, sumsBefore(wal, n), isLittle)
  const inPage = turnsIn([frame.subarray(FRAME_HEADER_BYTES)], found, pair(frame, SUMS_AT), isLittle)
  return inPage.length < turnsOf(frame, found, pair(frame, SUMS_AT), isLittle).length
}

/** All ways to make the sums hold by turning one bit. The sums are weak in the high bits of words: there are several then, and nobody knows. */
function turnsOf(frame: Buffer, found: Sums, written: Sums, isLittle: boolean): (() => void)[] {
  const inWords = turnsIn([frame.subarray(0, 8), frame.subarray(FRAME_HEADER_BYTES)], found, written, isLittle)
  return bitsApart(found, written) === 1 ? [...inWords, () => writeSums(frame, SUMS_AT, found)] : inWords
}

function isHeaderWhole(bytes: Buffer): boolean {
  const magic = bytes.readUInt32BE(0)
  if ((magic & ~1) !== MAGIC) return false
  return isSame(sumsOver(bytes.subarray(0, HEADER_SUMS_AT), [0, 0], magic === MAGIC), pair(bytes, HEADER_SUMS_AT))
}

function mendHeader(bytes: Buffer): boolean {
  for (let bit = 0; bit < HEADER_BYTES * 8 && !isHeaderWhole(bytes); bit++) {
    flip(bytes, bit)
    if (isHeaderWhole(bytes)) return true
    flip(bytes, bit)
  }
  return isHeaderWhole(bytes)
}

/**
 * Frames whose sums go on from those before them, or of which nobody can tell because the one before is not whole; and those with one wrong bit
 * that nobody can name: a page with a wrong bit is nearer to the truth than the page of an earlier day.
 */
function likelyFrames(wal: Wal, end: number): number[] {
  const kept: number[] = []
  for (let n = 0; n < wal.frames; n++) {
    if (!hasSalts(wal, n)) continue
    const isAfterWhole = n === 0 ? isHeaderWhole(wal.bytes) : kept.at(-1) === n - 1
    if (n < end || isLikely(wal, n) || (!isAfterWhole && follows(wal, n + 1))) kept.push(n)
  }
  return kept
}

function isLikely(wal: Wal, n: number): boolean {
  if (follows(wal, n)) return true
  const frame = frameOf(wal, n)
  return turnsOf(frame, frameSums(frame, sumsBefore(wal, n), wal.isLittle), pair(frame, SUMS_AT), wal.isLittle).length > 0
}

function follows(wal: Wal, n: number): boolean {
  if (n >= wal.frames || !hasSalts(wal, n)) return false
  const frame = frameOf(wal, n)
  return isSame(frameSums(frame, sumsBefore(wal, n), wal.isLittle), pair(frame, SUMS_AT))
}

const sumsBefore = (wal: Wal, n: number): Sums => (n === 0 ? wal.headerSums : pair(frameOf(wal, n - 1), SUMS_AT))

// --- the sums ------------------------------------------------------------------------------------------------------------

const frameSums = (frame: Buffer, before: Sums, isLittle: boolean): Sums =>
  sumsOver(frame.subarray(FRAME_HEADER_BYTES), sumsOver(frame.subarray(0, 8), before, isLittle), isLittle)

function sumsOver(bytes: Buffer, before: Sums, isLittle: boolean): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let [a, b] = before
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + view.getUint32(at, isLittle) + b) >>> 0
    b = (b + view.getUint32(at + 4, isLittle) + a) >>> 0
  }
  return [a, b]
}

/** The sums are linear in the words that they are over: turning bit k of one word adds ±2^k times what a 1 there becomes by the end. */
function turnsIn(parts: readonly Buffer[], found: Sums, written: Sums, isLittle: boolean): (() => void)[] {
  const missing: Sums = [(written[0] - found[0]) >>> 0, (written[1] - found[1]) >>> 0]
  let first: Sums = [1, 1]
  let second: Sums = [0, 1]
  const onward = ([a, b]: Sums): Sums => [(a + b) >>> 0, (a + b + b) >>> 0]
  const turns: (() => void)[] = []
  for (const part of parts.toReversed())
    for (let at = part.length - 8; at >= 0; at -= 8) {
      turns.push(...turnsAt(part, at, first, missing, isLittle), ...turnsAt(part, at + 4, second, missing, isLittle))
      first = onward(first)
      second = onward(second)
    }
  return turns
}

function turnsAt(part: Buffer, at: number, weight: Sums, missing: Sums, isLittle: boolean): (() => void)[] {
  const word = isLittle ? part.readUInt32LE(at) : part.readUInt32BE(at)
  const turns: (() => void)[] = []
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0
    const change = (word & mask) === 0 ? mask : -mask
    if (Math.imul(weight[0], change) >>> 0 !== missing[0] || Math.imul(weight[1], change) >>> 0 !== missing[1]) continue
    const mended = (word ^ mask) >>> 0
    turns.push(() => void (isLittle ? part.writeUInt32LE(mended, at) : part.writeUInt32BE(mended, at)))
  }
  return turns
}

// --- bytes ---------------------------------------------------------------------------------------------------------------

const frameOf = ({ bytes, frameBytes }: Wal, n: number) =>
  bytes.subarray(HEADER_BYTES + n * frameBytes, HEADER_BYTES + (n + 1) * frameBytes)
const sizeAfter = (wal: Wal, n: number) => frameOf(wal, n).readUInt32BE(4)
const hasSalts = (wal: Wal, n: number) => isSame(pair(frameOf(wal, n), SALTS_AT), wal.salts)
const pair = (bytes: Buffer, at: number): Sums => [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)]
const isSame = (a: Sums, b: Sums) => a[0] === b[0] && a[1] === b[1]
const flip = (bytes: Buffer, bit: number) => void (bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7)))

function bitsApart(a: Sums, b: Sums): number {
  const ones = (word: number) => (word >>> 0).toString(2).replaceAll('0', '').length
  return ones(a[0] ^ b[0]) + ones(a[1] ^ b[1])
}

function writeSums(bytes: Buffer, at: number, [a, b]: Sums): void {
  bytes.writeUInt32BE(a, at)
  bytes.writeUInt32BE(b, at + 4)
}

function writeHeader(bytes: Buffer, { salts, frameBytes }: Wal): void {
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUInt32BE(VERSION, 4)
  bytes.writeUInt32BE(frameBytes - FRAME_HEADER_BYTES, PAGE_BYTES_AT)
  writeSums(bytes, HEADER_SALTS_AT, salts)
}

/** Only the bytes that differ; says how many. */
function writeBack(path: string, before: Buffer, after: Buffer): number {
  if (before.equals(after)) return 0
  const fd = openSync(path, 'r+')
  let written = 0
  try {
    for (let at = 0; at < after.length; at++) {
      if (before[at] === after[at]) continue
      writeSync(fd, after, at, 1, at)
      written++
    }
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  return written
}
