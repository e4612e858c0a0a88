// Aggregates as plain rows, put into columns and taken out again in ways that share nothing with the codec.
import fc from '../prove/fast-check.ts'
import type { AggregateColumns } from '../../src/core/aggregate.ts'
import { bitsOf, kindOf } from './helpers.ts'

/** Slots as bits of 8 bytes, or as content where the series (number modulo 5) is one of strings or bytes. */
export interface AggregateRow {
  readonly series: number
  readonly windowStart: number
  readonly good: number
  readonly uncertain: number
  readonly bad: number
  readonly valued: number
  readonly sum: number
  readonly m2: number
  readonly min: bigint
  readonly max: bigint
  readonly first: bigint | string
  readonly last: bigint | string
  readonly firstTime: number
  readonly lastTime: number
  readonly changes: number
  readonly sequenceFrom: number
  readonly sequenceTo: number
}

export const isSpan = (series: number): boolean => kindOf(series) === 'string' || kindOf(series) === 'bytes'

export function toColumns(rows: readonly AggregateRow[], windowUs: number): AggregateColumns {
  const contents: Buffer[] = []
  let used = 0
  const slot = (it: bigint | string): bigint => {
    if (typeof it === 'bigint') return it
    const bytes = Buffer.from(it, 'latin1')
    contents.push(bytes)
    used += bytes.length
    return BigInt(used - bytes.length) | (BigInt(bytes.length) << 32n)
  }
  const slots = (of: (row: AggregateRow) => bigint | string) =>
    new Float64Array(BigUint64Array.from(rows, (it) => slot(of(it))).buffer)
  const words = (of: (row: AggregateRow) => number) => Uint32Array.from(rows, of)
  const doubles = (of: (row: AggregateRow) => number) => Float64Array.from(rows, of)
  const columns = {
    count: rows.length,
    windowUs,
    series: words((it) => it.series),
    windowStart: doubles((it) => it.windowStart),
    good: words((it) => it.good),
    uncertain: words((it) => it.uncertain),
    bad: words((it) => it.bad),
    valued: words((it) => it.valued),
    sum: doubles((it) => it.sum),
    m2: doubles((it) => it.m2),
    min: slots((it) => it.min),
    max: slots((it) => it.max),
    first: slots((it) => it.first),
    last: slots((it) => it.last),
    firstTime: doubles((it) => it.firstTime),
    lastTime: doubles((it) => it.lastTime),
    changes: words((it) => it.changes),
    sequenceFrom: doubles((it) => it.sequenceFrom),
    sequenceTo: doubles((it) => it.sequenceTo),
  }
  return { ...columns, bytes: new Uint8Array(Buffer.concat(contents)) }
}

export function fromColumns(columns: AggregateColumns): AggregateRow[] {
  const bits = (column: Float64Array, i: number) => new DataView(column.buffer, column.byteOffset).getBigUint64(i * 8, true)
  const content = (column: Float64Array, i: number, series: number) => {
    const it = bits(column, i)
    if (!isSpan(series)) return it
    const offset = Number(it & 0xffff_ffffn)
    return Buffer.from(columns.bytes.subarray(offset, offset + Number(it >> 32n))).toString('latin1')
  }
  return Array.from({ length: columns.count }, (_, i) => {
    const series = columns.series[i] as number
    return {
      series,
      windowStart: columns.windowStart[i] as number,
      good: columns.good[i] as number,
      uncertain: columns.uncertain[i] as number,
      bad: columns.bad[i] as number,
      valued: columns.valued[i] as number,
      sum: columns.sum[i] as number,
      m2: columns.m2[i] as number,
      min: bits(columns.min, i),
      max: bits(columns.max, i),
      first: content(columns.first, i, series),
      last: content(columns.last, i, series),
      firstTime: columns.firstTime[i] as number,
      lastTime: columns.lastTime[i] as number,
      changes: columns.changes[i] as number,
      sequenceFrom: columns.sequenceFrom[i] as number,
      sequenceTo: columns.sequenceTo[i] as number,
    }
  })
}

