// The disk image as it is handed on: node images/compress.ts DISK.IMG → DISK.IMG.zst. Both slots hold the same: a window that spans them halves it.
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'

/** 1 GiB, which is more than lies between the slots; who unpacks it has to allow as much: zstd -d --long=30. */
const WINDOW_LOG = 30

const [file = ''] = process.argv.slice(2)
const params = {
  // What is large in it is compressed already.
  [constants.ZSTD_c_compressionLevel]: 1,
  [constants.ZSTD_c_windowLog]: WINDOW_LOG,
  [constants.ZSTD_c_enableLongDistanceMatching]: 1,
  [constants.ZSTD_c_checksumFlag]: 1,
}
await pipeline(
  createReadStream(file, { highWaterMark: 1_048_576 }),
  createZstdCompress({ params }),
  createWriteStream(`${file}.zst`),
)
