// Through the real writer and keeper: what was appended is what a query finds.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { QueryRow } from '../../src/core/agent-api.ts'
import type { PageRequest, QueryPage } from '../../src/core/query.ts'
import { rowsOf } from '../../src/core/query.ts'
import { query } from '../../src/pipeline/query.ts'
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

const TAG = 'process/counter'

/** All pages of a query of the counter; times in ms after T0. */
function pagesOf(from: number, to: number, tag = TAG): { pages: number; rows: QueryRow[] } {
  const rows: QueryRow[] = []
  let pages = 0
  for (let after: PageRequest['after'] | undefined = 0; after !== undefined; pages++) {
    const page: QueryPage = log.keeper.query({ tag, from: T0 + from * 1000, to: T0 + to * 1000, after })
    for (const part of page.parts) rows.push(...rowsOf(part))
    after = page.next
  }
  return { pages, rows }
}

test('all rows once, in the order in which they came', () => {
  const { rows } = pagesOf(0, 1000)
  expect(rows.map((it) => it.value)).toEqual([...Array(1000).keys()])
  expect(rows.map((it) => it.sequence)).toEqual([...Array(1000).keys()])
})

test('the time range is half open, cuts within blocks, and an unknown tag has no rows', () => {
  expect(pagesOf(105, 123).rows.map((it) => it.value)).toEqual(Array.from({ length: 18 }, (_, i) => 105 + i))
  expect(pagesOf(0, 1000, 'nobody').rows).toEqual([])
})

test('windows over what was appended', async () => {
  const read = (request: PageRequest) => Promise.resolve(log.keeper.query(request))
  const request = { tag: TAG, from: T0 + 5000, to: T0 + 25_000, every: 10_000, limit: 100 }
  const windows = []
  for await (const { time, value, window } of query(request, read, new AbortController().signal))
    windows.push([(time - T0) / 1000, value, window?.count, window?.min, window?.max, window?.first, window?.last])
  expect(windows).toEqual([
    [0, 7, 5, 5, 9, 5, 9],
    [10, 14.5, 10, 10, 19, 10, 19],
    [20, 22, 5, 20, 24, 20, 24],
  ])
})
