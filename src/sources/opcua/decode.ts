// One data value becomes one reading, or one counted refusal.
//
//   Boolean → bool · Float, Double → double · every integer, enumeration, StatusCode → long · DateTime → long (µs since 1970)
//   String, LocalizedText, Guid, XmlElement, NodeId, QualifiedName → string · ByteString → bytes
//   arrays, matrices, structures → string of JSON (json-text.ts)
import { crc32 } from 'node:zlib'
import { DataType, type DataValue, type Variant, VariantArrayType } from 'node-opcua-client'
import type { BatchBuilder } from '../../core/batch.ts'
import { VALUE_BYTES_MAX } from '../../core/bounds.ts'
import { BAD, GOOD, type Micros, UNCERTAIN, type ValueKind } from '../../core/reading.ts'
import type { Mark } from './bookmark.ts'
import { cameIn, type Holed, holeBefore, nothingBetween } from './gaps.ts'
import { jsonText } from './json-text.ts'
import { dateTimeMicros, int64, micros, uint64 } from './numbers.ts'
import type { OpcuaTag } from './settings.ts'

const INT64_MAX = 2n ** 63n - 1n

/** What is remembered of a tag from one reading to the next. */
export interface TagState extends Holed {
  readonly tag: OpcuaTag
  /** Its place among the tags of the source. */
  readonly at: number
  /** Series numbers by kind: a tag whose values change kind goes on in another series. */
  readonly series: Map<ValueKind, number>
  /** The same for readings that came without a time. */
  readonly boxTimeSeries: Map<ValueKind, number>
  /** Of its readings without a value. */
  kind: ValueKind | undefined
  /** The next value may be one that we had: the first after a new subscription is the present one. */
  maybeKnown: boolean
  lastTime: Micros
  lastStatus: number
  lastValue: number | bigint | undefined
  /** CRC of the last value of the run before, until there is one of this run. */
  lastPrint: number | undefined
  /** The status code that was last said of it while it had no item: once is enough. */
  missing: number | undefined
}

export function tagState(tag: OpcuaTag, at: number, before?: Mark): TagState {
  return {
    tag,
    at,
    series: new Map(),
    boxTimeSeries: new Map(),
    kind: tag.type,
    maybeKnown: false,
    lastTime: before?.time ?? Number.NaN,
    lastStatus: before?.status ?? 0,
    lastValue: undefined,
    lastPrint: before?.print,
    missing: undefined,
    newest: before?.time ?? Number.NaN,
    holes: [],
  }
}

/** What is heard of a reading beside itself. */
export interface News {
  /** Counts what could not be kept as it was, by a stable word. */
  note(reason: string): void
  /** There is a hole that can be read. `reason`: what is noted if that fails. */
  hole(reason?: string): void
}

/** In the status of a reading that was read from history: a data value, and nothing else said of it. */
const FROM_HISTORY = 0x400

/** Adds what the server says of a tag. */
export function addReading(builder: BatchBuilder, state: TagState, data: DataValue, received: Micros, news: News): void {
  const status = data.statusCode.value >>> 0
  const given = timeOf(data)
  const time = given ?? received
  const isBoxTime = given === undefined
  const decoded = decode(data.value, state.tag.type)
  const known = state.maybeKnown && time === state.lastTime && status === state.lastStatus && same(state, decoded)
  state.maybeKnown = false
  state.missing = undefined
  if (known) return nothingBetween(state)
  if (given !== undefined) follow(state, time, data.statusCode.hasOverflowBit, news)
  else if (data.statusCode.hasOverflowBit) news.note('server-queue-overflow')
  state.lastTime = time
  state.lastStatus = status
  state.lastValue = fingerprint(decoded)
  state.lastPrint = undefined
  put(builder, state, decoded, { time, isBoxTime, status }, news.note)
}

/** Adds what history says of a tag: not its newest reading. */
export function addFromHistory(builder: BatchBuilder, state: TagState, data: DataValue, note: News['note']): void {
  const time = timeOf(data)
  if (time === undefined) return
  const decoded = decode(data.value, state.tag.type)
  put(builder, state, decoded, { time, isBoxTime: false, status: (data.statusCode.value | FROM_HISTORY) >>> 0 }, note)
}

