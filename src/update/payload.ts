// Whether what a bundle carries is what was signed. RAUC's look at a bundle with a hash tree checks the signature, which is over the manifest alone;
// what is damaged behind it the kernel would find while it is being written, when what the other slot held is gone.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { signedText, TREE_BLOCK_BYTES, treeOf, treePlace } from './hash-tree.ts'

/** RAUC takes no longer signature; its length stands after it. */
const END_BYTES_MAX = 65_536 + 8
/** Whole blocks of the tree. */
const READ_BYTES = 256 * TREE_BLOCK_BYTES
const SAID_ROOT = /verity-hash=([0-9a-f]{64})\n/

/** For one whose signature is right. True as well of one without a hash tree: that signature is over all of it. */
export async function isAsSigned(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const end = await bytesOf(file, Math.max(0, size - END_BYTES_MAX), size)
    const root = SAID_ROOT.exec(signedText(end) ?? '')?.[1]
    if (root === undefined) return true
    const place = treePlace(end, size)
    if (!place) return false
    const { dataBytes, salt } = place
    const data = createReadStream(path, { end: dataBytes - 1, highWaterMark: READ_BYTES })
    const tree = await treeOf(data, salt)
    // As it lies there too: the kernel believes no other.
    if (!tree.equals(await bytesOf(file, dataBytes, dataBytes + tree.length))) return false
    return createHash('sha256').update(salt).update(tree.subarray(0, TREE_BLOCK_BYTES)).digest('hex') === root
  } finally {
    await file.close()
  }
}

async function bytesOf(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(to - from)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
  return bytes.subarray(0, bytesRead)
}
