import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { countOf } from '../../src/core/intervals.ts'
import type { OpenedLog } from './helpers.ts'
import { books, bytesOnDisk, checkBooks, classNamed, NEXT, noise, openTestLog, slicesOf, T0, tempDir } from './helpers.ts'

const MB = 1_000_000
let temp: ReturnType<typeof tempDir>
let log: OpenedLog
let walBytesMax = 0
beforeEach(() => {
  temp = tempDir()
  walBytesMax = 0
})
afterEach(() => {
  temp.remove()
  // The bound of the write-ahead log, and what one transaction may add.
  expect(walBytesMax).toBeLessThanOrEqual(12 * MB)
})

const CLASSES = [classNamed('alarms', { floorBytes: 4 * MB }), classNamed('process', { floorBytes: 2 * MB }), classNamed('debug')]

/** Readings of one class whose values are noise: what is written is what is given. */
function noisySource(className: string, valueBytes: number) {
  const builder = new BatchBuilder(newOrigin(0))
  const series = builder.series({ tag: className, class: className, kind: 'bytes' })
  const random = noise(className.length + valueBytes)
  return {
    builder,
    batch(count: number) {
      for (let i = 0; i < count; i++) builder.addBytes(series, T0, random(valueBytes))
      return builder.take(T0)
    },
  }
}

function open(bytesMax: number, sizes: number[], more = {}): void {
  log = openTestLog(temp.dir, { bytesMax, classes: CLASSES, ...more }, () => {
    sizes.push(bytesOnDisk(temp.dir))
    walBytesMax = Math.max(walBytesMax, statSync(join(temp.dir, 'journal.db-wal')).size)
  })
}

const bytesOf = (name: string) => log.writer.figures().classes.find((it) => it.name === name)?.bytes ?? 0

