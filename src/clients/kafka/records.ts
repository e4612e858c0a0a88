// Record batches made by us and handed to kafkajs' producer whole. The library's own encoder takes a zeroed buffer of 512 bytes for every record
// and every header, copies the list of a partition anew for each record, and sorts times as text. It reads the list that it is given by `find`,
// `reduce`, `length` and `map` alone, so a list may answer these with records that are encoded and compressed already; sequence numbers, transaction
// and retries stay the library's business. That is its inside, so its version is pinned: test/uplinks/kafka/delivery.test.ts reads back by the
// library's own consumer what was sent this way.
import type { Message } from 'kafkajs'
import { compress } from './compression.ts'

/** Records of one partition, encoded and compressed, in the order in which they will stand. */
export interface PreparedBatch {
  readonly partition: number
  readonly count: number
  /** Milliseconds since 1970 UTC. */
  readonly firstTimestamp: number
  readonly maxTimestamp: number
  readonly compressed: Buffer
}

/** What a batch has on the wire beside its records. */
export const BATCH_OVERHEAD_BYTES = 61
const INITIAL_BYTES = 65_536
/** Length, attributes, time and offset in front of a record's key. */
const RECORD_PREFIX_BYTES = 32

/** Takes records of one partition. `close` compresses what is there and starts anew; the buffer is used again. */
export interface RecordWriter {
  readonly count: number
  /** Uncompressed. */
  readonly bytes: number
  /**
   * `rest` is the record from its key's length on (`keyOf`, `valueOf`, `headersOf`), one character a byte, so that a record is one native write.
   * `timestamp` in milliseconds since 1970 UTC.
   */
  add(timestamp: number, rest: string): void
  /** Where a record may be written from its key on, as `addWritten` then takes it: at most so many bytes of `buffer` as it is now. */
  begin(bytesMax: number): { readonly buffer: Buffer; readonly from: number }
  /** What stands in the place that `begin` gave, up to `end`. */
  addWritten(timestamp: number, end: number): void
  close(partition: number): PreparedBatch
}

export function recordWriter(): RecordWriter {
  let buffer = Buffer.allocUnsafe(INITIAL_BYTES)
  let at = 0
  let count = 0
  let first = 0
  let max = 0

  /** What stands in front of `length` bytes of a record. */
  function prefix(to: number, timestamp: number, length: number): number {
    const delta = zigzag(timestamp - first)
    const offset = zigzag(count)
    const end = writeVarint(buffer, to, zigzag(1 + varintBytes(delta) + varintBytes(offset) + length))
    buffer[end] = 0
    return writeVarint(buffer, writeVarint(buffer, end + 1, delta), offset)
  }

  function room(bytes: number): void {
    if (at + bytes + RECORD_PREFIX_BYTES > buffer.length) buffer = grown(buffer, at, bytes + RECORD_PREFIX_BYTES)
  }

  function note(timestamp: number): void {
    if (count === 0) first = max = timestamp
    else if (timestamp > max) max = timestamp
  }

  return {
    get count() {
      return count
    },
    get bytes() {
      return at
    },
    add(timestamp, rest) {
      room(rest.length)
      note(timestamp)
      at = prefix(at, timestamp, rest.length)
      at += buffer.write(rest, at, 'latin1')
      count++
    },
    begin(bytesMax) {
      room(bytesMax)
      return { buffer, from: at + RECORD_PREFIX_BYTES }
    },
    addWritten(timestamp, end) {
      const from = at + RECORD_PREFIX_BYTES
      note(timestamp)
      const to = prefix(at, timestamp, end - from)
      buffer.copyWithin(to, from, end)
      at = to + end - from
      count++
    },
    close(partition) {
      const batch = { partition, count, firstTimestamp: first, maxTimestamp: max, compressed: compress(buffer.subarray(0, at)) }
      at = 0
      count = 0
      return batch
    },
  }
}

/** For `producer.send({ topic, messages, compression: ZSTD })`: at most one batch for each partition. */
export function messagesOf(batches: readonly PreparedBatch[]): Message[] {
  const byPartition = Object.fromEntries(batches.map((it) => [it.partition, partitionList(it)]))
  const list = { find: () => undefined, reduce: () => byPartition, length: batches.length }
  return list as unknown as Message[]
}

function partitionList(batch: PreparedBatch): object {
  const times = [{ timestamp: String(batch.firstTimestamp) }, { timestamp: String(batch.maxTimestamp) }]
  // The list is asked for its times, then for its encoded records. A hole costs nothing and counts: the one element holds all records.
  const records: object[] = []
  records[0] = { buf: batch.compressed, buffer: batch.compressed }
  records.length = batch.count
  const map = (of: (message: object, index: number) => unknown) =>
    typeof of({ timestamp: '0', value: null }, 0) === 'string' ? times.map((it, i) => of(it, i)) : records
  return { length: batch.count, map }
}

/** A text as one character for each byte of its UTF-8. */
export function binary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** A length (or -1 as 'null') in front of bytes. */
export function lengthOf(bytes: number): string {
  return LENGTHS[bytes] ?? varintText(bytes)
}

/** A header of binary strings. */
export function headerOf(name: string, value: string): string {
  return lengthOf(name.length) + name + lengthOf(value.length) + value
}

const LENGTHS: readonly string[] = Array.from({ length: 1024 }, (_, n) => varintText(n))

function varintText(n: number): string {
  const bytes = Buffer.alloc(10)
  return bytes.toString('latin1', 0, writeVarint(bytes, 0, zigzag(n)))
}

/** Beyond 32 bits too: differences of times in milliseconds. */
export function zigzag(n: number): number {
  return n < 0 ? -2 * n - 1 : 2 * n
}

function varintBytes(n: number): number {
  let bytes = 1
  for (let rest = n; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

export function writeVarint(buffer: Buffer, from: number, n: number): number {
  let at = from
  let rest = n
  while (rest >= 0x80000000) {
    buffer[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  while (rest >= 128) {
    buffer[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

function grown(buffer: Buffer, used: number, more: number): Buffer<ArrayBuffer> {
  const next = Buffer.allocUnsafe(Math.max(buffer.length * 2, used + more))
  buffer.copy(next, 0, 0, used)
  return next
}
