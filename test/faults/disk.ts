// A disk as a power cut leaves it. What was flushed is there; of what was not, any part may be: some writes and not others, in any order
// between files, torn inside at sectors, names without contents and contents without names.
//
// Rules, as POSIX has them and no better: a file's data and length are safe after a flush of that file; a name (made, moved, removed) is
// safe after a flush of its folder. After a failed flush nothing that it was for is ever safe by a later flush: the kernel has dropped it.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Dice } from './dice.ts'
import type { Operation } from './trace.ts'

/** By path below the folder; null: a folder. */
export type Files = ReadonlyMap<string, Uint8Array | null>

const CREATE = 0o100
const TRUNCATE = 0o1000

interface Bytes {
  buffer: Buffer
  length: number
}

interface Inode {
  readonly durable: Bytes
}
type Named = Inode | 'folder'

interface DataOperation {
  readonly what: 'data'
  readonly inode: Inode
  readonly offset: number
  /** Undefined: the file is cut or grown to `offset`. */
  readonly data: Buffer | undefined
  /** Its flush failed. */
  isOrphan: boolean
}

interface NameOperation {
  readonly what: 'name'
  readonly folders: readonly string[]
  apply(names: Map<string, Named>): void
}

type Pending = DataOperation | NameOperation

const WAYS = ['none', 'all', 'prefix', 'operations', 'sectors', 'files', 'but-one', 'last'] as const
/** Which part of what was not flushed has come through. */
export type Way = (typeof WAYS)[number]

export interface Disk {
  apply(operation: Operation): void
  /** Writes and names that no flush has made safe. */
  pending(): number
  /** The disk after a power cut now. */
  cut(way: Way, dice: Dice): Files
}

/** `folder` is what the traced process saw as its watched folder; `files` is what was in it when the trace began. */
export function createDisk(folder: string, files: Files = new Map()): Disk {
  const names = new Map<string, Named>([['', 'folder']])
  for (const [path, data] of files) names.set(path, data ? { durable: bytesOf(data) } : 'folder')
  const durableNames = new Map(names)
  const descriptors = new Map<number, { path: string; named: Named }>()
  let pending: Pending[] = []

  const short = (path: string) => path.slice(folder.length + 1)
  const inodeAt = (fd: number): Inode | undefined => {
    const named = descriptors.get(fd)?.named
    return named === 'folder' ? undefined : named
  }
  const change = (path: string, apply: NameOperation['apply'], other?: string) => {
    const folders = [path, ...(other === undefined ? [] : [other])].map(folderOf)
    pending.push({ what: 'name', folders, apply })
    apply(names)
  }

  function open(fd: number, flags: number, path: string): void {
    let named = names.get(path)
    if (!named && flags & CREATE) {
      const made: Inode = { durable: bytesOf(new Uint8Array(0)) }
      change(path, (it) => void it.set(path, made))
      named = made
    }
    if (!named) throw new Error(`${path} was opened, and the model of a disk does not know it`)
    if (named !== 'folder' && flags & TRUNCATE)
      pending.push({ what: 'data', inode: named, offset: 0, data: undefined, isOrphan: false })
    descriptors.set(fd, { path, named })
  }

  function flush(fd: number, error: number): void {
    const it = descriptors.get(fd)
    if (!it) return
    const { path, named } = it
    if (named === 'folder') {
      if (error) return
      const safe = pending.filter((op): op is NameOperation => op.what === 'name' && op.folders.includes(path))
      for (const op of safe) op.apply(durableNames)
      pending = pending.filter((op) => !(safe as Pending[]).includes(op))
      return
    }
    const mine = (op: Pending): op is DataOperation => op.what === 'data' && op.inode === named && !op.isOrphan
    if (error) for (const op of pending.filter(mine)) op.isOrphan = true
    for (const op of pending.filter(mine)) put(named.durable, op.offset, op.data)
    pending = pending.filter((op) => !mine(op))
  }

  function data(fd: number, offset: number, bytes: Buffer | undefined): void {
    const inode = inodeAt(fd)
    if (inode) pending.push({ what: 'data', inode, offset, data: bytes, isOrphan: false })
  }

  function rename(from: string, to: string): void {
    const moved = names.get(from)
    if (!moved) return
    if (moved === 'folder') throw new Error(`a folder was renamed (${from}): the model of a disk does not know that`)
    change(
      to,
      (it) => {
        // The new name may be safe before the old one is gone; never is the file without any.
        it.set(to, moved)
        if (it.get(from) === moved) it.delete(from)
      },
      from,
    )
  }

  return {
    apply(operation) {
      switch (operation.op) {
        case 'open':
          return open(operation.fd, operation.flags, short(operation.path))
        case 'close':
          return void descriptors.delete(operation.fd)
        case 'write':
          return data(operation.fd, operation.offset, operation.data)
        case 'truncate':
          return data(operation.fd, operation.length, undefined)
        case 'flush':
          return flush(operation.fd, operation.error)
        case 'unlink':
        case 'rmdir': {
          const path = short(operation.path)
          return change(path, (it) => void it.delete(path))
        }
        case 'mkdir': {
          const path = short(operation.path)
          return path === '' ? undefined : change(path, (it) => void it.set(path, 'folder'))
        }
        case 'rename':
          return rename(short(operation.path), short(operation.to))
        case 'mark':
          return
      }
    },
    pending: () => pending.length,
    cut: (way, dice) => cutOf(durableNames, pending, choiceOf(way, pending, dice)),
  }
}

