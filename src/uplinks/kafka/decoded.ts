// Blocks that are handed out in parts are decoded once. A part comes as bytes of its own, so a block is known by its header, which has its
// place, its length and the CRC of its payload.
import { readHeader } from '../../columns/index.ts'

const HEADER_BYTES = 68
/** Blocks under way in parts at a time: one for each of a few streams. Each takes some MB decoded. */
const BLOCKS_MAX = 2

/** Throws DamagedBlock as `decode` does. `to`: where the part ends; at the block's end there is nothing to keep it for. */
export function decodedOnce<T>(decode: (block: Uint8Array) => T): (block: Uint8Array, to: number) => T {
  const kept: { readonly header: Buffer; readonly decoded: T }[] = []
  return (block, to) => {
    const header = Buffer.from(block.subarray(0, HEADER_BYTES))
    const at = kept.findIndex((it) => it.header.equals(header))
    const decoded = at < 0 ? decode(block) : (kept.splice(at, 1)[0] as { decoded: T }).decoded
    const { first, count } = readHeader(block)
    if (to < first + count) kept.unshift({ header, decoded })
    if (kept.length > BLOCKS_MAX) kept.pop()
    return decoded
  }
}
