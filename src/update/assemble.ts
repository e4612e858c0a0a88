// FILE.part put together by an index: what is right in it stays, what the slot that runs has is copied, and the rest is what has to be fetched.
// Each chunk is written after it was seen to be right, and from the bytes that were seen.
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { BundleIndex, Chunk } from './bundle-index.ts'
import { CHUNK_BYTES_MAX, chunkId, chunksOf } from './chunks.ts'
import { SYNC_BYTES } from './download.ts'

const READ_BYTES = 1_048_576

export interface Assembly {
  /** In their order. */
  lacking(): readonly Chunk[]
  /** False: these are not its bytes. */
  put(chunk: Chunk, bytes: Buffer): Promise<boolean>
  /** What a device has of it, wherever it lies there. */
  copyFrom(device: string, signal: AbortSignal): Promise<void>
  /** As it lies there, from its beginning. */
  read(bytes: number, signal: AbortSignal): AsyncIterable<Buffer>
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is in `part` already is looked at. */
export async function openAssembly(part: string, { chunks, bytes }: BundleIndex, signal: AbortSignal): Promise<Assembly> {
  const file = await openForBoth(part)
  const has = new Uint8Array(chunks.length)
  try {
    if ((await file.stat()).size > bytes) await file.truncate(bytes)
    await lookAt(file, chunks, has, signal)
  } catch (error) {
    await file.close()
    throw error
  }
  const places = placesOf(chunks, has)
  let unsynced = 0
  /** Wherever the bundle has it. */
  async function write(content: Buffer, id: string): Promise<void> {
    const found = (places.get(id) ?? []).filter((at) => chunks[at]?.bytes === content.length)
    for (const at of found) {
      await writeAt(file, content, (chunks[at] as Chunk).at)
      has[at] = 1
    }
    places.delete(id)
    unsynced += found.length * content.length
    // Never so much at once that the log, on the same disk, waits for it.
    if (unsynced > SYNC_BYTES) await sync()
  }
  async function sync(): Promise<void> {
    unsynced = 0
    await file.datasync()
  }
  return {
    lacking: () => chunks.filter((_, at) => has[at] === 0),
    async put(chunk, content) {
      const id = idOf(content)
      if (id !== chunk.id || content.length !== chunk.bytes) return false
      await write(content, id)
      return true
    },
    async copyFrom(device, copySignal) {
      for await (const content of chunksOf(imageOn(device, copySignal))) await write(content, idOf(content))
      await sync()
    },
    read: (end, readSignal) => piecesOf(file, end, readSignal),
    sync,
    close: () => file.close(),
  }
}

const idOf = (bytes: Uint8Array): string => chunkId(bytes).toString('latin1')

/** Neither emptied nor, as `a` would, written at its end alone. */
async function openForBoth(path: string): Promise<FileHandle> {
  await (await open(path, 'a', 0o600)).close()
  return open(path, 'r+')
}

async function lookAt(file: FileHandle, chunks: readonly Chunk[], has: Uint8Array, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.alloc(CHUNK_BYTES_MAX)
  const { size } = await file.stat()
  for (const [at, chunk] of chunks.entries()) {
    if (chunk.at + chunk.bytes > size) return
    signal.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, chunk.bytes, chunk.at)
    if (bytesRead === chunk.bytes && idOf(buffer.subarray(0, bytesRead)) === chunk.id) has[at] = 1
  }
}

/** Of each chunk that is not there, where it belongs: as often as the bundle has it. */
function placesOf(chunks: readonly Chunk[], has: Uint8Array): Map<string, number[]> {
  const places = new Map<string, number[]>()
  for (const [at, { id }] of chunks.entries()) {
    if (has[at] === 1) continue
    const found = places.get(id)
    if (found) found.push(at)
    else places.set(id, [at])
  }
  return places
}

async function writeAt(file: FileHandle, content: Buffer, at: number): Promise<void> {
  for (let done = 0; done < content.length; ) {
    const { bytesWritten } = await file.write(content, done, content.length - done, at + done)
    done += bytesWritten
  }
}

/** A partition is larger than what lies on it, and what an older image left behind it is of no use. */
async function* imageOn(device: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const file = await open(device, 'r')
  try {
    yield* piecesOf(file, await imageEnd(file), signal)
  } finally {
    await file.close()
  }
}

async function* piecesOf(file: FileHandle, end: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let at = 0; at < end; ) {
    signal.throwIfAborted()
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, end - at), at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

const SQUASHFS = 'hsqs'
/** It is padded to whole blocks of 4 KiB. */
const PAD_BYTES = 4_096

/** As a squashfs says of itself; of what is none, all. */
async function imageEnd(file: FileHandle): Promise<number> {
  const head = Buffer.alloc(48)
  const { bytesRead } = await file.read(head, 0, 48, 0)
  if (bytesRead < 48 || head.toString('latin1', 0, 4) !== SQUASHFS) return Infinity
  const used = Number(head.readBigUInt64LE(40))
  return Math.ceil(used / PAD_BYTES) * PAD_BYTES
}
