// What a query reads from the log: pages, their order, and that no reading comes twice or not at all while blocks are merged.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SliceTime } from '../../src/core/log.ts'
import { tempDir } from './helpers.ts'
import type { HandLog, TestReading } from './query-log.ts'
import { openHandLog, SECOND, T0 } from './query-log.ts'

const times: Record<number, SliceTime> = {
  1: { quality: 'synchronised', shiftUs: 0 },
  2: { quality: 'corrected', shiftUs: 86_400 * SECOND },
  3: { quality: 'relative', shiftUs: 0 },
}

let temp: ReturnType<typeof tempDir>
let log: HandLog
beforeEach(() => {
  temp = tempDir()
  log = openHandLog(temp.dir, (period) => times[period] as SliceTime)
})
afterEach(() => {
  log.close()
  temp.remove()
})

/** `count` readings of series 0, one a second from `from` on; the value is the second. */
function counting(from: number, count: number, series = 0): TestReading[] {
  return Array.from({ length: count }, (_, i) => ({ series, at: (from + i) * SECOND, value: from + i }))
}

const valuesOf = (rows: readonly { value: unknown }[]) => rows.map((it) => it.value)
const upTo = (count: number) => [...Array(count).keys()]

describe('tags', () => {
  const VALUES = [1.5, 2n ** 63n - 1n, true, 'ä "b"', Uint8Array.of(0, 255)]
  beforeEach(() => {
    const process = log.stream('process', 'raw')
    const alarm = log.stream('alarm', 'raw')
    log.put(
      process,
      VALUES.slice(0, 4).map((value, series) => ({ series, at: series, value })),
      10,
    )
    log.put(alarm, [{ series: 4, at: 4, value: VALUES[4] as Uint8Array }], 20)
  })

  test('every kind comes back exactly, with what describes it', () => {
    const rows = log.all('*')
    expect(valuesOf(rows)).toStrictEqual(VALUES)
    expect(rows.map((it) => it.kind)).toEqual(['double', 'long', 'bool', 'string', 'bytes'])
    expect(rows[0]).toStrictEqual({
      tag: 'hall-1/a',
      kind: 'double',
      class: 'process',
      unit: '°C',
      time: T0,
      value: 1.5,
      quality: 'good',
      status: 0,
      sequence: 0,
      received: T0 + 10,
    })
  })

  test.each([
    ['hall-1/a', ['hall-1/a']],
    ['hall-1/*', ['hall-1/a', 'hall-1/b', 'hall-1/c']],
    ['*/e', ['hall-2/e']],
    ['h*-*2*/*', ['hall-2/d', 'hall-2/e']],
    ['hall-1/a*a', []],
    ['hall-1', []],
    ['HALL-1/*', []],
  ])('%s means %j', (tag, tags) => {
    expect(log.all(tag).map((it) => it.tag)).toEqual(tags)
  })

  test('several at once, each once', () => {
    expect(log.all(['hall-2/e', 'hall-1/a', 'hall-1/*a']).map((it) => it.tag)).toEqual(['hall-1/a', 'hall-2/e'])
  })

  test('a reading without a value', () => {
    log.put(1, [{ series: 0, at: 9, value: null, quality: 2 }], 30)
    expect(log.all('hall-1/a')[1]).toMatchObject({ value: null, quality: 'bad' })
  })
})

describe('order and range', () => {
  test('the range is half open and cuts within blocks', () => {
    const stream = log.stream('process', 'raw')
    for (let i = 0; i < 10; i++) log.put(stream, counting(i * 10, 10), i)
    const range = { from: T0 + 15 * SECOND, to: T0 + 23 * SECOND }
    expect(valuesOf(log.all('hall-1/a', range))).toEqual([15, 16, 17, 18, 19, 20, 21, 22])
  })

  test('streams of an epoch by receipt, and epochs one after the other', () => {
    const late = log.stream('process', 'raw', 'e1')
    log.stream('alarm', 'raw', 'e1')
    const other = log.stream('process', 'raw', 'e2')
    log.put(late, counting(1, 1), 100)
    log.put(2, [{ series: 4, at: 0, value: Uint8Array.of(1) }], 50)
    log.put(late, counting(2, 1), 200)
    log.put(other, counting(3, 1), 0)
    expect(log.all('*').map((it) => (it.value instanceof Uint8Array ? 'alarm' : it.value))).toEqual(['alarm', 1, 2, 3])
  })

  test('many small blocks make pages of bounded work, and blocks without the range or the tag none', () => {
    const stream = log.stream('process', 'raw')
    for (let i = 0; i < 3_000; i++) log.put(stream, counting(i, 1), i)
    let pages = 0
    expect(valuesOf(log.all('hall-1/a', undefined, () => void pages++))).toEqual(upTo(3_000))
    expect(pages).toBeGreaterThan(5)
    expect(pages).toBeLessThan(12)
    pages = 0
    const range = { from: T0 + 2_990 * SECOND, to: T0 + 3_000 * SECOND }
    expect(log.all('hall-1/a', range, () => void pages++)).toHaveLength(10)
    expect(pages).toBeLessThan(3)
    expect(log.all('hall-2/e')).toEqual([])
  })

  test('one large block after the other: a page ends when it has decoded enough', () => {
    const stream = log.stream('process', 'raw')
    for (let i = 0; i < 20; i++) log.put(stream, counting(i * 16_000, 16_000), i)
    const sizes: number[] = []
    const rows = log.all('hall-1/a', undefined, ({ parts }) => void sizes.push(parts.length))
    expect(rows).toHaveLength(320_000)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(13)
  })
})

