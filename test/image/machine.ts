// A virtual machine that runs an image: one QEMU process for one boot, its serial line, its page, and its disk once it is off.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../plant/helpers.ts'
import { until } from '../route/until.ts'
import { setFirmware } from './firmware.ts'
import type { Qemu } from './qemu.ts'
import { qemu } from './qemu.ts'
import { BOOT_MS_MAX } from './times.ts'

const root = join(import.meta.dirname, '../..')
const cache = join(root, '.cache/images')
/** As the first boot finds it: larger than the image, so that there is something to grow into. */
const DISK_BYTES = 4_000_000_000
const OFF_MS_MAX = BOOT_MS_MAX

export interface Disk {
  readonly board: string
  /** Below .cache/images. */
  readonly folder: string
  readonly path: string
  remove(): void
}

/** A copy of what `make images` made. */
export function newDisk(board: string): Disk {
  const image = join(cache, board, 'out/disk.img')
  if (!existsSync(image)) throw new Error(`there is no image of ${board}: make images`)
  mkdirSync(join(cache, 'machines'), { recursive: true })
  const dir = mkdtempSync(join(cache, 'machines', 'm-'))
  const path = join(dir, 'disk.img')
  execFileSync('cp', ['--sparse=always', '--reflink=auto', image, path])
  truncateSync(path, DISK_BYTES)
  return diskIn(board, dir, path)
}

function diskIn(board: string, dir: string, path: string): Disk {
  const folder = join('machines', dir.slice(dir.lastIndexOf('/') + 1))
  return { board, path, folder, remove: () => rmSync(dir, { recursive: true }) }
}

export interface Machine extends Qemu {
  /** On its keyboard, as QEMU names keys: `alt-sysrq-b`. */
  press(keys: string): Promise<void>
  /** By the port in a zone, forwarded from this machine. */
  readonly page: { readonly service: string; readonly uplink: string }
  /** QEMU's own network goes from ports with a tap: it would answer connections that are meant for the box. What it gave, as an address, stays. */
  tapsAlone(): Promise<void>
  /** The power button, and until the machine is off. */
  off(): Promise<void>
  /** Until it is off by itself: it starts anew by another `boot`. */
  goesOff(msMax?: number): Promise<void>
}

/** Of ports, by zone: the tap that a port is wired to, beside the network that QEMU makes there. */
export type Taps = Readonly<Partial<Record<'uplink' | 'plant' | 'service', string>>>

/** What else a boot may have. */
export interface BootOptions {
  /** More of QEMU's. */
  readonly qemu?: readonly string[]
  /** A digit, by which one machine differs from another in all its numbers. Absent: it has none, as many boards. */
  readonly hardware?: string
  /** The plant's port reaches this machine's loopback, as 10.20.1.2. The uplink's always does, as 10.0.2.2. */
  readonly plantReachesUs?: boolean
}

/** Three ports as on a box: uplink, plant, service. */
export async function boot(disk: Disk, taps: Taps = {}, options: BootOptions = {}): Promise<Machine> {
  const [service, uplink] = [await freePort(), await freePort()]
  const { hardware } = options
  const net = (id: keyof Taps, address: string, user: string) => [
    ...(taps[id] === undefined ? ['-netdev', `user,id=${id},${user}`] : hub(id, user, taps[id])),
    '-device',
    // QEMU's own are the same in every machine, and for this machine alone: no numbers of a port.
    `virtio-net-pci,netdev=${id},addr=${address}${hardware === undefined ? '' : `,mac=00:00:5e:00:53:${hardware}${address.slice(-1)}`}`,
  ]
  const folder = { name: disk.folder, path: join(disk.path, '..') }
  await setFirmware(disk.board, folder)
  const machine = qemu(disk.board, folder, [
    ...net('uplink', '0x10', `hostfwd=tcp:127.0.0.1:${uplink}-:443`),
    ...net('plant', '0x11', `net=10.20.1.0/24${options.plantReachesUs ? '' : ',restrict=on'}`),
    ...net(
      'service',
      '0x12',
      `net=192.168.77.0/24,host=192.168.77.200,restrict=on,dhcpstart=192.168.77.210,hostfwd=tcp:127.0.0.1:${service}-192.168.77.1:443`,
    ),
    ...(hardware === undefined ? [] : numbersOf(hardware)),
    ...(options.qemu ?? []),
  ])
  const goesOff = async (msMax = OFF_MS_MAX) => void (await until('the machine is off', machine.isOff, msMax, 500))
  return {
    ...machine,
    press: (keys) => monitor(join(disk.path, '..', 'monitor.sock'), `sendkey ${keys}`),
    page: { service: `https://127.0.0.1:${service}`, uplink: `https://127.0.0.1:${uplink}` },
    async tapsAlone() {
      for (const id of Object.keys(taps)) await monitor(join(disk.path, '..', 'monitor.sock'), `set_link ${id}-user off`)
    },
    async off() {
      await monitor(join(disk.path, '..', 'monitor.sock'), 'system_powerdown')
      await goesOff()
    },
    goesOff,
  }
}

/** What its board says of itself. */
function numbersOf(hardware: string): string[] {
  const serial = `HF-TEST-100${hardware}`
  return [
    '-uuid',
    `6f1c2a44-7d0b-4e7e-9a55-00000000000${hardware}`,
    '-smbios',
    `type=1,serial=${serial}`,
    '-smbios',
    `type=2,serial=${serial}`,
  ]
}

