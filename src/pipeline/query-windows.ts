// Downsampling: readings and aggregates of a series to windows of one length, cut on source time. Exact: counts, least, greatest, first
// and last; mean and m2 by merging.
//
// Readings may come late, so a window is open until all is read. Only when there are more than OPEN_MAX, the oldest half is handed out;
// what comes for one of those after that makes another row of the same window, and the two merge. An aggregate that does not lie
// within one window (it is longer, or lies across) cannot be cut: it is a row of its own, with its own start and length.
import type { QueryRow, QueryWindow, WindowValue } from '../core/agent-api.ts'
import { windowStartOf } from '../core/aggregate.ts'
import type { LogSeries, SliceTime } from '../core/log.ts'
import type { AggregatePart, QueryPart, RawPart } from '../core/query.ts'
import { headOf, isNumeric, rowsOf, shownBy, slotValue } from '../core/query.ts'
import { NO_VALUE } from '../core/reading.ts'

/** Windows in memory, all series together: about 300 bytes each. */
const OPEN_MAX = 50_000

/** What a window's statistics are over: the best quality that was in it. */
type Basis = 0 | 1 | 2
const NONE = 0
const UNCERTAIN = 1
const GOOD = 2

interface Open {
  readonly series: LogSeries
  readonly start: number
  readonly length: number
  clock: SliceTime | undefined
  good: number
  uncertain: number
  bad: number
  basis: Basis
  valued: number
  sum: number
  /** What rounding cut off the sum. */
  rest: number
  mean: number
  m2: number
  min: number | bigint | null
  max: number | bigint | null
  first: WindowValue | null
  last: WindowValue | null
  firstTime: number
  lastTime: number
  firstSequence: number
  lastSequence: number
  changes: number
  sequenceFrom: number
  sequenceTo: number
  received: number
}

/** Rows by start, then by tag; several lists only when there are more windows than OPEN_MAX. */
export async function* windowsOf(pages: AsyncIterable<readonly QueryPart[]>, every: number): AsyncGenerator<QueryRow[]> {
  /** By series, then by start and length. */
  const open = new Map<number, Map<string | number, Open>>()
  let count = 0

  function windowAt(series: LogSeries, start: number, length: number): Open {
    let own = open.get(series.id)
    if (!own) open.set(series.id, (own = new Map()))
    const key = length === every ? start : `${start} ${length}`
    let window = own.get(key)
    if (!window) {
      own.set(key, (window = emptyWindow(series, start, length)))
      count++
    }
    return window
  }

  /** The `many` oldest. */
  function close(many: number): QueryRow[] {
    const all = [...open.values()].flatMap((it) => [...it.entries()].map(([key, window]) => ({ key, window })))
    const oldest = all.toSorted((a, b) => compare(a.window, b.window)).slice(0, many)
    for (const { key, window } of oldest) open.get(window.series.id)?.delete(key)
    count -= oldest.length
    return oldest.map((it) => rowOf(it.window))
  }

  for await (const parts of pages) {
    for (const part of parts) {
      if (part.form === 'raw') addReadings(part, every, windowAt)
      else addAggregates(part, every, windowAt)
      if (count > OPEN_MAX) yield close(count - OPEN_MAX / 2)
    }
  }
  yield close(count)
}

type WindowAt = (series: LogSeries, start: number, length: number) => Open

function compare(a: Open, b: Open): number {
  if (a.start !== b.start) return a.start - b.start
  if (a.series.tag !== b.series.tag) return a.series.tag < b.series.tag ? -1 : 1
  return a.series.id - b.series.id || a.length - b.length
}

function emptyWindow(series: LogSeries, start: number, length: number): Open {
  return {
    series,
    start,
    length,
    clock: undefined,
    good: 0,
    uncertain: 0,
    bad: 0,
    ...withoutValues(),
    basis: NONE,
    sequenceFrom: Infinity,
    sequenceTo: -Infinity,
    received: -Infinity,
  }
}

function withoutValues() {
  return {
    valued: 0,
    sum: 0,
    rest: 0,
    mean: 0,
    m2: 0,
    min: null,
    max: null,
    first: null,
    last: null,
    firstTime: Infinity,
    lastTime: -Infinity,
    firstSequence: Infinity,
    lastSequence: -Infinity,
    changes: 0,
  }
}

function addReadings(part: RawPart, every: number, windowAt: WindowAt): void {
  const { series, time, quality } = part
  let window: Open | undefined
  for (let i = 0; i < part.count; i++) {
    const start = windowStartOf(time[i] as number, every)
    if (window?.start !== start) {
      window = windowAt(series, start, every)
      window.clock = part.clock ?? window.clock
    }
    addReading(window, part, i, quality[i] as number)
  }
}

function addReading(window: Open, part: RawPart, i: number, quality: number): void {
  const code = quality & 3
  if (code === 0) window.good++
  else if (code === 1) window.uncertain++
  else window.bad++
  const sequence = part.sequence[i] as number
  window.sequenceFrom = Math.min(window.sequenceFrom, sequence)
  window.sequenceTo = Math.max(window.sequenceTo, sequence)
  window.received = Math.max(window.received, part.received[i] as number)
  if (code <= 1 && counts(window, code === 0 ? GOOD : UNCERTAIN) && !(quality & NO_VALUE)) addValue(window, part, i)
}

/** Whether values of this quality make the statistics. The first good one throws away what uncertain ones made. */
function counts(window: Open, basis: Basis): boolean {
  if (basis > window.basis) Object.assign(window, withoutValues(), { basis })
  return basis === window.basis
}