describe('the bound', () => {
  test.each([32 * MB, 40 * MB])(
    'of %i bytes holds over all files at each commit; the lowest class goes first, the floors hold',
    (bytesMax) => {
      const sizes: number[] = []
      open(bytesMax, sizes)
      const sources = ['alarms', 'process', 'debug'].map((name) => noisySource(name, 4000))
      for (let round = 0; round < 60; round++) {
        const [alarms, process, debug] = sources
        log.append(alarms!.batch(round < 20 ? 50 : 0))
        log.append(process!.batch(80))
        log.append(debug!.batch(120))
        log.clock.tick(1000)
        if (round % 10 === 9) checkBooks(temp.dir, log.writer.figures())
      }
      expect(log.failures).toEqual([])
      expect(Math.max(...sizes)).toBeLessThanOrEqual(bytesMax)
      // All 60 rounds are far more than fits: most of the bound is in use, debug has gone, the floors are kept.
      expect(log.writer.figures().bytes).toBeGreaterThan((bytesMax - 17 * MB) * 0.9)
      expect(bytesOf('debug')).toBe(0)
      expect(bytesOf('alarms')).toBeGreaterThan(4 * MB * 0.95)
      const [, process] = books(temp.dir).filter((it) => it.class === 'process' || it.class === 'alarms')
      // Oldest first: what is left of a class is its end, in one piece.
      expect(process?.stored).toHaveLength(1)
      expect(process?.stored[0]?.to).toBe(process?.next)
      log.close()
      expect(bytesOnDisk(temp.dir)).toBeLessThanOrEqual(bytesMax)
    },
  )

  test('a low class never takes the floor of a higher one: it loses its own', () => {
    const sizes: number[] = []
    open(32 * MB, sizes, { classes: [classNamed('alarms', { floorBytes: 10 * MB }), classNamed('debug')] })
    const alarms = noisySource('alarms', 4000)
    const debug = noisySource('debug', 4000)
    for (let i = 0; i < 25; i++) {
      log.append(alarms.batch(100))
      log.clock.tick(1000)
    }
    const before = bytesOf('alarms')
    expect(before).toBeGreaterThan(9.9 * MB)
    for (let i = 0; i < 30; i++) {
      log.append(debug.batch(200))
      log.clock.tick(1000)
    }
    expect(bytesOf('alarms')).toBe(before)
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('one transaction of many megabytes is cut up: the write-ahead log stays small', () => {
    const sizes: number[] = []
    open(32 * MB, sizes, { commitBytes: 1e9 })
    const source = noisySource('process', 50_000)
    for (let i = 0; i < 12; i++) log.append(source.batch(100))
    log.clock.tick(1000)
    expect(log.failures).toEqual([])
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * MB)
    expect(log.acked).toHaveLength(12)
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('a full log takes thousands of new series and of refused readings', () => {
    const sizes: number[] = []
    open(32 * MB, sizes, { commitBytes: 1e9 })
    const filler = noisySource('process', 4000)
    for (let i = 0; i < 30; i++) {
      log.append(filler.batch(200))
      log.clock.tick(1000)
    }
    const builder = new BatchBuilder(newOrigin(0))
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 3000; i++)
        builder.add(builder.series({ tag: `a/rather/long/name/of/a/tag/${round}/${i}`, class: 'alarms', kind: 'double' }), T0, i)
      for (const reason of ['unreadable', 'out-of-range', 'overflow', 'too-large']) builder.refuse('process', reason, T0)
      log.append(builder.take(T0))
      log.clock.tick(1000)
    }
    for (let left = 1; left > 0; ) left = log.writer.publish()
    expect(log.failures).toEqual([])
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * MB)
    checkBooks(temp.dir, log.writer.figures())
    log.close()
  })

  test('what may be under way is not given up, and what was given up before the offer is said', () => {
    const sizes: number[] = []
    open(32 * MB, sizes, { classes: [classNamed('process')] })
    const source = noisySource('process', 4000)
    const fill = (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        log.append(source.batch(100))
        log.clock.tick(1000)
      }
    }
    fill(20)
    log.writer.restart('kafka', 'none')
    log.keeper.restart('kafka', new Map(), [])
    const request = { ...NEXT, bytesMax: 1_200_000 }
    const old = log.keeper.next({ ...request, lane: 'backlog' })
    expect(slicesOf(old).length).toBeGreaterThan(1)
    fill(60)
    // The oldest went while it was on its way.
    const gone = log.writer.offer('kafka', old.ranges, {})
    expect(countOf(gone)).toBe(countOf(old.ranges))
    log.writer.restart('kafka', 'none')
    log.keeper.restart('kafka', new Map(), [])
    const present = log.keeper.next({ ...request, lane: 'backlog' })
    expect(
      log.writer
        .offer('kafka', present.ranges, {})
        .flatMap((hole) => slicesOf(present).filter((it) => it.from < hole.to && hole.from < it.to)),
    ).toEqual([])
    fill(100)
    const stored = books(temp.dir)[0]?.stored ?? []
    for (const slice of slicesOf(present)) expect(stored.some((it) => it.from <= slice.from && slice.to <= it.to)).toBe(true)
    checkBooks(temp.dir, log.writer.figures())
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * MB)
    log.close()
  })

  test('a reader that is at work three quarters of the time does not let the write-ahead log grow', async () => {
    const sizes: number[] = []
    open(40 * MB, sizes)
    const reader = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       const db = new (require(workerData.sqlite))(workerData.file, { readonly: true })
       const nap = new Int32Array(new SharedArrayBuffer(4))
       for (let n = 0; ; n++) {
         db.exec('BEGIN'); db.prepare('SELECT count(*) FROM stream').get()
         if (n === 0) parentPort.postMessage('reading')
         Atomics.wait(nap, 0, 0, 30)
         db.exec('COMMIT')
         Atomics.wait(nap, 0, 0, 10)
       }`,
      {
        eval: true,
        workerData: { file: join(temp.dir, 'journal.db'), sqlite: createRequire(import.meta.url).resolve('better-sqlite3') },
      },
    )
    await new Promise((resolve) => reader.once('message', resolve))
    const source = noisySource('process', 4000)
    for (let i = 0; i < 80; i++) {
      log.append(source.batch(200))
      log.clock.tick(1000)
    }
    await reader.terminate()
    expect(log.failures).toEqual([])
    expect(Math.max(...sizes)).toBeLessThanOrEqual(40 * MB)
    log.close()
  })

  test('a class that has left the settings goes before all others', () => {
    const sizes: number[] = []
    open(32 * MB, sizes, { classes: [classNamed('old'), classNamed('process')] })
    const old = noisySource('old', 4000)
    for (let i = 0; i < 30; i++) {
      log.append(old.batch(100))
      log.clock.tick(1000)
    }
    log.close()
    open(32 * MB, sizes, { classes: [classNamed('process')] })
    const process = noisySource('process', 4000)
    for (let i = 0; i < 20; i++) {
      log.append(process.batch(100))
      log.clock.tick(1000)
    }
    expect(log.failures).toEqual([])
    expect(log.writer.figures().classes[0]).toMatchObject({ accepted: 2000, stored: 2000, lost: {} })
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * MB)
    log.close()
  })
})
