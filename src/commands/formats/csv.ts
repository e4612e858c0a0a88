// CSV after RFC 4180: a header, CRLF, quotes where a cell needs them. Times in ISO 8601 and, in columns at the end, in microseconds.
// Nothing is an empty cell, a string without characters is "". 64-bit integers are exact, bytes are base64, -0 stays -0.
import type { QueryRow } from '../../core/agent-api.ts'
import { formatTime } from '../times.ts'
import type { Column } from './columns.ts'
import { EXTREMES, HEAD_COLUMNS, READING_COLUMNS, WINDOW_COLUMNS } from './columns.ts'
import type { Format } from './format.ts'
import { textFormat } from './format.ts'

const NAMES = [
  ...[...HEAD_COLUMNS.map((it) => it.name), 'value', ...READING_COLUMNS.map((it) => it.name)],
  ...[...WINDOW_COLUMNS.map((it) => it.name), ...EXTREMES, 'time_us', 'received_us'],
]
const NO_WINDOW = ','.repeat(WINDOW_COLUMNS.length + EXTREMES.length)

export const csv: Format = textFormat({ head: `${NAMES.join(',')}\r\n`, row: line, foot: () => '' })

function line(row: QueryRow): string {
  const { window } = row
  const reading = `${cells(HEAD_COLUMNS, row)},${cell(row.value)},${cells(READING_COLUMNS, row)}`
  const rest = window ? `,${cells(WINDOW_COLUMNS, row)},${EXTREMES.map((it) => cell(window[it])).join(',')}` : NO_WINDOW
  return `${reading}${rest},${row.time},${row.received}\r\n`
}

function cells(columns: readonly Column[], row: QueryRow): string {
  let text = ''
  for (const [i, { type, of }] of columns.entries()) {
    const value = of(row)
    text += `${i === 0 ? '' : ','}${type === 'time' ? formatTime(value as number) : cell(value)}`
  }
  return text
}

function cell(value: QueryRow['value'] | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  const text = String(value)
  return /^$|[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
