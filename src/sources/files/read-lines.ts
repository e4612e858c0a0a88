// Whole lines of a file from a place on, in portions that fit into memory.
import type { FileHandle } from 'node:fs/promises'

const CHUNK_BYTES = 256 * 1_024
/** A longer line is left out, and counted. */
export const LINE_BYTES_MAX = 1_048_576
const LF = 10
const CR = 13

export interface Portion {
  readonly lines: readonly RawLine[]
  /** Bytes behind the last line: the beginning of one that has no end yet. */
  readonly torn: number
  /** What was read, from `from` on; absent: it was not kept. */
  readonly bytes?: Buffer
  readonly from: number
}

export interface RawLine {
  /** Without its line feed; undefined: longer than LINE_BYTES_MAX. */
  readonly bytes: Buffer | undefined
  readonly from: number
  /** Behind its line feed. */
  readonly to: number
}

/** Undefined: nothing behind `from`. */
export async function readPortion(file: FileHandle, from: number, size: number): Promise<Portion | undefined> {
  for (let length = CHUNK_BYTES; ; length *= 2) {
    const buffer = Buffer.alloc(Math.min(length, size - from))
    if (buffer.length === 0) return undefined
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from)
    const read = buffer.subarray(0, bytesRead)
    const lines = linesIn(read, from)
    const end = lines.at(-1)?.to ?? from
    if (lines.length > 0 || bytesRead < buffer.length || from + bytesRead >= size) {
      return { lines, torn: from + bytesRead - end, bytes: read, from }
    }
    if (length > LINE_BYTES_MAX) return skipLine(file, from, size)
  }
}

function linesIn(buffer: Buffer, at: number): RawLine[] {
  const lines: RawLine[] = []
  for (let from = 0; ; ) {
    const end = buffer.indexOf(LF, from)
    if (end < 0) return lines
    const bytes = buffer.subarray(from, end > from && buffer[end - 1] === CR ? end - 1 : end)
    lines.push({ bytes: bytes.length > LINE_BYTES_MAX ? undefined : bytes, from: at + from, to: at + end + 1 })
    from = end + 1
  }
}

async function skipLine(file: FileHandle, from: number, size: number): Promise<Portion> {
  const buffer = Buffer.alloc(CHUNK_BYTES)
  for (let at = from; at < size; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK_BYTES, size - at), at)
    if (bytesRead === 0) break
    const end = buffer.subarray(0, bytesRead).indexOf(LF)
    if (end >= 0) return { lines: [{ bytes: undefined, from, to: at + end + 1 }], torn: 0, from }
    at += bytesRead
  }
  return { lines: [], torn: size - from, from }
}
