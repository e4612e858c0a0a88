// Rules for a value that leaves what it usually is, on labelled recordings: found failures and false alarms. score.main.ts FOLDER
// FOLDER has nab-machine-temperature (two files and anomaly_windows.json of the Numenta benchmark) and skab-water-loop (valve1, valve2, other).
//
// A failure is found when an alarm lies in its labelled time. A false alarm is one outside of all; alarms of one rule within an hour (SKAB: a minute) of
// each other count as one, whatever tag they are of.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { LogSeries } from '../../src/core/log.ts'
import type { RuleSettings, RuleWindow } from '../../src/core/rule.ts'
import { createEngine } from '../../src/rules/engine.ts'

interface Recording {
  readonly name: string
  /** ms, by tag. */
  readonly readings: readonly { readonly tag: string; readonly time: number; readonly value: number }[]
  /** ms, both in it. */
  readonly failures: readonly (readonly [number, number])[]
}

const HOUR_MS = 3_600_000
const rule = (name: string, kind: RuleWindow['kind'], lengthMs: number, when: string): RuleSettings => ({
  name,
  reads: { tags: ['*'] },
  window: { kind, lengthMs, graceMs: 0 },
  when,
  yields: { class: 'alarm', on: 'rise' },
})

const NAB_RULES = [
  rule('last hour, robust z > 8', 'sliding', HOUR_MS, 'abs(window.robustZ) > 8.0'),
  rule('last 6 h, robust z > 6', 'sliding', 6 * HOUR_MS, 'abs(window.robustZ) > 6.0'),
  rule('last day, robust z > 5', 'sliding', 24 * HOUR_MS, 'abs(window.robustZ) > 5.0'),
  rule('last 2 days, robust z > 5', 'sliding', 48 * HOUR_MS, 'window.count > 400.0 && abs(window.robustZ) > 5.0'),
  rule('last hour, change > 15', 'sliding', HOUR_MS, 'abs(window.change) > 15.0'),
  rule(
    'last day z > 5 and hour change',
    'sliding',
    24 * HOUR_MS,
    'abs(window.robustZ) > 5.0 && abs(window.last - window.median) > 15.0',
  ),
]
const each = (name: string, when: string): RuleSettings => ({ ...rule(name, 'sliding', 0, when), window: undefined })
const DAY_RULES = [
  each('hour of day, robust z > 5', 'hourOfDay.count > 20.0 && abs(hourOfDay.robustZ) > 5.0'),
  each('hour of day, robust z > 8', 'hourOfDay.count > 20.0 && abs(hourOfDay.robustZ) > 8.0'),
  each('hour of week, robust z > 8', 'hourOfWeek.count > 8.0 && abs(hourOfWeek.robustZ) > 8.0'),
  rule(
    'last 2 days and hour of day',
    'sliding',
    48 * HOUR_MS,
    'window.count > 400.0 && abs(window.robustZ) > 5.0 && abs(hourOfDay.robustZ) > 5.0',
  ),
]
const SKAB_RULES = [
  rule('last minute, robust z > 8', 'sliding', 60_000, 'abs(window.robustZ) > 8.0'),
  rule('last 3 min, robust z > 6', 'sliding', 180_000, 'window.count > 60.0 && abs(window.robustZ) > 6.0'),
  rule('last 5 min, robust z > 8', 'sliding', 300_000, 'window.count > 120.0 && abs(window.robustZ) > 8.0'),
]

/** Times of each rule's alarms, ms. */
function alarms(rules: readonly RuleSettings[], { readings }: Recording): ReadonlyMap<string, number[]> {
  const engine = createEngine({ rules, marks: {}, eventsBytesMax: Infinity })
  const tags = [...new Set(readings.map((it) => it.tag))]
  const series = new Map<number, LogSeries>(tags.map((tag, id) => [id, { id, tag, class: 'process', kind: 'double' }]))
  const found = new Map<string, number[]>(rules.map((it) => [it.name, []]))
  // As a log gives them: a block for each of the readings, so that all tags go on together.
  readings.forEach(({ tag, time, value }, sequence) => {
    const columns = {
      count: 1,
      first: sequence,
      seriesIds: Uint32Array.of(tags.indexOf(tag)),
      runs: Uint32Array.of(1),
      time: Float64Array.of(time * 1000),
      value: Float64Array.of(value),
      quality: new Uint8Array(1),
      status: new Uint32Array(1),
      received: Float64Array.of(time * 1000),
      bytes: new Uint8Array(0),
    }
    const slice = { stream: 's', from: sequence, to: sequence + 1, columns, series, shiftOf: () => 0 }
    for (const it of engine.take(slice, sequence).events) found.get(it.rule)?.push(it.time / 1000)
  })
  return found
}

