// A file in parts, each a bytes reading that says all that is needed to put the file together again:
//
//   "HFF1"   4 bytes
//   u16      length of the head, little-endian
//   head     JSON in UTF-8: { name, size, sha256, part, parts, modified }
//   data     the bytes of this part
//
// What a part is depends on the file alone: one that was sent twice is the same twice.

export interface FilePartHead {
  readonly name: string
  /** Bytes of the file. */
  readonly size: number
  /** Of the whole file, hexadecimal. */
  readonly sha256: string
  /** From 0. */
  readonly part: number
  readonly parts: number
  /** Milliseconds since 1970 UTC. */
  readonly modified: number
}

export interface FilePart extends FilePartHead {
  readonly data: Uint8Array
}

/** Every part but the last has so many bytes: with its head it is within VALUE_BYTES_MAX. */
export const FILE_PART_BYTES = 200_000

const MAGIC = [0x48, 0x46, 0x46, 0x31]
const HEAD_AT = 6

export function packFilePart({ data, ...head }: FilePart): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head))
  const bytes = new Uint8Array(HEAD_AT + text.length + data.length)
  bytes.set([...MAGIC, text.length & 0xff, text.length >> 8])
  bytes.set(text, HEAD_AT)
  bytes.set(data, HEAD_AT + text.length)
  return bytes
}

/** Undefined: it is none. */
export function unpackFilePart(bytes: Uint8Array): FilePart | undefined {
  if (bytes.length < HEAD_AT || MAGIC.some((it, at) => bytes[at] !== it)) return undefined
  const end = HEAD_AT + (bytes[4] as number) + 256 * (bytes[5] as number)
  if (end > bytes.length) return undefined
  const head = headOf(bytes.subarray(HEAD_AT, end))
  return head && { ...head, data: bytes.subarray(end) }
}

function headOf(bytes: Uint8Array): FilePartHead | undefined {
  try {
    const it = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as FilePartHead
    const numbers = [it.size, it.part, it.parts]
    const isSound = numbers.every((one) => Number.isSafeInteger(one) && one >= 0) && it.part < it.parts
    const isNamed = typeof it.name === 'string' && it.name !== '' && /^[0-9a-f]{64}$/.test(it.sha256)
    return isSound && isNamed && typeof it.modified === 'number' ? it : undefined
  } catch {
    return undefined
  }
}
