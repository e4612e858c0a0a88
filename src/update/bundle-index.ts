// The index of a bundle: BUNDLE.index, what a box needs to fetch of a bundle what it lacks. INDEX.md says byte by byte how it looks.
//
// Nothing is believed because an index says so: it says what to fetch and where it goes. RAUC checks the signature of what came of it.
import { createHash } from 'node:crypto'
import { CHUNK_ID_BYTES, chunkId, chunksOf } from './chunks.ts'
import { BUNDLE_BYTES_MAX } from './download.ts'
import type { TreePlace } from './hash-tree.ts'
import { TREE_BLOCK_BYTES, treeBytes } from './hash-tree.ts'

export interface Chunk {
  readonly id: string
  /** In the bundle. */
  readonly at: number
  readonly bytes: number
}

export interface BundleIndex {
  readonly bytes: number
  readonly sha256: string
  /** Undefined: it has none that can be worked out. */
  readonly tree: TreePlace | undefined
  /** In their order, without a gap. */
  readonly chunks: readonly Chunk[]
}

const MAGIC = Buffer.from('HFINDEX\0', 'latin1')
const VERSION = 1
const SALT_BYTES = 32
const HEAD_BYTES = 96
const ENTRY_BYTES = 2 + CHUNK_ID_BYTES
const SUM_BYTES = 32
/** Of the greatest bundle in the least chunks that are likely. */
export const INDEX_BYTES_MAX = 8_000_000

/** Of a bundle that is read once. */
export async function makeIndex(bundle: AsyncIterable<Buffer>, tree?: TreePlace): Promise<Buffer> {
  const whole = createHash('sha256')
  const entries: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunksOf(bundle)) {
    whole.update(chunk)
    const entry = Buffer.alloc(2)
    // The greatest length would not fit: a chunk has at least one byte.
    entry.writeUInt16LE(chunk.length - 1)
    entries.push(entry, chunkId(chunk))
    bytes += chunk.length
  }
  const head = Buffer.alloc(HEAD_BYTES)
  MAGIC.copy(head)
  head.writeUInt32LE(VERSION, 8)
  head.writeUInt32LE(entries.length / 2, 12)
  head.writeBigUInt64LE(BigInt(bytes), 16)
  whole.digest().copy(head, 24)
  if (tree?.salt.length === SALT_BYTES) {
    head.writeBigUInt64LE(BigInt(tree.dataBytes), 56)
    tree.salt.copy(head, 64)
  }
  const said = Buffer.concat([head, ...entries])
  return Buffer.concat([said, sha256(said)])
}

/** Undefined: no index, damaged, of a version that is not known here, or of nothing that a slot takes. */
export function parseIndex(file: Buffer): BundleIndex | undefined {
  if (file.length < HEAD_BYTES + SUM_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (file.readUInt32LE(8) !== VERSION) return undefined
  const count = file.readUInt32LE(12)
  const said = file.subarray(0, file.length - SUM_BYTES)
  if (said.length !== HEAD_BYTES + count * ENTRY_BYTES || !sha256(said).equals(file.subarray(said.length))) return undefined
  const chunks: Chunk[] = []
  let at = 0
  for (let entry = HEAD_BYTES; entry < said.length; entry += ENTRY_BYTES) {
    const bytes = said.readUInt16LE(entry) + 1
    chunks.push({ id: said.toString('latin1', entry + 2, entry + ENTRY_BYTES), at, bytes })
    at += bytes
  }
  if (BigInt(at) !== said.readBigUInt64LE(16) || at > BUNDLE_BYTES_MAX) return undefined
  return { bytes: at, sha256: said.toString('hex', 24, 56), tree: treeIn(said, at), chunks }
}

function treeIn(said: Buffer, bytes: number): TreePlace | undefined {
  const dataBytes = Number(said.readBigUInt64LE(56))
  const isRight = dataBytes > 0 && dataBytes % TREE_BLOCK_BYTES === 0 && dataBytes + treeBytes(dataBytes) <= bytes
  return isRight ? { dataBytes, salt: said.subarray(64, HEAD_BYTES) } : undefined
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
