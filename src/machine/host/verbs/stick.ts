// The USB stick: the one that is plugged in, at one place, never with programs, devices or set-user bits of its own.
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { BadInput, Unreachable } from '../../../core/errors.ts'
import type { HostParts } from '../verb.ts'
import { verb } from '../verb.ts'

const SYSFS = '/sys/class/block'
const KINDS = ['vfat', 'exfat', 'ext4', 'ext3', 'ext2']

export const stickMount = verb({
  name: 'stickMount',
  input: z.strictObject({ write: z.boolean() }),
  isOffered: ({ programs }) => programs.has('mount') && programs.has('blkid'),
  async run({ write }, host) {
    const { programs, places } = host
    const device = places.stickDevice ?? pluggedIn()
    const kind = await kindOf(host, device)
    mkdirSync(places.stick, { recursive: true })
    if (isMounted(places.stick)) await programs.run('umount', [places.stick])
    // Reading alone must not so much as replay a journal.
    const how = write ? 'rw' : kind.startsWith('ext') && kind !== 'ext2' ? 'ro,noload' : 'ro'
    await programs.run('mount', ['-t', kind, '-o', `${how},nosuid,nodev,noexec`, '--', device, places.stick])
    const { bavail, bsize } = await statfs(places.stick)
    return { path: places.stick, device, bytesFree: bavail * bsize }
  },
})

export const stickUnmount = verb({
  name: 'stickUnmount',
  input: z.strictObject({}),
  isOffered: ({ programs }) => programs.has('umount'),
  async run(_, { programs, places }) {
    if (isMounted(places.stick)) await programs.run('umount', [places.stick])
  },
})

async function kindOf({ programs }: HostParts, device: string): Promise<string> {
  const kind = (await programs.run('blkid', ['-p', '-o', 'value', '-s', 'TYPE', '--', device]).catch(() => '')).trim()
  if (KINDS.includes(kind)) return kind
  const remedy = `format it as ${KINDS.slice(0, 3).join(', ')}`
  throw new BadInput([{ where: device, text: kind === '' ? 'holds no file system' : `${kind} is not taken`, remedy }])
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((it) => it.split(' ')[1] === path)
}

/** The partition, or the whole, of the one USB device that has blocks. */
function pluggedIn(): string {
  const all = readdirSync(SYSFS).filter((it) => isUsb(it) && sizeOf(it) > 0)
  const parts = all.filter((it) => statSync(join(SYSFS, it, 'partition'), { throwIfNoEntry: false }))
  const found = parts.length > 0 ? parts : all
  const [first] = found
  if (first === undefined)
    throw new Unreachable('no-stick', 'no USB stick is plugged in', { remedy: 'plug one in and try again' })
  if (found.length > 1) {
    const remedy = 'leave one stick with one partition in'
    throw new BadInput([{ where: 'stick', text: `there are several: ${found.join(', ')}`, remedy }])
  }
  return `/dev/${first}`
}

function isUsb(name: string): boolean {
  return readlinkSync(join(SYSFS, name)).includes('/usb')
}

function sizeOf(name: string): number {
  return Number(readFileSync(join(SYSFS, name, 'size'), 'utf8'))
}
