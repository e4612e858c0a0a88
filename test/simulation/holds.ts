// Whether a log holds what was brought: every reading once, raw, in an aggregate, or named as given up.
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { decodeAggregates } from '../../src/columns/aggregates/index.ts'
import { decodeBlock } from '../../src/columns/index.ts'
import type { AggregateColumns } from '../../src/core/aggregate.ts'
import type { ReadingColumns } from '../../src/core/aggregate.ts'
import { readAt, segmentPath } from '../../src/log/segment.ts'
import type { Tag, Turbine } from './turbine.ts'
import { isRefused, numberAt, readingsBefore } from './turbine.ts'

export interface Held {
  readonly raw: number
  readonly aggregated: number
  /** Neither, and not refused: given up. */
  readonly missing: number
  readonly bytes: number
}

interface BlockOnDisk {
  readonly class: string
  readonly form: 'raw' | 'aggregate'
  readonly first: number
  readonly bytes: number
  readonly data: Uint8Array | null
  readonly offset: number | null
  readonly segment: number | null
}

const RAW = 1
const AGGREGATED = 2

/** By class. Throws where anything is not as it was brought. `isLookedAt`: tags whose every reading is compared; of the others readings are counted. */
export function held(dir: string, source: Turbine, seconds: number, isLookedAt: (tag: Tag) => boolean): Map<string, Held> {
  const db = new Database(join(dir, 'journal.db'), { readonly: true })
  try {
    const names = new Map(
      (db.prepare('SELECT id, tag FROM series').all() as { id: number; tag: string }[]).map((it) => [it.id, it.tag]),
    )
    const tagOf = (series: number): Tag => {
      const tag = source.byName.get(names.get(series) ?? '')
      if (!tag) throw new Error(`series ${series} was never brought`)
      return tag
    }
    const marks = new Map<Tag, Uint8Array>()
    for (const tag of source.byName.values()) if (isLookedAt(tag)) marks.set(tag, new Uint8Array(readingsBefore(tag, seconds)))
    const sums = new Map([...source.tags.keys()].map((it) => [it, { raw: 0, aggregated: 0, missing: 0, bytes: 0 }]))
    const blocks = db
      .prepare(
        `SELECT s.class, s.form, b.first, b.bytes, b.data, b."offset", b.segment FROM block b JOIN stream s ON s.id = b.stream WHERE b.pending > 0 AND s.form IN ('raw', 'aggregate') ORDER BY s.form DESC, s.id, b.first`,
      )
      .iterate() as Iterable<BlockOnDisk>
    for (const row of blocks) {
      const sum = sums.get(row.class) as { raw: number; aggregated: number; bytes: number }
      const data = row.data ?? readAt(segmentPath(dir, { ...row, id: row.segment as number }), row.offset as number, row.bytes)
      sum.bytes += row.bytes
      // Raw ones come first: an aggregate stands for what is then still open between its first and its last reading.
      if (row.form === 'raw') sum.raw += checkReadings(decodeBlock(data), tagOf, source, marks)
      else sum.aggregated += checkAggregates(decodeAggregates(data), tagOf, source, marks)
    }
    for (const [tag, mark] of marks) {
      const sum = sums.get(tag.class) as { missing: number }
      for (let n = 0; n < mark.length; n++) if (mark[n] === 0 && !isRefused(source, tag, n)) sum.missing++
    }
    return sums
  } finally {
    db.close()
  }
}

function checkReadings(
  block: ReadingColumns,
  tagOf: (series: number) => Tag,
  source: Turbine,
  marks: ReadonlyMap<Tag, Uint8Array>,
): number {
  const words = new Uint32Array(block.value.buffer, block.value.byteOffset)
  const longs = new BigInt64Array(block.value.buffer, block.value.byteOffset)
  const text = new TextDecoder()
  let from = 0
  for (const [run, length] of block.runs.entries()) {
    const tag = tagOf(block.seriesIds[run] as number)
    const mark = marks.get(tag)
    for (let i = from; mark && i < from + length; i++) {
      const n = numberAt(tag, block.time[i] as number)
      const start = words[i * 2] as number
      const value =
        tag.kind === 'string'
          ? text.decode(block.bytes.subarray(start, start + (words[i * 2 + 1] as number)))
          : tag.kind === 'long'
            ? Number(longs[i])
            : block.value[i]
      if (mark[n] !== 0) throw new Error(`${tag.name} ${n}: there twice, or never brought`)
      if (isRefused(source, tag, n)) throw new Error(`${tag.name} ${n}: was refused and is there`)
      if (value !== tag.value(n)) throw new Error(`${tag.name} ${n}: is ${value}, was ${tag.value(n)}`)
      mark[n] = RAW
    }
    from += length
  }
  return block.count
}

function checkAggregates(
  it: AggregateColumns,
  tagOf: (series: number) => Tag,
  source: Turbine,
  marks: ReadonlyMap<Tag, Uint8Array>,
): number {
  let sum = 0
  for (let i = 0; i < it.count; i++) {
    const tag = tagOf(it.series[i] as number)
    const mark = marks.get(tag)
    if (mark) checkAggregate(it, i, tag, source, mark)
    sum += (it.good[i] as number) + (it.uncertain[i] as number) + (it.bad[i] as number)
  }
  return sum
}

/** Made again from what was brought. */
function checkAggregate(it: AggregateColumns, i: number, tag: Tag, source: Turbine, mark: Uint8Array): void {
  const from = numberAt(tag, it.firstTime[i] as number)
  const to = numberAt(tag, it.lastTime[i] as number)
  const made = { good: 0, min: Infinity, max: -Infinity, sum: 0, first: Number.NaN, last: Number.NaN }
  for (let n = from; n <= to; n++) {
    if (isRefused(source, tag, n) || mark[n] === RAW) continue
    if (mark[n] !== 0) throw new Error(`${tag.name} ${n}: in two aggregates`)
    mark[n] = AGGREGATED
    const value = tag.value(n) as number
    if (made.good++ === 0) made.first = value
    made.last = value
    made.sum += value
    made.min = Math.min(made.min, value)
    made.max = Math.max(made.max, value)
  }
  const is = { good: it.good[i], min: it.min[i], max: it.max[i], first: it.first[i], last: it.last[i] }
  const windowStart = it.windowStart[i] as number
  const isInside = (it.firstTime[i] as number) >= windowStart && (it.lastTime[i] as number) < windowStart + it.windowUs
  const alike = (Object.keys(is) as (keyof typeof is)[]).every((key) => is[key] === made[key])
  const near = Math.abs((it.sum[i] as number) - made.sum) <= 1e-9 * Math.max(1, Math.abs(made.sum))
  if (!alike || !near || !isInside || it.valued[i] !== made.good)
    throw new Error(`${tag.name} ${from} to ${to}: is ${JSON.stringify(is)}, was ${JSON.stringify(made)}`)
}
