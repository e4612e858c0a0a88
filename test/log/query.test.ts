// Through the real writer and keeper: what was appended is what a query finds.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { QueryRow } from '../../src/core/agent-api.ts'
import type { PageRequest, QueryPage } from '../../src/core/query.ts'
import { rowsOf } from '../../src/core/query.ts'
import { query } from '../../src/pipeline/query.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { OpenedLog } from './helpers.ts'
import { classNamed, counterSource, openTestLog, T0, tempDir } from './helpers.ts'

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

async function all(rows: AsyncIterable<QueryRow>): Promise<QueryRow[]> {
  const list: QueryRow[] = []
  for await (const row of rows) list.push(row)
  return list
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

test('every reading once, in the order of its series, while the keeper seals and numbers anew', () => {
  const builder = new BatchBuilder(newOrigin(0))
  const numbers = ['a', 'b', 'c'].map((tag) => builder.series({ tag, class: 'process', kind: 'double' }))
  let made = 0
  const append = (count: number) => {
    for (let i = 0; i < count; i++, made++) builder.add(numbers[made % 3] as number, T0 + made, made)
    builder.refuse('process', 'unreadable', T0 + made, 7)
    log.append(builder.take(T0 + made))
    log.clock.tick(1000)
  }
  for (let i = 0; i < 40; i++) append(16_000)
  const found = new Map<string, number[]>([...'abc'].map((it) => [it, []]))
  let pages = 0
  let sealed = 0
  for (let after: PageRequest['after'] | undefined = 0; after !== undefined; pages++) {
    const page: QueryPage = log.keeper.query({ tag: ['a', 'b', 'c'], from: T0, to: T0 + 600_000, after })
    for (const part of page.parts) for (const row of rowsOf(part)) found.get(row.tag)?.push(row.value as number)
    after = page.next
    if (pages < 2) append(100)
    if (pages % 2 === 0) sealed += log.work(true)
  }
  expect(pages).toBeGreaterThan(3)
  expect(sealed).toBeGreaterThan(0)
  for (const [n, tag] of [...'abc'].entries())
    expect(found.get(tag)).toEqual(Array.from({ length: 200_000 }, (_, i) => i * 3 + n))
})

test('what the ladder has made of readings is found in their place, and counts for all of them', async () => {
  const other = tempDir()
  const reduced = openTestLog(other.dir, {
    classes: [classNamed('process', { ladder: [{ offlineForMs: 1, keep: { windowMs: 10_000 } }] })],
  })
  const { builder } = counterSource()
  const series = builder.series({ tag: TAG, class: 'process', kind: 'double' })
  const second = 1_000_000
  const start = Math.floor(T0 / (60 * second)) * 60 * second
  const append = (from: number, count: number) => {
    for (let i = from; i < from + count; i++) builder.add(series, start + i * second, i)
    reduced.append(builder.take(start + (from + count) * second))
    reduced.clock.tick(60_000)
  }
  for (let i = 0; i < 10; i++) append(i * 60, 60)
  reduced.work(true)
  append(600, 60)
  const read = (request: PageRequest) => Promise.resolve(structuredClone(reduced.keeper.query(request)))
  const request = { tag: TAG, from: start, to: start + 3_600 * second, limit: 10_000 }
  const raw = await all(query(request, read, new AbortController().signal))
  const made = raw.filter((it) => it.window)
  expect(made.length).toBeGreaterThan(0)
  expect(made.every((it) => it.window?.length === 10 * second)).toBe(true)
  expect(raw.reduce((sum, it) => sum + (it.window?.count ?? 1), 0)).toBe(660)
  const minutes = await all(query({ ...request, every: 60 * second }, read, new AbortController().signal))
  expect(
    minutes.map((it) => [(it.time - start) / second, it.value, it.window?.count, it.window?.first, it.window?.last]),
  ).toEqual(Array.from({ length: 11 }, (_, i) => [i * 60, i * 60 + 29.5, 60, i * 60, i * 60 + 59]))
  reduced.close()
  other.remove()
})
