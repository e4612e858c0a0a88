// A row of a query as the record that it was, or is going to be: the same key, value and id.
import { binary } from '../../clients/kafka/records.ts'
import type { QueryRow, QueryWindow, WindowValue } from '../../core/agent-api.ts'
import type { Value, ValueKind } from '../../core/reading.ts'
import { QUALITIES } from '../../core/reading.ts'
import type { Stream } from '../../core/stream.ts'
import { streamKey } from '../../core/stream.ts'
import type { AggregateTemplate } from './aggregates.ts'
import { aggregateTemplate } from './aggregates.ts'
import type { RecordStyle, SeriesTemplate } from './readings.ts'
import { toldTimes } from '../../records/times.ts'
import { writeDouble } from '../../records/values.ts'
import { recordText, seriesTemplate } from './readings.ts'
import type { Topic } from './topics.ts'
import { timestampOf } from './topics.ts'

export interface ReplayRecord {
  readonly partition: number
  /** From its key on, as a binary string. */
  readonly text: string
}

/** For rows with `origin`; `now` in ms. */
export function replayRecords(site: string, topic: Topic): (row: QueryRow, now: number) => ReplayRecord {
  const style: RecordStyle = { site, headers: 'all', replayed: true }
  const known = { raw: new Map<string, SeriesTemplate>(), aggregate: new Map<string, AggregateTemplate>() }

  function templateOf<T>(
    of: Map<string, T>,
    row: QueryRow,
    stream: Stream,
    make: typeof seriesTemplate | typeof aggregateTemplate,
  ): T {
    const key = `${streamKey(stream)}\n${row.kind}\n${row.unit ?? ''}\n${row.tag}`
    let template = of.get(key)
    if (template === undefined) {
      const series = { id: 0, tag: row.tag, kind: row.kind, class: row.class, ...(row.unit !== undefined && { unit: row.unit }) }
      of.set(key, (template = make(stream, series, style, topic) as T))
    }
    return template
  }

  return (row, now) => {
    const { window } = row
    const stream: Stream = {
      device: row.device ?? '',
      epoch: row.epoch ?? '',
      class: row.class,
      form: window ? 'aggregate' : 'raw',
    }
    if (window) {
      const template = templateOf(known.aggregate, row, stream, aggregateTemplate)
      return { partition: template.partition, text: aggregateText(template, row, window) }
    }
    const template = templateOf(known.raw, row, stream, seriesTemplate)
    const fits = timestampOf(row.time, topic, now) === Math.floor(row.time / 1000)
    return { partition: template.partition, text: readingText(template, row, fits) }
  }
}

function readingText(it: SeriesTemplate, row: QueryRow, fits: boolean): string {
  const { quality } = toldTimes(row.clock)
  const timeQuality = quality === 'source' && !fits ? 'implausible' : quality
  const after = it.afterValue[QUALITIES.indexOf(row.quality)]
  const json = `{"ts":${row.time}${it.beforeValue}${valueText(row.kind, row.value)}${after}${row.status}${it.beforeSequence}${row.sequence},"ingest_ts":${row.received},"time_quality":"${timeQuality}"${it.end}`
  return recordText(it, json, String(row.sequence), row.time, false)
}

function aggregateText(it: AggregateTemplate, row: QueryRow, window: QueryWindow): string {
  const { good, uncertain, bad, count, valued } = window
  const counts = `${count},"good":${good},"uncertain":${uncertain},"bad":${bad},"valued":${valued}`
  const isSpan = row.kind === 'string' || row.kind === 'bytes'
  const ends = `,"first":${slotText(row.kind, window.first)},"first_ts":${window.firstTime},"last":${slotText(row.kind, window.last)},"last_ts":${window.lastTime}`
  const statistics = isSpan ? `,"changes":${window.changes}${ends}` : `${numbersText(row.kind, window)}${ends}`
  const sequences = `${window.sequenceFrom},"seq_to":${window.sequenceTo},"seq":${row.sequence}`
  const json = `{"window_start":${row.time},"window_end":${row.time + window.length}${it.beforeCounts}${counts}${statistics}${it.beforeSequences}${sequences},"time_quality":"${toldTimes(row.clock).quality}"${it.end}`
  return recordText(it, json, String(row.sequence), row.time, false)
}

function numbersText(kind: ValueKind, { valued, sum, m2, min, max, mean, std }: QueryWindow): string {
  if (valued === 0) return ',"sum":null,"m2":null,"min":null,"max":null,"mean":null,"std":null'
  const ends = `"min":${slotText(kind, min)},"max":${slotText(kind, max)}`
  return `,"sum":${writeDouble(sum)},"m2":${writeDouble(m2)},${ends},"mean":${writeDouble(mean ?? 0)},"std":${writeDouble(std ?? 0)}`
}

function valueText(kind: ValueKind, value: Value | null): string {
  if (value === null) return 'null'
  return typeof value === 'boolean' ? String(value) : slotText(kind, value)
}

/** As values.ts writes them; the local API gives a long that is not safe as a bigint. */
function slotText(kind: ValueKind, value: WindowValue | null): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return binary(JSON.stringify(value))
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`
  if (kind !== 'long') return writeDouble(Number(value))
  return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`
}
