// The columns of CSV, and of Parquet but for those that hold a value (there each kind has its own). Names and order stay as they are:
// what is new goes to the end. A reading leaves the columns of windows empty.
import type { QueryRow, QueryWindow } from '../../core/agent-api.ts'

export interface Column {
  readonly name: string
  readonly type: 'time' | 'string' | 'long' | 'double'
  /** Undefined and null: empty. Times in microseconds. */
  readonly of: (row: QueryRow) => string | number | bigint | null | undefined
}

/** Around the value, which stands behind `tag`. */
export const HEAD_COLUMNS: readonly Column[] = [
  { name: 'time', type: 'time', of: (row) => row.time },
  { name: 'tag', type: 'string', of: (row) => row.tag },
]

export const READING_COLUMNS: readonly Column[] = [
  { name: 'kind', type: 'string', of: (row) => row.kind },
  { name: 'unit', type: 'string', of: (row) => row.unit },
  { name: 'quality', type: 'string', of: (row) => row.quality },
  { name: 'status', type: 'long', of: (row) => row.status },
  { name: 'class', type: 'string', of: (row) => row.class },
  { name: 'sequence', type: 'long', of: (row) => row.sequence },
  { name: 'received', type: 'time', of: (row) => row.received },
  { name: 'time_quality', type: 'string', of: (row) => row.clock?.quality ?? 'synchronised' },
]

const ofWindow = (name: string, type: 'long' | 'double', key: keyof QueryWindow): Column => ({
  name,
  type,
  of: (row) => row.window?.[key] as number | null | undefined,
})

export const WINDOW_COLUMNS: readonly Column[] = [
  ofWindow('window_us', 'long', 'length'),
  ofWindow('count', 'long', 'count'),
  ofWindow('good', 'long', 'good'),
  ofWindow('uncertain', 'long', 'uncertain'),
  ofWindow('bad', 'long', 'bad'),
  ofWindow('valued', 'long', 'valued'),
  ofWindow('sum', 'double', 'sum'),
  ofWindow('m2', 'double', 'm2'),
  ofWindow('mean', 'double', 'mean'),
  ofWindow('std', 'double', 'std'),
  ofWindow('first_us', 'long', 'firstTime'),
  ofWindow('last_us', 'long', 'lastTime'),
  ofWindow('changes', 'long', 'changes'),
  ofWindow('seq_from', 'long', 'sequenceFrom'),
  ofWindow('seq_to', 'long', 'sequenceTo'),
]

/** Of the series' own kind. */
export const EXTREMES = ['min', 'max', 'first', 'last'] as const
