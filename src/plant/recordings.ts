import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const FILES = {
  'machine-temperature': { path: 'nab-machine-temperature/machine_temperature_system_failure.csv.gz', rowSeconds: 300 },
  'ambient-temperature': { path: 'nab-machine-temperature/ambient_temperature_system_failure.csv.gz', rowSeconds: 3600 },
  'energy-meter': { path: 'steel-energy-meter/Steel_industry_data.csv.gz', rowSeconds: 900 },
} as const

export type RecordingName = keyof typeof FILES

/** The time between two rows as it was recorded, in seconds. */
export function rowSecondsOf(name: RecordingName): number {
  return FILES[name].rowSeconds
}

/** The numbers of one column, in the file's order. Throws when the column does not exist. */
export function readRecording(name: RecordingName, column: string): Float64Array {
  const file = new URL(`./recordings/${FILES[name].path}`, import.meta.url)
  const text = gunzipSync(readFileSync(file))
    .toString('utf8')
    .replace(/^\uFEFF/, '')
  const [header = '', ...rows] = text.split(/\r?\n/).filter((line) => line !== '')
  const at = header.split(',').indexOf(column)
  if (at < 0) throw new Error(`recording ${name} has no column ${column}: ${header}`)
  return Float64Array.from(rows, (row) => Number(row.split(',')[at]))
}
