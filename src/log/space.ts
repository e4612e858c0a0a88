// How the bound on the log is shared out, and the space of the partition it lies on. All sizes in bytes; test/log/space.test.ts asserts how they relate.
//
//   bytesMax = journal.db + its write-ahead log, twice + segments + ballast + reserve
//
// The write-ahead log counts twice: a checkpoint is due at `walBytesMax`, and the transaction that comes before it may be nearly as long again.
import { closeSync, fsyncSync, openSync, rmSync, statSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const WAL_BYTES_MAX = 8_000_000
const COMMIT_BYTES_MAX = 3_000_000
/** What the journal may have at least, where that is no more than a quarter of all. */
const JOURNAL_BYTES_LEAST = 16_000_000
const SEGMENT_BYTES_MAX = 64_000_000
const SEGMENT_BYTES_LEAST = 512_000
const BALLAST_BYTES_MAX = 16_000_000
const BALLAST_BYTES_LEAST = 256_000
/** Lock, notes, index files, folders. */
const SMALL_FILES_BYTES = 256_000
const BALLAST_CHUNK_BYTES = 1_000_000
/** What opening a log writes: its lock, the journal's write-ahead log with its index, that it was opened. */
const OPENING_BYTES = 2_000_000

export interface Space {
  /** journal.db without its write-ahead log. */
  readonly journalBytesMax: number
  /** Where a checkpoint is due; the file may reach twice that. */
  readonly walBytesMax: number
  /** Blocks in one transaction, but always one whole block. */
  readonly commitBytesMax: number
  /** Where a segment ends and the next one begins; its last append may go beyond, which `reserveBytes` bears. */
  readonly segmentBytesMax: number
  readonly ballastBytes: number
  /** One segment, so that one can be rewritten before it is unlinked, and the small files. */
  readonly reserveBytes: number
  /** What all segments may take. */
  readonly segmentsBytesMax: number
}

/** The shares of a bound of `bytesMax`; below LOG_BYTES_MIN the last may be negative. */
export function spaceOf(bytesMax: number): Space {
  const walBytesMax = Math.floor(Math.min(WAL_BYTES_MAX, bytesMax / 16))
  const journalBytesMax = Math.floor(Math.max(Math.min(JOURNAL_BYTES_LEAST, bytesMax / 4), bytesMax * 0.05))
  const segmentBytesMax = Math.floor(Math.max(SEGMENT_BYTES_LEAST, Math.min(SEGMENT_BYTES_MAX, bytesMax * 0.02)))
  const ballastBytes = Math.floor(Math.max(BALLAST_BYTES_LEAST, Math.min(BALLAST_BYTES_MAX, bytesMax * 0.01)))
  const reserveBytes = segmentBytesMax + SMALL_FILES_BYTES
  return {
    journalBytesMax,
    walBytesMax,
    commitBytesMax: Math.floor(Math.min(COMMIT_BYTES_MAX, (walBytesMax * 3) / 8)),
    segmentBytesMax,
    ballastBytes,
    reserveBytes,
    segmentsBytesMax: bytesMax - journalBytesMax - 2 * walBytesMax - ballastBytes - reserveBytes,
  }
}

/** What the partition of a folder still has for us (not what is reserved for root). Throws what the system says. */
export function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}

const ballastFile = (dir: string) => join(dir, 'ballast')

/**
 * Sees to it that DIR/log/ballast is there with `bytes`: space that is given back when the partition is full and nothing else can be written.
 * False when there is no room for it now with `besideBytes` beside it; nothing is left behind then. `dir` is DIR/log and exists.
 */
export function makeBallast(dir: string, bytes: number, besideBytes = 0): boolean {
  const path = ballastFile(dir)
  if (statSync(path, { throwIfNoEntry: false })?.size === bytes) return true
  try {
    if (freeBytes(dir) < bytes + besideBytes) {
      dropBallast(dir)
      return false
    }
    writeBallast(path, bytes)
    return true
  } catch (error) {
    rmSync(path, { force: true })
    const code = (error as { code?: string }).code
    if (code === 'ENOSPC' || code === 'EDQUOT') return false
    throw error
  }
}

/** Before a log is opened, which writes: where others have filled its partition, the ballast goes, and status can say what is wrong. */
export function makeRoomToOpen(dir: string): void {
  if (freeBytes(dir) < OPENING_BYTES) dropBallast(dir)
}

/** Gives the ballast back; no error when it is gone already. */
export function dropBallast(dir: string): void {
  rmSync(ballastFile(dir), { force: true })
}

/** Bytes at random: a file system that compresses, or leaves out zeros, would set nothing aside. */
function writeBallast(path: string, bytes: number): void {
  const fd = openSync(path, 'w')
  try {
    // Loaded by whoever lays ballast: it is much of what Node has.
    const { randomFillSync } = process.getBuiltinModule('node:crypto')
    const chunk = randomFillSync(new Uint8Array(Math.min(bytes, BALLAST_CHUNK_BYTES)))
    for (let written = 0; written < bytes; ) written += writeSync(fd, chunk, 0, Math.min(chunk.length, bytes - written))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