/** The number of a hub is free for each id: a letter's is. */
function hub(id: string, options: string, tap: string): string[] {
  const number = id.charCodeAt(0)
  const parts = [
    `user,id=${id}-user,${options}`,
    `tap,id=${id}-tap,ifname=${tap},script=no,downscript=no`,
    `hubport,id=${id}-a,hubid=${number},netdev=${id}-user`,
    `hubport,id=${id}-b,hubid=${number},netdev=${id}-tap`,
    `hubport,id=${id},hubid=${number}`,
  ]
  return parts.flatMap((it) => ['-netdev', it])
}

async function monitor(path: string, command: string): Promise<void> {
  const socket = connect(path)
  await once(socket, 'connect')
  socket.write(`${command}\n`)
  await once(socket, 'data')
  socket.end()
}

/** What the boot loader goes by, of a machine that is off. */
export function bootEnvironment(disk: Disk): Readonly<Record<string, string>> {
  const lines = inTools('mcopy', ['-i', `/made/${disk.folder}/disk.img@@1M`, '::/grubenv', '-']).split('\n')
  return Object.fromEntries(lines.map((it) => it.split('=') as [string, string]))
}

/** The journal that a machine left, in lines. */
export function journalOf(disk: Disk): string {
  return ofPartition(disk, 'state', 'journalctl -D /mnt/it/log/journal --no-pager -o short-monotonic')
}

/** What lies below a folder of a partition of a machine that is off. */
export function filesBelow(disk: Disk, name: string, folder: string): string[] {
  return ofPartition(disk, name, `find /mnt/it/${folder} -mindepth 1`)
    .split('\n')
    .filter((it) => it !== '')
}

/** What lies in a partition of a machine that is off, copied to a folder beside its disk. */
export function copyOf(disk: Disk, name: string, to: string): string {
  ofPartition(disk, name, `mkdir /made/${disk.folder}/${to}; cp -a /mnt/it/. /made/${disk.folder}/${to}`)
  return join(disk.path, '..', to)
}

/** A disk of its own with the same on it, of a machine that is off. */
export function cloneOf(disk: Disk): Disk {
  const dir = mkdtempSync(join(cache, 'machines', 'm-'))
  const path = join(dir, 'disk.img')
  execFileSync('cp', ['--sparse=always', '--reflink=auto', disk.path, path])
  return diskIn(disk.board, dir, path)
}

/** What `command` prints that sees it at /mnt/it. Nothing of it is changed. */
export function ofPartition(disk: Disk, name: string, command: string, how = 'ro,noload'): string {
  const script = 'mkdir -p /mnt/it; mount -o loop,$4,offset=$1,sizelimit=$2 $3 /mnt/it; trap "umount /mnt/it" EXIT; '
  const { start = 0, size = 0 } = partitions(disk)[name] ?? {}
  return inTools('bash', ['-euc', script + command, name, String(start), String(size), `/made/${disk.folder}/disk.img`, how])
}

/** In ever smaller pieces, the last byte by byte. */
const FILL = `
  free() { echo $(($(stat -f -c '%a*%S' /mnt/it))); }
  size=$(free) files=0
  while [ "$size" -ge 512 ]; do
    fallocate -l "$size" "/mnt/it/others-$files" 2> /dev/null || rm -f "/mnt/it/others-$files"
    files=$((files + 1)) left=$(free)
    [ "$left" -gt 0 ] && [ "$left" -lt "$size" ] && size=$left || size=$((size / 2))
  done
  cat /dev/zero > /mnt/it/others-last 2> /dev/null || true
  free`

/** Of a machine that is off: files of root's fill a partition. How many bytes are left for others. */
export function fill(disk: Disk, name: string): number {
  return Number(ofPartition(disk, name, FILL, 'rw'))
}

/** Of a machine that is off: nothing of a partition is left that anybody could mount. */
export function destroy(disk: Disk, name: string): void {
  const { start = 0, size = 0 } = partitions(disk)[name] ?? {}
  const handle = openSync(disk.path, 'r+')
  const nothing = Buffer.alloc(1_048_576)
  for (let at = 0; at < size; at += nothing.length) writeSync(handle, nothing, 0, Math.min(nothing.length, size - at), start + at)
  closeSync(handle)
}

/** Of a machine that is off: of the file system's first superblock the second sector is another's, as a plug that is pulled may leave it. */
export function tear(disk: Disk, name: string): void {
  const { start = 0 } = partitions(disk)[name] ?? {}
  const handle = openSync(disk.path, 'r+')
  writeSync(handle, Buffer.alloc(512, 0xff), 0, 512, start + 1024 + 512)
  closeSync(handle)
}

/** SHA-256 of a partition of a machine that is off. */
export async function digestOf(disk: Disk, name: string): Promise<string> {
  const { start = 0, size = 0 } = partitions(disk)[name] ?? {}
  const hash = createHash('sha256')
  for await (const part of createReadStream(disk.path, { start, end: start + size - 1 })) hash.update(part as Buffer)
  return hash.digest('hex')
}

interface Partition {
  readonly name: string
  readonly start: number
  readonly size: number
}

/** By name, in bytes. */
export function partitions(disk: Disk): Readonly<Record<string, Partition>> {
  const text = inTools('sfdisk', ['--json', `/made/${disk.folder}/disk.img`])
  const { partitiontable } = JSON.parse(text) as { partitiontable: { partitions: Partition[] } }
  return Object.fromEntries(
    partitiontable.partitions.map((it) => [it.name, { ...it, start: it.start * 512, size: it.size * 512 }]),
  )
}

function inTools(program: string, args: readonly string[]): string {
  return execFileSync('bash', ['-c', '. images/common.sh; in_tools "$@"', 'tools', program, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 100_000_000,
  })
}
