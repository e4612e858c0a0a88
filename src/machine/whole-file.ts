// A small file that is replaced: the old text or the new one, whatever happens.
import { constants } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Root writes into folders of others: a link that somebody laid there is not followed. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

/** Resolves once the new text is on disk by fsync, under its name. `mode` of a file that is made anew. */
export async function writeWhole(path: string, text: string | Uint8Array, mode = 0o644): Promise<void> {
  const file = await open(`${path}.new`, FLAGS, mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    // A disk that is full must not keep half of it.
    await rm(`${path}.new`, { force: true }).catch(() => undefined)
    throw error
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const folder = await open(dirname(path))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
