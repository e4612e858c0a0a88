import { afterEach, beforeEach, expect, test } from 'vitest'
import type { QueryRow } from '../../src/core/agent-api.ts'
import { queryWindows } from '../../src/pipeline/query-windows.ts'
import type { OpenedLog } from './helpers.ts'
import { counterSource, openTestLog, T0, tempDir } from './helpers.ts'

let temp: ReturnType<typeof tempDir>
let log: OpenedLog
beforeEach(() => {
  temp = tempDir()
  log = openTestLog(temp.dir)
  const { batch } = counterSource()
  for (let i = 0; i < 100; i++) {
    log.append(batch(10))
    log.clock.tick(1000)
  }
})
afterEach(() => {
  log.close()
  temp.remove()
})

/** All pages of a query of the counter; times in ms after T0. */
function query(from: number, to: number, tag = 'process/counter'): { pages: number; rows: QueryRow[] } {
  const rows: QueryRow[] = []
  let pages = 0
  for (let after: number | undefined = 0; after !== undefined; pages++) {
    const page = log.keeper.query({ tag, from: T0 + from * 1000, to: T0 + to * 1000, after })
    rows.push(...page.rows)
    after = page.next
  }
  return { pages, rows }
}

test('pages hold all rows once, in the order in which they came', () => {
  const { pages, rows } = query(0, 1000)
  expect(rows.map((it) => it.value)).toEqual([...Array(1000).keys()])
  expect(pages).toBeGreaterThan(3)
})

test('the time range is half open, cuts within blocks, and an unknown tag has no rows', () => {
  expect(query(105, 123).rows.map((it) => it.value)).toEqual(Array.from({ length: 18 }, (_, i) => 105 + i))
  expect(query(0, 1000, 'nobody').rows).toEqual([])
})

test('windows: count, least, greatest, mean, first, last of the good numbers', async () => {
  async function* rows() {
    yield* query(5, 25).rows
    yield { ...(query(24, 25).rows[0] as QueryRow), value: 1e9, quality: 'bad' as const }
    yield { ...(query(24, 25).rows[0] as QueryRow), time: T0 + 31_000, value: 'text' }
  }
  const request = { tag: 'process/counter', from: 0, to: 1e18, every: 10_000, limit: 100 }
  const windows = []
  for await (const row of queryWindows(rows(), request))
    windows.push([
      (row.time - T0) / 1000,
      row.value,
      row.window?.count,
      row.window?.min,
      row.window?.max,
      row.window?.first,
      row.window?.last,
    ])
  expect(windows).toEqual([
    [0, 7, 5, 5, 9, 5, 9],
    [10, 14.5, 10, 10, 19, 10, 19],
    [20, 22, 5, 20, 24, 20, 24],
    [30, null, undefined, undefined, undefined, undefined, undefined],
  ])
})
