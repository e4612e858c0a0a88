// Aggregates in Avro, as aggregates.ts beside this folder writes them in JSON.
import type { DecodedAggregates } from '../../../columns/aggregates/index.ts'
import type { LogSeries } from '../../../core/log.ts'
import type { ValueKind } from '../../../core/reading.ts'
import type { Stream } from '../../../core/stream.ts'
import type { AggregateTemplate } from '../aggregates.ts'
import type { ValueViews } from '../../../records/values.ts'
import { viewsOf } from '../../../records/values.ts'
import type { RecordStyle } from '../readings.ts'
import { recordTemplate, recordText } from '../readings.ts'
import type { Topic } from '../topics.ts'
import { BRANCHES, doubleText, longText, NULL, slotText, textText } from './binary.ts'
import { bytesOf, CONTENT_TYPE, optionalText, placeText, slotLong, spanText } from './readings.ts'

const [, SOME] = BRANCHES
/** `sum` to `last_ts`, and `changes` to `std`. */
const NO_STATISTICS = NULL.repeat(10)
const NO_NUMBERS = NULL.repeat(6)
const NO_ENDS = NULL.repeat(4)
const BRANCH_OF: Readonly<Record<ValueKind, string>> = {
  double: BRANCHES[1],
  bool: BRANCHES[1],
  long: BRANCHES[2],
  string: BRANCHES[3],
  bytes: BRANCHES[4],
}

export interface AvroAggregateTemplate extends AggregateTemplate {
  readonly frame: string
}

export function avroAggregateTemplate(frameOf: (topic: string) => string) {
  return (stream: Stream, series: LogSeries, style: RecordStyle, topic: Topic): AvroAggregateTemplate => ({
    ...recordTemplate(stream, series, 'holdfast.aggregate', style, topic.partitions, CONTENT_TYPE),
    frame: frameOf(topic.name),
    beforeCounts: placeText(stream, series, style) + textText(series.kind) + optionalText(series.unit),
    beforeSequences: textText(stream.epoch),
    end: textText(series.class),
  })
}

/** As `aggregateWriter`. */
export function avroAggregateWriter(block: DecodedAggregates, timeQuality: string) {
  const [min, max] = [viewsOf(block.min, block.bytes), viewsOf(block.max, block.bytes)]
  const [first, last] = [viewsOf(block.first, block.bytes), viewsOf(block.last, block.bytes)]
  const timeQualityText = textText(timeQuality)

  function numbersText(kind: ValueKind, at: number): string {
    const valued = block.valued[at] as number
    if (valued === 0) return NO_STATISTICS
    const [sum, m2] = [block.sum[at] as number, block.m2[at] as number]
    const some = (value: number) => SOME + doubleText(value)
    const ends = anyText(kind, min, at) + anyText(kind, max, at)
    return `${some(sum)}${some(m2)}${ends}${some(sum / valued)}${some(Math.sqrt(m2 / valued))}${endsText(kind, at)}`
  }

  function endsText(kind: ValueKind, at: number): string {
    if (block.valued[at] === 0) return NO_ENDS
    const time = (column: Float64Array) => SOME + longText(column[at] as number)
    return `${anyText(kind, first, at)}${time(block.firstTime)}${anyText(kind, last, at)}${time(block.lastTime)}`
  }

  return (it: AvroAggregateTemplate, at: number, maybeDuplicate: boolean): string => {
    const start = block.windowStart[at] as number
    const [good, uncertain, bad] = [block.good[at] as number, block.uncertain[at] as number, block.bad[at] as number]
    const counts = [good + uncertain + bad, good, uncertain, bad, block.valued[at] as number].map(longText).join('')
    const isSpan = it.kind === 'string' || it.kind === 'bytes'
    const statistics = isSpan
      ? SOME + longText(block.changes[at] as number) + NO_NUMBERS + endsText(it.kind, at)
      : NULL + numbersText(it.kind, at)
    const sequence = block.firstSequence + at
    const sequences = [block.sequenceFrom[at] as number, block.sequenceTo[at] as number, sequence].map(longText).join('')
    const value = `${it.frame}${longText(start)}${longText(start + block.windowUs)}${it.beforeCounts}${counts}${statistics}${it.beforeSequences}${sequences}${timeQualityText}${it.end}`
    return recordText(it, value, String(sequence), start, maybeDuplicate)
  }
}

/** A slot as a branch of a union; bools as doubles. */
function anyText(kind: ValueKind, views: ValueViews, at: number): string {
  if (kind === 'long') return BRANCH_OF.long + slotLong(views, at)
  if (kind === 'string' || kind === 'bytes') return BRANCH_OF[kind] + spanText(views, at)
  return BRANCH_OF.double + slotText(bytesOf(views), at * 8)
}
