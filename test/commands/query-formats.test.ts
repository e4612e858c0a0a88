// What a query writes, read back by programs of others: every value as it was.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { QueryRow, QueryWindow } from '../../src/core/agent-api.ts'
import { rowAt } from '../local-api/hand-made-agent.ts'
import { queryHere } from './query-here.ts'

const PYTHON = join(import.meta.dirname, '../../.cache/venv/bin/python')
const READER = join(import.meta.dirname, 'query_read.py')

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hf-formats-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function readBack<T>(kind: string, path: string): Promise<T> {
  const { stdout } = await promisify(execFile)(PYTHON, [READER, kind, path], { maxBuffer: 1e9 })
  return JSON.parse(stdout) as T
}

const bits = (value: number): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return Number.isNaN(value) ? 'nan' : bytes.toString('hex')
}
const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64')

const VALUES: QueryRow['value'][] = [
  [1.5, -0, 0, NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1e21],
  [0n, -1n, 9_007_199_254_740_993n, 2n ** 63n - 1n, -(2n ** 63n)],
  [true, false],
  ['', 'plain', 'a "quoted", text', 'two\r\nlines', 'ä\u2028😀', '\0', ' space ', '=1+1'],
  [new Uint8Array(0), Uint8Array.of(0, 255, 128), new Uint8Array(300).fill(7)],
  [null],
].flat()
const WINDOW: QueryWindow = {
  length: 60_000_000,
  count: 12,
  good: 8,
  uncertain: 1,
  bad: 3,
  valued: 8,
  sum: 0.1 + 0.2,
  m2: 2,
  mean: -0,
  std: 0.5,
  min: -1,
  max: 2,
  first: 1.25,
  last: 2,
  firstTime: 1_795_000_000_000_001,
  lastTime: 1_795_000_000_900_001,
  changes: 0,
  sequenceFrom: 2 ** 52 + 1,
  sequenceTo: 2 ** 52 + 9,
}
const LONGS: QueryWindow = { ...WINDOW, min: -(2n ** 63n), max: 2n ** 63n - 1n, first: 9_007_199_254_740_993n, last: 0n }
const TEXTS: QueryWindow = { ...WINDOW, min: null, max: null, mean: null, std: null, first: '', last: 'z', changes: 3 }
const BYTES: QueryWindow = { ...TEXTS, first: Uint8Array.of(1, 2), last: new Uint8Array(0) }
const EMPTY: QueryWindow = { ...TEXTS, first: null, last: null, firstTime: null, lastTime: null, valued: 0 }
const ROWS: QueryRow[] = [
  ...VALUES.map((value, i) => rowAt(i, value)),
  { ...rowAt(100, 1), unit: undefined as never, clock: { quality: 'corrected', shiftUs: 5 }, time: -1, status: 0xffff_ffff },
  { ...rowAt(101, 1), tag: 'a,"b"', quality: 'bad', clock: { quality: 'relative', shiftUs: 0 } },
  ...[WINDOW, LONGS, TEXTS, BYTES, EMPTY].map((window, i) => ({ ...rowAt(200 + i, null), window })),
].map((it) => Object.fromEntries(Object.entries(it).filter(([, value]) => value !== undefined)) as unknown as QueryRow)

async function* rows(): AsyncGenerator<QueryRow> {
  yield* ROWS
}

async function* none(): AsyncGenerator<QueryRow> {
  yield* []
}

