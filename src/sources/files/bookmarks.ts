// DIR/protocols/files/<source>.bookmarks: how far each file has become durable.
//
//   one line of JSON for each change, the last line of an id counts; a line that is torn, or no such JSON, is left out
//
// `offset`: all before it is in the log. `until`: what lies between the two may have been handed over. It is on the disk, by fsync, before
// anything beyond the last `until` is handed over: after a kill or a power cut what may be in the log already is known, and marked.
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Print } from './prints.ts'

export interface Bookmark extends Print {
  readonly id: number
  /** As the file system names it; empty: of no file that is there. */
  readonly inode: string
  readonly name: string
  readonly until: number
  /** Lines before `offset`. */
  readonly line: number
  /** Lines of it that could not be read. */
  readonly failed: number
  /** Day, since 1970, on which the file was last seen. */
  readonly seen: number
}

export interface Bookmarks {
  readonly all: ReadonlyMap<number, Bookmark>
  ofInode(inode: string): Bookmark | undefined
  /** `isSafe`: on the disk when it returns. */
  set(bookmark: Bookmark, isSafe?: boolean): void
  drop(id: number): void
  nextId(): number
  /** Lines of a file before this place may have been handed over by a life before this one. */
  doubtOf(id: number): number
  /** A copy is in doubt where its original is. */
  inheritDoubt(from: number, to: number): void
  /** What is set afterwards is not kept. */
  close(): void
}

const COMPACT_BYTES_MIN = 1_000_000
const KEPT_MAX = 100_000
const UNSEEN_DAYS_MAX = 90

export function openBookmarks(path: string, today: number): Bookmarks {
  mkdirSync(dirname(path), { recursive: true })
  const all = new Map(read(path).map((it) => [it.id, it]))
  forget(all, today)
  const inodes = new Map([...all.values()].filter((it) => it.inode !== '').map((it) => [it.inode, it.id]))
  const doubts = new Map([...all.values()].filter((it) => it.until > it.offset).map((it) => [it.id, it.until]))
  let next = 1 + [...all.keys()].reduce((max, it) => Math.max(max, it), 0)
  let bytes = 0
  let isClosed = false
  let file = writeAnew()

  function writeAnew(): number {
    const text = [...all.values()].map(lineOf).join('')
    bytes = text.length
    writeFileSync(`${path}.new`, text, { flush: true })
    renameSync(`${path}.new`, path)
    const opened = openSync(path, 'a')
    fdatasyncSync(opened)
    return opened
  }

  function append(text: string, isSafe: boolean): void {
    if (isClosed) return
    writeSync(file, text)
    bytes += text.length
    if (isSafe) fdatasyncSync(file)
    if (bytes < COMPACT_BYTES_MIN || bytes < all.size * 1_200) return
    closeSync(file)
    file = writeAnew()
  }

  function unbind(id: number): void {
    const { inode = '' } = all.get(id) ?? {}
    if (inodes.get(inode) === id) inodes.delete(inode)
  }

  return {
    all,
    ofInode: (inode) => all.get(inodes.get(inode) ?? -1),
    set(bookmark, isSafe = false) {
      unbind(bookmark.id)
      all.set(bookmark.id, bookmark)
      if (bookmark.inode !== '') inodes.set(bookmark.inode, bookmark.id)
      append(lineOf(bookmark), isSafe)
    },
    drop(id) {
      unbind(id)
      if (all.delete(id)) append(`${JSON.stringify({ id, gone: true })}\n`, false)
    },
    nextId: () => next++,
    doubtOf: (id) => doubts.get(id) ?? 0,
    inheritDoubt(from, to) {
      const doubt = doubts.get(from)
      if (doubt !== undefined) doubts.set(to, doubt)
    },
    close() {
      if (!isClosed) closeSync(file)
      isClosed = true
    },
  }
}

const lineOf = (it: Bookmark) => `${JSON.stringify(it)}\n`

function read(path: string): Bookmark[] {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const found = new Map<number, Bookmark>()
  for (const line of text.split('\n')) {
    const it = parsed(line)
    if (it && 'gone' in it) found.delete(it.id)
    else if (it) found.set(it.id, it)
  }
  return [...found.values()]
}

function parsed(line: string): Bookmark | { id: number; gone: true } | undefined {
  try {
    const it = JSON.parse(line) as Bookmark & { gone?: true }
    if (typeof it?.id !== 'number') return undefined
    if (it.gone) return { id: it.id, gone: true }
    const numbers = [it.offset, it.until, it.line, it.failed, it.headLength, it.tailLength, it.seen]
    const texts = [it.inode, it.name, it.head, it.tail]
    return numbers.every(Number.isSafeInteger) && texts.every((one) => typeof one === 'string') ? it : undefined
  } catch {
    return undefined
  }
}

/** Files that nobody has seen for long, then those unseen for longest. */
function forget(all: Map<number, Bookmark>, today: number): void {
  for (const it of all.values()) if (today - it.seen > UNSEEN_DAYS_MAX) all.delete(it.id)
  const byAge = [...all.values()].toSorted((a, b) => a.seen - b.seen)
  for (const it of byAge.slice(0, Math.max(0, byAge.length - KEPT_MAX))) all.delete(it.id)
}
