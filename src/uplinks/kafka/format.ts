// How the values of records are written: JSON, or Avro with a schema registry.
import type { DecodedAggregates } from '../../columns/aggregates/index.ts'
import type { DecodedBlock } from '../../columns/index.ts'
import { binary } from '../../clients/kafka/records.ts'
import type { LogSeries } from '../../core/log.ts'
import type { Stream } from '../../core/stream.ts'
import type { AggregateTemplate } from './aggregates.ts'
import { aggregateTemplate, aggregateWriter } from './aggregates.ts'
import { avroAggregateTemplate, avroAggregateWriter } from './avro/aggregates.ts'
import { avroReadingWriter, avroSeriesTemplate, CONTENT_TYPE } from './avro/readings.ts'
import { encodeAvro } from './avro/types.ts'
import type { ToldTimes } from '../../records/times.ts'
import type { RecordStyle, SeriesTemplate } from './readings.ts'
import type { ByteWriter } from './reading-bytes.ts'
import { readingBytes } from './reading-bytes.ts'
import { readingWriter, seriesTemplate } from './readings.ts'
import type { Topic } from './topics.ts'

export type Template<T> = (stream: Stream, series: LogSeries, style: RecordStyle, topic: Topic) => T

type ReadingWriter<T> = (it: T, at: number, sequence: number, time: number, fits: boolean, maybeDuplicate: boolean) => string
type AggregateWriter<T> = (it: T, at: number, maybeDuplicate: boolean) => string

export interface RecordFormat<R extends SeriesTemplate = SeriesTemplate, A extends AggregateTemplate = AggregateTemplate> {
  readonly readingTemplate: Template<R>
  readonly readingWriter: (block: DecodedBlock, told: ToldTimes) => ReadingWriter<R>
  /** The same as bytes, where that is worth it. */
  readonly readingBytes?: (block: DecodedBlock, told: ToldTimes) => ByteWriter
  readonly aggregateTemplate: Template<A>
  readonly aggregateWriter: (block: DecodedAggregates, timeQuality: string) => AggregateWriter<A>
  /** The value of a gap record or an event, as a binary string. */
  readonly value: (form: 'gap' | 'event', value: object, topic: Topic) => string
  readonly contentType: string
}

export const jsonFormat: RecordFormat = {
  readingTemplate: seriesTemplate,
  readingWriter,
  readingBytes,
  aggregateTemplate,
  aggregateWriter,
  value: (_form, value) => binary(JSON.stringify(value)),
  contentType: 'application/json',
}

/** `frameOf`: what stands before a value in a topic, a binary string. */
export function avroFormat(frameOf: (topic: string) => string): RecordFormat {
  const format = {
    readingTemplate: avroSeriesTemplate(frameOf),
    readingWriter: avroReadingWriter,
    aggregateTemplate: avroAggregateTemplate(frameOf),
    aggregateWriter: avroAggregateWriter,
    value: (form: 'gap' | 'event', value: object, topic: Topic) =>
      frameOf(topic.name) + encodeAvro(form, value).toString('latin1'),
    contentType: CONTENT_TYPE,
  }
  // The writers take only what the templates of the same format made.
  return format as unknown as RecordFormat
}