describe('csv', () => {
  test('is RFC 4180, and another reader finds all columns', async () => {
    const path = join(dir, 'a.csv')
    await queryHere(`query a --from 0 --to-file ${path}`, rows)
    const text = await readFile(path, 'utf8')
    expect(
      text.startsWith('time,tag,value,kind,unit,quality,status,class,sequence,received,time_quality,window_us,count,good,'),
    ).toBe(true)
    expect(text.replaceAll('\r\n', '').includes('\n')).toBe(false)
    const [head, ...lines] = await readBack<string[][]>('csv', path)
    expect(lines).toHaveLength(ROWS.length)
    const cells = lines.map((it) => Object.fromEntries((head as string[]).map((name, i) => [name, it[i]])))
    for (const [i, cell] of cells.entries()) {
      const { value, time, received, window } = ROWS[i] as QueryRow
      if (typeof value === 'number') expect(bits(Number(cell.value))).toBe(bits(value))
      else if (value instanceof Uint8Array) expect(cell.value).toBe(base64(value))
      else expect(cell.value).toBe(value === null ? '' : String(value))
      expect([cell.time_us, cell.received_us]).toEqual([String(time), String(received)])
      expect(cell.count).toBe(window ? String(window.count) : '')
      expect(cell.min).toBe(String(window?.min ?? ''))
    }
    expect(cells[ROWS.length - 7]).toMatchObject({
      unit: '',
      time: '1969-12-31T23:59:59.999999Z',
      time_quality: 'corrected',
      status: '4294967295',
    })
    expect(cells[ROWS.length - 6]).toMatchObject({ tag: 'a,"b"', quality: 'bad', time_quality: 'relative' })
    expect(cells[ROWS.length - 5]).toMatchObject({ mean: '-0', sum: '0.30000000000000004', seq_from: '4503599627370497' })
  })

  test('nothing and a string without characters are told apart', async () => {
    const { out } = await queryHere('query a --from 0', rows)
    // One value has a line end in it.
    const records = out.split('\r\n')
    expect(records.find((it) => it.includes(',string,') && it.includes(',"",'))).toBeDefined()
    expect(records[VALUES.indexOf(null) + 2]).toMatch(/^[^,]+,a,,double,°C,/)
  })
})

describe.each(['ndjson', 'json'])('%s', (format) => {
  test('is JSON to another reader, and every value as it was', async () => {
    const path = join(dir, `a.${format}`)
    await queryHere(`query a --from 0 --format ${format} --to-file ${path}`, rows)
    const found = await readBack<Record<string, unknown>[]>(format, path)
    expect(found).toHaveLength(ROWS.length)
    for (const [i, value] of VALUES.entries()) {
      const it = found[i]?.value
      expect(found[i]?.kind).toBe(ROWS[i]?.kind)
      if (typeof value === 'bigint') expect(String((it as { int?: string }).int ?? it)).toBe(String(value))
      else if (typeof value === 'number' && !Number.isFinite(value)) expect(it).toBe(String(value))
      else if (typeof value === 'number') {
        const { double, int } = it as { double?: string; int?: string }
        expect(double ?? bits(Number(int))).toBe(bits(value))
      } else expect(it).toBe(value instanceof Uint8Array ? base64(value) : value)
    }
  })

  test('has the members of the row', async () => {
    const { out } = await queryHere(`query a --from 0 --format ${format}`, rows)
    const documents = (
      format === 'json'
        ? JSON.parse(out)
        : out
            .trim()
            .split('\n')
            .map((it) => JSON.parse(it) as unknown)
    ) as QueryRow[]
    expect(Object.keys(documents[0] as QueryRow)).toEqual(Object.keys(ROWS[0] as QueryRow))
    expect(documents.at(-4)?.window).toEqual({
      ...JSON.parse(JSON.stringify({ ...LONGS, min: null, max: null, first: null, last: 0 })),
      mean: -0,
      min: '-9223372036854775808',
      max: '9223372036854775807',
      first: '9007199254740993',
    })
    expect(documents.find((it) => it.clock)?.clock).toEqual({ quality: 'corrected', shiftUs: 5 })
  })
})

interface Table {
  readonly types: Record<string, string>
  readonly rows: number
  readonly groups: number
  readonly columns: Record<string, (null | boolean | string | { int?: string; double?: string; bytes?: string })[]>
}

