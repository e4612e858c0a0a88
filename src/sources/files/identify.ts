// Which bookmark a file goes on from: renamed, copied away and emptied, written anew, or never seen.
import type { FileHandle } from 'node:fs/promises'
import type { Bookmark, Bookmarks } from './bookmarks.ts'
import type { FolderFile } from './folder.ts'
import { hashAt, hasPrint } from './prints.ts'

export interface Identify {
  /** Undefined: it may be a copy that is not whole yet. */
  of(file: FolderFile, handle: FileHandle): Promise<Bookmark | undefined>
}

export interface IdentifyOptions {
  readonly marks: Bookmarks
  readonly settledMs: number
  /** Two names are two files, whatever is in them. */
  readonly isByName: boolean
  /** Resolves when all that was handed over is durable: bookmarks say so then. */
  durable(): Promise<void>
  note(word: string): void
  today(): number
  monotonic(): number
}

const NOTHING_READ = { offset: 0, headLength: 0, head: '', tailLength: 0, tail: '', until: 0, line: 0, failed: 0 }

export function identifier({ marks, settledMs, isByName, durable, note, today, monotonic }: IdentifyOptions): Identify {
  /** By inode: files that look like the beginning of a known one. */
  const growing = new Map<string, { size: number; since: number }>()

  function kept(mark: Bookmark, file: FolderFile): Bookmark {
    const seen = today()
    if (mark.inode === file.inode && mark.name === file.name && mark.seen === seen) return mark
    const moved = { ...mark, inode: file.inode, name: file.name, seen }
    marks.set(moved)
    return moved
  }

  /** The known file that this one begins as, as far as that was read: of several the one that was read furthest. */
  async function like(file: FolderFile, handle: FileHandle): Promise<{ mark: Bookmark | undefined; isPart: boolean }> {
    const heads = new Map<number, string | undefined>()
    let mark: Bookmark | undefined
    let partLength = 0
    for (const it of marks.all.values()) {
      const { headLength, head, offset } = it
      if (headLength === 0 || headLength > file.size || it.inode === file.inode || (isByName && it.name !== file.name)) continue
      if (offset <= (mark?.offset ?? 0)) continue
      if (!heads.has(headLength)) heads.set(headLength, await hashAt(handle, 0, headLength))
      if (heads.get(headLength) !== head) continue
      if (offset > file.size) partLength = Math.max(partLength, headLength)
      else if (await hasPrint(handle, it)) mark = it
    }
    // All files of one kind may begin with the same header: what has more in common counts.
    return { mark, isPart: partLength > (mark?.headLength ?? 0) }
  }

  function isStillGrowing({ inode, size }: FolderFile): boolean {
    const known = growing.get(inode)
    if (!known || known.size !== size) growing.set(inode, { size, since: monotonic() })
    return !known || known.size !== size || monotonic() - known.since < settledMs
  }

  return {
    async of(file, handle) {
      const known = marks.ofInode(file.inode)
      // Of which nothing was read: it may have been a copy that had not begun.
      const isFresh = known?.offset === 0
      if (known && !isFresh && file.size >= known.offset && (await hasPrint(handle, known))) return kept(known, file)
      if (known && !isFresh) {
        note(file.size < known.offset ? 'truncated' : 'rewritten')
        // Its bytes may turn up elsewhere: a log that was copied away and emptied.
        marks.set({ ...known, inode: '' })
      }
      await durable()
      const { mark: found, isPart } = await like(file, handle)
      if (isPart && isStillGrowing(file)) return undefined
      growing.delete(file.inode)
      if (!found && known && isFresh) return kept(known, file)
      if (!found) return kept({ id: marks.nextId(), inode: '', name: '', seen: 0, ...NOTHING_READ }, file)
      note('copied')
      if (known && isFresh) marks.drop(known.id)
      if (found.inode === '') return kept(found, file)
      const id = marks.nextId()
      marks.inheritDoubt(found.id, id)
      return kept({ ...found, id, inode: '' }, file)
    },
  }
}
