// A file is there whole or not at all: written under another name, on the medium by fsync, then renamed, and the folder too.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Of files that are being written; whoever reads a folder passes over them. */
export const PART = '.part'

/** Only its owner may read it, where nothing else is said. */
export function writeWhole(file: string, content: string | Uint8Array, mode = 0o600): void {
  const bytes = Buffer.from(content)
  const fd = openSync(file + PART, 'w', mode)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  nameWhole(file)
}

/** Gives a part that is on the medium its name. */
export function nameWhole(file: string): void {
  renameSync(file + PART, file)
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