/** NaN and infinities are no values. */
function addValue(window: Open, part: RawPart, i: number): void {
  const { series, time, sequence } = part
  if (series.kind === 'double' || series.kind === 'bool') {
    const number = part.value[i] as number
    if (!Number.isFinite(number)) return
    addNumber(window, number)
    // + 0: there is no -0 among extremes.
    addRange(window, number + 0, number + 0)
    addFirst(window, time[i] as number, sequence[i] as number, number)
    addLast(window, time[i] as number, sequence[i] as number, number)
    return
  }
  const whole = slotValue(series.kind, part.value, part.bytes, i) as Exclude<WindowValue, number>
  if (typeof whole === 'bigint') {
    addNumber(window, Number(whole))
    addRange(window, whole, whole)
  } else {
    window.valued++
    if (window.last !== null && !isSame(window.last, whole)) window.changes++
  }
  addFirst(window, time[i] as number, sequence[i] as number, whole)
  addLast(window, time[i] as number, sequence[i] as number, whole)
}

/** Mean and m2 after Welford, the sum after Knuth: what is cut off is collected. */
function addNumber(window: Open, number: number): void {
  const distance = number - window.mean
  window.valued++
  window.mean += distance / window.valued
  window.m2 += distance * (number - window.mean)
  addSum(window, number)
}

function addSum(window: Open, number: number): void {
  const next = window.sum + number
  const added = next - window.sum
  window.rest += window.sum - (next - added) + (number - added)
  window.sum = next
}

function addRange(window: Open, min: number | bigint, max: number | bigint): void {
  if (window.min === null || min < window.min) window.min = min
  if (window.max === null || max > window.max) window.max = max
}

/** Of equal times the lower sequence was first. */
function addFirst(window: Open, time: number, sequence: number, value: WindowValue): void {
  if (time > window.firstTime || (time === window.firstTime && sequence > window.firstSequence)) return
  window.firstTime = time
  window.firstSequence = sequence
  window.first = value
}

function addLast(window: Open, time: number, sequence: number, value: WindowValue): void {
  if (time < window.lastTime || (time === window.lastTime && sequence < window.lastSequence)) return
  window.lastTime = time
  window.lastSequence = sequence
  window.last = value
}

function isSame(a: WindowValue, b: WindowValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return a.length === b.length && a.every((it, i) => it === b[i])
  return a === b
}

function addAggregates(part: AggregatePart, every: number, windowAt: WindowAt): void {
  for (const { time, window: found, received } of rowsOf(part)) {
    const it = found as QueryWindow
    const start = windowStartOf(time, every)
    const fits = time + it.length <= start + every
    const window = fits ? windowAt(part.series, start, every) : windowAt(part.series, time, it.length)
    window.clock = part.clock ?? window.clock
    window.received = Math.max(window.received, received)
    addAggregate(window, it)
  }
}

function addAggregate(window: Open, it: QueryWindow): void {
  window.good += it.good
  window.uncertain += it.uncertain
  window.bad += it.bad
  window.sequenceFrom = Math.min(window.sequenceFrom, it.sequenceFrom)
  window.sequenceTo = Math.max(window.sequenceTo, it.sequenceTo)
  const basis = it.good > 0 ? GOOD : it.uncertain > 0 ? UNCERTAIN : NONE
  if (basis === NONE || !counts(window, basis) || it.valued === 0) return
  if (isNumeric(window.series.kind)) {
    mergeMoments(window, it)
    addRange(window, it.min as number, it.max as number)
  } else {
    const follows = window.last !== null && !isSame(window.last, it.first as WindowValue)
    window.changes += it.changes + (follows ? 1 : 0)
    window.valued += it.valued
  }
  addFirst(window, it.firstTime as number, it.sequenceFrom, it.first as WindowValue)
  addLast(window, it.lastTime as number, it.sequenceTo, it.last as WindowValue)
}

/** After Chan, Golub and LeVeque. */
function mergeMoments(window: Open, { valued, sum, m2 }: QueryWindow): void {
  const total = window.valued + valued
  const distance = sum / valued - window.mean
  window.m2 += m2 + (window.valued === 0 ? 0 : distance * distance * ((window.valued * valued) / total))
  window.mean += (distance * valued) / total
  window.valued = total
  addSum(window, sum)
}

function rowOf(open: Open): QueryRow {
  const { series, start, length, good, uncertain, bad, valued, min, max, first, last, changes } = open
  const sum = Number.isFinite(open.sum + open.rest) ? open.sum + open.rest : open.sum
  // Rounding makes something of nothing; and what doubles do not hold is more than they hold.
  const m2 = min === max ? 0 : Number.isNaN(open.m2) ? Infinity : open.m2
  const isOver = isNumeric(series.kind) && valued > 0
  const window: QueryWindow = {
    length,
    count: good + uncertain + bad,
    good,
    uncertain,
    bad,
    valued,
    sum,
    m2,
    mean: isOver ? sum / valued : null,
    std: isOver ? Math.sqrt(m2 / valued) : null,
    min,
    max,
    first,
    last,
    firstTime: valued > 0 ? open.firstTime : null,
    lastTime: valued > 0 ? open.lastTime : null,
    changes,
    sequenceFrom: open.sequenceFrom,
    sequenceTo: open.sequenceTo,
  }
  return {
    ...headOf(series, open.clock),
    time: start,
    ...shownBy(series.kind, window),
    status: 0,
    sequence: open.sequenceTo,
    received: open.received,
    window,
  }
}
