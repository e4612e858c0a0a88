// The disk of a box: what its boot loader keeps, two slots, a file system for its state and one for its log, on one device, as an image has them.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mountedCopy, run } from '../faults/blocks.ts'
import { makeImage } from '../faults/partition.ts'
import { makeBootEnvironment } from './box.ts'
import { slotImage } from './signing.ts'

const MIB = 1024 * 1024
/** Beyond its first 128 MiB ext4 keeps its superblock once more, as it does on a box. */
const FILES_BYTES = 136 * MIB

const PARTITIONS = {
  // A file that never moves, on a box: its blocks are all that there is of it here.
  grubenv: { at: 0, bytes: 1024 },
  'slot-A': { at: MIB, bytes: MIB },
  'slot-B': { at: 2 * MIB, bytes: MIB },
  state: { at: 4 * MIB, bytes: FILES_BYTES },
  log: { at: 4 * MIB + FILES_BYTES, bytes: FILES_BYTES },
} as const
export type PartitionName = keyof typeof PARTITIONS

const RAW = ['grubenv', 'slot-A', 'slot-B'] as const
const names = Object.keys(PARTITIONS) as PartitionName[]
const ALL_BYTES = PARTITIONS.log.at + PARTITIONS.log.bytes

export function partitionAt(offset: number): PartitionName | undefined {
  return names.find((it) => offset >= PARTITIONS[it].at && offset < PARTITIONS[it].at + PARTITIONS[it].bytes)
}

/** As it leaves the factory: one version in both slots. */
export function makeDisk(file: string): void {
  const image = Buffer.alloc(ALL_BYTES)
  const dir = mkdtempSync(join(tmpdir(), 'hf-disk-'))
  const made = join(dir, 'made')
  makeBootEnvironment(made)
  readFileSync(made).copy(image, PARTITIONS.grubenv.at)
  for (const slot of ['slot-A', 'slot-B'] as const) slotImage({ version: '1.0.0' }).copy(image, PARTITIONS[slot].at)
  for (const files of ['state', 'log'] as const) {
    makeImage(made, PARTITIONS[files].bytes)
    readFileSync(made).copy(image, PARTITIONS[files].at)
    rmSync(made)
  }
  rmSync(dir, { recursive: true })
  writeFileSync(file, image)
}

/** As the folder of a box; `undo` takes what ends it, in the order in which it was begun. */
export function mountDisk(device: string, dir: string, undo: (step: () => void) => void): void {
  const loops = names.map((name) => {
    const { at, bytes } = PARTITIONS[name]
    const loop = run('losetup', '--show', '-f', '-o', String(at), '--sizelimit', String(bytes), device)
    undo(() => run('losetup', '-d', loop))
    return [name, loop] as const
  })
  const of = Object.fromEntries(loops) as Record<PartitionName, string>
  for (const name of RAW) symlinkSync(of[name], join(dir, name))
  for (const [name, path] of [
    ['state', 'data'],
    ['log', 'data/log'],
  ] as const) {
    mkdirSync(join(dir, path))
    run('mount', '-o', 'noatime', of[name], join(dir, path))
    undo(() => run('umount', join(dir, path)))
  }
}

/** What an orderly way down writes. */
export function syncDisk(dir: string): void {
  execFileSync('sync', ['-f', join(dir, 'data'), join(dir, 'data/log')])
  execFileSync(
    'sync',
    RAW.map((name) => join(dir, name)),
  )
}

/** The folder of a box, of files, from what a power cut has left of its disk: as its next start puts it right. */
export function layOut(image: Buffer, dir: string): void {
  const of = (name: PartitionName) => image.subarray(PARTITIONS[name].at, PARTITIONS[name].at + PARTITIONS[name].bytes)
  for (const name of RAW) writeFileSync(join(dir, name), of(name))
  mountedCopy(dir, of('state'), '.', join(dir, 'data'))
  rmSync(join(dir, 'data/log'), { recursive: true, force: true })
  mountedCopy(dir, of('log'), '.', join(dir, 'data/log'))
}
