// A segment file from its first byte to its last without any index: to see whether it is whole, and to make the index anew when the journal is lost.
//
// What comes out covers every byte once, in order. Damage costs the record that it is in: a header whose CRC does not hold is mended in memory when one
// bit of it was flipped, so that its length is known; otherwise the next magic whose header's CRC holds is looked for. (Only the mending keeps apart a
// header and one that lies in a payload, as a value: so it comes first.) A length is believed when the payload's CRC holds or another record follows it;
// a page that was written to another place has headers that hold and lengths that lead astray.
import { closeSync, fstatSync, openSync } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { DamagedBlock, readHeader } from '../columns/index.ts'
import type { Notes } from './segment-notes.ts'
import { decodeNotes, NOTES_BYTES_MAX, NOTES_HEADER_BYTES, NOTES_MAGIC, readNotesHeader } from './segment-notes.ts'
import { readInto } from './segment.ts'

type BlockHeader = ReturnType<typeof readHeader>

export type WalkedRecord =
  | { readonly kind: 'notes'; readonly notes: Notes; readonly offset: number; readonly bytes: number }
  | {
      readonly kind: 'block'
      /** As it was before a flipped bit in it: what is lost has its name. */
      readonly header: BlockHeader
      readonly offset: number
      readonly bytes: number
      readonly ok: boolean
      readonly error?: DamagedBlock
    }
  | { readonly kind: 'damage'; readonly offset: number; readonly bytes: number; readonly why: DamagedBlock['code'] | 'missing' }

export interface WalkOptions {
  /** payload (unless said): every byte is read and checked. headers: payloads of blocks are skipped, `ok` says that the header holds and a record follows. */
  readonly verify?: 'headers' | 'payload'
  /** Where to begin: the offset of a record. */
  readonly from?: number
  /** The last byte that is recorded; a file that is still appended to has unfinished records behind it. Unless said, the file's end. */
  readonly to?: number
  /** Bytes read a second, on average. */
  readonly bytesPerSecond?: number
  readonly signal?: AbortSignal
}

const CHUNK_BYTES = 256 * 1024
/** Headers lie far apart: what is read around one is mostly thrown away. */
const SKIPPING_CHUNK_BYTES = 4 * 1024
/** columns/index.ts has the layout of a block. */
const BLOCK_HEADER_BYTES = 68
const BLOCK_MAGIC = 0x4648
/** First byte of both magics on disk, "H". */
const MAGIC_BYTE = 0x48

/** What a header says of its record. */
interface Envelope {
  readonly headerBytes: number
  /** Header and payload. */
  readonly bytes: number
  readonly payloadCrc: number
  /** Of a block that can be read; undefined: notes, or `error` says why not. */
  readonly block: BlockHeader | undefined
  readonly error: DamagedBlock | undefined
}

/** Gives the bytes from `offset` on, at least `bytes` of them unless the file ends; good until the next call. */
type Window = (offset: number, bytes: number) => Promise<Uint8Array>

interface Walked {
  readonly window: Window
  /** Where the walk ends. */
  readonly limit: number
  readonly verify: 'headers' | 'payload'
}

/**
 * Every record of a file in order. Reads at most 256 KiB at a time and lets other work of the thread run between reads. Throws the signal's
 * reason, and what the system says (EIO): that is no damage of a record.
 */
export async function* walk(path: string, options: WalkOptions = {}): AsyncGenerator<WalkedRecord, void> {
  const { from = 0, to, verify = 'payload' } = options
  const fd = openIfThere(path)
  if (fd === undefined) return yield { kind: 'damage', offset: from, bytes: Math.max(0, (to ?? from) - from), why: 'missing' }
  try {
    const { size } = fstatSync(fd)
    const limit = Math.min(size, to ?? size)
    const walked = { window: windowOn(fd, limit, verify, options), limit, verify }
    for (let offset = from; offset < limit; ) {
      const record = await recordAt(walked, offset)
      yield record
      offset += record.bytes
    }
    const begin = Math.max(from, limit)
    if (to !== undefined && begin < to) yield { kind: 'damage', offset: begin, bytes: to - begin, why: 'truncated' }
  } finally {
    closeSync(fd)
  }
}

