// A log made by hand: the journal as it is opened, blocks as they are encoded, but in the order and with the holes that a test wants.
import type { Database } from 'better-sqlite3'
import { createAggregateEncoder, decodeAggregates } from '../../src/columns/aggregates/index.ts'
import { createEncoder } from '../../src/columns/index.ts'
import { createMerger } from '../../src/columns/merge.ts'
import type { QueryRow } from '../../src/core/agent-api.ts'
import type { AggregateColumns } from '../../src/core/aggregate.ts'
import { BatchBuilder } from '../../src/core/batch.ts'
import type { LogSeries, SliceTime } from '../../src/core/log.ts'
import type { PageRequest, QueryPage } from '../../src/core/query.ts'
import { rowsOf } from '../../src/core/query.ts'
import type { Value } from '../../src/core/reading.ts'
import { NO_VALUE } from '../../src/core/reading.ts'
import type { Form } from '../../src/core/stream.ts'
import { openJournal } from '../../src/log/journal.ts'
import type { StoredBlock } from '../../src/log/query.ts'
import { createQuery } from '../../src/log/query.ts'

export const T0 = 1_700_000_000_000_000
export const ALL = { from: -(2 ** 52), to: 2 ** 52 }
export const SECOND = 1_000_000

/** Series as a test names them: 0, 1, 2 … */
export const SERIES: readonly Omit<LogSeries, 'id'>[] = [
  { tag: 'hall-1/a', class: 'process', kind: 'double', unit: '°C' },
  { tag: 'hall-1/b', class: 'process', kind: 'long' },
  { tag: 'hall-1/c', class: 'process', kind: 'bool' },
  { tag: 'hall-2/d', class: 'process', kind: 'string' },
  { tag: 'hall-2/e', class: 'alarm', kind: 'bytes' },
  { tag: 'hall-2/own', class: 'process', kind: 'double', boxTime: true },
]

export interface TestReading {
  readonly series: number
  /** µs after T0. */
  readonly at: number
  readonly value: Value | null
  readonly quality?: number
}

export interface HandLog {
  readonly db: Database
  query(request: PageRequest): QueryPage
  /** All pages of a query; `between` is called after each. */
  all(tag: string | readonly string[], range?: { from: number; to: number }, between?: (page: QueryPage) => void): QueryRow[]
  stream(className: string, form: Form, epoch?: string): number
  /** A fresh block. `received`: µs after T0. */
  put(stream: number, readings: readonly TestReading[], received: number, period?: number): void
  putAggregates(stream: number, columns: AggregateColumns, received: number, period?: number): void
  /** The oldest fresh blocks of a stream become sealed ones, numbered anew from the first on, at most so many readings each. */
  seal(stream: number, readingsMax: number, blocksMax?: number): void
  /** Every read of a segment gives other bytes from now on. */
  damage(): void
  close(): void
}

interface BlockValues {
  readonly stream: number
  readonly first: number
  readonly count: number
  readonly time_from: number
  readonly time_to: number
  readonly received_from: number
  readonly received_to: number
  readonly bytes: number
  readonly period: number
  readonly segment?: number
  readonly offset?: number
  readonly data?: Uint8Array
}

export const kindOf = (series: number) => (SERIES[series - 1] as Omit<LogSeries, 'id'>).kind

