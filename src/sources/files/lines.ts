// One file of lines, from its bookmark to its last whole line.
import type { FileHandle } from 'node:fs/promises'
import { parse } from 'node:path'
import type { BatchBuilder } from '../../core/batch.ts'
import type { SourceItem } from '../../core/source.ts'
import type { Bookmark, Bookmarks } from './bookmarks.ts'
import type { Fields } from './fields.ts'
import { fieldsOf, hasHeader } from './fields.ts'
import type { FolderFile } from './folder.ts'
import type { HandOver } from './hand-over.ts'
import { lineMapping } from './mapping.ts'
import type { Print } from './prints.ts'
import { printer, printOf } from './prints.ts'
import type { Portion, RawLine } from './read-lines.ts'
import { LINE_BYTES_MAX, readPortion } from './read-lines.ts'
import type { CsvSettings, LineSettings } from './settings.ts'

export interface ReadContext {
  readonly builder: BatchBuilder
  readonly marks: Bookmarks
  readonly over: HandOver
  /** A line, or a file where no line is given, cannot be read. */
  failed(name: string, line: number | undefined, text: string): void
}

/** What is left behind the last whole line, in bytes; undefined: nothing of the file could be read. */
export interface ReadEnd {
  readonly torn: number | undefined
}

/** Reads on. `isWhole`: nobody writes it any more, so what has no line feed at the end is a line too. */
export type ReadFile = (
  file: FolderFile,
  handle: FileHandle,
  mark: Bookmark,
  isWhole: boolean,
) => AsyncGenerator<SourceItem, ReadEnd>

const READINGS_PER_BATCH = 4_096
/** So far ahead it is said on the disk what may be handed over: one fsync for so many bytes. */
const UNTIL_STEP_BYTES = 1_000_000

interface Start {
  readonly fields: Fields
  readonly offset: number
  readonly line: number
}

export function lineReader(settings: LineSettings, { builder, marks, over, failed }: ReadContext): ReadFile {
  const mapping = lineMapping(settings, builder)
  const linesPerBatch = Math.max(1, Math.floor(READINGS_PER_BATCH / settings.tags.length))
  const decoder = new TextDecoder(settings.format === 'csv' ? settings.encoding : 'utf-8', { fatal: true })

  function decoded(bytes: Buffer): string | undefined {
    try {
      return decoder.decode(bytes)
    } catch {
      return undefined
    }
  }

  /** What was wrong with it; undefined: nothing. */
  function takeLine(raw: RawLine, file: string, fields: Fields, doubtUntil: number): string | undefined {
    const text = raw.bytes && decoded(raw.bytes)
    if (text === undefined) {
      mapping.refuse()
      return raw.bytes ? 'is not text in the encoding of the settings' : `is longer than ${LINE_BYTES_MAX} bytes`
    }
    if (text.trim() === '') return undefined
    return mapping.take({ text, file, fields, isMaybeStored: raw.from < doubtUntil })
  }

  /** Adds some lines; where the file stands then. */
  function taken(lines: readonly RawLine[], file: Open, from: Bookmark, print: Print): Bookmark {
    let { line, failed: count } = from
    for (const raw of lines) {
      const problem = takeLine(raw, file.stem, file.fields, marks.doubtOf(from.id))
      line++
      if (problem === undefined) continue
      failed(file.name, line, problem)
      count++
    }
    return { ...from, ...print, line, failed: count }
  }

  async function* portions(file: Open, mark: Bookmark, isWhole: boolean): AsyncGenerator<SourceItem, ReadEnd & { at: Bookmark }> {
    let at = mark
    let prints = await printer(file.handle, at.offset)
    while (prints) {
      let portion = await readPortion(file.handle, at.offset, file.size)
      if (portion?.lines.length === 0 && isWhole) portion = await rest(file.handle, at.offset, file.size)
      if (!portion || portion.lines.length === 0) return { at, torn: portion?.torn ?? 0 }
      for (const some of chunks(portion.lines, linesPerBatch)) {
        const { to } = some.at(-1) as RawLine
        const print = portion.bytes ? prints.of(portion.bytes, portion.from, to) : await printOf(file.handle, to)
        if (!print) return { at, torn: undefined }
        at = taken(some, file, at, print)
        if (!builder.isEmpty) yield handed(at, file.size)
      }
      if (!portion.bytes) prints = await printer(file.handle, at.offset)
    }
    // Shorter by now: the next look sees what has become of it.
    return { at, torn: undefined }
  }

  function handed(at: Bookmark, size: number): SourceItem {
    const known = marks.all.get(at.id) ?? at
    const until = Math.max(at.offset, Math.min(size, known.offset + UNTIL_STEP_BYTES))
    if (at.offset > known.until) marks.set({ ...known, until }, true)
    return over.item(builder, () => marks.set({ ...at, until: Math.max(at.offset, marks.all.get(at.id)?.until ?? 0) }))
  }

  return async function* read(file, handle, mark, isWhole) {
    const start = await startOf(settings, file, handle, decoded)
    if (typeof start === 'string') failed(file.name, undefined, start)
    if (typeof start !== 'object') return { torn: undefined }
    const { fields, offset, line } = start
    const opened = { name: file.name, stem: parse(file.name).name, size: file.size, handle, fields }
    const { at, torn } = yield* portions(opened, mark.offset >= offset ? mark : { ...mark, offset, line }, isWhole)
    if (at.offset > mark.offset) {
      await over.durable()
      marks.set({ ...at, until: at.offset })
    }
    return { torn }
  }
}

function* chunks<T>(list: readonly T[], length: number): Iterable<readonly T[]> {
  for (let at = 0; at < list.length; at += length) yield list.slice(at, at + length)
}

interface Open {
  readonly name: string
  /** Without its ending. */
  readonly stem: string
  readonly size: number
  readonly handle: FileHandle
  readonly fields: Fields
}

/** Where the lines begin; a text: what is wrong with the file; undefined: its head is not whole yet. */
async function startOf(
  settings: LineSettings,
  file: FolderFile,
  handle: FileHandle,
  decoded: (bytes: Buffer) => string | undefined,
): Promise<Start | string | undefined> {
  const before = settings.format === 'csv' ? settings.skip : 0
  const count = before + (hasHeader(settings) ? 1 : 0)
  if (count === 0) return started(fieldsOf(settings, undefined), 0, 0)
  const portion = await readPortion(handle, 0, file.size)
  const last = portion?.lines[count - 1]
  if (!last) return undefined
  if (!hasHeader(settings)) return started(fieldsOf(settings, undefined), last.to, count)
  const header = last.bytes && decoded(last.bytes)
  if (header === undefined) return `its header is not text in ${(settings as CsvSettings).encoding}`
  return started(fieldsOf(settings, header), last.to, count)
}

function started(fields: Fields | string, offset: number, line: number): Start | string {
  return typeof fields === 'string' ? fields : { fields, offset, line }
}

async function rest(handle: FileHandle, from: number, size: number): Promise<Portion> {
  if (size - from > LINE_BYTES_MAX) return { lines: [{ bytes: undefined, from, to: size }], torn: 0, from }
  const bytes = Buffer.alloc(size - from)
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, from)
  const isThere = bytesRead === bytes.length && bytesRead > 0
  return { lines: isThere ? [{ bytes, from, to: size }] : [], torn: bytesRead, bytes, from }
}
