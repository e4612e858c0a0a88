// Kafka's answers to a fetch, read without an object for each record: what a reader of whole topics needs.
import { decompress, gunzip } from './compression.ts'

/** One partition's part of an answer. */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  /** Kafka's error code, 0 for none. */
  readonly error: number
  readonly logStart: number
  readonly aborted: readonly { readonly producer: bigint; readonly from: number }[]
  readonly batches: readonly RecordBatch[]
}

export interface RecordBatch {
  readonly first: number
  /** The offset after its last one, control records and aborted ones included. */
  readonly end: number
  readonly count: number
  readonly producer: bigint
  readonly transactional: boolean
  readonly control: boolean
  readonly codec: number
  readonly records: Buffer
}

/** Where a record lies in `bytes`; used again for the next record. Lengths are -1 for null. */
export interface RecordCursor {
  bytes: Buffer
  offset: number
  keyAt: number
  keyLength: number
  valueAt: number
  valueLength: number
  headersAt: number
  headers: number
}

const BATCH_HEADER_BYTES = 61
const MAGIC_AT = 16
const NONE = 0
const GZIP = 1
const ZSTD = 4

export function readFetchResponse(payload: Buffer): FetchedPartition[] {
  const it = { bytes: payload, at: 4 }
  const code = int16(it)
  if (code !== 0) throw new Error(`the broker answers a fetch with error ${code}`)
  it.at += 4
  const partitions: FetchedPartition[] = []
  for (let topics = int32(it); topics > 0; topics--) {
    const topic = text(it)
    for (let left = int32(it); left > 0; left--) partitions.push(readPartition(it, topic))
  }
  return partitions
}

function readPartition(it: Place, topic: string): FetchedPartition {
  const partition = int32(it)
  const error = int16(it)
  it.at += 16
  const logStart = int64(it)
  const aborted: { producer: bigint; from: number }[] = []
  for (let left = int32(it); left > 0; left--) aborted.push({ producer: bigint64(it), from: int64(it) })
  it.at += 4
  const size = Math.max(0, int32(it))
  const batches = splitBatches(it.bytes.subarray(it.at, it.at + size))
  it.at += size
  aborted.sort((a, b) => a.from - b.from)
  return { topic, partition, error, logStart, aborted, batches }
}

/** The last batch of an answer may be cut off: it is left out. */
function splitBatches(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; ) {
    const size = 12 + bytes.readInt32BE(at + 8)
    if (at + size > bytes.length) break
    const magic = bytes[at + MAGIC_AT]
    if (magic !== 2) throw new Error(`a record batch of version ${magic}, which no broker of today writes`)
    const first = Number(bytes.readBigInt64BE(at))
    const attributes = bytes.readInt16BE(at + 21)
    batches.push({
      first,
      end: first + bytes.readInt32BE(at + 23) + 1,
      count: bytes.readInt32BE(at + 57),
      producer: bytes.readBigInt64BE(at + 43),
      transactional: (attributes & 16) !== 0,
      control: (attributes & 32) !== 0,
      codec: attributes & 7,
      records: bytes.subarray(at + BATCH_HEADER_BYTES, at + size),
    })
    at += size
  }
  return batches
}

/** The batches that a read_committed reader sees. `open` holds the producers whose aborted transaction reaches beyond the answer before. */
export function committedBatches({ aborted, batches }: FetchedPartition, open: Set<bigint>): RecordBatch[] {
  let next = 0
  return batches.filter((batch) => {
    for (let it = aborted[next]; it && it.from < batch.end; it = aborted[++next]) open.add(it.producer)
    if (!batch.control) return !(batch.transactional && open.has(batch.producer))
    // A control record's key: version and type, 16 bits each; type 0 ends an aborted transaction.
    if (isAbort(batch)) open.delete(batch.producer)
    return false
  })
}

/** Of a control batch: whether it ends an aborted transaction. */
export function isAbort(batch: RecordBatch): boolean {
  let abort = false
  forEachRecord(batch, (it) => {
    abort = it.keyLength >= 4 && it.bytes.readInt16BE(it.keyAt + 2) === 0
  })
  return abort
}

export function forEachRecord(batch: RecordBatch, visit: (record: RecordCursor) => void): void {
  const bytes = plain(batch)
  const it: RecordCursor = { bytes, offset: 0, keyAt: 0, keyLength: -1, valueAt: 0, valueLength: -1, headersAt: 0, headers: 0 }
  const place: Place = { bytes, at: 0 }
  for (let left = batch.count; left > 0; left--) {
    const size = varint(place)
    const end = place.at + size
    place.at++
    skipVarint(place)
    it.offset = batch.first + varint(place)
    it.keyLength = varint(place)
    it.keyAt = place.at
    place.at += Math.max(0, it.keyLength)
    it.valueLength = varint(place)
    it.valueAt = place.at
    place.at += Math.max(0, it.valueLength)
    it.headers = varint(place)
    it.headersAt = place.at
    visit(it)
    place.at = end
  }
}

function plain(batch: RecordBatch): Buffer {
  if (batch.codec === NONE) return batch.records
  if (batch.codec === ZSTD) return decompress(batch.records)
  if (batch.codec === GZIP) return gunzip(batch.records)
  throw new Error(`a record batch in compression ${batch.codec}; this reader knows none, gzip and zstd`)
}

interface Place {
  readonly bytes: Buffer
  at: number
}

function int16(it: Place): number {
  it.at += 2
  return it.bytes.readInt16BE(it.at - 2)
}
function int32(it: Place): number {
  it.at += 4
  return it.bytes.readInt32BE(it.at - 4)
}
function bigint64(it: Place): bigint {
  it.at += 8
  return it.bytes.readBigInt64BE(it.at - 8)
}
function int64(it: Place): number {
  return Number(bigint64(it))
}
function text(it: Place): string {
  const length = int16(it)
  it.at += length
  return it.bytes.toString('utf8', it.at - length, it.at)
}

/** 32 bits, zigzag. */
function varint(it: Place): number {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = it.bytes[it.at++] as number
    value |= (byte & 127) << shift
    if (byte < 128) return (value >>> 1) ^ -(value & 1)
  }
}

function skipVarint(it: Place): void {
  while ((it.bytes[it.at++] as number) >= 128);
}
