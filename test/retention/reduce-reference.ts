// What a reduction has to come to, said plainly and slowly: objects, exact integers, one reading after the other.
import fc from '../prove/fast-check.ts'
import type { AggregateColumns, ReadingColumns } from '../../src/core/aggregate.ts'
import type { ValueKind } from '../../src/core/reading.ts'

export interface PlainReading {
  readonly series: number
  readonly time: number
  /** A number of 1/1024, an int64, a text; null where it has no value. */
  readonly value: number | bigint | string | null
  readonly quality: 0 | 1 | 2
}

export interface Numbered extends PlainReading {
  readonly sequence: number
}

const KINDS: readonly ValueKind[] = ['double', 'long', 'bool', 'string', 'bytes']
export const kindOf = (series: number): ValueKind => KINDS[series % KINDS.length] as ValueKind
/** Doubles here are multiples of 1 / SCALE: integers times SCALE, exact. */
const SCALE = 1024

export interface PlainAggregate {
  readonly series: number
  readonly windowStart: number
  readonly good: number
  readonly uncertain: number
  readonly bad: number
  readonly valued: number
  readonly min: unknown
  readonly max: unknown
  readonly first: unknown
  readonly last: unknown
  readonly firstTime: number
  readonly lastTime: number
  readonly sequenceFrom: number
  readonly sequenceTo: number
  readonly changes: number
  readonly sum: number
  readonly m2: number
  /** What rounding is measured by. */
  readonly magnitude: number
  readonly square: number
}

/** `changes` in the order of the sequences. */
export function reference(readings: readonly Numbered[], windowUs: number): PlainAggregate[] {
  const groups = new Map<string, Numbered[]>()
  for (const it of readings.toSorted((a, b) => a.sequence - b.sequence)) {
    const key = `${it.series}/${Math.floor(it.time / windowUs) * windowUs}`
    groups.set(key, [...(groups.get(key) ?? []), it])
  }
  const all = [...groups].map(([key, list]) => {
    const [series = 0, windowStart = 0] = key.split('/').map(Number)
    return aggregate(series, windowStart, list)
  })
  return all.sort((a, b) => a.series - b.series || a.windowStart - b.windowStart)
}

function aggregate(series: number, windowStart: number, list: readonly Numbered[]): PlainAggregate {
  const of = (quality: number) => list.filter((it) => it.quality === quality)
  const over = (of(0).length > 0 ? of(0) : of(1)).filter((it) => it.value !== null && isFinite(it.value))
  const byTime = over.toSorted((a, b) => a.time - b.time || a.sequence - b.sequence)
  const sequences = list.map((it) => it.sequence)
  const isText = series % 5 > 2
  const numbers = isText ? [] : over.map((it) => exact(it.value as number | bigint))
  const sorted = numbers.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const back = (it: bigint | undefined) => (it === undefined || series % 5 === 1 ? it : Number(it) / SCALE)
  const values = over.map((it) => it.value)
  return {
    series,
    windowStart,
    good: of(0).length,
    uncertain: of(1).length,
    bad: of(2).length,
    valued: over.length,
    min: back(sorted[0]),
    max: back(sorted.at(-1)),
    first: byTime[0]?.value,
    last: byTime.at(-1)?.value,
    firstTime: byTime[0]?.time ?? windowStart,
    lastTime: byTime.at(-1)?.time ?? windowStart,
    sequenceFrom: Math.min(...sequences),
    sequenceTo: Math.max(...sequences),
    changes: isText ? values.filter((it, i) => i > 0 && it !== values[i - 1]).length : 0,
    ...moments(numbers, series % 5 === 1 ? 1 : SCALE),
  }
}

const isFinite = (value: number | bigint | string) => typeof value !== 'number' || Number.isFinite(value)
const exact = (value: number | bigint) => (typeof value === 'bigint' ? value : BigInt(value * SCALE))

function moments(numbers: readonly bigint[], scale: number) {
  const n = BigInt(numbers.length)
  const sum = numbers.reduce((total, it) => total + it, 0n)
  const square = numbers.reduce((total, it) => total + it * it, 0n)
  const magnitude = numbers.reduce((total, it) => total + (it < 0n ? -it : it), 0n)
  return {
    sum: Number(sum) / scale,
    m2: n === 0n ? 0 : Number(n * square - sum * sum) / Number(n) / scale / scale,
    magnitude: Number(magnitude) / scale,
    square: Number(square) / scale / scale,
  }
}

