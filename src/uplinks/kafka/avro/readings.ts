// Readings in Avro, as readings.ts beside this folder writes them in JSON: what is the same for a series is bytes made once.
import type { DecodedBlock } from '../../../columns/index.ts'
import type { LogSeries } from '../../../core/log.ts'
import type { ValueKind } from '../../../core/reading.ts'
import { NO_VALUE, QUALITIES } from '../../../core/reading.ts'
import type { Stream } from '../../../core/stream.ts'
import type { ToldTimes } from '../../../records/times.ts'
import type { ValueViews } from '../../../records/values.ts'
import { viewsOf } from '../../../records/values.ts'
import type { RecordStyle, SeriesTemplate } from '../readings.ts'
import { recordTemplate, recordText } from '../readings.ts'
import type { Topic } from '../topics.ts'
import { BRANCHES, longText, NULL, sized, slotLongText, slotText, textText } from './binary.ts'

export const CONTENT_TYPE = 'application/avro'
/** In the order of the schema's fields. */
const KINDS: readonly ValueKind[] = ['double', 'long', 'bool', 'string', 'bytes']
const NO_VALUES = NULL.repeat(KINDS.length)
const [, SOME] = BRANCHES

export interface AvroSeriesTemplate extends SeriesTemplate {
  /** Confluent's frame: a zero and the schema's id. */
  readonly frame: string
  /** Fields of other kinds, before the value and behind it. */
  readonly before: string
  readonly behind: string
}

/** `frameOf`: by the topic's name. */
export function avroSeriesTemplate(frameOf: (topic: string) => string) {
  return (stream: Stream, series: LogSeries, style: RecordStyle, topic: Topic): AvroSeriesTemplate => {
    const place = KINDS.indexOf(series.kind)
    const unit = optionalText(series.unit)
    return {
      ...recordTemplate(stream, series, 'holdfast.reading', style, topic.partitions, CONTENT_TYPE),
      boxTime: series.boxTime === true,
      frame: frameOf(topic.name),
      beforeValue: placeText(stream, series, style),
      before: NULL.repeat(place) + SOME,
      behind: NULL.repeat(KINDS.length - 1 - place),
      afterValue: QUALITIES.map((it) => unit + textText(it)),
      beforeSequence: textText(stream.epoch),
      end: textText(series.class),
    }
  }
}

export function placeText(stream: Stream, series: LogSeries, style: RecordStyle): string {
  return textText(stream.device) + textText(style.site) + textText(series.tag)
}

export function optionalText(text: string | undefined): string {
  return text === undefined ? NULL : SOME + textText(text)
}

/** As `readingWriter`. */
export function avroReadingWriter(block: DecodedBlock, told: ToldTimes) {
  const views = viewsOf(block.value, block.bytes)
  const raw = bytesOf(views)
  const timeQualities = { fits: textText(told.quality), not: textText(told.quality === 'source' ? 'implausible' : told.quality) }
  let lastTime = Number.NaN
  let timeText = ''
  let lastReceived = Number.NaN
  let receivedText = ''
  return (it: AvroSeriesTemplate, at: number, sequence: number, time: number, fits: boolean, maybeDuplicate: boolean): string => {
    const received = block.received[at] as number
    if (time !== lastTime) timeText = longText((lastTime = time))
    if (received !== lastReceived) receivedText = longText((lastReceived = received) + told.shiftUs)
    const quality = block.quality[at] as number
    const values = quality & NO_VALUE ? NO_VALUES : it.before + valueText(it.kind, views, raw, at) + it.behind
    const timeQuality = fits ? timeQualities.fits : timeQualities.not
    const value = `${it.frame}${timeText}${it.beforeValue}${values}${it.afterValue[quality & 3]}${longText(block.status[at] as number)}${it.beforeSequence}${longText(sequence)}${receivedText}${timeQuality}${it.end}`
    return recordText(it, value, String(sequence), time, maybeDuplicate)
  }
}

export function bytesOf({ doubles }: ValueViews): Uint8Array {
  return new Uint8Array(doubles.buffer, doubles.byteOffset, doubles.byteLength)
}

function valueText(kind: ValueKind, views: ValueViews, raw: Uint8Array, at: number): string {
  if (kind === 'double') return slotText(raw, at * 8)
  if (kind === 'bool') return views.doubles[at] === 0 ? '\x00' : '\x01'
  if (kind === 'long') return slotLong(views, at)
  return spanText(views, at)
}

export function slotLong({ halves, longs }: ValueViews, at: number): string {
  return slotLongText(halves[at * 2] as number, halves[at * 2 + 1] as number, longs, at)
}

export function spanText({ halves, bytes }: ValueViews, at: number): string {
  const from = halves[at * 2] as number
  return sized(bytes.toString('latin1', from, from + (halves[at * 2 + 1] as number)))
}