describe('parquet', () => {
  const int = (it: number | bigint | null | undefined) => (it === null || it === undefined ? null : { int: String(it) })
  const double = (it: unknown) => (typeof it === 'number' ? { double: bits(it) } : null)
  const bytes = (it: unknown) => (it instanceof Uint8Array ? { bytes: base64(it) } : null)
  const text = (it: unknown) => (typeof it === 'string' ? it : null)

  test('another reader finds the types, and every value bit by bit', async () => {
    const path = join(dir, 'a.parquet')
    await queryHere(`query a --from 0 --format parquet --to-file ${path}`, rows)
    const { types, columns, rows: count } = await readBack<Table>('parquet', path)
    expect(count).toBe(ROWS.length)
    expect(types).toMatchObject({
      time: 'timestamp[us, tz=UTC]',
      received: 'timestamp[us, tz=UTC]',
      tag: 'string',
      value_double: 'double',
      value_long: 'int64',
      value_bool: 'bool',
      value_string: 'string',
      value_bytes: 'binary',
      sequence: 'int64',
      status: 'int64',
      first_long: 'int64',
      std: 'double',
    })
    const expectColumn = (name: string, of: (row: QueryRow) => unknown) => expect(columns[name], name).toStrictEqual(ROWS.map(of))
    expectColumn('time', (it) => int(it.time))
    expectColumn('received', (it) => int(it.received))
    expectColumn('tag', (it) => it.tag)
    expectColumn('kind', (it) => it.kind)
    expectColumn('unit', (it) => it.unit ?? null)
    expectColumn('quality', (it) => it.quality)
    expectColumn('status', (it) => int(it.status))
    expectColumn('sequence', (it) => int(it.sequence))
    expectColumn('time_quality', (it) => it.clock?.quality ?? 'synchronised')
    expectColumn('value_double', (it) => double(it.value))
    expectColumn('value_long', (it) => (typeof it.value === 'bigint' ? int(it.value) : null))
    expectColumn('value_bool', (it) => (typeof it.value === 'boolean' ? it.value : null))
    expectColumn('value_string', (it) => text(it.value))
    expectColumn('value_bytes', (it) => bytes(it.value))
    expectColumn('window_us', (it) => int(it.window?.length))
    expectColumn('count', (it) => int(it.window?.count))
    expectColumn('mean', (it) => double(it.window?.mean))
    expectColumn('sum', (it) => double(it.window?.sum))
    expectColumn('first_us', (it) => int(it.window?.firstTime))
    expectColumn('seq_to', (it) => int(it.window?.sequenceTo))
    expectColumn('min', (it) => (it.window?.min == null ? null : double(Number(it.window.min))))
    expectColumn('min_long', (it) => (typeof it.window?.min === 'bigint' ? int(it.window.min) : null))
    expectColumn('first_long', (it) => (typeof it.window?.first === 'bigint' ? int(it.window.first) : null))
    expectColumn('last_string', (it) => text(it.window?.last))
    expectColumn('first_bytes', (it) => bytes(it.window?.first))
  })

  test('a second reader agrees', async () => {
    const path = join(dir, 'b.parquet')
    await queryHere(`query a --from 0 --format parquet --to-file ${path}`, rows)
    const file = await readFile(path)
    const found = await parquetReadObjects({
      file: file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer,
    })
    expect(found.map((it) => it.value_long ?? null)).toEqual(ROWS.map((it) => (typeof it.value === 'bigint' ? it.value : null)))
    expect(found.map((it) => it.tag as unknown)).toEqual(ROWS.map((it) => it.tag))
  })

  test('many rows come in groups, which go to the file while rows still come', async () => {
    const path = join(dir, 'many.parquet')
    const count = 150_000
    const sizes: number[] = []
    await queryHere(`query a --from 0 --format parquet --to-file ${path}`, async function* () {
      for (let i = 0; i < count; i++) {
        if (i % 35_000 === 0) sizes.push((await stat(`${path}.part`)).size)
        yield rowAt(i, i * 0.1)
      }
    })
    const { columns, groups } = await readBack<Table>('parquet', path)
    expect(groups).toBe(Math.ceil(count / 32_768))
    expect(columns.value_double?.findIndex((it, i) => (it as { double: string }).double !== bits(i * 0.1))).toBe(-1)
    expect(columns.value_double).toHaveLength(count)
    for (let i = 1; i < sizes.length; i++) expect(sizes[i]).toBeGreaterThan((sizes[i - 1] as number) + 50_000)
  })

  test('no rows are a file with its columns', async () => {
    const path = join(dir, 'none.parquet')
    await queryHere(`query a --from 0 --format parquet --to-file ${path}`, none)
    expect(await readBack<Table>('parquet', path)).toMatchObject({ rows: 0, types: { value_double: 'double' } })
  })
})

