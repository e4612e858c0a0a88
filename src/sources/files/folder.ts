// What lies in the folder. Shares tell no changes: it is looked at again and again.
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Unreachable } from '../../core/errors.ts'
import { tagMatcher } from '../../core/tag-pattern.ts'

export interface FolderFile {
  readonly name: string
  readonly path: string
  /** Device and inode. */
  readonly inode: string
  readonly size: number
  readonly modifiedMs: number
}

const STATS_AT_ONCE = 8

/** Regular files whose names fit, the oldest first. Hidden ones only where the pattern begins with a dot. Throws Unreachable. */
export async function filesIn(path: string, pattern: string): Promise<FolderFile[]> {
  const fits = tagMatcher(pattern)
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => Promise.reject(folderError(path, error)))
  const wanted = names.filter((it) => fits(it) && (!it.startsWith('.') || pattern.startsWith('.')))
  const found: FolderFile[] = []
  for (let at = 0; at < wanted.length; at += STATS_AT_ONCE) {
    const some = await Promise.all(wanted.slice(at, at + STATS_AT_ONCE).map((name) => fileAt(path, name)))
    found.push(...some.filter((it) => it !== undefined))
  }
  return found.toSorted((a, b) => a.modifiedMs - b.modifiedMs || (a.name < b.name ? -1 : 1))
}

/** Undefined: no regular file, or gone meanwhile. */
export async function fileAt(folder: string, name: string): Promise<FolderFile | undefined> {
  const path = join(folder, name)
  const it = await lstat(path, { bigint: true }).catch(() => undefined)
  if (!it?.isFile()) return undefined
  return { name, path, inode: `${it.dev}:${it.ino}`, size: Number(it.size), modifiedMs: Number(it.mtimeMs) }
}

function folderError(path: string, error: NodeJS.ErrnoException): Unreachable {
  const [code, text, remedy] = REASONS[error.code ?? ''] ?? [
    'folder-unreadable',
    `cannot be read: ${error.code ?? error.message}`,
    'Look at the share, and at the mount on this box.',
  ]
  return new Unreachable(code, `the folder ${path} ${text}`, { remedy, cause: error })
}

const REASONS: Readonly<Record<string, readonly [code: string, text: string, remedy: string]>> = {
  ENOENT: ['no-such-folder', 'is not there', 'Mount the share, or correct path.'],
  ENOTDIR: ['no-such-folder', 'is no folder', 'path must name the folder; pattern says which files.'],
  EACCES: ['no-permission', 'may not be read by us', 'Give the user of the agent the right to read and enter it.'],
  ESTALE: ['share-away', 'is on a share that is away', 'Mount the share again.'],
  EHOSTDOWN: ['share-away', 'is on a share that is away', 'Look whether the server of the share is up.'],
  EIO: ['share-away', 'cannot be read: the share or the disk fails', 'Look at the share, and at the mount on this box.'],
}
