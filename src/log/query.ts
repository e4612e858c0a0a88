// What the log holds of one tag. Pages of a few blocks: each call reads some and says where to go on, so that no cursor stays open.
import type { DecodedBlock } from '../columns/index.ts'
import { DamagedBlock } from '../columns/index.ts'
import type { QueryRow } from '../core/agent-api.ts'
import type { LogSeries } from '../core/log.ts'
import type { Quality, Value } from '../core/reading.ts'
import { NO_VALUE, QUALITIES } from '../core/reading.ts'
import type { Journal } from './journal.ts'

export interface QueryPage {
  readonly rows: readonly QueryRow[]
  /** The next block to read; undefined when all is read. */
  readonly next: number | undefined
}

export interface PageRequest {
  readonly tag: string
  /** Source time, µs, [from, to). */
  readonly from: number
  readonly to: number
  /** Where the last page ended; 0 at the start. */
  readonly after: number
}

const BLOCKS_A_PAGE = 32
const text = new TextDecoder()

export function createQuery(
  db: Journal,
  describe: (id: number) => LogSeries | undefined,
  decode: (block: Uint8Array) => DecodedBlock,
) {
  const seriesOf = db.prepare('SELECT id FROM series WHERE tag = ?').pluck()
  const blocks = db.prepare('SELECT id, data FROM block WHERE id > ? AND time_to >= ? AND time_from < ? ORDER BY id LIMIT ?')
  return (request: PageRequest): QueryPage => {
    const wanted = new Set(seriesOf.all(request.tag) as number[])
    if (wanted.size === 0) return { rows: [], next: undefined }
    const found = blocks.all(request.after, request.from, request.to, BLOCKS_A_PAGE) as { id: number; data: Uint8Array }[]
    const rows: QueryRow[] = []
    for (const { data } of found) {
      try {
        rowsOf(decode(data), wanted, describe, request, rows)
      } catch (error) {
        // A damaged block costs its own readings only; the lanes report it.
        if (!(error instanceof DamagedBlock)) throw error
      }
    }
    return { rows, next: found.length === BLOCKS_A_PAGE ? found.at(-1)?.id : undefined }
  }
}

function rowsOf(
  block: DecodedBlock,
  wanted: ReadonlySet<number>,
  describe: (id: number) => LogSeries | undefined,
  range: PageRequest,
  rows: QueryRow[],
): void {
  let at = 0
  for (const [run, id] of block.seriesIds.entries()) {
    const end = at + (block.runs[run] as number)
    const series = wanted.has(id) ? describe(id) : undefined
    for (let i = at; series && i < end; i++) {
      const time = block.time[i] as number
      if (time >= range.from && time < range.to) rows.push(rowAt(block, i, series))
    }
    at = end
  }
}

function rowAt(block: DecodedBlock, i: number, series: LogSeries): QueryRow {
  const quality = block.quality[i] as number
  const row = {
    time: block.time[i] as number,
    value: quality & NO_VALUE ? null : valueAt(block, i, series),
    quality: QUALITIES[quality & 3] as Quality,
    status: block.status[i] as number,
    sequence: block.first + i,
    received: block.received[i] as number,
    class: series.class,
  }
  return series.unit === undefined ? row : { ...row, unit: series.unit }
}

function valueAt(block: DecodedBlock, i: number, { kind }: LogSeries): Value {
  if (kind === 'double') return block.value[i] as number
  if (kind === 'bool') return block.value[i] !== 0
  if (kind === 'long') return new BigInt64Array(block.value.buffer, block.value.byteOffset)[i] as bigint
  const words = new Uint32Array(block.value.buffer, block.value.byteOffset)
  const offset = words[i * 2] as number
  const bytes = block.bytes.subarray(offset, offset + (words[i * 2 + 1] as number))
  return kind === 'string' ? text.decode(bytes) : bytes.slice()
}
