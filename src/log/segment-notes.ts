// The notes record of a segment file: what the blocks after it need to be understood when the journal is lost, and the class's books as of then.
//
// On disk, little endian:
//
//   header, 20 bytes
//      0  u16  0x4e48 ("HN")                   8  u32  payload bytes before zstd
//      2  u8   version, 1                     12  u32  CRC-32 of the payload as stored
//      3  u8   1: payload is zstd, 0: plain   16  u32  CRC-32 of bytes 0 to 15
//      4  u32  payload bytes as stored
//   payload: one JSON document in UTF-8 (`toWire` below)
//
// Magic, version, the stored length and the header's CRC keep their places in every later version; keys may be added to the JSON without one.
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { DamagedBlock } from '../columns/index.ts'
import type { LogSeries, LossAction } from '../core/log.ts'
import type { Micros, ValueKind } from '../core/reading.ts'
import type { Form, Stream } from '../core/stream.ts'

/** What a segment holds. */
export type SegmentForm = Extract<Form, 'raw' | 'aggregate'>

/** A row of the stream table: its number in blocks, and the next sequence. */
export interface NotedStream extends Stream {
  readonly id: number
  readonly next: number
}

/** A row of the ledger: readings [first, end) of a stream, of which `count` were given up. */
export interface NotedLoss {
  /** The log's number of the stream. */
  readonly stream: number
  readonly first: number
  readonly end: number
  readonly count: number
  readonly timeFrom: Micros
  readonly timeTo: Micros
  readonly action: LossAction
  readonly reason: string
  readonly at: Micros
}

export interface NotedAccount {
  readonly class: string
  readonly accepted: number
  readonly delivered: number
  readonly aggregated: number
  readonly lost: Readonly<Record<string, number>>
}

export interface Notes {
  readonly class: string
  readonly form: SegmentForm
  readonly device: string
  readonly epoch: string
  readonly at: Micros
  readonly streams: readonly NotedStream[]
  /** Those used by the blocks that follow and not described earlier in the file. */
  readonly series: readonly LogSeries[]
  readonly account: NotedAccount
  /** Rows since the last notes of this class. */
  readonly ledger: readonly NotedLoss[]
}

export interface NotesHeader {
  readonly version: number
  readonly storedBytes: number
  readonly rawBytes: number
}

export const NOTES_HEADER_BYTES = 20
export const NOTES_MAGIC = 0x4e48
/** Payload before zstd: bounds what decoding allocates. */
export const NOTES_BYTES_MAX = 32 * 1024 * 1024
const VERSION = 1
const CRC_AT = NOTES_HEADER_BYTES - 4
const ZSTD_LEVEL = 3

const FORMS: readonly string[] = ['raw', 'aggregate', 'gap', 'event'] satisfies Form[]
const KINDS: readonly string[] = ['double', 'long', 'bool', 'string', 'bytes'] satisfies ValueKind[]
const ACTIONS: readonly string[] = [
  'dropped',
  'aggregated',
  'refused',
  'damaged',
  'overflowed',
  'elsewhere',
] satisfies LossAction[]

/** The record. Throws RangeError for what could not be read back. */
export function encodeNotes(notes: Notes): Uint8Array<ArrayBuffer> {
  const wire = toWire(notes)
  try {
    fromWire(wire)
  } catch (cause) {
    throw new RangeError('notes that could not be read back', { cause })
  }
  const raw = Buffer.from(JSON.stringify(wire))
  if (raw.length > NOTES_BYTES_MAX) throw new RangeError(`notes of ${raw.length} bytes`)
  const packed = zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })
  const compressed = packed.length < raw.length
  return assemble(compressed ? packed : raw, raw.length, compressed)
}

/** A whole record. Throws DamagedBlock. */
export function decodeNotes(record: Uint8Array): Notes {
  const header = readNotesHeader(record)
  const view = new DataView(record.buffer, record.byteOffset)
  const stored = record.subarray(NOTES_HEADER_BYTES)
  const { storedBytes } = header
  if (stored.length !== storedBytes)
    throw new DamagedBlock('truncated', `${stored.length} of ${storedBytes} bytes of notes are there`)
  if (crc32(stored) !== view.getUint32(12, true)) throw new DamagedBlock('crc', 'the notes have changed')
  return fromWire(parse(unpack(stored, header, view.getUint8(3))))
}

/** The header alone, trusted by its own CRC. Throws DamagedBlock. */
export function readNotesHeader(record: Uint8Array): NotesHeader {
  if (record.length < NOTES_HEADER_BYTES)
    throw new DamagedBlock('truncated', `${record.length} bytes, less than a header of notes`)
  const view = new DataView(record.buffer, record.byteOffset, NOTES_HEADER_BYTES)
  if (view.getUint16(0, true) !== NOTES_MAGIC) throw new DamagedBlock('header', 'these bytes are not notes')
  if (crc32(record.subarray(0, CRC_AT)) !== view.getUint32(CRC_AT, true))
    throw new DamagedBlock('crc', 'the header of notes has changed')
  const version = view.getUint8(2)
  if (version !== VERSION) throw new DamagedBlock('version', `notes of version ${version}, known is ${VERSION}`)
  return { version, storedBytes: view.getUint32(4, true), rawBytes: view.getUint32(8, true) }
}

