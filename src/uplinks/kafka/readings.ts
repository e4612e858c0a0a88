// Readings as records: key and headers around the JSON of records/readings.ts. Texts are binary strings here: one character a byte
// (clients/kafka/records.ts).
import { partitionOf } from '../../clients/kafka/partition.ts'
import { binary, headerOf, lengthOf } from '../../clients/kafka/records.ts'
import type { DecodedBlock } from '../../columns/index.ts'
import type { LogSeries } from '../../core/log.ts'
import type { Stream } from '../../core/stream.ts'
import { streamKey } from '../../core/stream.ts'
import type { ReadingTexts } from '../../records/readings.ts'
import { readingJson, readingTexts } from '../../records/readings.ts'
import type { ToldTimes } from '../../records/times.ts'
import type { Topic } from './topics.ts'

export interface RecordStyle {
  readonly site: string
  readonly headers: 'all' | 'id'
  /** Sent once more for somebody who asked; such records have all headers. */
  readonly replayed?: boolean
}

/** What all records of one series of one stream have in common, whatever their form. */
export interface RecordTemplate {
  readonly partition: number
  readonly kind: LogSeries['kind']
  /** From the key's length to the value's. */
  readonly key: string
  readonly idPrefix: string
  /** Headers after `ce_id`, up to the value of `ce_time`, which is the last; empty where there is `ce_id` alone. */
  readonly headers: string
  readonly headerCount: number
}

/** The same for readings. */
export interface SeriesTemplate extends RecordTemplate, ReadingTexts {}

export const ID_NAME = `${lengthOf(5)}ce_id`
export const DUPLICATE_HEADER = headerOf('holdfast-maybe-duplicate', 'true')

/** `type` as CloudEvents has it. */
export function recordTemplate(
  stream: Stream,
  series: LogSeries,
  type: string,
  style: RecordStyle,
  partitions: number,
  contentType?: string,
): RecordTemplate {
  const keyBytes = Buffer.from(`${stream.device}/${series.tag}`, 'utf8')
  return {
    partition: partitionOf(keyBytes, partitions),
    kind: series.kind,
    key: lengthOf(keyBytes.length) + keyBytes.toString('latin1'),
    idPrefix: binary(`${streamKey(stream)}:`),
    ...headersOf(stream, style, type, series.tag, contentType),
  }
}

export function seriesTemplate(
  stream: Stream,
  series: LogSeries,
  style: RecordStyle,
  { partitions }: Pick<Topic, 'partitions'>,
): SeriesTemplate {
  return {
    ...recordTemplate(stream, series, 'holdfast.reading', style, partitions),
    ...readingTexts(stream, series, style.site),
  }
}

/** CloudEvents' headers in binary mode but `ce_id`, as text up to the value of `ce_time`. */
export function headersOf(
  stream: Stream,
  style: RecordStyle,
  type: string,
  subject: string,
  contentType = 'application/json',
): Pick<SeriesTemplate, 'headers' | 'headerCount'> {
  if (style.headers === 'id') return { headers: '', headerCount: 1 }
  const source = `/${encodeURIComponent(style.site)}/${encodeURIComponent(stream.device)}`
  const before = [
    headerOf('ce_specversion', '1.0'),
    headerOf('ce_source', source),
    headerOf('ce_type', type),
    headerOf('ce_subject', binary(subject)),
    headerOf('content-type', contentType),
    headerOf('holdfast-class', binary(stream.class)),
    headerOf('holdfast-replayed', style.replayed ? 'true' : 'false'),
  ]
  return { headers: `${before.join('')}${lengthOf(7)}ce_time`, headerCount: before.length + 2 }
}

/** A record from its key on: key, value, headers. `time` in microseconds for `ce_time`. */
export function recordText(
  it: Pick<SeriesTemplate, 'key' | 'idPrefix' | 'headers' | 'headerCount'>,
  value: string,
  sequence: string,
  time: number,
  maybeDuplicate: boolean,
  isoTime = isoTimes(),
): string {
  const id = `${ID_NAME}${lengthOf(it.idPrefix.length + sequence.length)}${it.idPrefix}${sequence}`
  const timed = it.headers === '' ? '' : it.headers + timeHeader(isoTime(time))
  const count = lengthOf(it.headerCount + (maybeDuplicate ? 1 : 0))
  const duplicate = maybeDuplicate ? DUPLICATE_HEADER : ''
  return `${it.key}${lengthOf(value.length)}${value}${count}${id}${timed}${duplicate}`
}

function timeHeader(text: string): string {
  return lengthOf(text.length) + text
}

/** RFC 3339 with microseconds, as CloudEvents wants its `time`. Readings of a series are seconds apart: of a day the text is made once. */
function isoTimes(): (micros: number) => string {
  let last = Number.NaN
  let date = ''
  return (micros) => {
    const seconds = Math.floor(micros / 1e6)
    const day = Math.floor(seconds / 86_400)
    if (day !== last) {
      const first = new Date((last = day) * 86_400_000)
      date = Number.isNaN(first.getTime()) ? '' : first.toISOString().slice(0, -13)
    }
    if (date === '') return '1970-01-01T00:00:00Z'
    const second = (seconds - day * 86_400) | 0
    const rest = (micros - seconds * 1e6 + 1e6) | 0
    return `${date}${twoDigits((second / 3_600) | 0)}:${twoDigits(((second / 60) | 0) % 60)}:${twoDigits(second % 60)}.${String(rest).slice(1)}Z`
  }
}

function twoDigits(n: number): string {
  return n < 10 ? `0${n}` : `${n}`
}

/** Writes reading `at` of a block, from its key on. `time` is the one told; `fits`: it is the record's too. */
export function readingWriter(block: DecodedBlock, told: ToldTimes) {
  const json = readingJson(block, told)
  const isoTime = isoTimes()
  return (it: SeriesTemplate, at: number, sequence: number, time: number, fits: boolean, maybeDuplicate: boolean): string => {
    const timeQuality = told.quality === 'source' && !fits ? 'implausible' : told.quality
    const sequenceText = String(sequence)
    return recordText(it, json(it, at, sequenceText, time, timeQuality), sequenceText, time, maybeDuplicate, isoTime)
  }
}
