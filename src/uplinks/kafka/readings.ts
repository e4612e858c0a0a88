// Readings as records, from a block's columns. All that is the same for a series is text made once; of a reading only time, value, quality, status
// and sequence are written. Texts are binary strings here: one character a byte (clients/kafka/records.ts).
import { partitionOf } from '../../clients/kafka/partition.ts'
import { binary, headerOf, lengthOf } from '../../clients/kafka/records.ts'
import type { DecodedBlock } from '../../columns/index.ts'
import type { LogSeries, SliceTime } from '../../core/log.ts'
import { NO_VALUE, QUALITIES } from '../../core/reading.ts'
import type { Stream } from '../../core/stream.ts'
import { streamKey } from '../../core/stream.ts'
import type { Topic } from './topics.ts'
import { writeDouble, writeLong, writeString } from './values.ts'

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
export interface SeriesTemplate extends RecordTemplate {
  /** This box's clock gave the readings their time. */
  readonly boxTime: boolean
  /** `,"device":…,"value_x":` */
  readonly beforeValue: string
  /** By quality: from the end of the value to the status. */
  readonly afterValue: readonly string[]
  /** From the status to the sequence. */
  readonly beforeSequence: string
  readonly end: string
}

const FIELDS = {
  double: 'value_double',
  long: 'value_long',
  bool: 'value_bool',
  string: 'value_string',
  bytes: 'value_bytes',
} as const
export const ID_NAME = `${lengthOf(5)}ce_id`
export const DUPLICATE_HEADER = headerOf('holdfast-maybe-duplicate', 'true')
/** Between the receive time and the quality of time. */
export const TAIL = ',"time_quality":"'

const text = (value: string) => binary(JSON.stringify(value))

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

/** `,"device":…,"site":…,"tag":…` and `,"unit":…`, empty where there is none. */
export function dimensionsOf(stream: Stream, series: LogSeries, style: RecordStyle): { place: string; unit: string } {
  return {
    place: `,"device":${text(stream.device)},"site":${text(style.site)},"tag":${text(series.tag)}`,
    unit: series.unit === undefined ? '' : `,"unit":${text(series.unit)}`,
  }
}

export function seriesTemplate(
  stream: Stream,
  series: LogSeries,
  style: RecordStyle,
  { partitions }: Pick<Topic, 'partitions'>,
): SeriesTemplate {
  const { place, unit } = dimensionsOf(stream, series, style)
  return {
    ...recordTemplate(stream, series, 'holdfast.reading', style, partitions),
    boxTime: series.boxTime === true,
    beforeValue: `${place},"${FIELDS[series.kind]}":`,
    afterValue: QUALITIES.map((it) => `${unit},"quality":"${it}","status_code":`),
    beforeSequence: `,"epoch":${text(stream.epoch)},"seq":`,
    end: `,"class":${text(series.class)}}`,
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

/** Views of a column of value slots. */
export interface ValueViews {
  readonly doubles: Float64Array
  readonly halves: Uint32Array
  readonly longs: BigInt64Array
  /** What strings and bytes point into. */
  readonly bytes: Buffer
}

export function viewsOf(value: Float64Array, bytes: Uint8Array): ValueViews {
  return {
    doubles: value,
    halves: new Uint32Array(value.buffer, value.byteOffset, value.length * 2),
    longs: new BigInt64Array(value.buffer, value.byteOffset, value.length),
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  }
}

/** The JSON of a reading's value in row `at`; null where it has none. */
function valueText(kind: LogSeries['kind'], quality: number, views: ValueViews, at: number): string {
  if (quality & NO_VALUE) return 'null'
  if (kind === 'bool') return views.doubles[at] === 0 ? 'false' : 'true'
  return slotText(kind, views, at)
}

/** The JSON of the slot in row `at`; bools as numbers. */
export function slotText(kind: LogSeries['kind'], views: ValueViews, at: number): string {
  if (kind === 'double' || kind === 'bool') return writeDouble(views.doubles[at] as number)
  if (kind === 'long') return writeLong(views.halves[at * 2] as number, views.halves[at * 2 + 1] as number, views.longs, at)
  const from = views.halves[at * 2] as number
  const bytes = views.bytes.subarray(from, from + (views.halves[at * 2 + 1] as number))
  return kind === 'string' ? writeString(bytes) : `"${bytes.toString('base64')}"`
}

/** The times of a slice's readings as its clock lets them be told. */
export interface ToldTimes {
  /** µs to add to what this box's clock gave. */
  readonly shiftUs: number
  /** 'source' where nothing is doubtful. */
  readonly quality: 'source' | 'corrected' | 'relative'
}

export function toldTimes(time: SliceTime | undefined): ToldTimes {
  if (!time || time.quality === 'synchronised') return { shiftUs: time?.shiftUs ?? 0, quality: 'source' }
  return { shiftUs: time.shiftUs, quality: time.quality }
}

/** The source time of reading `at`, as it is to be told: only times that this box's clock gave are mended with it. */
export function toldTime(block: DecodedBlock, at: number, it: SeriesTemplate, shiftUs: number): number {
  const time = block.time[at] as number
  return it.boxTime ? time + shiftUs : time
}

/** Writes reading `at` of a block, from its key on. `time` is the one told; `fits`: it is the record's too. */
export function readingWriter(block: DecodedBlock, told: ToldTimes) {
  const views = viewsOf(block.value, block.bytes)
  const isoTime = isoTimes()
  // Readings of a poll or a publish share both times: their texts are made once.
  let lastTime = Number.NaN
  let timeText = ''
  let lastReceived = Number.NaN
  let receivedText = ''
  return (it: SeriesTemplate, at: number, sequence: number, time: number, fits: boolean, maybeDuplicate: boolean): string => {
    const received = block.received[at] as number
    if (time !== lastTime) timeText = String((lastTime = time))
    if (received !== lastReceived) receivedText = String((lastReceived = received) + told.shiftUs)
    const timeQuality = told.quality === 'source' && !fits ? 'implausible' : told.quality
    const quality = block.quality[at] as number
    const value = valueText(it.kind, quality, views, at)
    const sequenceText = String(sequence)
    const json = `{"ts":${timeText}${it.beforeValue}${value}${it.afterValue[quality & 3]}${block.status[at]}${it.beforeSequence}${sequenceText},"ingest_ts":${receivedText}${TAIL}${timeQuality}"${it.end}`
    return recordText(it, json, sequenceText, time, maybeDuplicate, isoTime)
  }
}
