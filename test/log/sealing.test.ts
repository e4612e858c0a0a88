import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import Database from 'better-sqlite3'
import { decodeAggregates } from '../../src/columns/aggregates/index.ts'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { streamKey } from '../../src/core/stream.ts'
import { dropOf } from '../../src/log/change.ts'
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

test('the journal gives back what fresh blocks took: sealed and closed it is hardly larger than an empty one', () => {
  log = openTestLog(temp.dir)
  log.close()
  const bytes = () => statSync(join(temp.dir, 'journal.db')).size
  const empty = bytes()
  log = openTestLog(temp.dir)
  fill(600, 0, (n) => Math.sin(n) * 1e6)
  log.close()
  expect(bytes()).toBeGreaterThan(4 * empty)
  log = openTestLog(temp.dir)
  while (log.work(true) > 0);
  log.close()
  expect(bytes()).toBeLessThan(2 * empty)
  log = openTestLog(temp.dir)
  expect(account()).toMatchObject({ accepted: 6_000, stored: 6_000 })
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

test('aggregates that two uplinks have had in part are given up: what both have stays aggregated, the rest is lost', () => {
  const ladder = [{ offlineForMs: 1000, keep: { windowMs: 10_000 } }]
  log = openTestLog(temp.dir, { classes: [classNamed('process', { ladder })], uplinks: ['a', 'b'] })
  fill(300, 0, (n) => Math.sin(n) * Math.PI)
  expect(log.work(true)).toBe(1)
  for (const uplink of ['a', 'b']) log.keeper.restart(uplink, log.writer.restart(uplink, 'none').delivered, [])
  const slice = log.keeper.next({ ...NEXT, uplink: 'a', lane: 'backlog' }).slices.find((it) => it.form === 'aggregate')
  if (!slice) throw new Error('no aggregates')
  const { count, good } = decodeAggregates(slice.block)
  const key = streamKey(slice.stream)
  log.writer.commit('a', [{ stream: key, from: 0, to: count }], 1, [])
  log.writer.commit('b', [{ stream: key, from: 0, to: 7 }], 1, [])
  log.clock.tick(2000)
  const db = new Database(join(temp.dir, 'journal.db'), { readonly: true })
  const row = db.prepare('SELECT id, first, count, pending FROM block').get() as {
    id: number
    first: number
    count: number
    pending: number
  }
  db.close()
  expect(row.pending).toBe(count - 7)
  expect(log.writer.apply(dropOf(key, [row], { action: 'dropped', reason: 'full', counts: new Map([[row.id, good]]) }))).toBe(
    true,
  )
  const kept = good.subarray(0, 7).reduce((sum, it) => sum + it, 0)
  expect(account()).toEqual({ accepted: 3000, stored: 0, delivered: 0, aggregated: kept, lost: { full: 3000 - kept } })
  log.close()
})

test('no run crosses what the log had given out when it was opened: what an uplink says may still take it apart there', () => {
  log = openTestLog(temp.dir)
  fill(50)
  log.writer.restart('kafka', 'none')
  log.close()
  log = openTestLog(temp.dir)
  fill(50)
  expect(log.work(true)).toBe(2)
  const db = new Database(join(temp.dir, 'journal.db'), { readonly: true })
  expect(db.prepare('SELECT first, count FROM block ORDER BY first').raw().all()).toEqual([
    [0, 500],
    [500, 500],
  ])
  db.close()
  log.close()
})
