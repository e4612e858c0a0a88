import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

const LEVEL_1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export function compress(bytes: Uint8Array): Buffer {
  return zstdCompressSync(bytes, LEVEL_1)
}

export function decompress(bytes: Uint8Array): Buffer {
  return zstdDecompressSync(bytes)
}
