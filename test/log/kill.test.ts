// kill -9 at random instants: what was acknowledged is there once, delivered or named; nothing is there that was not given.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeBlock } from '../../src/columns/index.ts'
import type { SegmentRow } from '../../src/log/catalogue.ts'
import { bootId } from '../../src/machine/clock-boot.ts'
import { readAt, segmentPath } from '../../src/log/segment.ts'
import { checkBooks, classNamed, openTestLog, tempDir } from './helpers.ts'

const KILLS = Number(process.env['HOLDFAST_KILLS'] ?? 20)
const CLASSES = [classNamed('alarms'), classNamed('process')]

interface Life {
  readonly openMs: number
  readonly epoch: string
  /** Values below this were acknowledged. */
  readonly acknowledged: number
}

/** Lets the writer run and kills it some time after its first acknowledgement. */
async function liveAndDie(dir: string, from: number, forMs: number): Promise<Life> {
  const main = fileURLToPath(new URL('./writes.main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, dir, String(from)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const life = { openMs: 0, epoch: '', acknowledged: from }
  let timer: NodeJS.Timeout | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, ms, epoch] = line.split(' ')
    if (word === 'open') Object.assign(life, { openMs: Number(ms), epoch })
    // A line that the kill cut off is no acknowledgement; the pipe hands over whole writes of this size.
    else life.acknowledged = Number(word)
    timer ??= setTimeout(() => child.kill('SIGKILL'), forMs)
  }
  expect((await exit)[1]).toBe('SIGKILL')
  return life
}

/** Every value in the blocks that are on disk. */
function valuesIn(dir: string): number[] {
  const db = new Database(join(dir, 'journal.db'), { readonly: true })
  try {
    const rows = db
      .prepare('SELECT b.data, b.bytes, b."offset", g.id, g.class, g.form FROM block b LEFT JOIN segment g ON g.id = b.segment')
      .all() as (SegmentRow & { data: Uint8Array | null; bytes: number; offset: number })[]
    return rows.flatMap((it) => [...decodeBlock(it.data ?? readAt(segmentPath(dir, it), it.offset, it.bytes)).value])
  } finally {
    db.close()
  }
}

test(`${KILLS} kills`, { timeout: 60_000 + KILLS * 10_000 }, async () => {
  const { dir, remove } = tempDir()
  const epochs = new Set<string>()
  let from = 0
  const gone = new Set<number>()
  const acknowledged: [number, number][] = []
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const life = await liveAndDie(dir, from, Math.random() * 250)
      epochs.add(life.epoch)
      expect(life.openMs).toBeLessThan(10_000)
      const log = openTestLog(dir, { classes: CLASSES, bootId: bootId() })
      checkBooks(dir, log.writer.figures())
      log.close()
      const values = valuesIn(dir)
      const here = new Set(values)
      expect(here.size).toBe(values.length)
      // Delivered ones are gone for good, and only alarms are delivered.
      acknowledged.push([from, life.acknowledged])
      for (const [first, end] of acknowledged) for (let value = first; value < end; value++) if (!here.has(value)) gone.add(value)
      expect([...gone].filter((it) => here.has(it) || it % 2 === 1)).toEqual([])
      from = values.reduce((most, it) => Math.max(most, it + 1), life.acknowledged)
    }
    const log = openTestLog(dir, { classes: CLASSES, bootId: bootId() })
    const [alarms, process] = log.writer.figures().classes
    const refused = process?.lost['unreadable'] ?? 0
    expect(process?.lost).toEqual(refused > 0 ? { unreadable: refused } : {})
    expect(process?.delivered).toBe(0)
    const db = new Database(join(dir, 'journal.db'), { readonly: true })
    const stored = db.prepare('SELECT coalesce(sum(pending), 0) FROM block').pluck().get() as number
    db.close()
    expect(stored).toBe((alarms?.stored ?? 0) + (process?.stored ?? 0))
    expect(alarms?.delivered).toBeGreaterThanOrEqual(gone.size)
    log.close()
    expect(epochs.size).toBe(1)
  } finally {
    remove()
  }
})
