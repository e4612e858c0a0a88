// Bytes cut into chunks where what they say ends them, not where they stand: what is moved by an insertion before it is cut as it was, and found again.
//
// A chunk ends behind the first byte, past the least length, where a sum over the last 32 bytes has its upper bits zero; or at the greatest length.
// Whoever makes an index and whoever reads one must cut alike: what is changed here is another version of the index.
import { createHash } from 'node:crypto'

const CHUNK_BYTES_MIN = 4_096
export const CHUNK_BYTES_MAX = 65_536
/** One place of 2^14 is a cut: 16 KiB past the least length, on the average. */
const CUT_SHIFT = 32 - 14
export const CHUNK_ID_BYTES = 16

const SUMMANDS = Uint32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(`chunk ${byte}`).digest().readUInt32LE(),
)

/** Where the chunk ends that begins at `from`; undefined: more bytes are needed to say. */
function endOf(bytes: Uint8Array, from: number): number | undefined {
  const last = from + CHUNK_BYTES_MAX
  const limit = Math.min(bytes.length, last)
  let sum = 0
  // The last 32 bytes alone count: those before them are shifted out.
  for (let at = from + CHUNK_BYTES_MIN - 32; at < limit; at++) {
    sum = ((sum << 1) + (SUMMANDS[bytes[at] as number] as number)) | 0
    if (sum >>> CUT_SHIFT === 0 && at >= from + CHUNK_BYTES_MIN - 1) return at + 1
  }
  return limit === last ? last : undefined
}

/** In their order, without a byte left out. A chunk is good until the next is asked for. */
export async function* chunksOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    let from = 0
    for (let end = endOf(bytes, from); end !== undefined; end = endOf(bytes, from)) {
      yield bytes.subarray(from, end)
      from = end
    }
    // A reader may use its buffer again.
    rest = Buffer.from(bytes.subarray(from))
  }
  if (rest.length > 0) yield rest
}

/** What a chunk is known by. */
export function chunkId(chunk: Uint8Array): Buffer {
  return createHash('sha256').update(chunk).digest().subarray(0, CHUNK_ID_BYTES)
}
