// What a record says of itself, from its headers alone: which sequences of which stream it claims, and whether it may be there twice.
import type { RecordCursor } from '../../../clients/kafka/batches.ts'
import type { Form } from '../../../core/stream.ts'
import { decodeAvro, isAvro } from '../avro/types.ts'

/** Where the id lies in the record's bytes, what it says, and its marks; used again for the next record. */
export interface Told {
  /** −1: there is none. */
  idAt: number
  idEnd: number
  /** The id before its last colon: the stream's key. */
  stemEnd: number
  /** Sequences [from, to) that the id claims; NaN where it names none. */
  from: number
  to: number
  /** It may be there twice. */
  marked: boolean
  /** Sent again for somebody who asked: proves nothing, and doubles nothing. */
  replayed: boolean
}

const ID = Buffer.from('ce_id')
const MARK = Buffer.from('holdfast-maybe-duplicate')
const REPLAYED = Buffer.from('holdfast-replayed')
const TRUE_LENGTH = 4
const ZERO = 48
const NINE = 57
const DIGITS_MAX = 16
const COLON = 58
const DASH = 45

export function newTold(): Told {
  return { idAt: -1, idEnd: -1, stemEnd: -1, from: Number.NaN, to: Number.NaN, marked: false, replayed: false }
}

/** Every record of hundreds of millions passes here: no object, no call for a header. */
export function readTold({ bytes, headersAt, headers }: RecordCursor, told: Told): void {
  told.idAt = -1
  told.marked = false
  told.replayed = false
  let at = headersAt
  for (let left = headers; left > 0; left--) {
    let byte = bytes[at++] as number
    let length = byte & 127
    for (let shift = 7; byte >= 128; shift += 7) length |= ((byte = bytes[at++] as number) & 127) << shift
    const nameAt = at
    // Zigzag of what is never negative.
    const nameLength = length >>> 1
    at += nameLength
    byte = bytes[at++] as number
    length = byte & 127
    for (let shift = 7; byte >= 128; shift += 7) length |= ((byte = bytes[at++] as number) & 127) << shift
    const valueLength = length & 1 ? 0 : length >>> 1
    if (nameLength === ID.length && sameBytes(bytes, nameAt, nameAt + nameLength, ID)) {
      told.idAt = at
      told.idEnd = at + valueLength
    } else if (nameLength === MARK.length) told.marked ||= sameBytes(bytes, nameAt, nameAt + nameLength, MARK)
    else if (nameLength === REPLAYED.length && valueLength === TRUE_LENGTH)
      told.replayed ||= sameBytes(bytes, nameAt, nameAt + nameLength, REPLAYED)
    at += valueLength
  }
}

export function sameBytes(bytes: Buffer, from: number, to: number, other: Buffer): boolean {
  if (to - from < other.length) return false
  for (let i = other.length - 1; i >= 0; i--) if (bytes[from + i] !== other[i]) return false
  return true
}

/** Reads what the id says: `stem:sequence`, or `stem:from-to`, both inclusive, of a record that carries many. False where it names no sequence. */
export function readClaim(bytes: Buffer, told: Told): boolean {
  let colon = told.idEnd - 1
  while (colon >= told.idAt && bytes[colon] !== COLON) colon--
  told.stemEnd = Math.max(told.idAt, colon)
  const end = digitsEnd(bytes, colon + 1, told.idEnd)
  told.from = numberAt(bytes, colon + 1, end)
  const last = end === told.idEnd ? told.from : lastAt(bytes, end, told.idEnd)
  told.to = last + 1
  return told.from <= last
}

/** Behind a dash; NaN where there is none. */
function lastAt(bytes: Buffer, dash: number, end: number): number {
  const isWhole = bytes[dash] === DASH && digitsEnd(bytes, dash + 1, end) === end
  return isWhole ? numberAt(bytes, dash + 1, end) : Number.NaN
}

/** Where digits from `from` on end. */
function digitsEnd(bytes: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && (bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at++
  return at
}

/** Decimal digits alone; NaN where they make no whole number that counts exactly. */
function numberAt(bytes: Buffer, from: number, to: number): number {
  if (from >= to || to - from > DIGITS_MAX) return Number.NaN
  let value = 0
  for (let at = from; at < to; at++) value = value * 10 + (bytes[at] as number) - ZERO
  return value <= Number.MAX_SAFE_INTEGER ? value : Number.NaN
}

/** What a record says, in JSON or, in the schema of a form, in Avro. Undefined where it is neither. */
export function jsonOf({ bytes, valueAt, valueLength }: RecordCursor, form: Form): Record<string, unknown> | undefined {
  const value = bytes.subarray(valueAt, valueAt + Math.max(0, valueLength))
  try {
    const said: unknown = isAvro(value) ? decodeAvro(form, value) : JSON.parse(value.toString('utf8'))
    return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
