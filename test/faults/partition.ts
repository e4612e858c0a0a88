// A small partition of its own, and another program that fills it. Needs root, as mounting does.
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Where Debian keeps mkfs and losetup. */
export const WITH_SBIN = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
const CHUNK_BYTES = 256 * 1024
const LAST_BYTES = 512

export interface Partition {
  readonly dir: string
  fill(): void
  free(): void
  unmount(): void
}

export type FileSystem = 'tmpfs' | 'ext4'

export const mayMount = (): boolean => process.getuid?.() === 0

export function mountPartition(dir: string, bytes: number, kind: FileSystem): Partition {
  const at = join(dir, 'partition')
  mkdirSync(at)
  if (kind === 'tmpfs') execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', at])
  else mountImage(join(dir, 'image'), bytes, at)
  const others = join(at, 'others')
  return {
    dir: at,
    fill: () => fillWith(others),
    free: () => rmSync(others, { force: true }),
    unmount: () => void execFileSync('umount', [at]),
  }
}

/** Blocks as long as a page, as on any partition of a device: with shorter ones a file that is shared in memory may find no room, and the process ends by SIGBUS. */
export function makeImage(image: string, bytes: number): void {
  execFileSync('truncate', ['-s', String(bytes), image])
  // All of it is written now: nothing that the kernel makes good later comes in between.
  const whole = ['-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0']
  execFileSync('mkfs.ext4', ['-q', '-b', '4096', '-m', '0', ...whole, image], { env: WITH_SBIN })
}

function mountImage(image: string, bytes: number, at: string): void {
  makeImage(image, bytes)
  execFileSync('mount', ['-o', 'loop', image, at])
}

/** Writes until nothing fits any more, in ever smaller pieces. */
function fillWith(path: string): void {
  const fd = openSync(path, 'a')
  try {
    for (let size = CHUNK_BYTES; size >= LAST_BYTES; ) {
      try {
        writeSync(fd, new Uint8Array(size))
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOSPC') throw error
        size /= 2
      }
    }
  } finally {
    closeSync(fd)
  }
}
