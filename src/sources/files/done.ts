// What becomes of a file that is wholly durable: it stays, or goes away.
import { link, mkdir, rename, unlink } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import type { FolderFile } from './folder.ts'
import { fileAt } from './folder.ts'

export interface DoneSettings {
  readonly path: string
  readonly whenDone: 'leave' | 'move' | 'delete'
  readonly moveTo?: string | undefined
}

const NAMES_TRIED_MAX = 1_000

/**
 * Takes a file away that is still as it was when it was read; false: it is not. One with lines that could not be read is never deleted:
 * it goes to the folder `failed`. Throws what the system says.
 */
export async function takeAway(settings: DoneSettings, file: FolderFile, hasFailures: boolean): Promise<boolean> {
  const now = await fileAt(settings.path, file.name)
  if (!now || now.inode !== file.inode || now.size !== file.size || now.modifiedMs !== file.modifiedMs) return false
  if (settings.whenDone === 'delete' && !hasFailures) await unlink(file.path)
  else await moveTo(hasFailures ? join(settings.path, 'failed') : (settings.moveTo ?? join(settings.path, 'done')), file.path)
  return true
}

/** Under a name that nothing there has. */
async function moveTo(folder: string, path: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const { name, ext } = parse(basename(path))
  for (let number = 0; number < NAMES_TRIED_MAX; number++) {
    const target = join(folder, number === 0 ? name + ext : `${name}-${number}${ext}`)
    if (await moved(path, target)) return
  }
  throw new Error(`${folder} has ${NAMES_TRIED_MAX} files of this name`)
}

/** A link never replaces what is there; where the file system has none, the name was free a moment ago. */
async function moved(path: string, target: string): Promise<boolean> {
  try {
    await link(path, target)
    await unlink(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EMLINK') throw error
  }
  if (await fileAt(parse(target).dir, basename(target))) return false
  await rename(path, target)
  return true
}
