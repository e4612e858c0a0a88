// Up to when each tag is in the log, kept across restarts of the agent: what came in between is read from history then.
//
// On disk, one file a source, written over in place: a header that says of which tags it is, then 16 bytes a tag:
//
//   source time  double   µs since 1970 of the newest reading that is durable, or the begin of a hole; NaN: none
//   status       uint32   of that reading
//   print        uint32   CRC of its value; 0: unknown
//
// It is written without an fsync: after a power cut it may be as old as the kernel lets it be, and what is read twice then bears the mark of
// history. It never says more than what is in the log.
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import type { Micros } from '../../core/reading.ts'

const ENTRY_BYTES = 16
const HEADER_BYTES = 8
const SAVE_EVERY_MS = 1_000
const MAGIC = 0x6b6d_6268

export interface Mark {
  readonly time: Micros
  readonly status: number
  readonly print: number
}

export interface Bookmark {
  /** What it said when it was opened, by the place of the tag; undefined: nothing. */
  mark(at: number): Mark | undefined
  /** When it was last written, µs of the box's clock; undefined: it is new. */
  readonly writtenAt: Micros | undefined
  set(at: number, mark: Mark): void
  /** To disk, a moment later: many come at a time. */
  save(): void
  close(): void
}

/** `keys`: what each tag is, in their order. What is known of tags that are still there is kept when the settings change. */
export function openBookmark(file: string, keys: readonly string[]): Bookmark {
  const known = readKnown(file)
  const names = Buffer.from(JSON.stringify(keys))
  const entries = Buffer.alloc(keys.length * ENTRY_BYTES)
  for (const [at, key] of keys.entries()) {
    const from = known?.entries.get(key)
    if (from) from.copy(entries, at * ENTRY_BYTES)
    else entries.writeDoubleLE(Number.NaN, at * ENTRY_BYTES)
  }
  const before = Buffer.from(entries)
  const begin = HEADER_BYTES + names.length
  const fd = makeFile(file, names, entries)
  let timer: NodeJS.Timeout | undefined
  const write = () => {
    timer = undefined
    writeSync(fd, entries, 0, entries.length, begin)
  }
  return {
    mark: (at) => markIn(before, at),
    writtenAt: known?.writtenAt,
    set(at, { time, status, print }) {
      entries.writeDoubleLE(time, at * ENTRY_BYTES)
      entries.writeUInt32LE(status, at * ENTRY_BYTES + 8)
      entries.writeUInt32LE(print, at * ENTRY_BYTES + 12)
    },
    save() {
      timer ??= setTimeout(write, SAVE_EVERY_MS).unref()
    },
    close() {
      clearTimeout(timer)
      write()
      closeSync(fd)
    },
  }
}

function markIn(entries: Buffer, at: number): Mark | undefined {
  const time = entries.readDoubleLE(at * ENTRY_BYTES)
  if (Number.isNaN(time)) return undefined
  return { time, status: entries.readUInt32LE(at * ENTRY_BYTES + 8), print: entries.readUInt32LE(at * ENTRY_BYTES + 12) }
}

function makeFile(file: string, names: Buffer, entries: Buffer): number {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE((MAGIC ^ crc32(names)) >>> 0, 0)
  header.writeUInt32LE(names.length, 4)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, Buffer.concat([header, names, entries]))
  renameSync(`${file}.new`, file)
  const fd = openSync(file, 'r+')
  ftruncateSync(fd, header.length + names.length + entries.length)
  return fd
}

/** Undefined: there is none, or it is none. */
function readKnown(file: string): { entries: Map<string, Buffer>; writtenAt: Micros } | undefined {
  try {
    const all = readFileSync(file)
    const length = all.readUInt32LE(4)
    const names = all.subarray(HEADER_BYTES, HEADER_BYTES + length)
    if ((MAGIC ^ crc32(names)) >>> 0 !== all.readUInt32LE(0)) return undefined
    const keys = JSON.parse(names.toString()) as string[]
    const rest = all.subarray(HEADER_BYTES + length)
    if (rest.length !== keys.length * ENTRY_BYTES) return undefined
    const entries = new Map(keys.map((key, at) => [key, rest.subarray(at * ENTRY_BYTES, (at + 1) * ENTRY_BYTES)]))
    return { entries, writtenAt: Math.round(statSync(file).mtimeMs * 1000) }
  } catch {
    // Missing, or cut short by a power failure: as if there was none.
    return undefined
  }
}
