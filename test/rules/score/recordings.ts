// Labelled recordings: the Numenta benchmark's machine and ambient temperature (nab-machine-temperature) and SKAB's water loop (skab-water-loop).
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface Recording {
  readonly name: string
  /** Seconds, by row, as they came. */
  readonly times: readonly number[]
  readonly tags: readonly string[]
  /** By tag, by row. */
  readonly columns: readonly (readonly number[])[]
  /** Seconds, both in it. */
  readonly failures: readonly (readonly [number, number])[]
  /** Only what is told so soon after the begin of a failure finds it, s. */
  readonly soonS: number
  /** Rows that detectors may be fitted on; with those behind, thresholds may be chosen on. What comes then is scored. */
  readonly fit: number
  readonly first: number
  /** Rows of the short memory, and of the longest pattern. */
  readonly hour: number
  readonly season: number
  /** False alarms so close to one another count as one, s. */
  readonly oneS: number
}

/** Of the machine it ends a day before its first failure, of the ambient temperature it is 24 days. SKAB's own examples fit on 400 rows. */
const NAB_FIRST = 0.08
const SKAB_FIRST_ROWS = 400
const FIT = 2 / 3
const HOUR_S = 3_600
const NAB_PERIOD_S: Readonly<Record<string, number>> = { machine: 300, ambient: HOUR_S }

export function nab(folder: string): Recording[] {
  const labels = JSON.parse(readFileSync(join(folder, 'anomaly_windows.json'), 'utf8')) as Record<string, [string, string][]>
  return Object.entries(labels).map(([path, windows]) => {
    const file = path.split('/').at(-1) as string
    const name = file.split('_')[0] as string
    const rows = rowsOf(readFileSync(join(folder, file), 'utf8'), ',')
    const first = Math.floor(rows.length * NAB_FIRST)
    const period = NAB_PERIOD_S[name] ?? HOUR_S
    return {
      name,
      times: rows.map((it) => secondsOf(it['timestamp'])),
      tags: [file],
      columns: [rows.map((it) => Number(it['value']))],
      failures: windows.map(([from, to]) => [secondsOf(from), secondsOf(to)] as const),
      fit: Math.floor(first * FIT),
      first,
      // Of hourly readings an hour says nothing: six of them.
      hour: Math.max(6, HOUR_S / period),
      season: (24 * HOUR_S) / period,
      oneS: HOUR_S,
      // Its labelled times are chosen so.
      soonS: Infinity,
    }
  })
}

export function skab(folder: string, parts: readonly string[]): Recording[] {
  return parts.flatMap((part) =>
    readdirSync(join(folder, part)).map((file) => {
      const rows = rowsOf(gunzipSync(readFileSync(join(folder, part, file))).toString('utf8'), ';')
      const times = rows.map((it) => secondsOf(it['datetime']))
      const tags = Object.keys(rows[0] ?? {}).filter((it) => !['datetime', 'anomaly', 'changepoint'].includes(it))
      return {
        name: `${part}/${file.split('.')[0]}`,
        times,
        tags,
        columns: tags.map((tag) => rows.map((it) => Number(it[tag]))),
        failures: runsOf(rows.map((it) => Number(it['anomaly']) === 1)).map(
          ([from, to]) => [times[from] as number, times[to] as number] as const,
        ),
        fit: Math.floor(SKAB_FIRST_ROWS * FIT),
        first: SKAB_FIRST_ROWS,
        hour: 60,
        season: 60,
        oneS: 60,
        // More than half of its rows are in failures: with all of them as hits, chance finds as many as anybody.
        soonS: 60,
      }
    }),
  )
}

/** First and last of each run of true. */
function runsOf(flags: readonly boolean[]): [number, number][] {
  const runs: [number, number][] = []
  flags.forEach((is, n) => {
    if (is && flags[n - 1] !== true) runs.push([n, n])
    if (is) (runs.at(-1) as [number, number])[1] = n
  })
  return runs
}

const secondsOf = (text = '') => Date.parse(`${text.replace(' ', 'T').slice(0, 19)}Z`) / 1000

function rowsOf(text: string, separator: string): Record<string, string>[] {
  const [head = '', ...lines] = text.trim().split(/\r?\n/)
  const names = head.split(separator)
  return lines.map((line) => {
    const cells = line.split(separator)
    return Object.fromEntries(names.map((name, n) => [name, cells[n] ?? '']))
  })
}
