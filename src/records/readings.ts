// Readings as JSON, from a block's columns. All that is the same for a series is text made once; of a reading only time, value, quality, status and
// sequence are written. Texts are binary strings: one character a byte.
import type { DecodedBlock } from '../columns/index.ts'
import type { LogSeries } from '../core/log.ts'
import { NO_VALUE, QUALITIES } from '../core/reading.ts'
import type { Stream } from '../core/stream.ts'
import type { ToldTimes } from './times.ts'
import type { ValueViews } from './values.ts'
import { jsonText, slotText, viewsOf } from './values.ts'

/** What the readings of one series of one stream have in common. */
export interface ReadingTexts {
  readonly kind: LogSeries['kind']
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
/** Between the receive time and the quality of time. */
export const TAIL = ',"time_quality":"'

/** `,"device":…,"site":…,"tag":…` and `,"unit":…`, empty where there is none. */
export function dimensionsOf({ device }: Stream, { tag, unit }: LogSeries, site: string): { place: string; unit: string } {
  return {
    place: `,"device":${jsonText(device)},"site":${jsonText(site)},"tag":${jsonText(tag)}`,
    unit: unit === undefined ? '' : `,"unit":${jsonText(unit)}`,
  }
}

export function readingTexts(stream: Stream, series: LogSeries, site: string): ReadingTexts {
  const { place, unit } = dimensionsOf(stream, series, site)
  return {
    kind: series.kind,
    boxTime: series.boxTime === true,
    beforeValue: `${place},"${FIELDS[series.kind]}":`,
    afterValue: QUALITIES.map((it) => `${unit},"quality":"${it}","status_code":`),
    beforeSequence: `,"epoch":${jsonText(stream.epoch)},"seq":`,
    end: `,"class":${jsonText(series.class)}}`,
  }
}

/** Writes reading `at` of a block. `time` is the one told. */
export function readingJson(block: DecodedBlock, told: ToldTimes) {
  const views = viewsOf(block.value, block.bytes)
  // Readings of a poll or a publish share both times: their texts are made once.
  let lastTime = Number.NaN
  let timeText = ''
  let lastReceived = Number.NaN
  let receivedText = ''
  return (it: ReadingTexts, at: number, sequence: string, time: number, timeQuality: string): string => {
    const received = block.received[at] as number
    if (time !== lastTime) timeText = String((lastTime = time))
    if (received !== lastReceived) receivedText = String((lastReceived = received) + told.shiftUs)
    const quality = block.quality[at] as number
    const value = valueText(it.kind, quality, views, at)
    return `{"ts":${timeText}${it.beforeValue}${value}${it.afterValue[quality & 3]}${block.status[at]}${it.beforeSequence}${sequence},"ingest_ts":${receivedText}${TAIL}${timeQuality}"${it.end}`
  }
}

/** The JSON of a reading's value in row `at`; null where it has none. */
function valueText(kind: LogSeries['kind'], quality: number, views: ValueViews, at: number): string {
  if (quality & NO_VALUE) return 'null'
  if (kind === 'bool') return views.doubles[at] === 0 ? 'false' : 'true'
  return slotText(kind, views, at)
}
