// The 61 bytes in front of a batch's records (record batch format v2):
//
//   int64 offset 0 · int32 bytes that follow · int32 leader epoch −1 · int8 format 2 · uint32 CRC-32C of all that follows ·
//   int16 attributes · int32 last offset · int64 first time · int64 highest time · int64 producer · int16 epoch · int32 first sequence · int32 records
import type { PreparedBatch } from '../records.ts'
import { BATCH_OVERHEAD_BYTES } from '../records.ts'
import { crc32c } from './crc32c.ts'
import type { Producer } from './transaction-calls.ts'

const BEFORE_LENGTH_BYTES = 12
const CRC_AT = 17
const CRC_FROM = 21
const ZSTD = 4
const TRANSACTIONAL = 16

export function batchHeader(batch: PreparedBatch, producer: Producer, sequence: number): Buffer {
  const header = Buffer.alloc(BATCH_OVERHEAD_BYTES)
  header.writeInt32BE(BATCH_OVERHEAD_BYTES - BEFORE_LENGTH_BYTES + batch.compressed.length, 8)
  header.writeInt32BE(-1, 12)
  header.writeInt8(2, 16)
  header.writeInt16BE(ZSTD | (producer.transaction === null ? 0 : TRANSACTIONAL), 21)
  header.writeInt32BE(batch.count - 1, 23)
  header.writeBigInt64BE(BigInt(batch.firstTimestamp), 27)
  header.writeBigInt64BE(BigInt(batch.maxTimestamp), 35)
  header.writeBigInt64BE(producer.id, 43)
  header.writeInt16BE(producer.epoch, 51)
  header.writeInt32BE(sequence, 53)
  header.writeInt32BE(batch.count, 57)
  header.writeUInt32BE(crc32c(header.subarray(CRC_FROM), batch.compressed), CRC_AT)
  return header
}
