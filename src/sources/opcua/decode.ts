// One data value becomes one reading (values.ts), or one counted refusal; a structure, where the settings say so, one for each of its leaves (leaves.ts).
import { crc32 } from 'node:zlib'
import type { DataValue, Variant } from 'node-opcua-client'
import type { BatchBuilder } from '../../core/batch.ts'
import { BAD, GOOD, type Micros, UNCERTAIN, type ValueKind } from '../../core/reading.ts'
import type { Mark } from './bookmark.ts'
import { cameIn, type Holed, holeBefore, nothingBetween } from './gaps.ts'
import { leavesOf } from './leaves.ts'
import { micros } from './numbers.ts'
import type { OpcuaTag } from './settings.ts'
import { type Decoded, decode, NOTHING } from './values.ts'

/** Where readings of one name go. */
interface Slot {
  readonly tag: OpcuaTag
  /** Series numbers by kind: a tag whose values change kind goes on in another series. */
  readonly series: Map<ValueKind, number>
  /** The same for readings that came without a time. */
  readonly boxTimeSeries: Map<ValueKind, number>
  /** Of its readings without a value. */
  kind: ValueKind | undefined
}

/** What is remembered of a tag from one reading to the next. */
export interface TagState extends Slot, Holed {
  /** Its place among the tags of the source. */
  readonly at: number
  /** Of a structure that is flattened, by path. */
  readonly leaves: Map<string, Slot>
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
    leaves: new Map(),
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
  putAll(builder, state, data.value, decoded, { time, isBoxTime, status }, news.note)
}

/** Adds what history says of a tag: not its newest reading. */
export function addFromHistory(builder: BatchBuilder, state: TagState, data: DataValue, note: News['note']): void {
  const time = timeOf(data)
  if (time === undefined) return
  const decoded = decode(data.value, state.tag.type)
  const when = { time, isBoxTime: false, status: (data.statusCode.value | FROM_HISTORY) >>> 0 }
  putAll(builder, state, data.value, decoded, when, note)
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

/** The whole, or its leaves. */
function putAll(
  builder: BatchBuilder,
  state: TagState,
  variant: Variant,
  decoded: Decoded,
  when: When,
  note: News['note'],
): void {
  const leaves = state.tag.isFlat ? leavesOf(variant) : undefined
  if (leaves === 'too-many') put(builder, state, { problem: 'too-large' }, when, note)
  else if (leaves) for (const it of leaves) put(builder, slotOf(state, it.path, it.kind), it.decoded, when, note)
  // Without a value there is nothing to see of the structure but what was there before.
  else if (decoded === NOTHING && state.leaves.size > 0)
    for (const it of state.leaves.values()) put(builder, it, decoded, when, note)
  else put(builder, state, decoded, when, note)
}

function slotOf(state: TagState, path: string, kind: ValueKind | undefined): Slot {
  const known = state.leaves.get(path)
  if (known) return known
  const tag = { ...state.tag, tag: `${state.tag.tag}/${path}` }
  const slot: Slot = { tag, series: new Map(), boxTimeSeries: new Map(), kind }
  state.leaves.set(path, slot)
  return slot
}

/** Some of its readings had this box's time. */
export function hasBoxTimes({ boxTimeSeries, leaves }: TagState): boolean {
  return boxTimeSeries.size > 0 || [...leaves.values()].some((it) => it.boxTimeSeries.size > 0)
}

function put(builder: BatchBuilder, state: Slot, decoded: Decoded, { time, isBoxTime, status }: When, note: News['note']): void {
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
function addNone(builder: BatchBuilder, state: Slot, time: Micros, isBoxTime: boolean, quality: number, status: number): void {
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

function seriesOf(builder: BatchBuilder, state: Slot, kind: ValueKind, isBoxTime: boolean): number {
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

function add(
  builder: BatchBuilder,
  state: Slot,
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
