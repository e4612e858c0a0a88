import { expect, test } from 'vitest'
import { READINGS_MAX } from '../../src/columns/index.ts'
import { BYTES_PER_READING } from '../../src/core/batch.ts'
import * as bounds from '../../src/core/bounds.ts'
import { spaceOf } from '../../src/log/space.ts'

test('how bounds relate', () => {
  // A block of the log is one that the codec takes, and one transaction's commit holds at least one of them.
  expect(bounds.BLOCK_READINGS_MAX).toBeLessThanOrEqual(READINGS_MAX)
  expect(bounds.BLOCK_READINGS_MAX * BYTES_PER_READING + bounds.BLOCK_BYTES_MAX).toBeLessThan(
    spaceOf(bounds.LOG_BYTES_MIN).walBytesMax,
  )
  // The largest value fits into a block, and blocks cut by bytes still hold several.
  expect(bounds.VALUE_BYTES_MAX * 2).toBeLessThan(bounds.BLOCK_BYTES_MAX)
  // Indexes of source batches in a block are 16 bits: a block has no more batches than readings.
  expect(bounds.BLOCK_READINGS_MAX).toBeLessThan(65_536)
  // What a pushed-to source holds while the disk is slow is a few blocks, not a log.
  expect(bounds.SOURCE_QUEUE_READINGS_MAX * BYTES_PER_READING).toBeLessThan(bounds.LOG_BYTES_MIN / 8)
  // Two batches: one is written while the next one is filled.
  expect(bounds.BATCHES_IN_FLIGHT_MAX).toBeGreaterThanOrEqual(2)
  // More of them only while all together are less than one block.
  expect(bounds.SMALL_BATCHES_IN_FLIGHT_MAX).toBeGreaterThan(bounds.BATCHES_IN_FLIGHT_MAX)
  expect(bounds.SMALL_READINGS_IN_FLIGHT_MAX).toBeLessThan(bounds.BLOCK_READINGS_MAX)
  // An interval in a position takes up to 16 bytes as varints: all of them and a few stream names fit.
  expect(bounds.POSITION_INTERVALS_MAX * 16).toBeLessThan(bounds.POSITION_BYTES_MAX / 2)
  // The smallest log that settings allow leaves room for data beside the write-ahead log.
  const least = spaceOf(bounds.LOG_BYTES_MIN)
  expect(least.segmentsBytesMax).toBeGreaterThan(least.segmentBytesMax * 8)
})
