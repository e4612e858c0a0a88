// Rows of a query as what a chart draws, and as CSV.
import type { QueryRow } from '../../../core/agent-api.ts'

export interface Series {
  readonly tag: string
  readonly unit: string | undefined
  /** Seconds since 1970, for the chart. */
  readonly times: readonly number[]
  readonly values: readonly (number | null)[]
  readonly least: readonly (number | null)[]
  readonly greatest: readonly (number | null)[]
  /** Rows that say good, uncertain, bad. */
  readonly bad: number
}

const numberOf = (value: unknown): number | null => {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'boolean' ? Number(value) : null
}

/** One for each tag, in the order of time; texts and bytes have no line. */
export function seriesOf(rows: readonly QueryRow[]): Series[] {
  const byTag = Map.groupBy(rows, (it) => it.tag)
  return [...byTag].map(([tag, own]) => {
    const sorted = own.toSorted((a, b) => a.time - b.time)
    return {
      tag,
      unit: sorted.find((it) => it.unit !== undefined)?.unit,
      times: sorted.map((it) => it.time / 1e6),
      values: sorted.map((it) => (it.quality === 'bad' ? null : numberOf(it.value))),
      least: sorted.map((it) => numberOf(it.window?.min ?? it.value)),
      greatest: sorted.map((it) => numberOf(it.window?.max ?? it.value)),
      bad: sorted.filter((it) => it.quality === 'bad').length,
    }
  })
}

const COLUMNS = ['tag', 'time', 'value', 'quality', 'status', 'unit', 'class', 'count', 'min', 'max'] as const

/** Times as ISO 8601 in UTC; what a spreadsheet would take for a formula is a text. */
export function csvOf(rows: readonly QueryRow[]): string {
  const lines = rows.map((it) =>
    [
      it.tag,
      new Date(Math.floor(it.time / 1000)).toISOString(),
      cellOf(it.value),
      it.quality,
      it.status,
      it.unit ?? '',
      it.class,
      it.window?.count ?? '',
      it.window?.min ?? '',
      it.window?.max ?? '',
    ]
      .map(field)
      .join(','),
  )
  return `${[COLUMNS.join(','), ...lines].join('\r\n')}\r\n`
}

function cellOf(value: QueryRow['value']): string | number | bigint | boolean {
  if (value === null) return ''
  return value instanceof Uint8Array ? [...value].map((it) => it.toString(16).padStart(2, '0')).join('') : value
}

function field(value: string | number | bigint | boolean): string {
  const text = String(value)
  const safe = typeof value === 'string' && /^[=+@\t\r-]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
