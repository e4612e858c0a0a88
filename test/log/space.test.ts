import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { BYTES_PER_READING } from '../../src/core/batch.ts'
import { BLOCK_BYTES_MAX, BLOCK_READINGS_MAX } from '../../src/core/bounds.ts'
import { LOG_BYTES_MIN } from '../../src/core/bounds.ts'
import { takeLock } from '../../src/log/lock.ts'
import { dropBallast, freeBytes, makeBallast, makeRoomToOpen, spaceOf } from '../../src/log/space.ts'
import { mayMount, mountPartition } from '../faults/partition.ts'
import { openTestLog, tempDir } from './helpers.ts'

const MB = 1_000_000
const SIZES = [32 * MB, 33 * MB + 7, 64 * MB, 100 * MB, 512 * MB, 2_000 * MB, 8_000 * MB, 1_000_000 * MB]

describe('the shares of the bound', () => {
  test.each(SIZES)('%i bytes', (bytesMax) => {
    const space = spaceOf(bytesMax)
    for (const share of Object.values(space)) {
      expect(Number.isSafeInteger(share)).toBe(true)
      expect(share).toBeGreaterThan(0)
    }
    const { journalBytesMax, walBytesMax, commitBytesMax, segmentBytesMax, ballastBytes, reserveBytes, segmentsBytesMax } = space
    expect(journalBytesMax + 2 * walBytesMax + ballastBytes + reserveBytes + segmentsBytesMax).toBeLessThanOrEqual(bytesMax)
    // A checkpoint is due at walBytesMax: one more transaction, with its index pages, stays below twice that; so does one of a single largest block.
    expect(commitBytesMax * 2).toBeLessThanOrEqual(walBytesMax)
    expect(BLOCK_READINGS_MAX * BYTES_PER_READING + BLOCK_BYTES_MAX).toBeLessThan(walBytesMax)
    // The journal holds several commits, and what waits to be sealed of more than one class.
    expect(journalBytesMax).toBeGreaterThanOrEqual(4 * walBytesMax * 0.5)
    expect(journalBytesMax).toBeGreaterThan(8 * commitBytesMax * 0.6)
    // Room for many segments: what is given up at a time is a small part of all.
    expect(segmentsBytesMax / segmentBytesMax).toBeGreaterThan(20)
    expect(reserveBytes).toBeGreaterThan(segmentBytesMax)
    // Most of the bound is for data.
    expect(segmentsBytesMax).toBeGreaterThan(bytesMax / 2)
  })
  test('as stated for 2 GB', () => {
    expect(spaceOf(2_000 * MB)).toEqual({
      journalBytesMax: 100 * MB,
      walBytesMax: 8 * MB,
      commitBytesMax: 3 * MB,
      segmentBytesMax: 40 * MB,
      ballastBytes: 16 * MB,
      reserveBytes: 40 * MB + 256_000,
      segmentsBytesMax: 2_000 * MB - 100 * MB - 16 * MB - 16 * MB - 40 * MB - 256_000,
    })
  })
  test('the least log', () => {
    expect(spaceOf(LOG_BYTES_MIN)).toMatchObject({
      journalBytesMax: 8 * MB,
      walBytesMax: 2 * MB,
      commitBytesMax: 750_000,
      segmentBytesMax: 640_000,
    })
  })
})

describe('ballast', () => {
  test('is written, takes its place, and goes', () => {
    const { dir, remove } = tempDir()
    const file = join(dir, 'ballast')
    expect(makeBallast(dir, 2_500_000)).toBe(true)
    const { size, blocks } = statSync(file)
    expect(size).toBe(2_500_000)
    expect(blocks * 512).toBeGreaterThanOrEqual(size)
    expect(gzipSync(readFileSync(file)).length).toBeGreaterThan(size)
    dropBallast(dir)
    dropBallast(dir)
    expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined()
    remove()
  })
  test('once there it is left alone; of another size it is made anew', () => {
    const { dir, remove } = tempDir()
    const file = join(dir, 'ballast')
    makeBallast(dir, 300_000)
    const first = readFileSync(file)
    expect(makeBallast(dir, 300_000)).toBe(true)
    expect(Buffer.compare(readFileSync(file), first)).toBe(0)
    writeFileSync(file, first.subarray(0, 100_000))
    expect(makeBallast(dir, 300_000)).toBe(true)
    expect(statSync(file).size).toBe(300_000)
    makeBallast(dir, 200_000)
    expect(statSync(file).size).toBe(200_000)
    remove()
  })
})

test('no room for the ballast: that is said, and nothing is left of it', () => {
  const { dir, remove } = tempDir()
  symlinkSync('/dev/full', join(dir, 'ballast'))
  expect(makeBallast(dir, 300_000)).toBe(false)
  expect(readdirSync(dir)).toEqual([])
  expect(() => makeBallast(join(dir, 'nothing'), 300_000)).toThrow('ENOENT')
  remove()
})

test('nor where it would take the last room that there is', () => {
  const { dir, remove } = tempDir()
  expect(makeBallast(dir, 300_000, freeBytes(dir))).toBe(false)
  expect(readdirSync(dir)).toEqual([])
  remove()
})

test.runIf(mayMount())('a log whose partition others have filled opens by its ballast, says so, and sets it aside again', () => {
  const { dir, remove } = tempDir()
  const partition = mountPartition(dir, 96 * MB, 'ext4')
  const open = () => openTestLog(partition.dir, { bytesMax: LOG_BYTES_MIN })
  try {
    open().close()
    partition.fill()
    expect(freeBytes(partition.dir)).toBe(0)
    expect(() => takeLock(partition.dir, 'a test')).toThrow('the disk that the log lies on is full')
    makeRoomToOpen(partition.dir)
    takeLock(partition.dir, 'a test').release()
    const log = open()
    expect(log.writer.figures().disk).toBe('short')
    partition.free()
    log.work(true)
    expect(log.writer.figures().disk).toBe('roomy')
    expect(readdirSync(partition.dir)).toContain('ballast')
    log.close()
  } finally {
    partition.unmount()
    remove()
  }
})

test('free bytes are those of the partition', () => {
  const { dir, remove } = tempDir()
  const free = freeBytes(dir)
  expect(free).toBeGreaterThan(0)
  expect(Number.isSafeInteger(free)).toBe(true)
  expect(() => freeBytes(join(dir, 'nothing'))).toThrow('ENOENT')
  remove()
})
