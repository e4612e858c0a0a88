// The recorded data sets that sizes are measured on, as series in the order in which they were recorded.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

/** Rows of a table: all series of it have a value at each time. */
export interface Table {
  /** Microseconds since 1970 UTC. */
  readonly time: Float64Array
  readonly columns: ReadonlyMap<string, Float64Array>
}

export interface DataSet {
  readonly name: string
  readonly tables: readonly Table[]
}

const OWN = fileURLToPath(new URL('../../src/plant/recordings', import.meta.url))
const DAY_FIRST = /^(\d+)\/(\d+)\/(\d+) (\d+):(\d+)$/

/** `dir`: a folder of data sets by name; without it, or for what is not in it, what the tree itself has. */
export function readDataSets(dir?: string): DataSet[] {
  const folderOf = (name: string): string | undefined =>
    [dir, OWN].map((it) => it && join(it, name)).find((it) => it && existsSync(it))
  return ['skab-water-loop', 'steel-energy-meter', 'nab-machine-temperature'].flatMap((name) => {
    const folder = folderOf(name)
    return folder ? [{ name, tables: readTables(folder) }] : []
  })
}

function readTables(folder: string): Table[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((it) => /\.csv(\.gz)?$/.test(it))
  const tables = files.map((it) => readTable(join(folder, it), it))
  return tables.toSorted((a, b) => (a.time[0] as number) - (b.time[0] as number))
}

function readTable(path: string, name: string): Table {
  const stored = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(stored) : stored).toString('utf8').replace(/^\uFEFF/, '')
  const separator = text.slice(0, text.indexOf('\n')).includes(';') ? ';' : ','
  const [header = [], ...rows] = text.split(/\r?\n/).flatMap((it) => (it === '' ? [] : [it.split(separator)]))
  const columns = new Map<string, Float64Array>()
  header.forEach((column, n) => {
    // Labels are no readings.
    if (n === 0 || column === 'anomaly' || column === 'changepoint') return
    const values = Float64Array.from(rows, (row) => Number(row[n]))
    if (!values.some(Number.isNaN)) columns.set(header.length === 2 ? name : column, values)
  })
  return { time: Float64Array.from(rows, (row) => microsOf(row[0] as string)), columns }
}

function microsOf(text: string): number {
  const match = DAY_FIRST.exec(text)
  const iso = match
    ? `${match[3]}-${match[2]?.padStart(2, '0')}-${match[1]?.padStart(2, '0')} ${match[4]?.padStart(2, '0')}:${match[5]}:00`
    : text
  return Date.parse(`${iso.replace(' ', 'T')}Z`) * 1_000
}
