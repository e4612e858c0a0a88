// An agent that starts on a partition which something else has filled: what the ballast held is enough to open the log and to take readings, and it says so.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { takeLock } from '../../src/log/lock.ts'
import { freeBytes, makeRoomToOpen } from '../../src/log/space.ts'
import type { Partition } from '../faults/partition.ts'
import { mayMount, mountPartition } from '../faults/partition.ts'
import type { OpenedLog } from './helpers.ts'
import { openTestLog, T0 } from './helpers.ts'

const BYTES_MAX = 64_000_000

describe.skipIf(!mayMount())('on a full partition', () => {
  let dir: string
  let partition: Partition
  let at: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'hf-full-'))
    partition = mountPartition(dir, 100_000_000, 'ext4')
    at = join(partition.dir, 'log')
    mkdirSync(at)
  })
  afterEach(() => {
    partition.unmount()
    rmSync(dir, { recursive: true, force: true })
  })

  function append(log: OpenedLog, readings: number): void {
    const builder = new BatchBuilder(newOrigin(0))
    const series = builder.series({ tag: 'speed', class: 'process', kind: 'double' })
    for (let n = 0; n < readings; n++) builder.add(series, T0 + n, n)
    const id = log.append(builder.take(T0))
    log.clock.tick(2000)
    expect(log.acked).toContain(id)
  }

  /** As the agent opens it. */
  function start(): { log: OpenedLog; close(): void } {
    makeRoomToOpen(at)
    const lock = takeLock(at, 'a test')
    const log = openTestLog(at, { bytesMax: BYTES_MAX })
    return {
      log,
      close() {
        log.close()
        lock.release()
      },
    }
  }

  test('the log is opened, goes on and says that the disk is full; with room it has its ballast again', () => {
    let now = start()
    append(now.log, 50)
    expect(now.log.writer.figures().disk).toBe('roomy')
    now.close()
    partition.fill()
    for (let readings = 100; readings <= 150; readings += 50) {
      now = start()
      append(now.log, 50)
      expect(now.log.writer.figures()).toMatchObject({ disk: 'short', classes: [{ accepted: readings, stored: readings }] })
      now.close()
    }
    partition.free()
    now = start()
    const free = freeBytes(at)
    append(now.log, 50)
    expect(now.log.writer.figures()).toMatchObject({ disk: 'roomy', classes: [{ accepted: 200, stored: 200 }] })
    now.close()
    makeRoomToOpen(at)
    expect(freeBytes(at)).toBeLessThanOrEqual(free + 1_000_000)
  })
})