async function recordAt(walked: Walked, offset: number): Promise<WalkedRecord> {
  const found = await envelopeAt(walked, offset)
  if (!found) {
    const next = await search(walked, offset + 1)
    const isCut = next === walked.limit && next - offset < BLOCK_HEADER_BYTES
    return { kind: 'damage', offset, bytes: next - offset, why: isCut ? 'truncated' : 'header' }
  }
  const end = offset + found.bytes
  const skipped = walked.verify === 'headers' && found.block !== undefined && (await follows(walked, end))
  const payload = skipped ? undefined : await payloadError(walked, offset, found)
  const isEndKnown = payload === undefined || (await follows(walked, end))
  const bytes = (isEndKnown ? end : Math.min(end, await search(walked, offset + 1))) - offset
  const error = found.error ?? payload
  if (found.block) return { kind: 'block', header: found.block, offset, bytes, ok: error === undefined, ...(error && { error }) }
  return error ? { kind: 'damage', offset, bytes, why: error.code } : await notesAt(walked, offset, bytes)
}

async function notesAt(walked: Walked, offset: number, bytes: number): Promise<WalkedRecord> {
  const record = new Uint8Array(bytes)
  for await (const piece of pieces(walked, offset, offset + bytes)) record.set(piece.bytes, piece.offset - offset)
  try {
    return { kind: 'notes', notes: decodeNotes(record), offset, bytes }
  } catch (error) {
    if (error instanceof DamagedBlock) return { kind: 'damage', offset, bytes, why: error.code }
    throw error
  }
}

/** A record, or the end of the walk, begins here. */
async function follows(walked: Walked, offset: number): Promise<boolean> {
  if (offset >= walked.limit) return offset === walked.limit
  return (await envelopeAt(walked, offset)) !== undefined
}

async function envelopeAt({ window }: Walked, offset: number): Promise<Envelope | undefined> {
  const bytes = await window(offset, BLOCK_HEADER_BYTES)
  return envelopeOf(bytes) ?? mended(bytes)
}

async function payloadError(walked: Walked, offset: number, found: Envelope): Promise<DamagedBlock | undefined> {
  const end = offset + found.bytes
  if (end > walked.limit) return new DamagedBlock('truncated', `${walked.limit - offset} of ${found.bytes} bytes are there`)
  let crc = 0
  for await (const piece of pieces(walked, offset + found.headerBytes, end)) crc = crc32(piece.bytes, crc)
  return crc === found.payloadCrc ? undefined : new DamagedBlock('crc', 'the payload has changed')
}

async function* pieces({ window }: Walked, from: number, to: number) {
  for (let offset = from; offset < to; ) {
    const bytes = (await window(offset, Math.min(CHUNK_BYTES, to - offset))).subarray(0, to - offset)
    yield { offset, bytes }
    offset += bytes.length
  }
}

/** The next offset at which a header holds; the end of the walk when there is none. */
async function search({ window, limit }: Walked, from: number): Promise<number> {
  for (let at = from; at < limit; ) {
    const bytes = await window(at, CHUNK_BYTES)
    const isLast = at + bytes.length === limit
    let i = bytes.indexOf(MAGIC_BYTE)
    while (i >= 0 && (isLast || i + BLOCK_HEADER_BYTES <= bytes.length)) {
      if (envelopeOf(bytes.subarray(i))) return at + i
      i = bytes.indexOf(MAGIC_BYTE, i + 1)
    }
    at += i < 0 ? bytes.length : i
  }
  return limit
}