export const randomWay = (dice: Dice): Way => dice.oneOf(WAYS.slice(2))

/** Says for each operation how much of it has come through: all, nothing, or sectors. */
type Choice = (index: number) => 'all' | 'nothing' | { readonly bytes: number; readonly keeps: () => boolean }

function choiceOf(way: Way, pending: readonly Pending[], dice: Dice): Choice {
  const bytes = dice.oneOf([512, 4096])
  const share = dice.oneOf([0.1, 0.5, 0.9])
  const sectors = { bytes, keeps: () => dice.next() < share }
  const at = dice.below(pending.length + 1)
  const files = new Map<unknown, boolean>()
  switch (way) {
    case 'none':
      return () => 'nothing'
    case 'all':
      return () => 'all'
    case 'prefix':
      return (index) => (index < at ? 'all' : index === at ? sectors : 'nothing')
    case 'operations':
      return () => (dice.next() < share ? 'all' : 'nothing')
    case 'sectors':
      return () => sectors
    case 'but-one':
      return (index) => (index === at ? sectors : 'all')
    case 'last':
      return (index) => (index >= at ? 'all' : 'nothing')
    case 'files':
      return (index) => {
        const it = pending[index] as Pending
        const key = it.what === 'data' ? it.inode : it
        if (!files.has(key)) files.set(key, dice.next() < 0.5)
        return files.get(key) ? 'all' : 'nothing'
      }
  }
}

function cutOf(durableNames: ReadonlyMap<string, Named>, pending: readonly Pending[], choice: Choice): Files {
  const names = new Map(durableNames)
  const contents = new Map<Inode, Bytes>()
  const contentOf = (inode: Inode) => {
    let it = contents.get(inode)
    if (!it) contents.set(inode, (it = bytesOf(inode.durable.buffer.subarray(0, inode.durable.length))))
    return it
  }
  for (const [index, it] of pending.entries()) {
    const chosen = choice(index)
    if (chosen === 'nothing') continue
    if (it.what === 'name') {
      if (chosen === 'all' || chosen.keeps()) it.apply(names)
    } else if (chosen === 'all' || !it.data) {
      if (chosen === 'all' || chosen.keeps()) put(contentOf(it.inode), it.offset, it.data)
    } else putSectors(contentOf(it.inode), it.offset, it.data, chosen)
  }
  const files = new Map<string, Uint8Array | null>()
  for (const [path, named] of names) {
    if (path === '' || !isReachable(path, names)) continue
    if (named === 'folder') files.set(path, null)
    else {
      const { buffer, length } = contentOf(named)
      files.set(path, buffer.subarray(0, length))
    }
  }
  return files
}

function isReachable(path: string, names: ReadonlyMap<string, Named>): boolean {
  const folder = folderOf(path)
  return folder === '' || (names.get(folder) === 'folder' && isReachable(folder, names))
}

function folderOf(path: string): string {
  const folder = dirname(path)
  return folder === '.' ? '' : folder
}

function bytesOf(data: Uint8Array): Bytes {
  return { buffer: Buffer.from(data), length: data.length }
}

function put(bytes: Bytes, offset: number, data: Buffer | undefined): void {
  const end = offset + (data?.length ?? 0)
  if (end > bytes.buffer.length) {
    const grown = Buffer.alloc(Math.max(end, bytes.buffer.length * 2))
    bytes.buffer.copy(grown, 0, 0, bytes.length)
    bytes.buffer = grown
  }
  if (offset > bytes.length) bytes.buffer.fill(0, bytes.length, offset)
  data?.copy(bytes.buffer, offset)
  bytes.length = data ? Math.max(bytes.length, end) : end
}

function putSectors(
  bytes: Bytes,
  offset: number,
  data: Buffer,
  { bytes: sector, keeps }: { bytes: number; keeps: () => boolean },
) {
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + sector - ((offset + at) % sector))
    if (keeps()) put(bytes, offset + at, data.subarray(at, end))
    at = end
  }
}

/** The files of a folder but for what SQLite shares in memory. */
export function readFiles(dir: string): Files {
  const files = new Map<string, Uint8Array | null>()
  for (const it of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(it.parentPath, it.name)
    const short = path.slice(dir.length + 1)
    if (it.isDirectory()) files.set(short, null)
    else if (!short.endsWith('-shm')) files.set(short, readFileSync(path))
  }
  return files
}

/** Makes a folder of these files; its parent is there. */
export function writeFiles(dir: string, files: Files): void {
  mkdirSync(dir)
  for (const [path, data] of [...files].toSorted(([a], [b]) => a.length - b.length)) {
    if (data) writeFileSync(join(dir, path), data)
    else mkdirSync(join(dir, path), { recursive: true })
  }
}
