// A signed file (FORMAT.md): one line of manifest, the parts behind it, a signature over all of it. Models and add-ons are such files.
//
// It is read into memory once, proven there, and used from there: whatever is put in its place meanwhile is not what runs.
import { createHash } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { z } from 'zod'
import type { SigningKey } from '../airgap/keys.ts'
import { isSignedBy, SIGNATURE_BYTES } from '../airgap/keys.ts'
import { ADDON_BYTES_MAX, MODEL_MANIFEST_BYTES_MAX } from '../core/bounds.ts'
import { Refused } from './refused.ts'

const MAGIC = Buffer.from('holdfast-signed 1\n')
const SIGNED_PREFIX = Buffer.from('holdfast-signed\n')

const partSchema = z.strictObject({
  /** Where it lies, in an add-on: a path below its folder. */
  name: z.string().regex(/^(?!\.)[\w.@-]+(\/(?!\.)[\w.@-]+)*$/),
  /** In the file. */
  bytes: z.int().min(0).max(ADDON_BYTES_MAX),
  /** Unpacked. */
  size: z.int().min(0).max(ADDON_BYTES_MAX),
})
const headSchema = z.object({
  kind: z.enum(['model', 'addon']),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  version: z.string().min(1).max(64),
  /** Who signed it. */
  key: z.string(),
  parts: z.array(partSchema).min(1).max(500),
})

export interface Part {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface Container {
  readonly kind: 'model' | 'addon'
  readonly name: string
  readonly version: string
  readonly key: string
  /** Whatever else its manifest says. */
  readonly manifest: unknown
  /** Of the whole file, hexadecimal. */
  readonly sha256: string
  parts(): Iterable<Part>
}

export interface NewContainer {
  readonly kind: Container['kind']
  readonly name: string
  readonly version: string
  readonly [more: string]: unknown
}

export function seal(about: NewContainer, parts: readonly Part[], key: SigningKey): Buffer {
  const packed = parts.map((it) => ({ ...it, packed: zstdCompressSync(it.bytes) }))
  const listed = packed.map((it) => ({ name: it.name, bytes: it.packed.length, size: it.bytes.length }))
  const manifest = Buffer.from(`${JSON.stringify({ ...about, key: key.public, parts: listed })}\n`)
  const body = Buffer.concat([MAGIC, manifest, ...packed.map((it) => it.packed)])
  return Buffer.concat([body, key.sign(signedOf(body))])
}

/** Throws Refused unless it is whole and signed by one of the keys. */
export function open(bytes: Uint8Array, keys: readonly string[]): Container {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { head, manifest, from } = headOf(file)
  if (!keys.includes(head.key)) throw new Refused('model-foreign', `it is signed by ${head.key}, whose files nobody trusts here`)
  const end = file.length - SIGNATURE_BYTES
  const sum = head.parts.reduce((all, it) => all + it.bytes, 0)
  if (from + sum !== end) throw new Refused('model-damaged', 'it is cut off, or has something behind it')
  if (!isSignedBy(head.key, signedOf(file.subarray(0, end)), file.subarray(end)))
    throw new Refused('model-damaged', 'its signature does not hold: it has changed since it was signed')
  const { kind, name, version, key } = head
  const sha256 = createHash('sha256').update(file).digest('hex')
  return { kind, name, version, key, manifest, sha256, parts: () => unpacked(file, from, head.parts) }
}

function* unpacked(file: Buffer, from: number, parts: z.output<typeof partSchema>[]): Iterable<Part> {
  let at = from
  for (const { name, bytes, size } of parts) {
    yield { name, bytes: zstdDecompressSync(file.subarray(at, at + bytes), { maxOutputLength: Math.max(1, size) }) }
    at += bytes
  }
}

function headOf(file: Buffer): { head: z.output<typeof headSchema>; manifest: unknown; from: number } {
  const line = file.subarray(MAGIC.length, MAGIC.length + MODEL_MANIFEST_BYTES_MAX)
  const end = line.indexOf(10)
  if (!file.subarray(0, MAGIC.length).equals(MAGIC) || end < 0) throw new Refused('model-damaged', 'it is no signed file')
  let manifest: unknown
  try {
    manifest = JSON.parse(line.toString('utf8', 0, end))
  } catch {
    throw new Refused('model-damaged', 'its manifest cannot be read')
  }
  const found = headSchema.safeParse(manifest)
  if (!found.success) throw new Refused('model-damaged', `its manifest says what it must not: ${z.prettifyError(found.error)}`)
  return { head: found.data, manifest, from: MAGIC.length + end + 1 }
}

const signedOf = (body: Uint8Array) => Buffer.concat([SIGNED_PREFIX, createHash('sha256').update(body).digest()])