/** Readings as one block from `first`. `kept`: they keep the order given as their sequences (version 2), else that of the block. */
export function blockOf(readings: readonly PlainReading[], first: number, kept: boolean) {
  const given = readings.map((it, i) => ({ ...it, sequence: first + i })).sort((a, b) => a.series - b.series)
  const rows: Numbered[] = kept ? given : given.map((it, i) => ({ ...it, sequence: first + i }))
  const ids = [...new Set(rows.map((it) => it.series))]
  const contents: Buffer[] = []
  let used = 0
  const slots = rows.map(({ value, series }) => {
    if (value === null) return 0n
    if (typeof value === 'bigint') return BigInt.asUintN(64, value)
    if (typeof value === 'number') return new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint
    const bytes = Buffer.from(value, series % 5 === 3 ? 'utf8' : 'latin1')
    contents.push(bytes)
    used += bytes.length
    return BigInt(used - bytes.length) | (BigInt(bytes.length) << 32n)
  })
  const block: ReadingColumns = {
    count: rows.length,
    first,
    seriesIds: Uint32Array.from(ids),
    runs: Uint32Array.from(ids, (id) => rows.filter((it) => it.series === id).length),
    time: Float64Array.from(rows, (it) => it.time),
    value: new Float64Array(BigUint64Array.from(slots).buffer),
    quality: Uint8Array.from(rows, (it) => it.quality | (it.value === null ? 4 : 0)),
    status: new Uint32Array(rows.length),
    received: new Float64Array(rows.length),
    bytes: new Uint8Array(Buffer.concat(contents)),
    ...(kept && { sequence: Float64Array.from(rows, (it) => it.sequence) }),
  }
  return { block, rows }
}

/** Rows of a result, values as plain ones. */
export function plainRows(columns: AggregateColumns): Omit<PlainAggregate, 'magnitude' | 'square'>[] {
  const value = (column: Float64Array, i: number, series: number) => {
    if (columns.valued[i] === 0) return undefined
    const slot = new DataView(column.buffer, column.byteOffset).getBigUint64(i * 8, true)
    if (series % 5 === 1) return BigInt.asIntN(64, slot)
    if (series % 5 < 3) return column[i]
    const offset = Number(slot & 0xffff_ffffn)
    const bytes = Buffer.from(columns.bytes.subarray(offset, offset + Number(slot >> 32n)))
    return bytes.toString(series % 5 === 3 ? 'utf8' : 'latin1')
  }
  return Array.from({ length: columns.count }, (_, i) => {
    const series = columns.series[i] as number
    const isText = series % 5 > 2
    return {
      series,
      windowStart: columns.windowStart[i] as number,
      good: columns.good[i] as number,
      uncertain: columns.uncertain[i] as number,
      bad: columns.bad[i] as number,
      valued: columns.valued[i] as number,
      min: isText ? undefined : value(columns.min, i, series),
      max: isText ? undefined : value(columns.max, i, series),
      first: value(columns.first, i, series),
      last: value(columns.last, i, series),
      firstTime: columns.firstTime[i] as number,
      lastTime: columns.lastTime[i] as number,
      sequenceFrom: columns.sequenceFrom[i] as number,
      sequenceTo: columns.sequenceTo[i] as number,
      changes: columns.changes[i] as number,
      sum: columns.sum[i] as number,
      m2: columns.m2[i] as number,
    }
  })
}

const T0 = 1_700_000_000_000_000
const quality = fc.constantFrom<0 | 1 | 2>(0, 0, 0, 1, 2)
const double = fc.oneof(
  fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((it) => it / SCALE),
  fc.integer({ min: 100 * SCALE, max: 101 * SCALE }).map((it) => it / SCALE),
)
const long = fc.oneof(
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 53n, 2n ** 53n + 1n),
)
const text = fc.constantFrom('', 'on', 'off', 'grün', 'x'.repeat(40))
const valueOf = (series: number): fc.Arbitrary<PlainReading['value']> => {
  const of = [double, long, fc.constantFrom(0, 1), text, text.map((it) => Buffer.from(it).toString('latin1'))][series % 5]
  return fc.oneof(
    { weight: 9, arbitrary: of as fc.Arbitrary<PlainReading['value']> },
    { weight: 1, arbitrary: fc.constant(null) },
  )
}

/** Of seven series, times in a few windows of 1 s, in any order and often equal. */
export const anyReading: fc.Arbitrary<PlainReading> = fc.integer({ min: 0, max: 6 }).chain((series) =>
  fc.record({
    series: fc.constant(series),
    time: fc.integer({ min: 0, max: 40 }).map((it) => T0 + it * 250_000),
    value: valueOf(series),
    quality,
  }),
)
