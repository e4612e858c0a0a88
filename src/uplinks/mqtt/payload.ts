// Payloads: the JSON that records in Kafka have as their value, field by field (a test holds the two together). Here a message is a text of its own;
// what is the same for a series is made once.
import type { DecodedAggregates } from '../../columns/aggregates/index.ts'
import type { DecodedBlock } from '../../columns/index.ts'
import type { LedgerRow, LogSeries, SliceTime } from '../../core/log.ts'
import type { ValueKind } from '../../core/reading.ts'
import { NO_VALUE, QUALITIES } from '../../core/reading.ts'
import type { Stream, StreamRange } from '../../core/stream.ts'
import { streamOf } from '../../core/stream.ts'

/** The texts of a series that do not change. */
export interface SeriesText {
  readonly series: LogSeries
  readonly place: string
  readonly unit: string
  readonly end: string
  readonly epoch: string
}

export function seriesText({ device, epoch }: Stream, series: LogSeries, site: string): SeriesText {
  const text = JSON.stringify
  return {
    series,
    place: `,"device":${text(device)},"site":${text(site)},"tag":${text(series.tag)}`,
    unit: series.unit === undefined ? '' : `,"unit":${text(series.unit)}`,
    epoch: text(epoch),
    end: `,"class":${text(series.class)}}`,
  }
}

/** JSON has no NaN and no infinities: they are texts. −0 keeps its sign. */
function doubleText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  return `"${value}"`
}