test('blocks without the tag are looked at and not decoded, fresh and sealed ones', () => {
  const stream = log.stream('process', 'raw')
  for (let i = 0; i < 30; i++)
    log.put(
      stream,
      counting(i * 8_000, 8_000, i === 17 ? 1 : 0).map((it) => ({ ...it, value: it.series ? 5n : 5 })),
      i,
    )
  log.seal(stream, 16_000)
  for (let i = 30; i < 60; i++)
    log.put(
      stream,
      counting(i * 8_000, 8_000, i === 47 ? 1 : 0).map((it) => ({ ...it, value: it.series ? 5n : 5 })),
      i,
    )
  let pages = 0
  expect(log.all('hall-1/b', undefined, () => void pages++)).toHaveLength(16_000)
  expect(pages).toBe(1)
})

describe('time without a clock', () => {
  test('rows carry how far their times can be trusted; those that the box gave are corrected, and found by it', () => {
    const stream = log.stream('process', 'raw')
    const day = 86_400 * SECOND
    log.put(stream, [...counting(0, 1), ...counting(1, 1, 5)], 5, 2)
    log.put(stream, counting(2, 1), 6, 3)
    const rows = log.all('*')
    expect(rows.map(({ time, received, clock }) => [time - T0, received - T0, clock?.quality, clock?.shiftUs])).toEqual([
      [0, 5 + day, 'corrected', day],
      [SECOND + day, 5 + day, 'corrected', day],
      [2 * SECOND, 6, 'relative', 0],
    ])
    expect(log.all('*', { from: T0 + day, to: T0 + 2 * day }).map((it) => it.tag)).toEqual(['hall-2/own'])
    expect(log.all('*', { from: T0, to: T0 + SECOND }).map((it) => it.tag)).toEqual(['hall-1/a'])
  })
})

describe('while blocks are merged', () => {
  /** Two series in turns, so that merging changes the numbers of nearly all readings. */
  const mixed = (block: number): TestReading[] =>
    upTo(10).map((i) => ({
      series: i % 2,
      at: (block * 10 + i) * SECOND,
      value: i % 2 ? BigInt(block * 10 + i) : block * 10 + i,
    }))

  test.each([
    ['in one block', 100_000],
    ['in blocks that end in the midst of what was read', 4_000],
    ['in many blocks', 700],
  ])('%s: every reading once, in the order of its series', (_, readingsMax) => {
    const stream = log.stream('process', 'raw')
    for (let i = 0; i < 1_500; i++) log.put(stream, mixed(i), i)
    let pages = 0
    const rows = log.all('hall-1/*', undefined, () => {
      if (++pages === 2) log.seal(stream, readingsMax)
    })
    expect(pages).toBe(3)
    for (const tag of ['hall-1/a', 'hall-1/b']) {
      const seconds = rows.filter((it) => it.tag === tag).map((it) => (it.time - T0) / SECOND)
      expect(seconds).toEqual(upTo(15_000).filter((it) => it % 2 === (tag === 'hall-1/a' ? 0 : 1)))
    }
  })

  test('again and again, with new blocks in between, a part of the range, and old ones that go', () => {
    const stream = log.stream('process', 'raw')
    let blocks = 0
    const more = (count: number) => {
      for (let i = 0; i < count; i++, blocks++) log.put(stream, mixed(blocks), blocks)
    }
    more(700)
    log.seal(stream, 2_000)
    more(2_000)
    let pages = 0
    const range = { from: T0 + 5_003 * SECOND, to: T0 + 26_500 * SECOND }
    const rows = log.all('hall-1/*', range, () => {
      pages++
      if (pages === 1) log.db.prepare('DELETE FROM block WHERE stream = ? AND first < 4000').run(stream)
      if (pages % 2 === 0 && pages < 9) log.seal(stream, 3_000, 600)
      if (pages < 6) more(20)
    })
    expect(pages).toBeGreaterThan(4)
    const seconds = rows.map((it) => (it.time - T0) / SECOND)
    expect(seconds.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 26_500 - 5_003 }, (_, i) => 5_003 + i))
  })
})

test('a damaged block costs its own rows and is named', () => {
  const stream = log.stream('process', 'raw')
  log.put(stream, counting(0, 5), 0)
  log.seal(stream, 100)
  log.put(stream, counting(5, 5), 1)
  log.damage()
  const page = log.query({ tag: 'hall-1/a', from: T0, to: T0 + 100 * SECOND, after: 0 })
  expect(page.damaged).toEqual([{ stream: 'box-1:e1:process:raw', first: 0 }])
  expect(page.parts.map((it) => it.form === 'raw' && [...it.value])).toEqual([[5, 6, 7, 8, 9]])
})
