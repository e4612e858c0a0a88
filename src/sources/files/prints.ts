// What a file is known by: the bytes that it begins with and those before the bookmark. An inode's number is given to the next file,
// a share is mounted anew under another device: what was read stays what it was.
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

const HEAD_BYTES_MAX = 1_024
const TAIL_BYTES_MAX = 256

/** Of the bytes before `offset`, all of which are durable. */
export interface Print {
  readonly offset: number
  readonly headLength: number
  readonly head: string
  readonly tailLength: number
  readonly tail: string
}

/** Undefined: the file is shorter than that by now. */
export async function printOf(file: FileHandle, offset: number): Promise<Print | undefined> {
  const [headLength, tailLength] = [Math.min(offset, HEAD_BYTES_MAX), Math.min(offset, TAIL_BYTES_MAX)]
  const head = await hashAt(file, 0, headLength)
  const tail = await hashAt(file, offset - tailLength, tailLength)
  return head === undefined || tail === undefined ? undefined : { offset, headLength, head, tailLength, tail }
}

export interface Printer {
  /** Of the bytes before `offset`, the last of them those of `bytes`, which begin at `from`: as they were read, whatever the file has by now. */
  of(bytes: Buffer, from: number, offset: number): Print
}

/** For reading on from a place. Undefined: the file is shorter than that by now. */
export async function printer(file: FileHandle, start: number): Promise<Printer | undefined> {
  const begin = await bytesAt(file, 0, Math.min(start, HEAD_BYTES_MAX))
  const end = await bytesAt(file, Math.max(0, start - TAIL_BYTES_MAX), Math.min(start, TAIL_BYTES_MAX))
  if (!begin || !end) return undefined
  let [head, before, at] = [begin, end, start]
  return {
    of(bytes, from, offset) {
      const more = bytes.subarray(at - from, offset - from)
      if (head.length < HEAD_BYTES_MAX) head = Buffer.concat([head, more.subarray(0, HEAD_BYTES_MAX - head.length)])
      before = Buffer.concat([before, more.subarray(-TAIL_BYTES_MAX)]).subarray(-TAIL_BYTES_MAX)
      at = offset
      return { offset, headLength: head.length, head: hashed(head), tailLength: before.length, tail: hashed(before) }
    },
  }
}

/** Whether a file still has, before the bookmark, what was read of it. */
export async function hasPrint(file: FileHandle, { offset, headLength, head, tailLength, tail }: Print): Promise<boolean> {
  if (offset === 0) return true
  return (await hashAt(file, 0, headLength)) === head && (await hashAt(file, offset - tailLength, tailLength)) === tail
}

export async function hashAt(file: FileHandle, from: number, length: number): Promise<string | undefined> {
  const bytes = await bytesAt(file, from, length)
  return bytes && hashed(bytes)
}

async function bytesAt(file: FileHandle, from: number, length: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, from)
  return bytesRead < length ? undefined : buffer
}

const hashed = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex').slice(0, 32)
