// Windows out of raw readings and aggregates together: as exact as over the readings alone. The aggregates are made by the ladder's own
// reduction, and it is also what the windows are compared with.
import fc from '../prove/fast-check.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeBlock, encodeBlock } from '../../src/columns/index.ts'
import type { QueryRow, QueryWindow } from '../../src/core/agent-api.ts'
import type { AggregatePart, PageRequest, PlacedPart, QueryPage } from '../../src/core/query.ts'
import { rowsOf } from '../../src/core/query.ts'
import { query, windowFor } from '../../src/pipeline/query.ts'
import { reduceReadings } from '../../src/retention/reduce.ts'
import { tempDir } from './helpers.ts'
import type { HandLog, TestReading } from './query-log.ts'
import { ALL, columnsOf, kindOf, openHandLog, SECOND, SERIES, T0 } from './query-log.ts'

const never = new AbortController().signal
/** A multiple of every window that is used here. */
const START = Math.floor(T0 / (600 * SECOND)) * 600 * SECOND

let temp: ReturnType<typeof tempDir>
let log: HandLog
beforeEach(() => {
  temp = tempDir()
  log = openHandLog(temp.dir)
})
afterEach(() => {
  log.close()
  temp.remove()
})

async function all(rows: AsyncIterable<QueryRow>): Promise<QueryRow[]> {
  const list: QueryRow[] = []
  for await (const row of rows) list.push(row)
  return list
}

const read = (request: PageRequest): Promise<QueryPage> => Promise.resolve(structuredClone(log.query(request)))
const windows = (tag: string, every: number, limit = 1_000_000) => all(query({ tag, ...ALL, every, limit }, read, never))

/** Readings as the block that they would make. */
function blockOf(readings: readonly TestReading[], first: number) {
  return decodeBlock(encodeBlock({ ...columnsOf(readings, 0), kindOf }, { stream: 1, first }).block)
}

function reduced(readings: readonly TestReading[], first: number, windowUs: number) {
  return reduceReadings([blockOf(readings, first)], windowUs, kindOf)
}

/** The windows of blocks of readings by the other implementation. */
function expected(blocks: readonly (readonly TestReading[])[], every: number): QueryRow[] {
  let first = 0
  const decoded = blocks.map((it) => blockOf(it, (first += it.length) - it.length))
  const columns = reduceReadings(decoded, every, kindOf)
  const rows = Array.from({ length: columns.count }, (_, i) => {
    const series = { ...(SERIES[(columns.series[i] as number) - 1] as (typeof SERIES)[number]), id: columns.series[i] as number }
    const part: AggregatePart = { form: 'aggregate', series, columns, sequence: new Float64Array(columns.count), received: 0 }
    return [...rowsOf(part)][i] as QueryRow
  })
  return rows.toSorted((a, b) => a.time - b.time || (a.tag < b.tag ? -1 : 1))
}

const exactly = ({ tag, time, window }: QueryRow) => {
  const { sum: _1, m2: _2, mean: _3, std: _4, changes: _5, ...rest } = window as QueryWindow
  return { tag, time, ...rest }
}

function expectSame(actual: readonly QueryRow[], wanted: readonly QueryRow[]): void {
  expect(actual.map(exactly)).toStrictEqual(wanted.map(exactly))
  for (const [i, row] of actual.entries()) {
    const [a, b] = [row.window as QueryWindow, wanted[i]?.window as QueryWindow]
    const size = Math.max(Math.abs(Number(a.min ?? 0)), Math.abs(Number(a.max ?? 0)))
    expect(Math.abs(a.sum - b.sum)).toBeLessThanOrEqual(size * a.valued * 1e-13)
    expect(Math.abs(a.m2 - b.m2)).toBeLessThanOrEqual(size * size * a.valued * 1e-12)
  }
}

