// A forecast as a page of at most 80 columns, plain ASCII where it draws.
import type { Forecast, ForecastClass, LadderStep } from '../core/retention.ts'
import { formatBytes, formatDuration } from '../core/units.ts'
import type { Paint } from './text.ts'
import { shortCount, table, wrap } from './text.ts'

const CHART_ROWS = 10
const CHART_COLUMNS_MAX = 72
const CHART_LABEL_WIDTH = 7
/** One for each class, the most valuable at the bottom; what is more shares the last. */
const MARKS = '#*+=o-x:~.'
const DAYS_A_YEAR = 365.25
const DAY_MS = 86_400_000

export function forecastPage(made: Forecast, paint: Paint, width: number): string[] {
  return [
    `${paint('bold', 'FORECAST')}  ${formatDuration(made.offlineMs)} without delivery, at today's rates`,
    '',
    ...classTable(made.classes),
    '',
    ...ladderTable(made),
    '',
    ...wrap(spaceText(made), width),
    ...wrap(flashText(made.flashYears), width),
    '',
    ...chart(made, width),
  ]
}

function classTable(classes: readonly ForecastClass[]): string[] {
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = classes.map((it) => [
    it.name,
    shortCount(it.raw),
    shortCount(it.aggregated),
    shortCount(it.lost),
    formatBytes(it.bytes),
    roomText(it),
  ])
  const counts = [right('RAW'), right('AGGREGATED'), right('LOST'), right('BYTES')]
  return table([{ title: 'CLASS', widthMax: 14 }, ...counts, { title: 'MAKES ROOM' }], rows)
}

function roomText({ waitsAtMs, fullAtMs }: ForecastClass): string {
  if (waitsAtMs !== null) return `waits ${fromNow(waitsAtMs)}`
  return fullAtMs === null ? '-' : fromNow(fullAtMs)
}

function fromNow(ms: number): string {
  return ms < 1_000 ? 'now' : `in ${formatDuration(ms)}`
}

function ladderTable({ classes, offlineMs }: Forecast): string[] {
  const rows = classes.flatMap(({ name, steps }) =>
    steps
      .toSorted((a, b) => (a.atMs ?? Number.POSITIVE_INFINITY) - (b.atMs ?? Number.POSITIVE_INFINITY))
      .map(({ step, atMs }) => [
        name,
        conditionText(step),
        keepText(step),
        atMs === null ? `not within ${formatDuration(offlineMs)}` : fromNow(atMs),
      ]),
  )
  if (rows.length === 0) return ['no class has a ladder: all is kept raw until space is needed']
  return table([{ title: 'CLASS', widthMax: 14 }, { title: 'STEP' }, { title: 'KEEPS' }, { title: 'BITES' }], rows)
}

function conditionText({ offlineForMs, filledTo }: LadderStep): string {
  if (filledTo !== undefined) return `filled to ${Number((filledTo * 100).toFixed(2))} %`
  return `offline for ${formatDuration(offlineForMs ?? 0)}`
}

function keepText({ keep }: LadderStep): string {
  if (typeof keep !== 'string') return `aggregates of ${formatDuration(keep.windowMs)}`
  return keep === 'raw' ? 'all, raw' : keep
}

function spaceText({ fullAtMs, offlineMs, blockBytesMax }: Forecast): string {
  const room = `readings may take ${formatBytes(blockBytesMax)}`
  if (fullAtMs === null) return `space: enough for ${formatDuration(offlineMs)} (${room})`
  return `space: runs out ${fromNow(fullAtMs)} (${room}); from then on old readings make room`
}

function flashText(years: number | null): string {
  if (years === null) return 'flash: no figure; nothing is written, or the disk does not tell what it endures'
  const left =
    years < 2 ? formatDuration(years * DAYS_A_YEAR * DAY_MS) : `${years > 99 ? 'more than 99' : Number(years.toFixed(1))} years`
  return `flash: ${left} at today's writes`
}

/** What the log holds over time, class upon class, 100 % being all that readings may take. */
function chart(made: Forecast, width: number): string[] {
  const columns = Math.min(CHART_COLUMNS_MAX, width - CHART_LABEL_WIDTH - 1)
  const names = namesOf(made)
  const stacks = Array.from({ length: columns }, (_, at) => stackAt(made, names, (at / (columns - 1)) * made.offlineMs))
  const rows = Array.from({ length: CHART_ROWS }, (_, at) => {
    const row = CHART_ROWS - 1 - at
    return `${label(row)}|${stacks.map((it) => it[row]).join('')}`.trimEnd()
  })
  const marks = names.map((name, at) => `${markOf(at)} ${name}`)
  return [
    ...rows,
    `${' '.repeat(CHART_LABEL_WIDTH)}+${'-'.repeat(columns)}`,
    axis(made.offlineMs, columns),
    ...wrap(marks.join(', '), width),
  ]
}

/** Classes in their order, then those that are no longer in the settings and still hold something. */
function namesOf({ classes, points }: Forecast): string[] {
  return [...new Set([...classes.map((it) => it.name), ...points.flatMap((it) => Object.keys(it.bytes))])]
}

function markOf(at: number): string {
  return MARKS[Math.min(at, MARKS.length - 1)] as string
}

/** One column, bottom first. */
function stackAt({ points, blockBytesMax }: Forecast, names: readonly string[], atMs: number): string[] {
  const bytes = points.findLast((it) => it.atMs <= atMs)?.bytes ?? {}
  const tops = names.map((_, at) => names.slice(0, at + 1).reduce((sum, name) => sum + (bytes[name] ?? 0), 0))
  return Array.from({ length: CHART_ROWS }, (_, row) => {
    // What there is at all shows in the lowest row.
    const height = row === 0 ? Math.min(0.5, ((tops.at(-1) ?? 0) / blockBytesMax) * CHART_ROWS) : row + 0.5
    const at = tops.findIndex((it) => it > 0 && (it / blockBytesMax) * CHART_ROWS >= height)
    return at === -1 ? ' ' : markOf(at)
  })
}

function label(row: number): string {
  const text = row === CHART_ROWS - 1 ? '100 %' : row === CHART_ROWS / 2 - 1 ? '50 %' : ''
  return `${text.padStart(CHART_LABEL_WIDTH - 1)} `
}

function axis(offlineMs: number, columns: number): string {
  const middle = formatDuration(offlineMs / 2)
  const end = formatDuration(offlineMs)
  const half = 'now'.padEnd(Math.floor((columns - middle.length) / 2)) + middle
  return `${' '.repeat(CHART_LABEL_WIDTH + 1)}${half}${end.padStart(columns - half.length)}`
}