export function openHandLog(dir: string, timeOf?: (period: number) => SliceTime): HandLog {
  const db = openJournal(dir, 64_000_000)
  // These tests pull no plug.
  db.pragma('synchronous = OFF')
  const encode = createEncoder()
  const encodeAggregates = createAggregateEncoder(1)
  const segments = new Map<string, Uint8Array>()
  let isDamaged = false
  SERIES.forEach((it, i) =>
    db
      .prepare('INSERT INTO series (id, device, tag, class, kind, unit, added_at) VALUES (?, ?, ?, ?, ?, ?, 0)')
      .run(i + 1, 'box-1', it.tag, it.class, it.kind, it.unit ?? null),
  )
  const describe = (id: number): LogSeries => ({ ...(SERIES[id - 1] as Omit<LogSeries, 'id'>), id })
  // What a query reads is said by the tests; the other columns are for those that keep the log.
  const columns = db.pragma('table_info(block)') as { name: string }[]
  const names = columns.map((it) => it.name).filter((it) => it !== 'id')
  const insert = db.prepare(
    `INSERT INTO block (${names.map((it) => `"${it}"`).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  )
  const addBlock = (block: BlockValues): void => {
    const row: Record<string, unknown> = { data: null, segment: null, offset: null, ...block }
    insert.run(names.map((it) => (it in row ? row[it] : 0)))
  }
  const readBlock = (row: StoredBlock): Uint8Array => {
    const bytes = row.data ?? (segments.get(`${row.segment}:${row.offset}`) as Uint8Array)
    return isDamaged && row.data === null ? bytes.map((it, i) => (i === 100 ? it ^ 1 : it)) : bytes
  }
  const nextOf = (stream: number): number => db.prepare('SELECT next FROM stream WHERE id = ?').pluck().get(stream) as number
  const advance = (stream: number, count: number) =>
    db.prepare('UPDATE stream SET next = next + ? WHERE id = ?').run(count, stream)
  const query = createQuery(db, describe, readBlock, { ...(timeOf && { timeOf }), decodeAggregates })
  let segment = 0

  return {
    db,
    query,
    all(tag, range = ALL, between = () => undefined) {
      const rows: QueryRow[] = []
      for (let after: PageRequest['after'] | undefined = 0; after !== undefined; ) {
        // As between threads.
        const page: QueryPage = structuredClone(query({ tag, ...range, after }))
        for (const part of page.parts) rows.push(...rowsOf(part))
        after = page.next
        between(page)
      }
      return rows
    },
    stream(className, form, epoch = 'e1') {
      const { lastInsertRowid } = db
        .prepare("INSERT INTO stream (device, epoch, class, form, next) VALUES ('box-1', ?, ?, ?, 0)")
        .run(epoch, className, form)
      return Number(lastInsertRowid)
    },
    put(stream, readings, received, period = 1) {
      const first = nextOf(stream)
      const columns = columnsOf(readings, received)
      const { block, timeFrom, timeTo } = encode({ ...columns, kindOf }, { stream, first })
      const at = T0 + received
      const range = { time_from: timeFrom, time_to: timeTo, received_from: at, received_to: at }
      addBlock({ stream, first, count: readings.length, ...range, bytes: block.length, period, data: block })
      advance(stream, readings.length)
    },
    putAggregates(stream, columns, received, period = 1) {
      const first = nextOf(stream)
      const at = T0 + received
      const place = { stream, first, receivedFrom: at, receivedTo: at }
      const { block, timeFrom, timeTo } = encodeAggregates(columns, place, kindOf)
      segments.set(`${++segment}:0`, block)
      const range = { time_from: timeFrom, time_to: timeTo, received_from: at, received_to: at }
      addBlock({ stream, first, count: columns.count, ...range, bytes: block.length, period, segment, offset: 0 })
      advance(stream, columns.count)
    },
    seal(stream, readingsMax, blocksMax = -1) {
      const rows = db
        .prepare('SELECT * FROM block WHERE stream = ? AND segment IS NULL ORDER BY first LIMIT ?')
        .all(stream, blocksMax) as {
        id: number
        first: number
        period: number
        data: Uint8Array
      }[]
      const merge = createMerger({ level: 3, readingsMax, bytesMax: 4_000_000, kindOf })
      const [head] = rows
      if (!head) return
      const merged = merge(
        rows.map((it) => it.data),
        { stream, first: head.first },
      )
      db.transaction(() => {
        for (const { id } of rows) db.prepare('DELETE FROM block WHERE id = ?').run(id)
        segment++
        merged.forEach((it, offset) => {
          segments.set(`${segment}:${offset}`, it.block)
          const times = { time_from: it.timeFrom, time_to: it.timeTo, received_from: it.receivedFrom, received_to: it.receivedTo }
          const place = { bytes: it.block.length, period: head.period, segment, offset }
          addBlock({ stream, first: it.first, count: it.count, ...times, ...place })
        })
      })()
    },
    damage() {
      isDamaged = true
    },
    close: () => db.close(),
  }
}

export function columnsOf(readings: readonly TestReading[], received: number) {
  const builder = new BatchBuilder(0)
  const local = SERIES.map((it) => builder.series(it))
  for (const { series, at, value, quality = 0 } of readings) {
    const number = local[series] as number
    const time = T0 + at
    if (value === null) builder.addNone(number, time, quality | NO_VALUE)
    else if (typeof value === 'bigint') builder.addLong(number, time, value, quality)
    else if (typeof value === 'string') builder.addString(number, time, value, quality)
    else if (value instanceof Uint8Array) builder.addBytes(number, time, value, quality)
    else builder.add(number, time, Number(value), quality)
  }
  const batch = builder.take(T0 + received)
  return {
    ...batch,
    series: batch.series.map((it) => it + 1),
    batch: new Uint16Array(batch.count),
    received: Float64Array.of(T0 + received),
  }
}
