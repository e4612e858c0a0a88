// Report by exception over the batches of one run of a source.
//
//   batch ─► filter ─► none, one or several batches: those before the last hold readings of an earlier stretch of the clock
import type { ReadingBatch } from '../../core/batch.ts'
import type { SeriesDescriptor } from '../../core/reading.ts'
import type { ReportRule } from '../../core/report-rule.ts'
import { tagMatcher } from '../../core/tag-pattern.ts'
import type { SeriesRule, SeriesState } from './decide.ts'
import { decide, newState, release } from './decide.ts'
import type { Row } from './rows.ts'
import { batchOf, rowReader } from './rows.ts'

export interface ExceptionFilter {
  /** What is to be handed over of a batch; nothing: all of it is withheld. `now`: monotonic ms. */
  take(batch: ReadingBatch, now: number): ReadingBatch[]
  /** What has been held for long enough without another reading of its series; all that is held, where no time is given. */
  due(now?: number): ReadingBatch[]
  /** Readings that were not handed over and will not be. */
  readonly withheld: number
}

/** How long the swinging door holds a reading where the rule does not say. */
const HELD_MS_MAX = 600_000

interface Watched {
  readonly descriptor: SeriesDescriptor
  readonly state: SeriesState<Row>
  readonly heldMsMax: number
  heldSince: number
}

export function exceptionFilter(rules: readonly ReportRule[]): ExceptionFilter {
  const matchers = rules.map((rule) => ({ rule, fits: tagMatcher(rule.tags) }))
  /** By number; undefined: no rule fits, all is reported. */
  const series: (Watched | undefined)[] = []
  const kinds: SeriesDescriptor['kind'][] = []
  /** Series that hold a reading. */
  const holding = new Set<Watched>()
  let unsaid: SeriesDescriptor[] = []
  let origin = -1
  let seen = 0
  let reported = 0

  function watch(descriptor: SeriesDescriptor): void {
    const rule = matchers.find((it) => it.fits(descriptor.tag))?.rule
    kinds.push(descriptor.kind)
    series.push(rule && watchedBy(rule, descriptor))
  }

  function rowsOf(batch: ReadingBatch, now: number): Row[] {
    const rows: Row[] = []
    const row = rowReader(batch, (it) => kinds[it] as SeriesDescriptor['kind'])
    for (let at = 0; at < batch.count; at++) {
      const it = row(at)
      const watched = series[it.series]
      if (watched) rows.push(...decided(watched, it, now))
      else rows.push(it)
    }
    return rows
  }

  function decided(watched: Watched, row: Row, now: number): Row[] {
    const { state } = watched
    const { held } = state
    const decision = decide(state, row)
    if (state.held !== held) watched.heldSince = now
    if (state.held) holding.add(watched)
    else holding.delete(watched)
    return [...(decision.held && held ? [held] : []), ...(decision.now ? [row] : [])]
  }

  /** Rows of an earlier stretch of the clock go before, on their own: a batch has one. */
  function handedOver(
    rows: readonly Row[],
    last: Pick<ReadingBatch, 'received' | 'clock' | 'refused'> | undefined,
  ): ReadingBatch[] {
    reported += rows.length
    const byClock = Map.groupBy(rows, (it) => it.clock)
    const earlier = [...byClock].filter(([clock]) => !last || clock !== last.clock)
    const all = earlier.map(([clock, of]) => said({ received: Math.max(...of.map((it) => it.received)), clock, refused: [] }, of))
    const mine = last ? (byClock.get(last.clock) ?? []) : []
    if (last && (mine.length > 0 || last.refused.length > 0)) all.push(said({ ...last, clock: last.clock }, mine))
    return all
  }

  function said(head: { received: number; clock: number | undefined; refused: ReadingBatch['refused'] }, rows: Row[]) {
    const newSeries = unsaid
    unsaid = []
    return batchOf({ ...head, origin, newSeries, seriesFrom: series.length - newSeries.length }, rows)
  }

  return {
    take(batch, now) {
      origin = batch.origin
      for (const it of batch.newSeries) watch(it)
      unsaid.push(...batch.newSeries)
      seen += batch.count
      return handedOver(rowsOf(batch, now), batch)
    },
    due(now) {
      const ready = [...holding].filter((it) => now === undefined || now - it.heldSince >= it.heldMsMax)
      const rows = ready.flatMap((it) => release(it.state) ?? [])
      for (const it of ready) holding.delete(it)
      return handedOver(rows, undefined)
    },
    get withheld() {
      return seen - reported - holding.size
    },
  }
}

function watchedBy(rule: ReportRule, descriptor: SeriesDescriptor): Watched {
  const { swingingDoor, atMostMs = 0, atLeastMs = Infinity } = rule
  const heldMsMax = swingingDoor === undefined ? atMostMs : Math.min(atLeastMs, HELD_MS_MAX)
  return { descriptor, state: newState(seriesRule(rule, descriptor)), heldMsMax, heldSince: 0 }
}

/** What is no number is reported when it changes, wherever numbers have a band. */
function seriesRule({ deadband, swingingDoor, atMostMs = 0, atLeastMs }: ReportRule, { kind }: SeriesDescriptor): SeriesRule {
  const times = { atMost: atMostMs * 1000, atLeast: atLeastMs === undefined ? Infinity : atLeastMs * 1000 }
  if (kind === 'double' || kind === 'long') return { deadband, swingingDoor, ...times }
  const hasBand = deadband !== undefined || swingingDoor !== undefined
  return { deadband: hasBand ? 0 : undefined, swingingDoor: undefined, ...times }
}
