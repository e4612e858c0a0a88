// A device that writes down what happens to it (blocks.c), a file system on it, and what a power cut leaves of the device: all up to the last
// flush, and of what came after it any part, in any order, torn at sectors. Needs root and /dev/fuse.
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  cpSync,
  existsSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Dice } from './dice.ts'
import { makeImage, WITH_SBIN } from './partition.ts'
import { built } from './shim.ts'

/** In the order in which it came to the device. */
export type BlockRecord =
  | { readonly what: 'write'; readonly offset: number; readonly data: Buffer }
  | { readonly what: 'flush' }
  | { readonly what: 'mark'; readonly text: string }

export interface Device {
  /** As it was before the first record. */
  readonly image: Buffer
  readonly records: readonly BlockRecord[]
}

const HEADER_BYTES = 16
const SECTOR_BYTES = 512
const HOLE_BYTES = 65_536
/** Of e2fsck: what was wrong is right now. */
const FSCK_CORRECTED = 1
/** Others take loop devices at the same time. */
const TRIES_MAX = 10
const WAYS = ['none', 'all', 'some', 'first', 'sectors', 'but-one'] as const
type CutWay = (typeof WAYS)[number]

export function run(program: string, ...args: readonly string[]): string {
  for (let tries = 1; ; tries++)
    try {
      return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: WITH_SBIN }).trim()
    } catch (error) {
      if (tries === TRIES_MAX) throw error
    }
}

/** A file system of so many bytes on a device that is recorded while `work` runs; `marks` is an open file: what is written to it is recorded too. */
export async function recordDevice(
  dir: string,
  bytes: number,
  work: (folder: string, marks: number) => Promise<void>,
): Promise<Device> {
  const folder = join(dir, 'files')
  mkdirSync(folder)
  return await recordDisk(
    dir,
    (disk) => makeImage(disk, bytes),
    async (device, marksFile, undo) => {
      const loop = run('losetup', '--show', '-f', device)
      undo(() => run('losetup', '-d', loop))
      run('mount', loop, folder)
      undo(() => run('umount', folder))
      const marks = openSync(marksFile, 'w')
      undo(() => closeSync(marks))
      await work(folder, marks)
    },
  )
}

/** A device that `make` has filled, as a file; what `work` lays upon it, `undo` is told how to take away: the last first. `marks` is a file. */
export async function recordDisk(
  dir: string,
  make: (disk: string) => void,
  work: (device: string, marks: string, undo: (step: () => void) => void) => Promise<void>,
): Promise<Device> {
  const [disk, record, mount] = ['disk', 'record', 'device'].map((it) => join(dir, it)) as [string, string, string]
  mkdirSync(mount, { recursive: true })
  make(disk)
  const image = readFileSync(disk)
  const server = spawn(built('blocks'), [disk, record, mount], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  const undo: (() => void)[] = []
  try {
    await ready(server)
    undo.push(() => run('umount', mount))
    await work(join(mount, 'disk'), join(mount, 'marks'), (step) => undo.push(step))
  } finally {
    const failed = undone(undo)
    // What is still mounted would keep it for ever.
    if (failed.length > 0 || undo.length === 0) server.kill('SIGKILL')
    await ended
    if (failed.length > 0) console.log(`a device was not taken apart: ${String(failed[0])}`)
  }
  const records = recordsOf(readFileSync(record))
  for (const it of [disk, record]) rmSync(it)
  return { image, records }
}

/** Last first; what fails does not keep the others. */
function undone(steps: readonly (() => void)[]): unknown[] {
  return steps.toReversed().flatMap((it) => {
    try {
      it()
      return []
    } catch (error) {
      return [error]
    }
  })
}

async function ready(server: ChildProcess): Promise<void> {
  const first = await Promise.race([once(server.stdout as NodeJS.ReadableStream, 'data'), once(server, 'exit')])
  if (!String(first[0]).startsWith('ready')) throw new Error('the device that records cannot be mounted: is /dev/fuse there?')
}

function recordsOf(bytes: Buffer): BlockRecord[] {
  const found: BlockRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + HEADER_BYTES + bytes.readUInt32LE(at + 4)
    const data = bytes.subarray(at + HEADER_BYTES, end)
    const what = String.fromCharCode(bytes[at] as number)
    if (what === 'F') found.push({ what: 'flush' })
    else if (what === 'M') found.push({ what: 'mark', text: data.toString() })
    else found.push({ what: 'write', offset: Number(bytes.readBigUInt64LE(at + 8)), data })
    at = end
  }
  return found
}

