// The hash tree at the end of a bundle (dm-verity's, as RAUC lays it): worked out here, from what it is of, it need not be fetched.
//
//   data: blocks of 4 KiB ─► their hashes, 128 a block ─► the hashes of those … ─► one block          in the file: the last level first
import { createHash } from 'node:crypto'

export const TREE_BLOCK_BYTES = 4_096
const HASH_BYTES = 32

export interface TreePlace {
  /** What it is of: all that lies before it. */
  readonly dataBytes: number
  readonly salt: Buffer
}

export function treeBytes(dataBytes: number): number {
  let bytes = 0
  for (let blocks = dataBytes / TREE_BLOCK_BYTES; blocks > 1; ) {
    blocks = Math.ceil((blocks * HASH_BYTES) / TREE_BLOCK_BYTES)
    bytes += blocks * TREE_BLOCK_BYTES
  }
  return bytes
}

/** `read` gives the data in their order, by whole blocks. */
export async function treeOf(read: AsyncIterable<Buffer>, salt: Buffer): Promise<Buffer> {
  const hashes: Buffer[] = []
  for await (const piece of read) hashes.push(levelOf(piece, salt))
  let level = padded(Buffer.concat(hashes))
  const levels = [level]
  while (level.length > TREE_BLOCK_BYTES) {
    level = padded(levelOf(level, salt))
    levels.unshift(level)
  }
  return Buffer.concat(levels)
}

function levelOf(blocks: Buffer, salt: Buffer): Buffer {
  const hashes: Buffer[] = []
  for (let at = 0; at < blocks.length; at += TREE_BLOCK_BYTES)
    hashes.push(
      createHash('sha256')
        .update(salt)
        .update(blocks.subarray(at, at + TREE_BLOCK_BYTES))
        .digest(),
    )
  return Buffer.concat(hashes)
}

function padded(level: Buffer): Buffer {
  return Buffer.concat([level, Buffer.alloc(-level.length & (TREE_BLOCK_BYTES - 1))])
}

const SAID = /verity-salt=((?:[0-9a-f]{2}){1,64})\n/
const SAID_SIZE = /verity-size=(\d{1,12})\n/

/** The signed end of a bundle of RAUC, the manifest in it, as it lies there; undefined: it has none. */
export function signedText(end: Buffer): string | undefined {
  if (end.length < 8) return undefined
  const signedBytes = Number(end.readBigUInt64BE(end.length - 8))
  if (signedBytes + 8 > end.length) return undefined
  return end.toString('latin1', end.length - 8 - signedBytes, end.length - 8)
}

/** As the manifest says that was signed, which ends a bundle of RAUC; undefined: it has no tree. */
export function treePlace(end: Buffer, bundleBytes: number): TreePlace | undefined {
  const manifest = signedText(end) ?? ''
  const [salt, size] = [SAID.exec(manifest)?.[1], Number(SAID_SIZE.exec(manifest)?.[1])]
  const dataBytes = bundleBytes - 8 - manifest.length - size
  if (salt === undefined || !(dataBytes > 0) || treeBytes(dataBytes) !== size) return undefined
  return { dataBytes, salt: Buffer.from(salt, 'hex') }
}