describe('exact', () => {
  const seconds = fc.integer({ min: 0, max: 300 * SECOND })
  const quality = fc.constantFrom(0, 0, 0, 1, 2)
  const value = [
    fc.oneof(
      fc.integer({ min: -1000, max: 1000 }).map((it) => it / 8),
      fc.constantFrom(NaN, Infinity, -0, 1e15),
    ),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.boolean(),
    fc.constantFrom('', 'on', 'off', 'ä'),
  ]
  const reading: fc.Arbitrary<TestReading> = fc
    .tuple(fc.constantFrom(0, 1, 2, 3), seconds, quality)
    .chain(([series, at, q]) =>
      fc
        .option(value[series] as fc.Arbitrary<number | bigint | boolean | string>, { freq: 8 })
        .map((it) => ({ series, at: START - T0 + at, value: it, quality: q })),
    )
  const blocks = fc.array(
    fc.record({ readings: fc.array(reading, { minLength: 1, maxLength: 30 }), reducedTo: fc.constantFrom(0, 1, 10, 30) }),
    { minLength: 1, maxLength: 8 },
  )

  test('raw readings and aggregates of several lengths merge to what the readings alone make', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, fc.constantFrom(30, 60, 300), async (list, everySeconds) => {
        log.db.exec('DELETE FROM block; DELETE FROM stream')
        const raw = log.stream('process', 'raw')
        const aggregate = log.stream('process', 'aggregate')
        let first = 0
        for (const { readings, reducedTo } of list) {
          if (reducedTo === 0) log.put(raw, readings, first)
          else {
            log.putAggregates(aggregate, reduced(readings, first, reducedTo * SECOND), first)
            log.db.prepare('UPDATE stream SET next = next + ? WHERE id = ?').run(readings.length, raw)
          }
          first += readings.length
        }
        const every = everySeconds * SECOND
        expectSame(
          await windows('*', every),
          expected(
            list.map((it) => it.readings),
            every,
          ),
        )
      }),
      { numRuns: 60 },
    )
  })
})

test('one reading, worked out by hand', async () => {
  const raw = log.stream('process', 'raw')
  const at = (s: number, value: number, q = 0): TestReading => ({ series: 0, at: START - T0 + s * SECOND, value, quality: q })
  log.put(raw, [at(1, 2), at(2, 4), at(3, 9), at(4, 100, 2), at(61, 7, 1)], 5)
  const rows = await windows('hall-1/a', 60 * SECOND)
  expect(rows).toStrictEqual([
    {
      tag: 'hall-1/a',
      kind: 'double',
      class: 'process',
      unit: '°C',
      time: START,
      value: 5,
      quality: 'good',
      status: 0,
      sequence: 3,
      received: T0 + 5,
      window: {
        length: 60 * SECOND,
        count: 4,
        good: 3,
        uncertain: 0,
        bad: 1,
        valued: 3,
        sum: 15,
        m2: 26,
        mean: 5,
        std: Math.sqrt(26 / 3),
        min: 2,
        max: 9,
        first: 2,
        last: 9,
        firstTime: START + SECOND,
        lastTime: START + 3 * SECOND,
        changes: 0,
        sequenceFrom: 0,
        sequenceTo: 3,
      },
    },
    expect.objectContaining({ time: START + 60 * SECOND, value: 7, quality: 'uncertain' }),
  ])
})

test('without --every, aggregates are rows of their own beside the readings', () => {
  const raw = log.stream('process', 'raw')
  const aggregate = log.stream('process', 'aggregate')
  const readings = Array.from(
    { length: 20 },
    (_, i): TestReading => ({ series: 1, at: START - T0 + i * SECOND, value: 2n ** 62n + BigInt(i) }),
  )
  log.putAggregates(aggregate, reduced(readings, 0, 10 * SECOND), 0)
  log.put(raw, [{ series: 1, at: START - T0 + 20 * SECOND, value: 5n }], 1)
  const rows = log.all('hall-1/b')
  expect(rows.map((it) => [it.sequence, it.window?.length, it.window?.count])).toEqual([
    [0, 10 * SECOND, 10],
    [1, 10 * SECOND, 10],
    [0, undefined, undefined],
  ])
  expect(rows[1]?.window).toMatchObject({ min: 2n ** 62n + 10n, max: 2n ** 62n + 19n, last: 2n ** 62n + 19n, sequenceFrom: 10 })
  // A range that begins within a window still shows it: it cannot be cut.
  expect(log.all('hall-1/b', { from: START + 15 * SECOND, to: START + 20 * SECOND }).map((it) => it.time)).toEqual([
    START + 10 * SECOND,
  ])
})

