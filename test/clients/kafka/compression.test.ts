// A batch of some kilobytes may claim to be gigabytes: it ends before it takes the memory.
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { BATCH_PLAIN_BYTES_MAX, compress, decompress, gunzip } from '../../../src/clients/kafka/compression.ts'

test('what is longer than any batch should be is an error, what is not comes back', () => {
  const most = Buffer.alloc(BATCH_PLAIN_BYTES_MAX)
  const more = Buffer.alloc(BATCH_PLAIN_BYTES_MAX + 1)
  expect(decompress(compress(most))).toHaveLength(most.length)
  expect(gunzip(gzipSync(most, { level: 1 }))).toHaveLength(most.length)
  expect(() => decompress(compress(more))).toThrow(RangeError)
  expect(() => gunzip(gzipSync(more, { level: 1 }))).toThrow(RangeError)
})
