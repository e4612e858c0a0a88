// Aggregates as JSON. Several may share tag and window: who reads them merges what is the same in both (core/aggregate.ts).
import type { DecodedAggregates } from '../columns/aggregates/index.ts'
import type { LogSeries } from '../core/log.ts'
import type { Stream } from '../core/stream.ts'
import { dimensionsOf } from './readings.ts'
import type { ValueViews } from './values.ts'
import { jsonText, slotText, viewsOf, writeDouble } from './values.ts'

/** What the aggregates of one series of one stream have in common. */
export interface AggregateTexts {
  readonly kind: LogSeries['kind']
  /** From the end of the window to the counts. */
  readonly beforeCounts: string
  /** From the statistics to the sequences. */
  readonly beforeSequences: string
  readonly end: string
}

export function aggregateTexts(stream: Stream, series: LogSeries, site: string): AggregateTexts {
  const { place, unit } = dimensionsOf(stream, series, site)
  return {
    kind: series.kind,
    beforeCounts: `${place},"kind":"${series.kind}"${unit},"count":`,
    beforeSequences: `,"epoch":${jsonText(stream.epoch)},"seq_from":`,
    end: `,"class":${jsonText(series.class)}}`,
  }
}

const NO_STATISTICS =
  ',"sum":null,"m2":null,"min":null,"max":null,"mean":null,"std":null,"first":null,"first_ts":null,"last":null,"last_ts":null'
const NO_SPANS = ',"first":null,"first_ts":null,"last":null,"last_ts":null'

/**
 * Writes row `at` of a block. `window_end` is exclusive, `seq_to` inclusive. `valued` is what the statistics are over;
 * `std` is that of these values themselves: the square root of m2 ÷ valued.
 */
export function aggregateJson(block: DecodedAggregates, timeQuality: string) {
  const views = {
    min: viewsOf(block.min, block.bytes),
    max: viewsOf(block.max, block.bytes),
    first: viewsOf(block.first, block.bytes),
    last: viewsOf(block.last, block.bytes),
  }
  return (it: AggregateTexts, at: number): string => {
    const start = block.windowStart[at] as number
    const [good, uncertain, bad] = [block.good[at] as number, block.uncertain[at] as number, block.bad[at] as number]
    const counts = `${good + uncertain + bad},"good":${good},"uncertain":${uncertain},"bad":${bad},"valued":${block.valued[at]}`
    const statistics = isSpan(it.kind) ? spanText(block, it, at, views) : numberText(block, it, at, views)
    const sequences = `${block.sequenceFrom[at]},"seq_to":${block.sequenceTo[at]},"seq":${block.firstSequence + at}`
    return `{"window_start":${start},"window_end":${start + block.windowUs}${it.beforeCounts}${counts}${statistics}${it.beforeSequences}${sequences},"time_quality":"${timeQuality}"${it.end}`
  }
}

type Views = Readonly<Record<'min' | 'max' | 'first' | 'last', ValueViews>>

function isSpan(kind: LogSeries['kind']): boolean {
  return kind === 'string' || kind === 'bytes'
}

function numberText(block: DecodedAggregates, { kind }: AggregateTexts, at: number, views: Views): string {
  const valued = block.valued[at] as number
  if (valued === 0) return NO_STATISTICS
  const [sum, m2] = [block.sum[at] as number, block.m2[at] as number]
  const [mean, std] = [writeDouble(sum / valued), writeDouble(Math.sqrt(m2 / valued))]
  const ends = `"min":${slotText(kind, views.min, at)},"max":${slotText(kind, views.max, at)}`
  return `,"sum":${writeDouble(sum)},"m2":${writeDouble(m2)},${ends},"mean":${mean},"std":${std}${endsText(block, kind, at, views)}`
}

function spanText(block: DecodedAggregates, { kind }: AggregateTexts, at: number, views: Views): string {
  const ends = block.valued[at] === 0 ? NO_SPANS : endsText(block, kind, at, views)
  return `,"changes":${block.changes[at]}${ends}`
}

function endsText(block: DecodedAggregates, kind: LogSeries['kind'], at: number, { first, last }: Views): string {
  const begin = `"first":${slotText(kind, first, at)},"first_ts":${block.firstTime[at]}`
  return `,${begin},"last":${slotText(kind, last, at)},"last_ts":${block.lastTime[at]}`
}
