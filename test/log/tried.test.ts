import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { LadderStep } from '../../src/core/retention.ts'
import type { OpenedLog } from './helpers.ts'
import { classNamed, noise, openTestLog, T0, tempDir } from './helpers.ts'

const TAGS = 100
const SECONDS = 600
const WINDOWS = [10_000, 60_000]

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => {
  temp = tempDir()
})
afterEach(() => {
  log.close()
  temp.remove()
})

/** −50 to 50. */
const valueOf = (tag: number, second: number) =>
  Math.round(500_000 * ((Math.sin(tag * 97 + second * 131) * 43_758.5453) % 1)) / 10_000

/** Restless values with four decimals (of calm ones ten readings take less than an aggregate), of each tag every second, sealed. */
function fill(name: string, ladder: readonly LadderStep[], seconds = SECONDS): void {
  log = openTestLog(join(temp.dir, name), { classes: [classNamed('process', { ladder: [...ladder] })] })
  const builder = new BatchBuilder(newOrigin(0))
  const tags = Array.from({ length: TAGS }, (_, n) => builder.series({ tag: `t/${n}`, class: 'process', kind: 'double' }))
  for (let second = 0; second < seconds; second++) {
    for (const it of tags) builder.add(it, T0 + second * 1_000_000, valueOf(it, second))
    log.append(builder.take(T0 + second * 1_000_000))
    log.clock.tick(1000)
    if (second % 60 === 59) log.work()
  }
  log.clock.tick(600_000)
  log.work(true)
}

function bytesAnAggregate(): number {
  const bands = log.keeper.bands().filter((it) => it.form === 'aggregate')
  return bands.reduce((sum, it) => sum + it.bytes, 0) / bands.reduce((sum, it) => sum + it.rows, 0)
}

test('what aggregates are said to take, before there is one, is what they take', () => {
  fill('raw', [])
  const tried = log.keeper.tryAggregates([{ name: 'process', windowsMs: WINDOWS }])['process'] ?? []
  expect(tried.map((it) => it.windowMs)).toEqual(WINDOWS)
  log.close()
  for (const { windowMs, bytes } of tried) {
    fill(`${windowMs}`, [{ offlineForMs: 1, keep: { windowMs } }])
    const is = bytesAnAggregate()
    expect(bytes).toBeGreaterThan(0.85 * is)
    expect(bytes).toBeLessThan(1.15 * is)
    log.close()
  }
  fill('last', [], 60)
})

test('of a handful of readings nothing is said', () => {
  fill('few', [], 60)
  expect(log.keeper.tryAggregates([{ name: 'process', windowsMs: WINDOWS }])).toEqual({ process: [] })
  expect(log.keeper.tryAggregates([{ name: 'nobody', windowsMs: WINDOWS }])).toEqual({ nobody: [] })
})

test('of long strings it is what a few megabytes of them say; a call tries four windows, and none below a second', () => {
  const random = noise(5)
  log = openTestLog(join(temp.dir, 'long'), { classes: [classNamed('process')], bytesMax: 256_000_000 })
  const builder = new BatchBuilder(newOrigin(0))
  for (let second = 0; second < 400; second++) {
    const series = builder.series({ tag: 'long', class: 'process', kind: 'bytes' })
    builder.addBytes(series, T0 + second * 1_000_000, random(40_000))
    log.append(builder.take(T0 + second * 1_000_000))
    log.clock.tick(1000)
    if (second % 50 === 49) log.work(true)
  }
  // 16 MB: of all of it there would be 400 windows of a second, of what is looked at there are too few.
  expect(log.keeper.tryAggregates([{ name: 'process', windowsMs: [1_000] }])).toEqual({ process: [] })
  log.close()
  fill('windows', [])
  const windowsMs = [10, 1_000, 2_000, 5_000, 10_000, 20_000]
  const tried = () => log.keeper.tryAggregates([{ name: 'process', windowsMs }])['process']?.map((it) => it.windowMs)
  expect(tried()).toEqual([1_000, 2_000, 5_000, 10_000])
  expect(tried()).toEqual([1_000, 2_000, 5_000, 10_000, 20_000])
})

test('a file holds aggregates of one window: those that go on down the ladder first give room for it', () => {
  const [fine, coarse] = WINDOWS as [number, number]
  fill(
    'mixed',
    [
      { offlineForMs: 1, keep: { windowMs: fine } },
      { offlineForMs: 900_000, keep: { windowMs: coarse } },
    ],
    1800,
  )
  const db = new Database(join(temp.dir, 'mixed', 'journal.db'), { readonly: true })
  const files = db
    .prepare(
      `SELECT segment, group_concat(DISTINCT window_ms) AS windows FROM block
       WHERE segment IS NOT NULL AND window_ms > 0 GROUP BY segment`,
    )
    .all() as { segment: number; windows: string }[]
  db.close()
  expect(files.map((it) => it.windows).toSorted()).toEqual([`${fine}`, `${coarse}`])
})
