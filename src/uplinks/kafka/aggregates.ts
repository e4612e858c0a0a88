// Aggregates as records: key and headers around the JSON of records/aggregates.ts.
import type { DecodedAggregates } from '../../columns/aggregates/index.ts'
import type { LogSeries } from '../../core/log.ts'
import type { Stream } from '../../core/stream.ts'
import type { AggregateTexts } from '../../records/aggregates.ts'
import { aggregateJson, aggregateTexts } from '../../records/aggregates.ts'
import type { RecordStyle, RecordTemplate } from './readings.ts'
import { recordTemplate, recordText } from './readings.ts'
import type { Topic } from './topics.ts'

/** What the aggregates of one series of one stream have in common. */
export interface AggregateTemplate extends RecordTemplate, AggregateTexts {}

export function aggregateTemplate(
  stream: Stream,
  series: LogSeries,
  style: RecordStyle,
  { partitions }: Pick<Topic, 'partitions'>,
): AggregateTemplate {
  return {
    ...recordTemplate(stream, series, 'holdfast.aggregate', style, partitions),
    ...aggregateTexts(stream, series, style.site),
  }
}

/** Writes row `at` of a block, from its key on. */
export function aggregateWriter(block: DecodedAggregates, timeQuality: string) {
  const json = aggregateJson(block, timeQuality)
  return (it: AggregateTemplate, at: number, maybeDuplicate: boolean): string => {
    const sequence = String(block.firstSequence + at)
    return recordText(it, json(it, at), sequence, block.windowStart[at] as number, maybeDuplicate)
  }
}
