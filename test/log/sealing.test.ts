import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { OpenedLog } from './helpers.ts'
import { classNamed, NEXT, openTestLog, T0, tempDir } from './helpers.ts'

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => {
  temp = tempDir()
})
afterEach(() => temp.remove())

const TAGS = 10

/** Commits of one reading of each tag, and `bad` readings that are refused. */
function fill(commits: number, bad = 0, valueOf: (n: number) => number = (n) => n): void {
  const builder = new BatchBuilder(newOrigin(0))
  const series = Array.from({ length: TAGS }, (_, n) => builder.series({ tag: `t/${n}`, class: 'process', kind: 'double' }))
  for (let n = 0; n < commits; n++) {
    for (const it of series) builder.add(it, T0 + n * 1_000_000, valueOf(n))
    if (bad > 0) builder.refuse('process', 'unreadable', T0 + n * 1_000_000, bad)
    log.append(builder.take(T0 + n * 1_000_000))
    log.clock.tick(1000)
  }
}

function account() {
  const it = log.writer.figures().classes[0]
  return { accepted: it?.accepted, stored: it?.stored, delivered: it?.delivered, aggregated: it?.aggregated, lost: it?.lost }
}

function valuesByTag(): Map<number, number[]> {
  log.keeper.restart('kafka', new Map(), [])
  const found = new Map<number, number[]>()
  for (const lane of ['backlog', 'live'] as const)
    for (;;) {
      const taken = log.keeper.next({ ...NEXT, lane, readingsMax: 700 })
      expect(taken.damaged).toEqual([])
      if (taken.ranges.length === 0) break
      for (const slice of taken.slices) {
        if (slice.form !== 'raw') continue
        const block = decodeBlock(slice.block)
        let row = 0
        block.seriesIds.forEach((id, run) => {
          for (let i = 0; i < (block.runs[run] as number); i++, row++) {
            const sequence = block.sequence ? (block.sequence[row] as number) : block.first + row
            if (sequence >= slice.from && sequence < slice.to)
              found.set(id, [...(found.get(id) ?? []), block.value[row] as number])
          }
        })
      }
    }
  return found
}

test('fresh blocks become one sealed block; all readings are there, in their order, in parts', () => {
  log = openTestLog(temp.dir)
  fill(300)
  expect(log.work(true)).toBe(1)
  expect(readdirSync(join(temp.dir, 'segments', 'process'))).toEqual(['1.raw'])
  expect(account()).toEqual({ accepted: 3000, stored: 3000, delivered: 0, aggregated: 0, lost: {} })
  const found = valuesByTag()
  expect(found.size).toBe(TAGS)
  for (const list of found.values()) expect(list).toEqual(Array.from({ length: 300 }, (_, n) => n))
  log.close()
})

test('refused readings between the blocks move to the end of the run: one line', () => {
  log = openTestLog(temp.dir)
  fill(100, 3)
  expect(log.work(true)).toBe(1)
  expect(account()).toEqual({ accepted: 1300, stored: 1000, delivered: 0, aggregated: 0, lost: { unreadable: 300 } })
  const found = valuesByTag()
  for (const list of found.values()) expect(list).toEqual(Array.from({ length: 100 }, (_, n) => n))
  log.close()
})

test('a step of the ladder in force reduces what comes in', () => {
  log = openTestLog(temp.dir, {
    classes: [classNamed('process', { ladder: [{ offlineForMs: 1000, keep: { windowMs: 10_000 } }] })],
  })
  // Values that take many bytes: where aggregates are not clearly smaller the readings stay raw.
  fill(300, 1, (n) => Math.sin(n) * Math.PI)
  expect(log.work(true)).toBe(1)
  expect(account()).toEqual({ accepted: 3300, stored: 0, delivered: 0, aggregated: 3000, lost: { unreadable: 300 } })
  log.close()
  log = openTestLog(temp.dir)
  expect(account()).toEqual({ accepted: 3300, stored: 0, delivered: 0, aggregated: 3000, lost: { unreadable: 300 } })
  log.close()
})