/** What the header at the beginning of `bytes` says; undefined when there is none whose CRC holds. */
function envelopeOf(bytes: Uint8Array): Envelope | undefined {
  if (bytes.length < NOTES_HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const magic = view.getUint16(0, true)
  if (magic === NOTES_MAGIC && holds(bytes, view, NOTES_HEADER_BYTES)) return notesEnvelope(bytes, view)
  if (magic === BLOCK_MAGIC && holds(bytes, view, BLOCK_HEADER_BYTES)) return blockEnvelope(bytes, view)
  return undefined
}

function holds(bytes: Uint8Array, view: DataView, headerBytes: number): boolean {
  const crcAt = headerBytes - 4
  return bytes.length >= headerBytes && crc32(bytes.subarray(0, crcAt)) === view.getUint32(crcAt, true)
}

function notesEnvelope(bytes: Uint8Array, view: DataView): Envelope {
  const storedBytes = view.getUint32(4, true)
  const isTooLong = storedBytes > NOTES_BYTES_MAX ? new DamagedBlock('header', `notes of ${storedBytes} bytes`) : undefined
  const error = damageOf(() => readNotesHeader(bytes)) ?? isTooLong
  const payloadCrc = view.getUint32(12, true)
  return { headerBytes: NOTES_HEADER_BYTES, bytes: NOTES_HEADER_BYTES + storedBytes, payloadCrc, block: undefined, error }
}

function blockEnvelope(bytes: Uint8Array, view: DataView): Envelope {
  const error = damageOf(() => readHeader(bytes))
  return {
    headerBytes: BLOCK_HEADER_BYTES,
    bytes: BLOCK_HEADER_BYTES + view.getUint32(20, true),
    payloadCrc: view.getUint32(60, true),
    block: error ? undefined : readHeader(bytes),
    error,
  }
}

/** The header at the beginning of `bytes` as it was before one bit was flipped; undefined when it is no such header. */
function mended(bytes: Uint8Array): Envelope | undefined {
  const copy = bytes.slice(0, BLOCK_HEADER_BYTES)
  for (let bit = 0; bit < copy.length * 8; bit++) {
    const flip = () => void (copy[bit >>> 3] = (copy[bit >>> 3] as number) ^ (1 << (bit & 7)))
    flip()
    const found = envelopeOf(copy)
    flip()
    if (found) return { ...found, error: new DamagedBlock('crc', 'the header has changed') }
  }
  return undefined
}

function damageOf(act: () => unknown): DamagedBlock | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof DamagedBlock) return error
    throw error
  }
}

function windowOn(fd: number, limit: number, verify: 'headers' | 'payload', options: WalkOptions): Window {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, limit))
  const chunk = verify === 'headers' ? SKIPPING_CHUNK_BYTES : CHUNK_BYTES
  const pace = paced(options)
  let begin = 0
  let filled = 0
  return async (offset, bytes) => {
    const wanted = Math.min(bytes, limit - offset)
    if (offset < begin || offset + wanted > begin + filled) {
      const length = Math.min(Math.max(wanted, chunk), limit - offset)
      await pace(length)
      begin = offset
      filled = readInto(fd, buffer.subarray(0, length), offset)
      if (filled < wanted) throw new Error(`the segment became shorter while it was read`)
    }
    return buffer.subarray(offset - begin, filled)
  }
}

/** Before each read: waits until the bytes of those before are paid for; time in which nothing was read is not saved up. */
function paced({ bytesPerSecond, signal }: WalkOptions): (bytes: number) => Promise<void> {
  let dueAt = performance.now()
  return async (bytes) => {
    signal?.throwIfAborted()
    const wait = bytesPerSecond === undefined ? 0 : dueAt - performance.now()
    if (wait > 0) await setTimeout(wait, undefined, signal && { signal }).catch(() => signal?.throwIfAborted())
    else await setImmediate()
    signal?.throwIfAborted()
    dueAt = Math.max(dueAt, performance.now()) + (bytes / (bytesPerSecond ?? Infinity)) * 1000
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}
