// Programs that are for another processor than the image's: none would start there. A build that runs one processor's programs on another can leave some.
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

const ELF = Buffer.from('\x7fELF', 'latin1')
/** Of a program's beginning, as far as the kind of processor. */
const HEAD_BYTES = 20

/** The number of the processor that a program or library is for (`e_machine`); nothing for any other file. */
function processorOf(head: Buffer): number | undefined {
  return head.length >= HEAD_BYTES && head.subarray(0, 4).equals(ELF) ? head.readUInt16LE(18) : undefined
}

/** Paths below `root`, and those in its initrd, with what they are for. */
export function foreignIn(root: string, processor: number): string[] {
  const found = [...programsBelow(root), ...programsInInitrds(join(root, 'boot'))]
  if (found.length === 0) throw new Error(`${root} has no program at all`)
  return found.filter((it) => it.processor !== processor).map((it) => `${it.path} (${it.processor})`)
}

interface Program {
  readonly path: string
  readonly processor: number
}

/** Step by step: Node's own way down would follow a link like `/var/run` out of the root, into this machine. */
function programsBelow(folder: string): Program[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((it) => {
    const path = join(folder, it.name)
    if (it.isDirectory()) return programsBelow(path)
    return it.isFile() ? programAt(path) : []
  })
}

function programAt(path: string): Program[] {
  const head = Buffer.alloc(HEAD_BYTES)
  const handle = openSync(path, 'r')
  try {
    return asProgram(path, head.subarray(0, readSync(handle, head)))
  } finally {
    closeSync(handle)
  }
}

function asProgram(path: string, head: Buffer): Program[] {
  const processor = processorOf(head)
  return processor === undefined ? [] : [{ path, processor }]
}

function programsInInitrds(boot: string): Program[] {
  const names = readdirSync(boot).filter((it) => it.startsWith('initrd.img-'))
  return names.flatMap((name) =>
    [...filesOfInitrd(readFileSync(join(boot, name)))].flatMap((it) => asProgram(`${name}: ${it.name}`, it.bytes)),
  )
}

interface Packed {
  readonly name: string
  readonly bytes: Buffer
}

/** Archives one behind the other, with zeros between; the last one packed as a whole. */
export function* filesOfInitrd(bytes: Buffer): Generator<Packed> {
  let at = 0
  while (at < bytes.length) {
    if (bytes[at] === 0) at++
    else if (bytes.readUInt16BE(at) === 0x1f8b) return yield* filesOfInitrd(gunzipSync(bytes.subarray(at)))
    else at = yield* filesOfArchive(bytes, at)
  }
}

/** An archive of cpio, "newc": of each file a head of 110 characters, its name, its bytes, each filled up to four. Returns where it ends. */
function* filesOfArchive(bytes: Buffer, from: number): Generator<Packed, number> {
  let at = from
  for (;;) {
    const head = bytes.toString('latin1', at, at + 110)
    if (!head.startsWith('07070')) throw new Error(`the initrd has no archive at byte ${at}`)
    const field = (index: number) => Number.parseInt(head.slice(6 + 8 * index, 14 + 8 * index), 16)
    const [size, nameSize] = [field(6), field(11)]
    const name = bytes.toString('utf8', at + 110, at + 109 + nameSize)
    const start = upToFour(at - from + 110 + nameSize) + from
    at = upToFour(start - from + size) + from
    if (name === 'TRAILER!!!') return at
    yield { name, bytes: bytes.subarray(start, start + size) }
  }
}

const upToFour = (size: number) => Math.ceil(size / 4) * 4