test('an aggregate that is longer than the windows, or lies across, is a row of its own', async () => {
  const aggregate = log.stream('process', 'aggregate')
  const readings = Array.from({ length: 60 }, (_, i): TestReading => ({ series: 0, at: START - T0 + i * SECOND, value: i }))
  log.putAggregates(aggregate, reduced(readings, 0, 10 * SECOND), 0)
  const shown = (rows: QueryRow[]) => rows.map((it) => [(it.time - START) / SECOND, (it.window as QueryWindow).length / SECOND])
  expect(shown(await windows('hall-1/a', SECOND))).toEqual([0, 10, 20, 30, 40, 50].map((it) => [it, 10]))
  expect(shown(await windows('hall-1/a', 15 * SECOND))).toEqual([
    [0, 15],
    [10, 10],
    [15, 15],
    [30, 15],
    [40, 10],
    [45, 15],
  ])
})

test('more windows than may be open: the oldest go first, what is late for them comes as another row of the window, nothing is lost', async () => {
  const raw = log.stream('process', 'raw')
  const at = (i: number): TestReading => ({ series: 0, at: START - T0 + i * SECOND, value: 1 })
  for (let block = 0; block < 8; block++)
    log.put(
      raw,
      Array.from({ length: 16_000 }, (_, i) => at(block * 16_000 + i)),
      block,
    )
  log.put(raw, [at(3), at(127_999)], 9)
  const rows = await windows('hall-1/a', SECOND)
  const late = rows.filter((it) => it.time === START + 3 * SECOND)
  expect(late.map((it) => it.window?.count)).toEqual([1, 1])
  expect(rows.reduce((sum, it) => sum + (it.window?.count ?? 0), 0)).toBe(128_002)
  expect(rows.filter((it) => it.time === START + 127_999 * SECOND).map((it) => it.window?.count)).toEqual([2])
  expect(rows).toHaveLength(128_001)
})

test('a limit, and a signal, end it', async () => {
  const raw = log.stream('process', 'raw')
  for (let i = 0; i < 600; i++) log.put(raw, [{ series: 0, at: i * SECOND, value: i }], i)
  expect(await windows('hall-1/a', SECOND, 7)).toHaveLength(7)
  const stop = new AbortController()
  const seen: number[] = []
  for await (const row of query({ tag: '*', ...ALL, limit: 1_000 }, read, stop.signal)) {
    seen.push(row.value as number)
    if (seen.length === 5) stop.abort()
  }
  expect(seen).toEqual([0, 1, 2, 3, 4])
})

test('no page is read further ahead than one while nobody takes rows', async () => {
  let pages = 0
  const part = { form: 'raw', count: 0 } as PlacedPart
  const endless = (): Promise<QueryPage> => {
    pages++
    return Promise.resolve({ parts: [part], damaged: [], next: { series: new Uint32Array(0), streams: [] } })
  }
  const stop = new AbortController()
  const rows = query(
    { tag: '*', ...ALL, every: 1, limit: 1 },
    () => (pages < 3 ? endless() : new Promise(() => undefined)),
    stop.signal,
  )
  void rows.next()
  await new Promise((resolve) => setImmediate(resolve))
  expect(pages).toBe(3)
  const raw = query({ tag: '*', ...ALL, limit: 10 }, read, never)
  await raw.return(undefined)
})

describe('--points', () => {
  const hour = 3_600 * SECOND
  test.each([
    [hour, 500, 10 * SECOND],
    [24 * hour, 500, 300 * SECOND],
    [24 * hour, 1, 7 * 24 * hour],
    [1_000, 2_000, 1],
  ])('%i µs in at most %i windows: %i µs', (length, points, every) => {
    expect(windowFor({ from: START, to: START + length }, points)).toBe(every)
  })

  test('never more windows than asked for, and the next shorter one would be', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 51 }),
        fc.integer({ min: 1, max: 2 ** 45 }),
        fc.integer({ min: 2, max: 5_000 }),
        (from, length, points) => {
          const every = windowFor({ from, to: from + length }, points)
          const count = Math.ceil((from + length) / every) - Math.floor(from / every)
          expect(count).toBeLessThanOrEqual(points)
          if (every > 1) expect(length / every).toBeGreaterThan(points / 8 - 2)
        },
      ),
    )
  })
})