describe('--to-file', () => {
  test('the file has its name only once it is whole, and a query that fails leaves none', async () => {
    const path = join(dir, 'failed.csv')
    const during: string[] = []
    const { status, err } = await queryHere(`query a --from 0 --to-file ${path}`, async function* () {
      yield rowAt(0)
      during.push(...(await readdir(dir)))
      yield* Array.from({ length: 5_000 }, (_, i) => rowAt(i))
      throw new Error('a block cannot be read')
    }).catch((error: Error) => ({ status: -1, err: error.message }))
    expect({ status, err }).toEqual({ status: -1, err: 'a block cannot be read' })
    expect(during).toContain('failed.csv.part')
    expect((await readdir(dir)).filter((it) => it.startsWith('failed'))).toEqual([])
  })

  test('an older file of that name is replaced', async () => {
    const path = join(dir, 'twice.csv')
    await queryHere(`query a --from 0 --to-file ${path}`, rows)
    const { size } = await stat(path)
    const { out, status } = await queryHere(`query a --from 0 --to-file ${path}`, async function* () {
      yield rowAt(0)
    })
    expect({ out, status }).toEqual({ out: '', status: 0 })
    expect((await stat(path)).size).toBeLessThan(size)
  })

  test.each([
    ['query a --from 0 --format parquet', '--to-file: is needed with parquet'],
    ['query a --from 0 --to-file /nowhere/at/all.csv', 'cannot be written'],
    ['query a --from 0 --every 1m --points 10', '--points: says how long a window is'],
    ['query a --from 0 --points 0', '--points: "0" is not a number'],
    ['query --from 0', 'TAG is missing'],
  ])('%s: %s', async (words, text) => {
    const { status, err, out } = await queryHere(words, rows)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toContain(text)
  })
})

test.each(['csv', 'ndjson'])('on a terminal, values do not steer it (%s)', async (format) => {
  const steering = async function* (): AsyncGenerator<QueryRow> {
    yield rowAt(0, '\x1b[2J\x9b31m\u202etext')
  }
  const shown = await queryHere(`query a --from 0 --format ${format}`, steering, true)
  expect(shown.out).not.toMatch(/[^\P{Cc}\r\n]|[\u202a-\u202e]/u)
  expect(shown.out).toContain('text')
  if (format === 'csv') expect((await queryHere('query a --from 0', steering)).out).toContain('\x1b[2J\x9b31m\u202etext')
})

test('what a command line means to the agent', async () => {
  const requests: unknown[] = []
  const ask = (request: unknown): AsyncGenerator<QueryRow> => {
    requests.push(request)
    return none()
  }
  await queryHere('query hall-1/* b --from 1000 --to 2000 --points 500', ask)
  await queryHere('query a --from 1000 --to 2000 --every 1.5s --limit 7', ask)
  expect(requests).toEqual([
    { tag: ['hall-1/*', 'b'], from: 1_000_000, to: 2_000_000, points: 500, limit: 1_000_000 },
    { tag: 'a', from: 1_000_000, to: 2_000_000, every: 1_500_000, limit: 7 },
  ])
})