function assemble(stored: Uint8Array, rawBytes: number, compressed: boolean): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(NOTES_HEADER_BYTES + stored.length)
  const view = new DataView(record.buffer)
  view.setUint16(0, NOTES_MAGIC, true)
  view.setUint8(2, VERSION)
  view.setUint8(3, compressed ? 1 : 0)
  view.setUint32(4, stored.length, true)
  view.setUint32(8, rawBytes, true)
  view.setUint32(12, crc32(stored), true)
  view.setUint32(CRC_AT, crc32(record.subarray(0, CRC_AT)), true)
  record.set(stored, NOTES_HEADER_BYTES)
  return record
}

function unpack(stored: Uint8Array, { rawBytes }: NotesHeader, flags: number): Uint8Array {
  if (flags > 1 || rawBytes > NOTES_BYTES_MAX) throw contradicts('its header')
  let raw = stored
  try {
    if (flags === 1) raw = zstdDecompressSync(stored, { maxOutputLength: Math.max(1, rawBytes) })
  } catch (cause) {
    throw contradicts('its payload', cause)
  }
  if (raw.length !== rawBytes) throw contradicts('its length')
  return raw
}

function parse(raw: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw))
  } catch (cause) {
    throw contradicts('its JSON', cause)
  }
}

function toWire({ class: name, form, device, epoch, at, streams, series, account, ledger }: Notes): unknown {
  return {
    version: VERSION,
    class: name,
    form,
    device,
    epoch,
    at,
    streams: streams.map((it) => ({
      id: it.id,
      device: it.device,
      epoch: it.epoch,
      class: it.class,
      form: it.form,
      next: it.next,
    })),
    series: series.map((it) => ({ id: it.id, tag: it.tag, class: it.class, kind: it.kind, unit: it.unit, boxTime: it.boxTime })),
    account: {
      class: account.class,
      accepted: account.accepted,
      delivered: account.delivered,
      aggregated: account.aggregated,
      lost: account.lost,
    },
    ledger: ledger.map((it) => [it.stream, it.first, it.end, it.count, it.timeFrom, it.timeTo, it.action, it.reason, it.at]),
  }
}

function fromWire(wire: unknown): Notes {
  const it = record(wire, 'the notes')
  if (it['version'] !== VERSION) throw contradicts('version')
  const form = word(it['form'], FORMS, 'form') as Form
  if (form !== 'raw' && form !== 'aggregate') throw contradicts('form')
  return {
    class: text(it['class'], 'class'),
    form,
    device: text(it['device'], 'device'),
    epoch: text(it['epoch'], 'epoch'),
    at: whole(it['at'], 'at'),
    streams: list(it['streams'], 'streams').map(streamFrom),
    series: list(it['series'], 'series').map(seriesFrom),
    account: accountFrom(it['account']),
    ledger: list(it['ledger'], 'ledger').map(lossFrom),
  }
}

function streamFrom(wire: unknown): NotedStream {
  const it = record(wire, 'a stream')
  return {
    id: count(it['id'], 'stream.id'),
    device: text(it['device'], 'stream.device'),
    epoch: text(it['epoch'], 'stream.epoch'),
    class: text(it['class'], 'stream.class'),
    form: word(it['form'], FORMS, 'stream.form') as Form,
    next: count(it['next'], 'stream.next'),
  }
}

function seriesFrom(wire: unknown): LogSeries {
  const it = record(wire, 'a series')
  const series = {
    id: count(it['id'], 'series.id'),
    tag: text(it['tag'], 'series.tag'),
    class: text(it['class'], 'series.class'),
    kind: word(it['kind'], KINDS, 'series.kind') as ValueKind,
  }
  const unit = it['unit'] === undefined ? {} : { unit: text(it['unit'], 'series.unit') }
  return { ...series, ...unit, ...(it['boxTime'] === true && { boxTime: true as const }) }
}

function accountFrom(wire: unknown): NotedAccount {
  const it = record(wire, 'account')
  const lost = Object.entries(record(it['lost'], 'account.lost'))
  return {
    class: text(it['class'], 'account.class'),
    accepted: count(it['accepted'], 'account.accepted'),
    delivered: count(it['delivered'], 'account.delivered'),
    aggregated: count(it['aggregated'], 'account.aggregated'),
    lost: Object.fromEntries(lost.map(([reason, n]) => [reason, count(n, 'account.lost')])),
  }
}

function lossFrom(wire: unknown): NotedLoss {
  const row = list(wire, 'a row of the ledger')
  if (row.length < 9) throw contradicts('a row of the ledger')
  const loss = {
    stream: count(row[0], 'ledger.stream'),
    first: count(row[1], 'ledger.first'),
    end: count(row[2], 'ledger.end'),
    count: count(row[3], 'ledger.count'),
    timeFrom: whole(row[4], 'ledger.timeFrom'),
    timeTo: whole(row[5], 'ledger.timeTo'),
    action: word(row[6], ACTIONS, 'ledger.action') as LossAction,
    reason: text(row[7], 'ledger.reason'),
    at: whole(row[8], 'ledger.at'),
  }
  if (loss.end <= loss.first || loss.count > loss.end - loss.first) throw contradicts('a row of the ledger')
  return loss
}

function contradicts(where: string, cause?: unknown): DamagedBlock {
  return new DamagedBlock('header', `notes: ${where} cannot be`, { cause })
}

function record(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw contradicts(where)
  return value as Record<string, unknown>
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw contradicts(where)
  return value
}

function text(value: unknown, where: string): string {
  if (typeof value !== 'string') throw contradicts(where)
  return value
}

function word(value: unknown, allowed: readonly string[], where: string): string {
  if (!allowed.includes(value as string)) throw contradicts(where)
  return value as string
}

function whole(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value)) throw contradicts(where)
  return value as number
}

function count(value: unknown, where: string): number {
  if (whole(value, where) < 0) throw contradicts(where)
  return value as number
}
