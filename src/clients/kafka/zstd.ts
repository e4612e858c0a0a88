import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import kafkajs from 'kafkajs'

const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const FRAME_MAGIC = 0x28b52ffd

export function compress(bytes: Uint8Array): Buffer {
  return zstdCompressSync(bytes, LEVEL_1)
}

export function decompress(bytes: Uint8Array): Buffer {
  return zstdDecompressSync(bytes)
}

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
