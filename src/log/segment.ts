// DIR/log/segments/<class>/<id>.<form>: plain files that only grow. One append is a notes record (segment-notes.ts) and the blocks after it.
//
// What must hold: the journal names bytes of a file only after they are on the disk, so what lies behind the last byte that it names is nobody's and
// is cut off by the next append; and bytes that it names are never written again. Everything here is synchronous: it runs in the log's own threads.
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { DamagedBlock } from '../columns/index.ts'
import type { Notes, SegmentForm } from './segment-notes.ts'
import { encodeNotes } from './segment-notes.ts'

export interface SegmentName {
  /** The catalogue's number, from 0; never used twice. */
  readonly id: number
  readonly class: string
  readonly form: SegmentForm
}

export interface SegmentFile extends SegmentName {
  readonly path: string
  readonly bytes: number
}

/** A file under DIR/log/segments that is none of ours. */
export interface Stranger {
  readonly path: string
  readonly bytes: number
}

/** A segment ends before bytes that were recorded in it: they are lost, and it may not be appended to. */
export class ShortSegment extends Error {
  override readonly name = 'ShortSegment'
  readonly code = 'segment-short'
  readonly bytes: number
  readonly bytesRecorded: number
  constructor(path: string, bytes: number, bytesRecorded: number) {
    super(`${path} has ${bytes} bytes, ${bytesRecorded} were recorded`)
    this.bytes = bytes
    this.bytesRecorded = bytesRecorded
  }
}

/** As the settings allow them for classes: no name leaves its folder. */
const CLASS_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/
const FILE_PATTERN = /^(0|[1-9][0-9]{0,15})\.(raw|aggregate)$/
const { O_RDWR, O_CREAT } = fs.constants

/** `dir` is DIR/log. */
export function segmentPath(dir: string, { id, class: name, form }: SegmentName): string {
  if (!CLASS_PATTERN.test(name) || !Number.isSafeInteger(id) || id < 0) throw new RangeError(`a segment ${name}/${id}.${form}`)
  return join(dir, 'segments', name, `${id}.${form}`)
}

/**
 * Writes notes and blocks behind byte `end`, the last that is recorded (0: a new file), and returns when they are on the disk: where each block
 * begins, and the new end. Throws ShortSegment, or what the system says (ENOSPC, EIO): then nothing counts, and `cutTo(path, end)` gives the space back.
 */
export function appendTo(
  path: string,
  end: number,
  notes: Notes,
  blocks: readonly Uint8Array[],
): { readonly offsets: number[]; readonly end: number } {
  const record = encodeNotes(notes)
  if (end === 0) fs.mkdirSync(dirname(path), { recursive: true })
  const fd = openFor(path, end)
  try {
    const { size } = fs.fstatSync(fd)
    if (size < end) throw new ShortSegment(path, size, end)
    if (size > end) fs.ftruncateSync(fd, end)
    writeAll(fd, [record, ...blocks], end)
    fs.fdatasyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  if (end === 0) syncFolders(path)
  return placesOf(blocks, end + record.length)
}

/** Takes away what was appended behind byte `end`; with 0 the file itself. No error when there is nothing to take. */
export function cutTo(path: string, end: number): void {
  if (end === 0) unlinkSegment(path)
  else if (sizeOf(path) > end) fs.truncateSync(path, end)
}

/** Bytes [offset, offset + bytes), their own buffer. DamagedBlock 'truncated' when they are not all there, or the file is not. */
export function readAt(path: string, offset: number, bytes: number): Uint8Array<ArrayBuffer> {
  const fd = openToRead(path)
  try {
    const block = new Uint8Array(bytes)
    const got = readInto(fd, block, offset)
    if (got < bytes) throw new DamagedBlock('truncated', `${got} of ${bytes} bytes are there`)
    return block
  } finally {
    fs.closeSync(fd)
  }
}

/** No error when it is gone already. */
export function unlinkSegment(path: string): void {
  fs.rmSync(path, { force: true })
}

/** All files under DIR/log/segments as they are named and as long as they are now. */
export function segmentFiles(dir: string): { readonly segments: SegmentFile[]; readonly strangers: Stranger[] } {
  const root = join(dir, 'segments')
  const segments: SegmentFile[] = []
  const strangers: Stranger[] = []
  for (const entry of entriesOf(root)) {
    const path = join(entry.parentPath, entry.name)
    const bytes = sizeOf(path)
    const name = entry.isFile() && dirname(entry.parentPath) === root ? nameOf(entry.parentPath, entry.name) : undefined
    if (name) segments.push({ ...name, path, bytes })
    else if (!entry.isDirectory()) strangers.push({ path, bytes })
  }
  return { segments: segments.sort((a, b) => a.id - b.id), strangers }
}

/** Fills as much of `into` as the file has from `offset` on; returns how much that is. */
export function readInto(fd: number, into: Uint8Array, offset: number): number {
  for (let got = 0; ; ) {
    const more = got < into.length ? fs.readSync(fd, into, got, into.length - got, offset + got) : 0
    if (more === 0) return got
    got += more
  }
}

/** A file that should have bytes is never made anew: an empty one in its place would hide that they are gone. */
function openFor(path: string, end: number): number {
  try {
    return fs.openSync(path, end === 0 ? O_RDWR | O_CREAT : O_RDWR)
  } catch (error) {
    if (isMissing(error)) throw new ShortSegment(path, 0, end)
    throw error
  }
}

function openToRead(path: string): number {
  try {
    return fs.openSync(path, 'r')
  } catch (cause) {
    if (isMissing(cause)) throw new DamagedBlock('truncated', 'the segment is missing', { cause })
    throw cause
  }
}

/** The system may take less than it is given. */
function writeAll(fd: number, parts: readonly Uint8Array[], from: number): void {
  let rest = parts.filter((it) => it.length > 0)
  for (let at = from; rest.length > 0; ) {
    const written = fs.writevSync(fd, rest, at)
    at += written
    rest = behind(rest, written)
  }
}

function behind(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  return parts.flatMap((part) => {
    const skipped = Math.min(left, part.length)
    left -= skipped
    return skipped === part.length ? [] : [part.subarray(skipped)]
  })
}

/** Entries of the class's folder, of `segments` and of DIR/log: a kill may have left each of them made and not yet on the disk, so all are synced. */
function syncFolders(path: string): void {
  const folder = dirname(path)
  for (const each of [folder, dirname(folder), dirname(dirname(folder))]) {
    const fd = fs.openSync(each, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  }
}

function placesOf(blocks: readonly Uint8Array[], from: number): { offsets: number[]; end: number } {
  let end = from
  const offsets = blocks.map((block) => {
    const offset = end
    end += block.length
    return offset
  })
  return { offsets, end }
}

function entriesOf(root: string) {
  return fs.existsSync(root) ? fs.readdirSync(root, { recursive: true, withFileTypes: true }) : []
}

function nameOf(folder: string, file: string): SegmentName | undefined {
  const name = folder.slice(dirname(folder).length + 1)
  const [, digits = '', form = ''] = FILE_PATTERN.exec(file) ?? []
  const id = Number(digits)
  if (digits === '' || !Number.isSafeInteger(id) || !CLASS_PATTERN.test(name)) return undefined
  return { id, class: name, form: form as SegmentForm }
}

function sizeOf(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function isMissing(error: unknown): boolean {
  return (error as { code?: string }).code === 'ENOENT'
}