interface Score {
  failures: number
  found: number
  falseAlarms: number
}

function score(times: readonly number[], { failures }: Recording, oneMs: number): Score {
  const isIn = (time: number) => failures.some(([from, to]) => time >= from && time <= to)
  const outside = times.filter((it) => !isIn(it)).toSorted((a, b) => a - b)
  let last = -Infinity
  let falseAlarms = 0
  for (const it of outside) {
    if (it - last > oneMs) falseAlarms++
    last = it
  }
  const found = failures.filter(([from, to]) => times.some((it) => it >= from && it <= to)).length
  return { failures: failures.length, found, falseAlarms }
}

function nab(folder: string): Recording[] {
  const labels = JSON.parse(readFileSync(join(folder, 'anomaly_windows.json'), 'utf8')) as Record<string, [string, string][]>
  const msOf = (text: string) => Date.parse(`${text.replace(' ', 'T').slice(0, 19)}Z`)
  return Object.entries(labels).map(([name, windows]) => ({
    name,
    failures: windows.map(([from, to]) => [msOf(from), msOf(to)] as const),
    readings: rowsOf(readFileSync(join(folder, name), 'utf8'), ',').map((row) => ({
      tag: name,
      time: msOf(row['timestamp'] ?? ''),
      value: Number(row['value']),
    })),
  }))
}

function skab(folder: string): Recording[] {
  return ['valve1', 'valve2', 'other'].flatMap((part) =>
    readdirSync(join(folder, part)).map((name) => {
      const rows = rowsOf(gunzipSync(readFileSync(join(folder, part, name))).toString('utf8'), ';')
      const timeOf = (row: Record<string, string>) => Date.parse(`${(row['datetime'] ?? '').replace(' ', 'T')}Z`)
      const tags = Object.keys(rows[0] ?? {}).filter((it) => !['datetime', 'anomaly', 'changepoint'].includes(it))
      const failures: [number, number][] = []
      rows.forEach((row, n) => {
        if (!Number(row['anomaly'])) return
        if (n === 0 || !Number(rows[n - 1]?.['anomaly'])) failures.push([timeOf(row), timeOf(row)])
        ;(failures.at(-1) as [number, number])[1] = timeOf(row)
      })
      const readings = rows.flatMap((row) => tags.map((tag) => ({ tag, time: timeOf(row), value: Number(row[tag]) })))
      return { name: `${part}/${name}`, failures, readings }
    }),
  )
}

function rowsOf(text: string, separator: string): Record<string, string>[] {
  const [head = '', ...lines] = text.trim().split(/\r?\n/)
  const names = head.split(separator)
  return lines.map((line) => {
    const cells = line.split(separator)
    return Object.fromEntries(names.map((name, n) => [name, cells[n] ?? '']))
  })
}

function print(title: string, rules: readonly RuleSettings[], recordings: readonly Recording[], oneMs: number): void {
  const readings = recordings.reduce((sum, it) => sum + it.readings.length, 0)
  console.log(`${title}: ${recordings.length} files, ${readings} readings`)
  const started = performance.now()
  const sums = new Map(rules.map((it) => [it.name, { failures: 0, found: 0, falseAlarms: 0 }]))
  for (const recording of recordings)
    for (const [name, times] of alarms(rules, recording)) {
      const sum = sums.get(name) as Score
      const one = score(times, recording, oneMs)
      sum.failures += one.failures
      sum.found += one.found
      sum.falseAlarms += one.falseAlarms
    }
  for (const [name, { failures, found, falseAlarms }] of sums)
    console.log(`  ${name.padEnd(34)} found ${found} of ${failures}, false alarms ${falseAlarms}`)
  const seconds = (performance.now() - started) / 1000
  console.log(`  ${Math.round((readings * rules.length) / seconds)} readings of a rule a second`)
}

const [folder = ''] = process.argv.slice(2)
for (const it of nab(join(folder, 'nab-machine-temperature')))
  print(`NAB ${it.name}`, [...NAB_RULES, ...DAY_RULES], [it], HOUR_MS)
print('SKAB', SKAB_RULES, skab(join(folder, 'skab-water-loop')), 60_000)