function follow(state: TagState, time: Micros, hasOverflow: boolean, news: News): void {
  if (hasOverflow) {
    holeBefore(state, time)
    if (state.holes.length > 0) news.hole('server-queue-overflow')
    else news.note('server-queue-overflow')
  }
  if (cameIn(state, time)) news.hole()
  if (!(time <= state.newest)) state.newest = time
}

/** What is to stand in the bookmark: a hole that is open is not passed. */
export function markOf(state: TagState): Mark {
  const { holes, newest, lastTime, lastStatus, lastValue, lastPrint } = state
  const time = holes[0]?.from ?? newest
  if (time !== lastTime) return { time, status: 0, print: 0 }
  return { time, status: lastStatus, print: lastPrint ?? printOf(lastValue) }
}

interface When {
  readonly time: Micros
  readonly isBoxTime: boolean
  readonly status: number
}

function put(
  builder: BatchBuilder,
  state: TagState,
  decoded: Decoded,
  { time, isBoxTime, status }: When,
  note: News['note'],
): void {
  if (decoded.problem === 'too-large') builder.refuse(state.tag.class, 'too-large', time)
  else if (decoded.problem !== undefined || decoded.kind === undefined) {
    if (decoded.problem !== undefined) note(decoded.problem)
    addNone(builder, state, time, isBoxTime, decoded.problem === undefined ? qualityOf(status) : BAD, status)
  } else add(builder, state, time, isBoxTime, decoded, qualityOf(status), status)
}

/** A reading that the server did not send: it has neither a value nor a time of its own (a node that is not there). */
export function addWithout(builder: BatchBuilder, state: TagState, now: Micros, quality: number, status: number): void {
  addNone(builder, state, now, true, quality, status)
}

/** A reading without a value: a bad status often has none. */
function addNone(
  builder: BatchBuilder,
  state: TagState,
  time: Micros,
  isBoxTime: boolean,
  quality: number,
  status: number,
): void {
  builder.addNone(seriesOf(builder, state, state.kind ?? 'double', isBoxTime), time, quality, status)
}

/** Source time, else the server's; where it brings none, the time is when it came. */
export function timeOf(data: DataValue): Micros | undefined {
  if (data.sourceTimestamp) return micros(data.sourceTimestamp, data.sourcePicoseconds ?? 0)
  if (data.serverTimestamp) return micros(data.serverTimestamp, data.serverPicoseconds ?? 0)
  return undefined
}

/** The two highest bits of a status code. */
export function qualityOf(status: number): number {
  const severity = status >>> 30
  return severity === 0 ? GOOD : severity === 1 ? UNCERTAIN : BAD
}

function seriesOf(builder: BatchBuilder, state: TagState, kind: ValueKind, isBoxTime: boolean): number {
  const numbers = isBoxTime ? state.boxTimeSeries : state.series
  let number = numbers.get(kind)
  if (number === undefined) {
    const { tag, class: className, unit } = state.tag
    number = builder.series({
      tag,
      class: className,
      kind,
      ...(unit === undefined ? {} : { unit }),
      ...(isBoxTime && { boxTime: true }),
    })
    numbers.set(kind, number)
  }
  return number
}

/** `kind` undefined: there is no value. `problem`: there is one that cannot be kept. */
export interface Decoded {
  readonly kind?: ValueKind
  readonly value?: number | bigint | string | Uint8Array
  readonly problem?: 'uint64-range' | 'too-large' | 'type-mismatch' | 'unreadable'
}

const NOTHING: Decoded = {}

function add(
  builder: BatchBuilder,
  state: TagState,
  time: Micros,
  isBoxTime: boolean,
  { kind, value }: Decoded,
  quality: number,
  status: number,
): void {
  state.kind = state.tag.type ?? kind
  const series = seriesOf(builder, state, kind as ValueKind, isBoxTime)
  if (typeof value === 'bigint') builder.addLong(series, time, value, quality, status)
  else if (typeof value === 'number') builder.add(series, time, value, quality, status)
  else if (typeof value === 'string') builder.addString(series, time, value, quality, status)
  else builder.addBytes(series, time, value as Uint8Array, quality, status)
}