/** A number while it is safe, beyond that a text. */
function longText(value: bigint): string {
  return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`
}

/** Reads the slots of a column (core/batch.ts) as JSON. */
function slots(column: Float64Array<ArrayBuffer>, bytes: Uint8Array): (kind: ValueKind, at: number) => string {
  const halves = new Uint32Array(column.buffer, column.byteOffset, column.length * 2)
  const longs = new BigInt64Array(column.buffer, column.byteOffset, column.length)
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return (kind, at) => {
    if (kind === 'double' || kind === 'bool') return doubleText(column[at] as number)
    if (kind === 'long') return longText(longs[at] as bigint)
    const from = halves[at * 2] as number
    const own = all.subarray(from, from + (halves[at * 2 + 1] as number))
    return kind === 'string' ? JSON.stringify(own.toString('utf8')) : `"${own.toString('base64')}"`
  }
}

/** How the clock stood: what a consumer reads in `time_quality`. */
const timeQuality = (time: SliceTime | undefined) =>
  time === undefined || time.quality === 'synchronised' ? 'source' : time.quality

/** Only times that this box's clock gave are mended with it. */
export function toldTime(block: DecodedBlock, at: number, series: LogSeries, time: SliceTime | undefined): number {
  return (block.time[at] as number) + (series.boxTime ? (time?.shiftUs ?? 0) : 0)
}

export function readingTexts(block: DecodedBlock, time: SliceTime | undefined) {
  const slot = slots(block.value, block.bytes)
  return (it: SeriesText, at: number, sequence: number): string => {
    const { kind } = it.series
    const quality = block.quality[at] as number
    const bool = block.value[at] === 0 ? 'false' : 'true'
    const value = quality & NO_VALUE ? 'null' : kind === 'bool' ? bool : slot(kind, at)
    const said = `"quality":"${QUALITIES[quality & 3]}","status_code":${block.status[at]}`
    const received = (block.received[at] as number) + (time?.shiftUs ?? 0)
    const numbers = `"epoch":${it.epoch},"seq":${sequence},"ingest_ts":${received},"time_quality":"${timeQuality(time)}"`
    const ts = toldTime(block, at, it.series, time)
    return `{"ts":${ts}${it.place},"value_${kind}":${value}${it.unit},${said},${numbers}${it.end}`
  }
}

const NO_ENDS = ',"first":null,"first_ts":null,"last":null,"last_ts":null'
const NO_STATISTICS = `,"sum":null,"m2":null,"min":null,"max":null,"mean":null,"std":null${NO_ENDS}`

export function aggregateTexts(block: DecodedAggregates, time: SliceTime | undefined) {
  const column = (it: Float64Array<ArrayBuffer>) => slots(it, block.bytes)
  const [min, max, first, last] = [column(block.min), column(block.max), column(block.first), column(block.last)]

  function ends(kind: ValueKind, at: number): string {
    return `,"first":${first(kind, at)},"first_ts":${block.firstTime[at]},"last":${last(kind, at)},"last_ts":${block.lastTime[at]}`
  }
  function statistics(kind: ValueKind, at: number): string {
    const valued = block.valued[at] as number
    if (kind === 'string' || kind === 'bytes') return `,"changes":${block.changes[at]}${valued === 0 ? NO_ENDS : ends(kind, at)}`
    if (valued === 0) return NO_STATISTICS
    const [sum, m2] = [block.sum[at] as number, block.m2[at] as number]
    const bounds = `"min":${min(kind, at)},"max":${max(kind, at)}`
    const shape = `"mean":${doubleText(sum / valued)},"std":${doubleText(Math.sqrt(m2 / valued))}`
    return `,"sum":${doubleText(sum)},"m2":${doubleText(m2)},${bounds},${shape}${ends(kind, at)}`
  }

  return (it: SeriesText, at: number): string => {
    const { kind } = it.series
    const start = block.windowStart[at] as number
    const [good, uncertain, bad] = [block.good[at] as number, block.uncertain[at] as number, block.bad[at] as number]
    const counts = `"count":${good + uncertain + bad},"good":${good},"uncertain":${uncertain},"bad":${bad},"valued":${block.valued[at]}`
    const from = `"epoch":${it.epoch},"seq_from":${block.sequenceFrom[at]},"seq_to":${block.sequenceTo[at]}`
    const numbers = `${from},"seq":${block.firstSequence + at},"time_quality":"${timeQuality(time)}"`
    const window = `{"window_start":${start},"window_end":${start + block.windowUs}${it.place},"kind":"${kind}"${it.unit}`
    return `${window},${counts}${statistics(kind, at)},${numbers}${it.end}`
  }
}

/** A line of the ledger. `seq_to` and `to` are inclusive: the last sequence and the last time. */
export function gapText({ stream, ...row }: LedgerRow, site: string, now: number): string {
  return JSON.stringify({
    ts: row.at,
    device: stream.device,
    site,
    class: stream.class,
    form: stream.form,
    epoch: stream.epoch,
    seq_from: row.from,
    seq_to: row.to - 1,
    from: row.timeFrom,
    to: row.timeTo,
    count: row.count,
    action: row.action,
    reason: row.reason,
    exact: row.exact,
    seq: row.sequence,
    ingest_ts: now,
  })
}

/** What this uplink never got and others have: it has no place in a gap stream. When the readings were is not known any more. */
export function elsewhereText(
  { stream, from, to }: StreamRange,
  { site, uplink, transaction }: { site: string; uplink: string; transaction: number },
  now: number,
): string {
  const { device, epoch, class: name, form } = streamOf(stream)
  const range = { seq_from: from, seq_to: to - 1, from: null, to: null, count: to - from }
  const why = { action: 'elsewhere', reason: 'another-uplink', exact: true, seq: null, uplink, transaction }
  return JSON.stringify({ ts: now, device, site, class: name, form, epoch, ...range, ...why, ingest_ts: now })
}

/** An event of a list, with its own words. */
export function eventText(
  { device, epoch, class: name }: Stream,
  text: string,
  sequence: number,
  site: string,
  now: number,
): string {
  const said = JSON.parse(text) as object
  return JSON.stringify({ type: 'audit', device, site, class: name, epoch, ingest_ts: now, ...said, seq: sequence })
}

/** Events that were gone before they could be sent. */
export function eventsGoneText(
  { device, epoch, class: name }: Stream,
  from: number,
  to: number,
  site: string,
  now: number,
): string {
  const about = { type: 'audit', device, site, class: name, epoch, ingest_ts: now }
  return JSON.stringify({ ...about, ts: now, what: 'events-gone', seq_from: from, seq_to: to - 1, count: to - from })
}
