import kafkajs from 'kafkajs'
import { compress, decompress } from './compression.ts'

const FRAME_MAGIC = 0x28b52ffd

/**
 * kafkajs knows codecs by a table of its own that has no zstd. Ours lets through what is compressed already (records.ts): encoded records
 * never begin like a zstd frame, whose second byte stands where a record has its attributes, always 0.
 */
export function registerZstd(): void {
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) =>
      buffer.length > 4 && buffer.readUInt32BE(0) === FRAME_MAGIC ? buffer : compress(buffer),
    decompress: async (buffer: Buffer) => decompress(buffer),
  })
}
