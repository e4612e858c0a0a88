// Parts of files, in whatever order and however often they come, as files again.
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join, parse } from 'node:path'
import type { FilePart, FilePartHead } from '../../../core/file-parts.ts'
import { FILE_PART_BYTES } from '../../../core/file-parts.ts'
import type { FilesReport } from '../../../core/unpack.ts'

export interface FileWriter {
  add(part: FilePart): void
  /** What came of it; what is not whole is thrown away. */
  end(): FilesReport
}

interface Growing {
  readonly head: FilePartHead
  readonly path: string
  readonly have: Set<number>
}

const HASHED_BYTES = 1_000_000

export function fileWriter(dir: string): FileWriter {
  const partsDir = join(dir, '.parts')
  const growing = new Map<string, Growing>()
  /** Files that are done with: a part that comes again is nothing new. */
  const done = new Set<string>()
  const report = { written: 0, there: 0, bytes: 0, foreign: 0 }
  const damaged: string[] = []
  mkdirSync(partsDir, { recursive: true })

  function begin(key: string, head: FilePartHead): Growing {
    const it = { head, path: join(partsDir, sha256(key)), have: new Set<number>() }
    growing.set(key, it)
    return it
  }

  function finish(key: string, { head, path }: Growing): void {
    growing.delete(key)
    if (statSync(path).size !== head.size || hashOf(path) !== head.sha256) {
      damaged.push(head.name)
      rmSync(path, { force: true })
      return
    }
    done.add(key)
    const target = targetFor(dir, head)
    if (target === undefined) {
      report.there++
      rmSync(path)
      return
    }
    const seconds = head.modified / 1000
    utimesSync(path, seconds, seconds)
    renameSync(path, target)
    report.written++
    report.bytes += head.size
  }

  return {
    add(part) {
      const { data, ...head } = part
      if (!isNameOfAFile(head.name) || !isInItsPlace(part)) return void report.foreign++
      const key = `${head.name}\0${head.sha256}`
      if (done.has(key)) return
      const it = growing.get(key) ?? begin(key, head)
      if (it.head.parts !== head.parts || it.have.has(head.part)) return
      writeAt(it.path, data, head.part * FILE_PART_BYTES)
      it.have.add(head.part)
      if (it.have.size === head.parts) finish(key, it)
    },
    end() {
      const incomplete = [...growing.values()].map(({ head, have }) => ({ name: head.name, parts: head.parts, have: have.size }))
      rmSync(partsDir, { recursive: true, force: true })
      return { ...report, damaged, incomplete }
    },
  }
}

/** A box that was taken over must not choose where we write. */
function isNameOfAFile(name: string): boolean {
  return name !== '.' && name !== '..' && !/[/\\\0]/.test(name) && Buffer.byteLength(name) <= 255 && !name.startsWith('.parts')
}

function isInItsPlace({ size, part, parts, data }: FilePart): boolean {
  const length = part === parts - 1 ? size - part * FILE_PART_BYTES : FILE_PART_BYTES
  return parts === Math.max(1, Math.ceil(size / FILE_PART_BYTES)) && data.length === length
}

/** A name that is free; undefined: the file is there already. */
function targetFor(dir: string, { name, sha256: hash }: FilePartHead): string | undefined {
  const { name: stem, ext } = parse(name)
  for (const suffix of ['', `-${hash.slice(0, 12)}`, `-${hash}`]) {
    const path = join(dir, `${stem}${suffix}${ext}`)
    if (!existsSync(path)) return path
    if (statSync(path).isFile() && hashOf(path) === hash) return undefined
  }
  throw new Error(`${join(dir, name)} and its other names are taken`)
}

function writeAt(path: string, data: Uint8Array, at: number): void {
  const file = openSync(path, existsSync(path) ? 'r+' : 'w', 0o644)
  try {
    writeSync(file, data, 0, data.length, at)
  } finally {
    closeSync(file)
  }
}

function hashOf(path: string): string {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(HASHED_BYTES)
  const file = openSync(path, 'r')
  try {
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) hash.update(buffer.subarray(0, count))
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
