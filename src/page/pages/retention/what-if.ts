// What outages of growing length would leave, by class: from several forecasts to lines of a chart.
import type { Forecast } from '../../../core/retention.ts'
import { DAY_MS, HOUR_MS } from './ladder.ts'

export interface Left {
  readonly offlineMs: number
  /** Of all readings that the class had in hand: 0 to 1, together 1; all raw where there were none. */
  readonly raw: number
  readonly aggregated: number
  readonly lost: number
  readonly readings: number
  readonly bytes: number
}

export interface ClassLeft {
  readonly name: string
  readonly left: readonly Left[]
}

const LENGTHS_MS = [0.25, 1, 3, 6, 9, 18].map((it) => it * HOUR_MS)
const DAYS = [1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 180, 365]
/** What people ask for first. */
export const ASKED_MS = [9 * HOUR_MS, 7 * DAY_MS, 30 * DAY_MS]

/** Outages that are asked for: close together at first, up to the end of the picture. */
export function lengthsOf(spanMs: number): number[] {
  const all = [...LENGTHS_MS, ...DAYS.map((it) => it * DAY_MS)].filter((it) => it < spanMs)
  return [...new Set([...all, spanMs, ...ASKED_MS])].toSorted((a, b) => a - b)
}

/** In the order of the classes. */
export function leftByClass(forecasts: readonly Forecast[]): ClassLeft[] {
  const sorted = forecasts.toSorted((a, b) => a.offlineMs - b.offlineMs)
  const names = sorted[0]?.classes.map((it) => it.name) ?? []
  return names.map((name) => ({ name, left: sorted.flatMap((it) => leftIn(it, name)) }))
}

function leftIn({ offlineMs, classes }: Forecast, name: string): Left[] {
  const it = classes.find((own) => own.name === name)
  if (it === undefined) return []
  const readings = it.raw + it.aggregated + it.lost
  const share = (part: number) => (readings === 0 ? 0 : part / readings)
  const [aggregated, lost] = [share(it.aggregated), share(it.lost)]
  return [{ offlineMs, raw: 1 - aggregated - lost, aggregated, lost, readings, bytes: it.bytes }]
}

export interface Area {
  readonly kind: 'raw' | 'aggregated' | 'lost'
  /** Of an SVG path in a box of 1 by 1, y downwards. */
  readonly path: string
}

/** Three areas upon each other, raw at the foot. `x` places a length of an outage, 0 to 1. */
export function areasOf(left: readonly Left[], x: (ms: number) => number): Area[] {
  if (left.length === 0) return []
  const tops = {
    none: left.map(() => 0),
    raw: left.map((it) => it.raw),
    aggregated: left.map((it) => it.raw + it.aggregated),
    all: left.map(() => 1),
  }
  const xs = left.map((it) => x(it.offlineMs))
  return [
    { kind: 'raw', path: band(xs, tops.none, tops.raw) },
    { kind: 'aggregated', path: band(xs, tops.raw, tops.aggregated) },
    { kind: 'lost', path: band(xs, tops.aggregated, tops.all) },
  ]
}

function band(xs: readonly number[], low: readonly number[], high: readonly number[]): string {
  const at = (x: number, y: number) => `${round(x)} ${round(1 - y)}`
  const first = xs[0] ?? 0
  // What holds at the first length holds from the begin on.
  const upper = [at(0, high[0] ?? 0), ...xs.map((x, n) => at(x, high[n] ?? 0))]
  const lower = [...xs.map((x, n) => at(x, low[n] ?? 0)).toReversed(), at(Math.min(0, first), low[0] ?? 0)]
  return `M${upper.join('L')}L${lower.join('L')}Z`
}

const round = (it: number) => Math.round(it * 10_000) / 10_000

/** The forecast of the length nearest to this one. */
export function leftAt(left: readonly Left[], offlineMs: number): Left | undefined {
  return left.reduce<Left | undefined>(
    (best, it) => (best && Math.abs(best.offlineMs - offlineMs) <= Math.abs(it.offlineMs - offlineMs) ? best : it),
    undefined,
  )
}
