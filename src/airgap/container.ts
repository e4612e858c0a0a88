// The outside of a file (FORMAT.md): header, ciphertext, manifest, signature. Written as it comes, read from a file or from memory.
import { createHash } from 'node:crypto'
import { BadInput } from '../core/errors.ts'
import { isName } from './names.ts'
import type { SigningKey } from './keys.ts'
import { isPublicKey, isSignedBy, SIGNATURE_BYTES } from './keys.ts'

const MAGIC = Buffer.from('holdfast-export 1\n')
const SIGNED_PREFIX = Buffer.from('holdfast-export\n')
const HEADER_BYTES_MAX = 4_096
const READ_BYTES = 1_000_000
const TAIL_BYTES = 4 + SIGNATURE_BYTES

export interface Header {
  readonly device: string
  /** `ed25519:…` */
  readonly key: string
  readonly number: number
}

/** All of a file but its name: `ciphertext` is asked for the manifest once it is over. */
export async function* sealFile(
  header: Header,
  key: SigningKey,
  ciphertext: AsyncIterable<Uint8Array>,
  manifest: () => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  const begin = Buffer.concat([MAGIC, Buffer.from(`${JSON.stringify(header)}\n`)])
  hash.update(begin)
  yield begin
  for await (const chunk of ciphertext) {
    hash.update(chunk)
    yield chunk
  }
  const about = await manifest()
  const length = Buffer.alloc(4)
  length.writeUInt32LE(about.length)
  hash.update(about).update(length)
  yield Buffer.concat([about, length, key.sign(Buffer.concat([SIGNED_PREFIX, hash.digest()]))])
}

/** Bytes of a file wherever they are. */
export interface Bytes {
  readonly name: string
  readonly size: number
  /** Fewer at the end. */
  read(at: number, length: number): Uint8Array
}

export interface Opened {
  readonly header: Header
  readonly manifest: Uint8Array
  /** Where the ciphertext is. */
  readonly from: number
  readonly to: number
  /** Of the whole file, hexadecimal. */
  readonly sha256: string
}

/** Reads all of a file. Throws BadInput that names it where it is not whole and signed by the key that it names. */
export function openFile(bytes: Bytes): Opened {
  const { header, from } = readHeader(bytes)
  const tail = Buffer.from(bytes.read(Math.max(from, bytes.size - TAIL_BYTES), TAIL_BYTES))
  const to = bytes.size - TAIL_BYTES - (tail.length < TAIL_BYTES ? Infinity : tail.readUInt32LE(0))
  if (to < from) throw damaged(bytes.name, 'it is cut off')
  const hash = createHash('sha256')
  const end = bytes.size - SIGNATURE_BYTES
  for (let at = 0; at < end; at += READ_BYTES) hash.update(bytes.read(at, Math.min(READ_BYTES, end - at)))
  const whole = hash.copy().update(tail.subarray(4)).digest('hex')
  if (!isSignedBy(header.key, Buffer.concat([SIGNED_PREFIX, hash.digest()]), tail.subarray(4)))
    throw damaged(bytes.name, 'its signature does not hold: it is cut off, or has changed since the box wrote it')
  return { header, from, to, manifest: bytes.read(to, bytes.size - TAIL_BYTES - to), sha256: whole }
}

/** The header alone, unproven. Throws BadInput. */
export function readHeader(bytes: Bytes): { header: Header; from: number } {
  const begin = Buffer.from(bytes.read(0, HEADER_BYTES_MAX))
  const end = begin.indexOf(10, MAGIC.length)
  if (!begin.subarray(0, MAGIC.length).equals(MAGIC) || end < 0) throw damaged(bytes.name, 'it is no file of an export')
  try {
    const { device, key, number } = JSON.parse(begin.subarray(MAGIC.length, end).toString('utf8')) as Header
    if (isName(device) && isPublicKey(key) && Number.isSafeInteger(number))
      return { header: { device, key, number }, from: end + 1 }
  } catch {
    // Said below.
  }
  throw damaged(bytes.name, 'its header cannot be read')
}

function damaged(where: string, text: string): BadInput {
  return new BadInput([{ where, text, remedy: 'have it written again: holdfast export DIR on the box' }])
}
