// Parquet: times as TIMESTAMP_MICROS (UTC), 64-bit integers as INT64, and for values a column for each kind, empty where a row is of
// another. Row by row into row groups, so that memory does not grow with the file; only their places are kept for the footer.
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { QueryRow, WindowValue } from '../../core/agent-api.ts'
import type { Column } from './columns.ts'
import { EXTREMES, HEAD_COLUMNS, READING_COLUMNS, WINDOW_COLUMNS } from './columns.ts'
import type { Format, RowWriter, Sink } from './format.ts'

const GROUP_ROWS = 32_768
/** Strings and bytes of one group: it ends before them where they are long. */
const GROUP_BYTES = 32_000_000

type Schema = ConstructorParameters<typeof ParquetWriter>[0]['schema']
type Type = Column['type'] | 'bool' | 'bytes'
type Cell = string | number | bigint | boolean | Uint8Array | null

interface TypedColumn {
  readonly name: string
  readonly type: Type
  readonly of: (row: QueryRow) => QueryRow['value'] | undefined
}

const valueColumn = (name: string, type: Type, is: (value: unknown) => boolean): TypedColumn => ({
  name,
  type,
  of: ({ value }) => (is(value) ? value : null),
})
const isBytes = (value: unknown) => value instanceof Uint8Array

const VALUE_COLUMNS: readonly TypedColumn[] = [
  valueColumn('value_double', 'double', (it) => typeof it === 'number'),
  valueColumn('value_long', 'long', (it) => typeof it === 'bigint'),
  valueColumn('value_bool', 'bool', (it) => typeof it === 'boolean'),
  valueColumn('value_string', 'string', (it) => typeof it === 'string'),
  valueColumn('value_bytes', 'bytes', isBytes),
]

/** `min` also of longs, as the nearest double; `min_long` exactly. */
const EXTREME_COLUMNS: readonly TypedColumn[] = EXTREMES.flatMap((key) => {
  const column = (end: string, type: Type, of: (value: WindowValue) => WindowValue | null): TypedColumn => ({
    name: `${key}${end}`,
    type,
    of: ({ window }) => (window?.[key] == null ? null : of(window[key])),
  })
  const numeric = [
    column('', 'double', (it) => (typeof it === 'number' || typeof it === 'bigint' ? Number(it) : null)),
    column('_long', 'long', (it) => (typeof it === 'bigint' ? it : null)),
  ]
  if (key === 'min' || key === 'max') return numeric
  return [
    ...numeric,
    column('_string', 'string', (it) => (typeof it === 'string' ? it : null)),
    column('_bytes', 'bytes', (it) => (isBytes(it) ? it : null)),
  ]
})

const COLUMNS: readonly TypedColumn[] = [
  ...HEAD_COLUMNS,
  ...VALUE_COLUMNS,
  ...READING_COLUMNS,
  ...WINDOW_COLUMNS,
  ...EXTREME_COLUMNS,
]

type Element = Omit<Schema[number], 'name' | 'repetition_type'>
const ELEMENTS: Readonly<Record<Type, Element>> = {
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' },
  long: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  bool: { type: 'BOOLEAN' },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  bytes: { type: 'BYTE_ARRAY' },
}
const SCHEMA: Schema = [
  { name: 'root', num_children: COLUMNS.length },
  ...COLUMNS.map(({ name, type }) => ({ name, repetition_type: 'OPTIONAL' as const, ...ELEMENTS[type] })),
]

export const parquet: Format = {
  isBinary: true,
  async open(sink) {
    const bytes = new ByteWriter()
    const file = new ParquetWriter({ writer: bytes, schema: SCHEMA, createdBy: 'holdfast' })
    await hand(bytes, sink)
    return rowWriter(file, bytes, sink)
  },
}

function rowWriter(file: ParquetWriter, bytes: ByteWriter, sink: Sink): RowWriter {
  let group: Cell[][] = COLUMNS.map(() => [])
  let rows = 0
  let held = 0
  async function flush(): Promise<void> {
    const columnData = COLUMNS.map((it, i) => ({ name: it.name, data: group[i] as Cell[], ...encodingOf(it.type) }))
    group = COLUMNS.map(() => [])
    const count = rows
    rows = 0
    held = 0
    await file.write({ columnData, rowGroupSize: count })
    await hand(bytes, sink)
  }
  return {
    add(row) {
      for (const [i, { type, of }] of COLUMNS.entries()) group[i]?.push(cellOf(type, of(row)))
      rows++
      if (row.value instanceof Uint8Array || typeof row.value === 'string') held += row.value.length
      return rows < GROUP_ROWS && held < GROUP_BYTES ? undefined : flush()
    },
    async end() {
      if (rows > 0) await flush()
      await file.finish()
      await hand(bytes, sink)
    },
  }
}

/** A dictionary takes -0 for 0, and of columns that never repeat it is in vain. Statistics that a NaN is part of mislead readers. */
function encodingOf(type: Type): { encoding?: 'PLAIN' | 'DELTA_BINARY_PACKED'; statistics?: boolean } {
  if (type === 'double') return { encoding: 'PLAIN', statistics: false }
  return type === 'time' ? { encoding: 'DELTA_BINARY_PACKED' } : {}
}

function cellOf(type: Type, value: QueryRow['value'] | undefined): Cell {
  if (value === null || value === undefined) return null
  return (type === 'long' || type === 'time') && typeof value === 'number' ? BigInt(value) : value
}

/** What the writer has made so far goes to the sink; its buffer is used anew. */
async function hand(bytes: ByteWriter, sink: Sink): Promise<void> {
  const made = bytes.getBytes().slice()
  bytes.index = 0
  if (made.length > 0) await sink.write(made)
}