/** What a block gives back of a row: without a value, the value columns are 0, and the times the window's start. */
export function stored(row: AggregateRow): AggregateRow {
  if (row.valued === 0) {
    const none = isSpan(row.series) ? '' : 0n
    const { windowStart } = row
    return { ...row, sum: 0, m2: 0, min: 0n, max: 0n, first: none, last: none, firstTime: windowStart, lastTime: windowStart }
  }
  return isSpan(row.series) ? { ...row, sum: 0, m2: 0, min: 0n, max: 0n } : row
}

/** Decimals as a plant gives them, in windows of 10 s one after the other. */
export function aggregates(series: number, windows: number, fields: Partial<AggregateRow> = {}): AggregateRow[] {
  const readings = 10
  return Array.from({ length: windows }, (_, i) => {
    const [min, max] = [Math.round(Math.sin(i / 9) * 1000) / 100, Math.round(Math.sin(i / 9) * 1000 + 7) / 100]
    const windowStart = 1_700_000_000_000_000 + i * readings * 1_000_000
    return {
      series,
      windowStart,
      good: readings,
      uncertain: 0,
      bad: 0,
      valued: readings,
      sum: ((min + max) * readings) / 2,
      m2: i / 1000,
      min: bitsOf(min),
      max: bitsOf(max),
      first: bitsOf(min),
      last: bitsOf(max),
      firstTime: windowStart + 300_000,
      lastTime: windowStart + 9_300_000,
      changes: 0,
      sequenceFrom: i * readings,
      sequenceTo: i * readings + readings - 1,
      ...fields,
    }
  })
}

const decimal = fc.tuple(fc.integer({ min: -100_000, max: 100_000 }), fc.integer({ min: 0, max: 4 }))
const double = fc.oneof(
  decimal.map(([k, decimals]) => bitsOf(k / 10 ** decimals)),
  decimal.map(([k, decimals]) => bitsOf(Math.fround(k / 10 ** decimals))),
  decimal.map(([k, decimals]) => bitsOf((k / 10 ** decimals) * 1.8 + 32)),
  fc.double().map(bitsOf),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
)
const long = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }).map((it) => BigInt.asUintN(64, BigInt(it))),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(2n ** 51n, 2n ** 51n - 1n, 2n ** 63n, 2n ** 64n - 2n ** 51n),
)
const text = fc.string({ maxLength: 6 }).map((it) => Buffer.from(it, 'utf8').toString('latin1'))
const bool = fc.constantFrom(bitsOf(0), bitsOf(1))
const valueOf = (series: number) => [double, long, bool, text, text][series % 5] as fc.Arbitrary<bigint | string>
const count = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 4_000_000 }))
const moment = fc.oneof(
  decimal.map(([k, decimals]) => k / 10 ** decimals),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, Infinity, 5e-324),
)

/** Any row of one of ten series; times around `windowStart`. */
export const anyAggregate: fc.Arbitrary<AggregateRow> = fc.integer({ min: 0, max: 9 }).chain((series) =>
  fc
    .record({
      windowStart: fc.oneof(
        fc.integer({ min: 0, max: 100 }).map((it) => 1_700_000_000_000_000 + it * 10_000_000),
        fc.integer({ min: -1e15, max: 4e15 }),
      ),
      good: count,
      uncertain: count,
      bad: count,
      idle: fc.oneof(fc.constant(0), count),
      sum: moment,
      m2: moment.map(Math.abs),
      min: valueOf(series),
      max: valueOf(series),
      first: valueOf(series),
      last: valueOf(series),
      firstAfter: fc.integer({ min: 0, max: 9_999_999 }),
      lastAfter: fc.integer({ min: 0, max: 9_999_999 }),
      changes: fc.integer({ min: 0, max: 5 }),
      sequenceFrom: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 2 ** 51 })),
      extra: fc.integer({ min: 0, max: 1000 }),
    })
    .map(({ idle, firstAfter, lastAfter, extra, ...it }) => {
      const counted = it.good > 0 ? it.good : it.uncertain
      const readings = Math.max(1, it.good + it.uncertain + it.bad)
      return {
        ...it,
        series,
        valued: Math.max(0, counted - idle),
        min: isSpan(series) ? 0n : (it.min as bigint),
        max: isSpan(series) ? 0n : (it.max as bigint),
        firstTime: it.windowStart + firstAfter,
        lastTime: it.windowStart + lastAfter,
        sequenceTo: it.sequenceFrom + readings - 1 + extra,
      }
    }),
)
