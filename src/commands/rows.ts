// Rows of a query as text. CSV after RFC 4180 with times in ISO 8601; JSON with times in microseconds since 1970 UTC.
// 64-bit integers are exact: in JSON a number while it is safe, beyond that a string. NaN and infinities are strings there. Bytes are base64.
import type { QueryRow } from '../core/agent-api.ts'
import type { Value } from '../core/reading.ts'
import { formatTime } from './times.ts'

export interface RowFormat {
  readonly head: string
  row(row: QueryRow, index: number): string
  foot(rows: number): string
}

const READING_COLUMNS = ['time', 'value', 'unit', 'quality', 'status', 'class', 'sequence', 'received'] as const
const WINDOW_COLUMNS = ['time', 'count', 'min', 'max', 'mean', 'first', 'last', 'unit', 'class'] as const

export function csvRows(windows: boolean): RowFormat {
  return {
    head: `${(windows ? WINDOW_COLUMNS : READING_COLUMNS).join(',')}\n`,
    row: (row) => `${(windows ? windowCells(row) : readingCells(row)).map(csvCell).join(',')}\n`,
    foot: () => '',
  }
}

function readingCells(row: QueryRow): unknown[] {
  const { time, value, unit, quality, status, class: name, sequence, received } = row
  return [formatTime(time), plain(value), unit, quality, status, name, sequence, formatTime(received)]
}

function windowCells(row: QueryRow): unknown[] {
  const { count = 0, min, max, mean, first, last } = row.window ?? {}
  return [formatTime(row.time), count, min, max, mean, first, last, row.unit, row.class]
}

function csvCell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function plain(value: Value | null): string | number | bigint | boolean | null {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

export function ndjsonRows(): RowFormat {
  return { head: '', row: (row) => `${jsonRow(row)}\n`, foot: () => '' }
}

/** One array, whatever its length, that is never in memory as a whole. */
export function jsonRows(): RowFormat {
  return {
    head: '[',
    row: (row, index) => `${index === 0 ? '\n' : ',\n'}${jsonRow(row)}`,
    foot: (rows) => (rows === 0 ? ']\n' : '\n]\n'),
  }
}

function jsonRow(row: QueryRow): string {
  return JSON.stringify({ ...row, value: plain(row.value) }, (_, value: unknown) => {
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  })
}