export interface Cutter {
  /** To be called with all records, in their order. */
  apply(record: BlockRecord): void
  pending(): number
  /** The device after a power cut now. */
  cut(way: CutWay, dice: Dice): Buffer
}

export function createCutter(image: Buffer): Cutter {
  const durable = Buffer.from(image)
  let pending: { readonly offset: number; readonly data: Buffer }[] = []
  return {
    apply(record) {
      if (record.what === 'write') pending.push(record)
      if (record.what !== 'flush') return
      for (const { offset, data } of pending) data.copy(durable, offset)
      pending = []
    },
    pending: () => pending.length,
    cut(way, dice) {
      const left = Buffer.from(durable)
      const share = dice.oneOf([0.1, 0.5, 0.9])
      const at = dice.below(pending.length + 1)
      for (const [n, { offset, data }] of pending.entries()) {
        const isTorn = way === 'sectors' || ((way === 'first' || way === 'but-one') && n === at)
        const isWhole =
          way === 'all' || way === 'but-one' || (way === 'first' && n < at) || (way === 'some' && dice.next() < share)
        if (isTorn) tear(left, offset, data, () => dice.next() < share)
        else if (isWhole) data.copy(left, offset)
      }
      return left
    },
  }
}

export const randomCut = (dice: Dice): CutWay => dice.oneOf(WAYS)

function tear(left: Buffer, offset: number, data: Buffer, keeps: () => boolean): void {
  for (let at = 0; at < data.length; at += SECTOR_BYTES)
    if (keeps()) data.copy(left, offset + at, at, Math.min(data.length, at + SECTOR_BYTES))
}

/**
 * As a box at its next start (systemd/systemd-fsck@.service.d/holdfast.conf): the superblock itself may be torn, which neither the kernel nor e2fsck -p puts
 * right; where one e2fsck fails, a second looks at everything.
 */
function putRight(disk: string): void {
  const check = (how: string) => spawnSync('e2fsck', [how, disk], { encoding: 'utf8', env: WITH_SBIN })
  const isRight = (status: number | null) => status !== null && status <= FSCK_CORRECTED
  if (isRight(check('-y').status)) return
  const { status, stdout, stderr } = check('-fy')
  if (!isRight(status)) throw new Error(`e2fsck ended with ${status}: ${stdout}${stderr}`)
}

/** Most of a file system is zeros: they need not be written. */
function writeWithHoles(file: string, image: Buffer): void {
  const hole = Buffer.alloc(HOLE_BYTES)
  const fd = openSync(file, 'w')
  ftruncateSync(fd, image.length)
  for (let at = 0; at < image.length; at += HOLE_BYTES) {
    const piece = image.subarray(at, at + HOLE_BYTES)
    if (!piece.equals(hole)) writeSync(fd, piece, 0, piece.length, at)
  }
  closeSync(fd)
}

/** Lets the file system put itself right, as at the next start, and copies a folder of it out; an empty one where there is none yet. */
export function mountedCopy(dir: string, image: Buffer, folder: string, to: string): void {
  const [disk, at] = [join(dir, 'left'), join(dir, 'left-files')]
  mkdirSync(at, { recursive: true })
  writeWithHoles(disk, image)
  putRight(disk)
  run('mount', '-o', 'loop', disk, at)
  try {
    if (existsSync(join(at, folder))) cpSync(join(at, folder), to, { recursive: true, filter: (it) => !lstatSync(it).isSocket() })
    else mkdirSync(to)
  } finally {
    run('umount', at)
    rmSync(disk)
  }
}
