// CSV after RFC 4180: a header, CRLF, quotes where a cell needs them. Times in ISO 8601 and, in columns at the end, in microseconds.
// Nothing is an empty cell, a string without characters is "". 64-bit integers are exact, bytes are base64, -0 stays -0.
import type { QueryRow } from '../../core/agent-api.ts'
import { formatTime } from '../times.ts'
import type { Column } from './columns.ts'
import { EXTREMES, HEAD_COLUMNS, READING_COLUMNS, WINDOW_COLUMNS } from './columns.ts'
import type { Format } from './format.ts'
import { textFormat } from './format.ts'

const NAMES = [
  ...HEAD_COLUMNS.map((it) => it.name),
  'value',
  ...READING_COLUMNS.map((it) => it.name),
  ...WINDOW_COLUMNS.map((it) => it.name),
  ...EXTREMES,
  'time_us',
  'received_us',
]
const NO_WINDOW = ','.repeat(WINDOW_COLUMNS.length + EXTREMES.length)

export const csv: Format = textFormat(() => {
  const times = isoTimes()
  return { head: `${NAMES.join(',')}\r\n`, row: (row) => line(row, times), foot: () => '' }
})

type IsoTime = (micros: number) => string

function line(row: QueryRow, isoTime: IsoTime): string {
  const { window } = row
  const reading = `${cells(HEAD_COLUMNS, row, isoTime)},${cell(row.value)},${cells(READING_COLUMNS, row, isoTime)}`
  const rest = window ? `,${cells(WINDOW_COLUMNS, row, isoTime)},${EXTREMES.map((it) => cell(window[it])).join(',')}` : NO_WINDOW
  return `${reading}${rest},${row.time},${row.received}\r\n`
}

function cells(columns: readonly Column[], row: QueryRow, isoTime: IsoTime): string {
  let text = ''
  for (const [i, { type, of }] of columns.entries()) {
    const value = of(row)
    text += `${i === 0 ? '' : ','}${type === 'time' ? isoTime(value as number) : cell(value)}`
  }
  return text
}

/** As formatTime, which takes most of the time of a row: times that follow one another often share their second. */
function isoTimes(): IsoTime {
  let second = NaN
  let head = ''
  return (micros) => {
    const present = Math.floor(micros / 1e6)
    if (present !== second) {
      const text = formatTime(present * 1e6)
      second = present
      head = text.endsWith('.000000Z') ? text.slice(0, -7) : ''
    }
    // What is no date is a plain number.
    return head === '' ? formatTime(micros) : `${head}${String(micros - present * 1e6).padStart(6, '0')}Z`
  }
}

function cell(value: QueryRow['value'] | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  const text = String(value)
  return /^$|[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