export function decode(variant: Variant | null | undefined, wanted: ValueKind | undefined): Decoded {
  if (!variant || variant.dataType === DataType.Null || variant.value === null || variant.value === undefined) return NOTHING
  const natural = bounded(variant.arrayType === VariantArrayType.Scalar ? scalar(variant) : asJson(variant))
  return wanted === undefined || natural.kind === wanted || natural.kind === undefined
    ? natural
    : bounded(converted(natural, wanted))
}

function scalar(variant: Variant): Decoded {
  const value = variant.value
  switch (variant.dataType) {
    case DataType.Boolean:
      return { kind: 'bool', value: value ? 1 : 0 }
    case DataType.SByte:
    case DataType.Byte:
    case DataType.Int16:
    case DataType.UInt16:
    case DataType.Int32:
    case DataType.UInt32:
      return { kind: 'long', value: BigInt(value) }
    case DataType.Int64:
      return { kind: 'long', value: int64(value) }
    case DataType.UInt64:
      return unsigned(uint64(value))
    case DataType.Float:
    case DataType.Double:
      return { kind: 'double', value }
    case DataType.DateTime:
      return { kind: 'long', value: BigInt(dateTimeMicros(value)) }
    case DataType.StatusCode:
      return { kind: 'long', value: BigInt(value.value >>> 0) }
    case DataType.ByteString:
      return { kind: 'bytes', value }
    case DataType.LocalizedText:
      return value.text === null || value.text === undefined ? NOTHING : { kind: 'string', value: String(value.text) }
    case DataType.String:
    case DataType.Guid:
    case DataType.XmlElement:
    case DataType.NodeId:
    case DataType.ExpandedNodeId:
    case DataType.QualifiedName:
      return { kind: 'string', value: String(value) }
    default:
      return asJson(variant)
  }
}

function unsigned(value: bigint): Decoded {
  return value > INT64_MAX ? { kind: 'long', problem: 'uint64-range' } : { kind: 'long', value }
}

function asJson(variant: Variant): Decoded {
  try {
    return { kind: 'string', value: jsonText(variant) }
  } catch {
    // A server is free to send a structure that contradicts its own description.
    return { kind: 'string', problem: 'unreadable' }
  }
}

function bounded(decoded: Decoded): Decoded {
  const { value } = decoded
  const tooLarge =
    typeof value === 'string'
      ? value.length > VALUE_BYTES_MAX || (value.length * 3 > VALUE_BYTES_MAX && Buffer.byteLength(value) > VALUE_BYTES_MAX)
      : value instanceof Uint8Array && value.length > VALUE_BYTES_MAX
  return tooLarge ? { problem: 'too-large' } : decoded
}

/** To the kind that the settings ask for, where nothing is lost by it. */
function converted(decoded: Decoded, kind: ValueKind): Decoded {
  const { value } = decoded
  if (value === undefined) return decoded
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  if (kind === 'string' && isNumber) return { kind, value: decoded.kind === 'bool' ? String(value === 1) : String(value) }
  if (kind === 'double' && isNumber && (typeof value === 'number' || BigInt(Number(value)) === value))
    return { kind, value: Number(value) }
  if (kind === 'long' && typeof value === 'number' && Number.isSafeInteger(value)) return { kind, value: BigInt(value) }
  if (kind === 'bool' && isNumber && (Number(value) === 0 || Number(value) === 1)) return { kind, value: Number(value) }
  if (kind === 'bytes' && typeof value === 'string') return { kind, value: Buffer.from(value) }
  return { kind, problem: 'type-mismatch' }
}

/** Enough to tell a value from the one before it, without keeping it. */
function fingerprint({ value }: Decoded): number | bigint | undefined {
  return typeof value === 'string' || value instanceof Uint8Array ? crc32(value) : value
}

function printOf(value: number | bigint | undefined): number {
  return crc32(`${typeof value} ${value}`)
}

function same({ lastPrint, lastValue }: TagState, decoded: Decoded): boolean {
  const value = fingerprint(decoded)
  return lastPrint === undefined ? Object.is(value, lastValue) : printOf(value) === lastPrint
}
