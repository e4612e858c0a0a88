// Records that are not readings: gaps, checkpoints, readings that were refused for good.
import { binary, lengthOf } from '../../clients/kafka/records.ts'
import type { EndOffsets, LedgerRow } from '../../core/log.ts'
import type { Stream, StreamRange } from '../../core/stream.ts'
import { streamKey, streamOf } from '../../core/stream.ts'
import type { Position, Refusal } from '../../core/position.ts'
import type { UplinkBatch } from '../../core/uplink.ts'
import { refusedValue } from '../../records/events.ts'
import { elsewhereValue, gapValue } from '../../records/gaps.ts'
import type { RecordStyle } from './readings.ts'
import { headersOf, recordText } from './readings.ts'

/** A record before its value is written. */
export interface EventRecord {
  readonly form: 'gap' | 'event'
  /** For the choice of a partition. */
  readonly key: Buffer
  readonly value: object
  /** The record from its key on, of a value; both as binary strings. */
  rest(value: string, contentType: string): string
}

/**
 * A line of the ledger. `seq_to` and `to` are inclusive: the last sequence and the last time. `first`: of the numbers of the gap stream that go with
 * it; its id names them all, as that of a block does.
 */
export function gapRecord(
  stream: Stream,
  row: LedgerRow,
  first: number,
  style: RecordStyle,
  now: number,
  maybeDuplicate: boolean,
): EventRecord {
  const value = gapValue(row, style.site, now)
  const sequence = first < row.sequence ? `${first}-${row.sequence}` : row.sequence
  const name = { type: 'holdfast.gap', subject: row.stream.class, idPrefix: `${streamKey(stream)}:`, sequence }
  return eventRecord(stream, `${stream.device}/${row.stream.class}`, name, value, style, now, maybeDuplicate)
}

/**
 * What this uplink never got and others have. It has no place in a gap stream, which is one sequence for all uplinks: transaction and place in it are
 * its id. When the readings were is not known any more.
 */
export function elsewhereRecord(
  { stream: key, from, to }: StreamRange,
  place: number,
  { transaction }: Position,
  { device: box, uplink }: { device: string; uplink: string },
  style: RecordStyle,
  now: number,
): EventRecord {
  const { device, epoch, class: name } = streamOf(key)
  const value = elsewhereValue({ stream: key, from, to }, { site: style.site, uplink, transaction }, now)
  const id = { type: 'holdfast.gap', subject: name, idPrefix: `${box}:${uplink}:elsewhere:${transaction}-`, sequence: place }
  return eventRecord({ device, epoch, class: name, form: 'gap' }, `${device}/${name}`, id, value, style, now)
}

/** The destination as a checkpoint describes it, just before its transaction. */
export interface Destination {
  /** The cluster's id: on another one, as a mirror is, the ends mean nothing. */
  readonly cluster: string | undefined
  /** Partitions by topic. */
  readonly topics: Readonly<Record<string, number>>
  /** What is delivered later comes behind these. */
  readonly ends: EndOffsets
}

/** What `verify` works from: what is delivered with this transaction, and what the log has beyond. */
export function checkpointRecord(
  batch: UplinkBatch & Required<Pick<UplinkBatch, 'checkpoint'>>,
  position: Position,
  about: { device: string; uplink: string; destination: Destination; stays: readonly string[] },
  style: RecordStyle,
  now: number,
): EventRecord {
  const { device, uplink, destination, stays } = about
  const keys = new Set([...position.delivered.keys(), ...Object.keys(batch.checkpoint.streams)])
  const streams = Object.fromEntries(
    [...keys].map((key) => {
      const delivered = (position.delivered.get(key) ?? []).map(({ from, to }) => [from, to])
      return [key, { delivered, ...batch.checkpoint.streams[key] }]
    }),
  )
  const value = {
    type: 'checkpoint',
    ts: now,
    device,
    site: style.site,
    uplink,
    transaction: position.transaction,
    reason: batch.checkpoint.reason,
    streams,
    ...destination,
    // Classes that the settings do not send here. In a field that Avro's registered schemas have.
    ...(stays.length > 0 && { detail: { stays: stays.join(',') } }),
  }
  const name = {
    type: 'holdfast.checkpoint',
    subject: uplink,
    idPrefix: `${device}:${uplink}:checkpoint:`,
    sequence: position.transaction,
  }
  return eventRecord({ device, epoch: '', class: '', form: 'event' }, `${device}/checkpoint`, name, value, style, now)
}

/** Readings that are in the delivered intervals of a position and yet not at the destination: they stay on the box. */
export function refusedRecord(
  refusals: readonly Refusal[],
  position: Position,
  about: { device: string; uplink: string },
  style: RecordStyle,
  now: number,
): EventRecord {
  const { device, uplink } = about
  const value = refusedValue(refusals, { ...about, site: style.site, transaction: position.transaction }, now)
  const name = {
    type: 'holdfast.refused',
    subject: uplink,
    idPrefix: `${device}:${uplink}:refused:`,
    sequence: position.transaction,
  }
  return eventRecord({ device, epoch: '', class: '', form: 'event' }, `${device}/refused`, name, value, style, now)
}

export function eventRecord(
  stream: Stream,
  keyText: string,
  name: { type: string; subject: string; idPrefix: string; sequence: number | string },
  value: object,
  style: RecordStyle,
  now: number,
  maybeDuplicate = false,
): EventRecord {
  const key = Buffer.from(keyText, 'utf8')
  const rest = (text: string, contentType: string) => {
    const template = {
      key: lengthOf(key.length) + key.toString('latin1'),
      idPrefix: binary(name.idPrefix),
      ...headersOf(stream, style, name.type, name.subject, contentType),
    }
    return recordText(template, text, String(name.sequence), now, maybeDuplicate)
  }
  return { form: stream.form === 'gap' ? 'gap' : 'event', key, value, rest }
}
