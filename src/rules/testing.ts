// A rule tried on what the log holds: the engine that runs on the box, over the parts of a query.
//
// Readings before the range bring windows, and whether the expression was true, to where they would have been: what they bring about is not told.
import type { PlacedPart, RawPart } from '../core/query.ts'
import { RULE_EVENTS_BYTES_MAX } from '../core/bounds.ts'
import type { LogSeries } from '../core/log.ts'
import type { Score } from '../core/model.ts'
import type { RuleReport, RuleSettings } from '../core/rule.ts'
import { RULE_TAGS } from '../core/rule.ts'
import type { RuleTestEvent, RuleTestStep } from '../core/rule-test.ts'
import { streamKey } from '../core/stream.ts'
import { memoryMsOf } from './baseline.ts'
import { createEngine } from './engine.ts'
import { compile } from './expression.ts'
import type { RuleSlice } from './slice.ts'

export interface RuleTesting {
  /** What of the log it needs. */
  readonly asks: {
    readonly tag: readonly string[]
    readonly classes?: readonly string[]
    readonly from: number
    readonly to: number
  }
  /** In the order of receipt. Stops now and then, so that others get their turn. */
  take(part: PlacedPart): Iterable<void>
  figures(): Figures
  /** Those since the last question. */
  found(): RuleTestEvent[]
}

type Figures = Omit<RuleTestStep, 'rule' | 'share' | 'isLast' | 'isWhole' | 'kept' | 'found'>

export interface TestedRange {
  readonly from: number
  readonly to: number
  readonly limit: number
}

/** What was true before the range is no rise in it. */
const BEFORE_MS_MIN = 600_000
/** Between two stops. */
const READINGS_A_TURN = 4_096
/** Each may be waited for as long as a score may take. */
const SCORES_A_TURN = 8

export function createTesting(rule: RuleSettings, { from, to, limit }: TestedRange, score?: Score): RuleTesting {
  const engine = createEngine({ rules: [rule], marks: {}, eventsBytesMax: RULE_EVENTS_BYTES_MAX, score })
  const { tags = ['*'], classes } = rule.reads
  const beforeMs = beforeOf(rule)
  const times = { read: span(), fired: span() }
  const sums = { readings: 0, aggregated: 0, events: 0, late: 0, overflowed: 0, errors: 0 }
  let lastError: string | null = null
  let untold: RuleTestEvent[] = []
  let left = limit
  const readingsATurn = rule.model ? SCORES_A_TURN : READINGS_A_TURN

  const isRead = ({ tag, class: name }: LogSeries) => !tag.startsWith(RULE_TAGS) && (classes?.includes(name) ?? true)
  const report = () => engine.reports()[0] as RuleReport

  function tell(event: RuleTestEvent): void {
    sums.events++
    times.fired.add(event.time)
    if (left-- > 0) untold.push({ time: event.time, text: event.text })
  }

  /** Rows of one side of the range's begin. */
  function takeRows(slice: RuleSlice, isInRange: boolean): void {
    const before = report()
    for (let at = slice.from; at < slice.to; ) {
      const { next, events } = engine.take(slice, at)
      at = next
      if (isInRange) for (const it of events) tell(it)
    }
    if (!isInRange) return
    const after = report()
    sums.late += after.late - before.late
    sums.overflowed += after.overflowed - before.overflowed
    sums.errors += after.errors - before.errors
    if (after.errors > before.errors) ({ lastError } = after)
  }

  return {
    asks: { tag: tags, ...(classes && { classes }), from: from - beforeMs * 1000, to },
    *take(part) {
      if (!isRead(part.series)) return
      if (part.form === 'aggregate') {
        const { count, windowStart, good, uncertain, bad } = part.columns
        for (let i = 0; i < count; i++)
          if ((windowStart[i] as number) >= from)
            sums.aggregated += (good[i] as number) + (uncertain[i] as number) + (bad[i] as number)
        return
      }
      const slice = sliceOf(part)
      for (let at = 0; at < part.count; yield) {
        const isInRange = (part.time[at] as number) >= from
        const end = runEnd(part.time, at, Math.min(part.count, at + readingsATurn), (it) => it >= from === isInRange)
        takeRows({ ...slice, from: at, to: end }, isInRange)
        if (isInRange) sums.readings += end - at
        for (; at < end; at++) if (isInRange) times.read.add(part.time[at] as number)
      }
    },
    figures: () => ({
      ...sums,
      lastError,
      readFrom: times.read.from(),
      readTo: times.read.to(),
      first: times.fired.from(),
      last: times.fired.to(),
    }),
    found() {
      const found = untold
      untold = []
      return found
    },
  }
}

/** The rows of a part as the engine takes readings: of one series in the log's order, numbered by row. */
function sliceOf(part: RawPart & Pick<PlacedPart, 'stream'>): Omit<RuleSlice, 'from' | 'to'> {
  const columns = { ...part, first: 0, seriesIds: Uint32Array.of(part.series.id), runs: Uint32Array.of(part.count) }
  const { sequence: _, ...inOrder } = columns
  const series = new Map([[part.series.id, part.series]])
  // Times of a query are corrected already.
  return { stream: streamKey(part.stream), columns: inOrder, series, shiftOf: () => 0 }
}

function beforeOf({ window, when, model }: RuleSettings): number {
  const sees = { hasWindow: window !== undefined }
  const expressions = [
    compile(when, { ...sees, ...(model && { model: Object.keys(model.outputs) }) }),
    ...Object.values(model?.inputs ?? {}).map((it) => compile(it, sees)),
  ]
  const memory = expressions.flatMap((it) => it.baselines).map(memoryMsOf)
  return Math.max(BEFORE_MS_MIN, ...memory) + (window?.lengthMs ?? 0) + (window?.graceMs ?? 0)
}

function runEnd(time: Float64Array, from: number, to: number, isSame: (time: number) => boolean): number {
  let at = from
  while (at < to && isSame(time[at] as number)) at++
  return at
}

function span() {
  let [least, greatest] = [Infinity, -Infinity]
  return {
    add(time: number): void {
      least = Math.min(least, time)
      greatest = Math.max(greatest, time)
    },
    from: () => (least === Infinity ? null : least),
    to: () => (greatest === -Infinity ? null : greatest),
  }
}
