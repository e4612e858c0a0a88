// One file of anything (a picture): in parts, once nobody writes it any more.
//
// The parts of a file that fits are one batch. Parts are cut at the same places each time: one that comes again after a kill is the same.
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { parse } from 'node:path'
import type { FilePartHead } from '../../core/file-parts.ts'
import { FILE_PART_BYTES, packFilePart } from '../../core/file-parts.ts'
import type { Bookmark } from './bookmarks.ts'
import type { FolderFile } from './folder.ts'
import type { ReadContext, ReadFile } from './lines.ts'
import { STATUS_MAYBE_STORED } from './mapping.ts'
import { printOf } from './prints.ts'
import type { BinarySettings } from './settings.ts'

const BATCH_BYTES_MAX = 4_000_000
const HASHED_BYTES = 1_000_000

export function binaryReader(settings: BinarySettings, { builder, marks, over, failed }: ReadContext): ReadFile {
  function add(file: FolderFile, head: FilePartHead, data: Uint8Array, isMaybeStored: boolean): void {
    const tag = settings.tag.replaceAll('{file}', parse(file.name).name)
    const series = builder.series({ tag, class: settings.class, kind: 'bytes' })
    const time = Math.max(0, Math.round(file.modifiedMs * 1000))
    builder.addBytes(series, time, packFilePart({ ...head, data }), 0, isMaybeStored ? STATUS_MAYBE_STORED : 0)
  }

  return async function* read(file, handle, mark, isWhole) {
    if (!isWhole) return { torn: undefined }
    if (file.size > settings.fileBytesMax) {
      failed(file.name, undefined, `has ${file.size} bytes, and fileBytesMax is ${settings.fileBytesMax}`)
      return { torn: undefined }
    }
    const sha256 = await hashOf(handle, file.size)
    if (sha256 === undefined) return { torn: undefined }
    const about = { name: file.name, size: file.size, sha256, modified: file.modifiedMs }
    const parts = Math.max(1, Math.ceil(file.size / FILE_PART_BYTES))
    // What was begun is gone on with only if it is the same file.
    let at: Bookmark =
      mark.until === file.size ? mark : { ...mark, offset: 0, headLength: 0, tailLength: 0, until: file.size, line: 0 }
    if (at.line === parts) return { torn: 0 }
    marks.set(at, true)
    while (at.line < parts) {
      const next = { ...at }
      for (let bytes = 0; bytes < BATCH_BYTES_MAX && next.line < parts; next.line++) {
        const data = await partAt(handle, next.line, file.size)
        if (!data) return { torn: undefined }
        bytes += data.length
        add(file, { ...about, part: next.line, parts }, data, next.line * FILE_PART_BYTES < marks.doubtOf(mark.id))
      }
      const print = await printOf(handle, Math.min(file.size, next.line * FILE_PART_BYTES))
      if (!print) return { torn: undefined }
      at = { ...next, ...print }
      const durable = at
      yield over.item(builder, () => marks.set(durable))
    }
    await over.durable()
    return { torn: 0 }
  }
}

/** Undefined: shorter by now. */
async function partAt(handle: FileHandle, part: number, size: number): Promise<Buffer | undefined> {
  const from = part * FILE_PART_BYTES
  const buffer = Buffer.alloc(Math.min(FILE_PART_BYTES, size - from))
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from)
  return bytesRead === buffer.length ? buffer : undefined
}

async function hashOf(handle: FileHandle, size: number): Promise<string | undefined> {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(Math.min(HASHED_BYTES, size))
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - at), at)
    if (bytesRead === 0) return undefined
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest('hex')
}
