// The header of a block (layout in index.ts) and what is wrong with a damaged one.
import { crc32 } from 'node:zlib'

/** crc: bits changed. truncated: bytes missing or too many. version: another version's block. header: not a block, or it contradicts itself. */
type DamageCode = 'crc' | 'truncated' | 'version' | 'header'

export class DamagedBlock extends Error {
  override readonly name = 'DamagedBlock'
  readonly code: DamageCode
  constructor(code: DamageCode, text: string, options?: { cause?: unknown }) {
    super(`damaged block: ${text}`, options)
    this.code = code
  }
}

/** What a block says of itself before it is decoded. */
export interface BlockHeader {
  readonly version: Version
  /** The log's number of the stream, uint32. */
  readonly stream: number
  /** Sequence of the first reading; the others follow. */
  readonly first: number
  readonly count: number
  /** Least and greatest source time, microseconds since 1970 UTC, both inclusive. */
  readonly timeFrom: number
  readonly timeTo: number
  /** Least and greatest receive time, likewise. */
  readonly receivedFrom: number
  readonly receivedTo: number
  /** Bytes of the payload before compression. */
  readonly rawBytes: number
}

/** The header's byte for the payload: columns as they are, the same by zstd, sections. */
const PLAIN = 0
const COMPRESSED = 1
const SEALED = 2

/** What is between header and decoded columns. */
export interface Envelope extends BlockHeader {
  readonly compressed: boolean
  /** In sections. */
  readonly sealed: boolean
  /** The payload as stored; its CRC holds. */
  readonly stored: Uint8Array
}

const HEADER_BYTES = 68
/** Readings that a block may hold; larger than what the log's journal uses, so that segments can have larger ones. */
export const READINGS_MAX = 1_048_576
/** Payload before compression. Holds the worst case of READINGS_MAX numbers, and bounds what decoding allocates. */
export const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
const MAGIC = 0x4648
/** Of a block: 1 raw, 2 raw with an order column, 3 aggregates. */
export type Version = 1 | 2 | 3
const VERSION_MAX = 3
const CRC_AT = HEADER_BYTES - 4

/** The whole block: header, then a copy of the payload. */
export function assemble(
  header: Omit<BlockHeader, 'version'>,
  stored: Uint8Array,
  compressed: boolean,
  version: Version = 1,
  sealed = false,
): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(HEADER_BYTES + stored.length)
  const view = new DataView(block.buffer)
  view.setUint16(0, MAGIC, true)
  view.setUint8(2, version)
  view.setUint8(3, sealed ? SEALED : compressed ? COMPRESSED : PLAIN)
  view.setUint32(4, header.stream, true)
  view.setFloat64(8, header.first, true)
  view.setUint32(16, header.count, true)
  view.setUint32(20, stored.length, true)
  view.setUint32(24, header.rawBytes, true)
  view.setFloat64(28, header.timeFrom, true)
  view.setFloat64(36, header.timeTo, true)
  view.setFloat64(44, header.receivedFrom, true)
  view.setFloat64(52, header.receivedTo, true)
  view.setUint32(60, crc32(stored), true)
  view.setUint32(CRC_AT, crc32(block.subarray(0, CRC_AT)), true)
  block.set(stored, HEADER_BYTES)
  return block
}

/** The header alone, trusted by its own CRC; the payload need not be there. Throws DamagedBlock. */
export function readHeader(block: Uint8Array): BlockHeader {
  const view = checkedView(block)
  const header: BlockHeader = {
    version: view.getUint8(2) as Version,
    stream: view.getUint32(4, true),
    first: view.getFloat64(8, true),
    count: view.getUint32(16, true),
    rawBytes: view.getUint32(24, true),
    timeFrom: view.getFloat64(28, true),
    timeTo: view.getFloat64(36, true),
    receivedFrom: view.getFloat64(44, true),
    receivedTo: view.getFloat64(52, true),
  }
  if (!isPlausible(header)) throw new DamagedBlock('header', 'the header contradicts itself')
  return header
}

/** Bytes of the whole block, by its first 68; for walking a file of blocks. Throws DamagedBlock. */
export function lengthOf(header: Uint8Array): number {
  return HEADER_BYTES + checkedView(header).getUint32(20, true)
}

/** Header and stored payload, both CRCs checked. Throws DamagedBlock. */
export function open(block: Uint8Array): Envelope {
  const header = readHeader(block)
  const view = new DataView(block.buffer, block.byteOffset, HEADER_BYTES)
  const stored = block.subarray(HEADER_BYTES)
  const expected = view.getUint32(20, true)
  if (stored.length !== expected) throw new DamagedBlock('truncated', `${stored.length} of ${expected} payload bytes are there`)
  if (crc32(stored) !== view.getUint32(60, true)) throw new DamagedBlock('crc', 'the payload has changed')
  const form = view.getUint8(3)
  if (form > SEALED || (form === PLAIN && expected !== header.rawBytes))
    throw new DamagedBlock('header', 'the header contradicts itself')
  return { ...header, compressed: form === COMPRESSED, sealed: form === SEALED, stored }
}

function checkedView(block: Uint8Array): DataView {
  if (block.length < HEADER_BYTES) throw new DamagedBlock('truncated', `${block.length} bytes, less than a header`)
  const view = new DataView(block.buffer, block.byteOffset, HEADER_BYTES)
  if (view.getUint16(0, true) !== MAGIC) throw new DamagedBlock('header', 'these bytes are not a block')
  // Before the version: a flipped bit there is damage, not another version.
  if (crc32(block.subarray(0, CRC_AT)) !== view.getUint32(CRC_AT, true)) throw new DamagedBlock('crc', 'the header has changed')
  const version = view.getUint8(2)
  if (version < 1 || version > VERSION_MAX) throw new DamagedBlock('version', `version ${version}, known are 1 to ${VERSION_MAX}`)
  return view
}

function isPlausible(header: BlockHeader): boolean {
  return (
    Number.isSafeInteger(header.first + header.count) &&
    header.first >= 0 &&
    header.count >= 1 &&
    header.count <= READINGS_MAX &&
    header.rawBytes <= PAYLOAD_BYTES_MAX
  )
}
