// Readings as records straight into bytes, without a text a record: what readings.ts writes, byte by byte the same. Numbers and bools alone;
// whatever is rare goes by text.
//
//   key │ length of the value │ {"ts": │ TIME │ …"value_double": │ VALUE │ …"status_code": │ STATUS │ …"seq": │ SEQUENCE │ ,"ingest_ts": │ RECEIVED │ …} │ headers
import { writeVarint, zigzag } from '../../clients/kafka/records.ts'
import type { DecodedBlock } from '../../columns/index.ts'
import { NO_VALUE } from '../../core/reading.ts'
import { TAIL } from '../../records/readings.ts'
import type { ToldTimes } from '../../records/times.ts'
import { slotText, viewsOf } from '../../records/values.ts'
import { isoWriter, writeDecimal, writeInteger, writeText } from './digits.ts'
import type { SeriesTemplate } from './readings.ts'
import { DUPLICATE_HEADER, ID_NAME } from './readings.ts'

/** Of all that differs from reading to reading: two times, value, status, twice the sequence, the time once more, lengths. */
const VARYING_BYTES_MAX = 200
/** A length of two bytes: what all but the shortest and the longest values have. */
const TWO_BYTES = { from: 64, to: 8_191 } as const
const TIME_LENGTH = 27

/** The parts of a series' template as bytes. */
interface Pieces {
  readonly key: Buffer
  readonly beforeValue: Buffer
  readonly afterValue: readonly Buffer[]
  readonly beforeSequence: Buffer
  /** By the quality of time: from the receive time to the end of the value. */
  readonly ends: Map<string, Buffer>
  readonly id: Buffer
  readonly idPrefix: Buffer
  readonly headers: Buffer
  /** No record is longer; Infinity where the value's length may not have two bytes. */
  readonly bytesMax: number
}

export interface ByteWriter {
  /** Of a record of this series; Infinity: it goes by text. */
  bytesMax(it: SeriesTemplate): number
  /** Writes a record from its key on at `from`, where `bytesMax` bytes are free; gives its end, or -1 when it has to go by text. */
  write(
    bytes: Buffer,
    from: number,
    it: SeriesTemplate,
    at: number,
    sequence: number,
    time: number,
    fits: boolean,
    maybeDuplicate: boolean,
  ): number
}

const OPEN = latin1('{"ts":')
const INGESTED = latin1(',"ingest_ts":')
const DUPLICATE = latin1(DUPLICATE_HEADER)
const known = new WeakMap<SeriesTemplate, Pieces>()

export function readingBytes(block: DecodedBlock, told: ToldTimes): ByteWriter {
  const views = viewsOf(block.value, block.bytes)
  const writeIso = isoWriter()

  function writeValue(bytes: Buffer, from: number, { kind }: SeriesTemplate, quality: number, at: number): number {
    if (quality & NO_VALUE) return writeText(bytes, from, 'null')
    const value = views.doubles[at] as number
    if (kind === 'bool') return writeText(bytes, from, value === 0 ? 'false' : 'true')
    if (kind === 'double' && Number.isSafeInteger(value) && !Object.is(value, -0)) return writeInteger(bytes, from, value)
    const end = kind === 'double' ? writeDecimal(bytes, from, value) : -1
    if (end >= 0) return end
    return writeText(bytes, from, slotText(kind, views, at))
  }

  return {
    bytesMax: (it) => piecesOf(it).bytesMax,
    write(bytes, from, it, row, sequence, time, fits, maybeDuplicate) {
      const received = (block.received[row] as number) + told.shiftUs
      if (!Number.isSafeInteger(time) || !Number.isSafeInteger(received)) return -1
      const pieces = piecesOf(it)
      const quality = block.quality[row] as number
      const timeQuality = told.quality === 'source' && !fits ? 'implausible' : told.quality
      const lengthAt = put(bytes, from, pieces.key)
      const valueAt = lengthAt + 2
      let at = writeInteger(bytes, put(bytes, valueAt, OPEN), time)
      at = writeValue(bytes, put(bytes, at, pieces.beforeValue), it, quality, row)
      at = writeInteger(bytes, put(bytes, at, pieces.afterValue[quality & 3] as Buffer), block.status[row] as number)
      at = writeInteger(bytes, put(bytes, at, pieces.beforeSequence), sequence)
      at = writeInteger(bytes, put(bytes, at, INGESTED), received)
      at = put(bytes, at, endOf(pieces, it, timeQuality))
      writeVarint(bytes, lengthAt, zigzag(at - valueAt))
      at = writeVarint(bytes, at, zigzag(it.headerCount + (maybeDuplicate ? 1 : 0)))
      at = put(bytes, at, pieces.id)
      // Digits of the sequence stand behind `beforeSequence` already, but counting them anew is as quick.
      at = writeVarint(bytes, at, zigzag(pieces.idPrefix.length + decimals(sequence)))
      at = writeInteger(bytes, put(bytes, at, pieces.idPrefix), sequence)
      if (pieces.headers.length > 0) {
        at = writeVarint(bytes, put(bytes, at, pieces.headers), zigzag(TIME_LENGTH))
        at = writeIso(bytes, at, time)
      }
      return maybeDuplicate ? put(bytes, at, DUPLICATE) : at
    },
  }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function put(bytes: Buffer, at: number, piece: Buffer): number {
  bytes.set(piece, at)
  return at + piece.length
}

function decimals(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
  return digits
}

function piecesOf(it: SeriesTemplate): Pieces {
  let pieces = known.get(it)
  if (!pieces) known.set(it, (pieces = makePieces(it)))
  return pieces
}

function makePieces(it: SeriesTemplate): Pieces {
  const afterValue = it.afterValue.map(latin1)
  const always = it.beforeValue.length + it.beforeSequence.length + it.end.length
  const most = always + Math.max(...afterValue.map((one) => one.length)) + VARYING_BYTES_MAX
  const isText = it.kind === 'string' || it.kind === 'bytes'
  const hasTwo = always >= TWO_BYTES.from && most <= TWO_BYTES.to
  const around = it.key.length + ID_NAME.length + it.idPrefix.length + it.headers.length + DUPLICATE.length
  return {
    key: latin1(it.key),
    beforeValue: latin1(it.beforeValue),
    afterValue,
    beforeSequence: latin1(it.beforeSequence),
    ends: new Map(),
    id: latin1(ID_NAME),
    idPrefix: latin1(it.idPrefix),
    headers: latin1(it.headers),
    bytesMax: isText || !hasTwo ? Infinity : most + around,
  }
}

function endOf({ ends }: Pieces, it: SeriesTemplate, timeQuality: string): Buffer {
  let end = ends.get(timeQuality)
  if (!end) ends.set(timeQuality, (end = latin1(`${TAIL}${timeQuality}"${it.end}`)))
  return end
}
