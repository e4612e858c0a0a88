// Events and alarms: one event is one reading, a string of JSON at the event's own time.
import { DataType, ObjectTypeIds, type Variant } from 'node-opcua-client'
import type { BatchBuilder } from '../../core/batch.ts'
import { VALUE_BYTES_MAX } from '../../core/bounds.ts'
import { BAD, GOOD, type Micros } from '../../core/reading.ts'
import { eventText, fieldsOf } from './event-fields.ts'
import { dateTimeMicros } from './numbers.ts'
import type { OpcuaEvents } from './settings.ts'

/** Ids that are known again, in each stream: a refresh tells what was told before. */
const SEEN_MAX = 10_000

/** What is remembered of one stream of events. */
export interface EventState {
  readonly tag: OpcuaEvents
  /** Its place in the bookmark. */
  readonly at: number
  readonly fields: readonly string[]
  readonly seen: Set<string>
  /** It was read before, in this run or the one before: what happened since then is missing. */
  isKnown: boolean
  /** The server is telling its conditions again. */
  isRefreshing: boolean
  /** When its subscription was heard last, µs of the box's clock. */
  heardAt: Micros | undefined
  /** The status code that was last said of it while it had no item: once is enough. */
  missing: number | undefined
}

export function eventState(tag: OpcuaEvents, at: number, isKnown: boolean): EventState {
  return {
    tag,
    at,
    fields: fieldsOf(tag.fields),
    seen: new Set(),
    isKnown,
    isRefreshing: false,
    heardAt: undefined,
    missing: undefined,
  }
}

/** What an event says of the stream that it comes in. */
export type Sign = 'refresh-start' | 'refresh-end' | 'refresh-required' | 'overflow'

const SIGNS: Readonly<Record<number, Sign>> = {
  [ObjectTypeIds.RefreshStartEventType]: 'refresh-start',
  [ObjectTypeIds.RefreshEndEventType]: 'refresh-end',
  [ObjectTypeIds.RefreshRequiredEventType]: 'refresh-required',
  [ObjectTypeIds.EventQueueOverflowEventType]: 'overflow',
}

/** Undefined: it is an event of the plant. */
export function signOf([, type]: readonly (Variant | undefined)[]): Sign | undefined {
  const id = type?.dataType === DataType.NodeId ? type.value : undefined
  return id?.namespace === 0 ? SIGNS[Number(id.value)] : undefined
}

/** Adds an event, unless it was told before or is beneath the least severity. */
export function addEvent(
  builder: BatchBuilder,
  state: EventState,
  values: readonly Variant[],
  namespaces: readonly string[],
  now: Micros,
): void {
  const [id, , time, severity] = values
  // Where the server would not have the filter for it. Some have severities below 1.
  if (state.tag.severity > 1 && typeof severity?.value === 'number' && severity.value < state.tag.severity) return
  const given = timeIn(time)
  if (isSeen(state, id, given)) return
  const text = textOf(state, values, namespaces)
  if (text === undefined) builder.refuse(state.tag.class, 'unreadable', given ?? now)
  else if (Buffer.byteLength(text) > VALUE_BYTES_MAX) builder.refuse(state.tag.class, 'too-large', given ?? now)
  else builder.addString(seriesOf(builder, state, given === undefined), given ?? now, text, GOOD)
}

/** A reading without a value: the server gives no events of this node, for the reason of this status code. */
export function addNoEvents(builder: BatchBuilder, state: EventState, now: Micros, status: number): void {
  builder.addNone(seriesOf(builder, state, true), now, BAD, status)
}

/** Nobody knows how many they were: a line in the ledger that says from when to when. */
export function refuseEvents(
  builder: BatchBuilder,
  state: EventState,
  reason: string,
  from: Micros,
  now: Micros,
  count: number,
): void {
  builder.refuse(state.tag.class, reason, Math.min(from, now), 0)
  builder.refuse(state.tag.class, reason, now, count)
}

/** Undefined: it brings none, or one that is none. */
function timeIn(time: Variant | undefined): Micros | undefined {
  if (time?.dataType !== DataType.DateTime || !(time.value instanceof Date)) return undefined
  const micros = dateTimeMicros(time.value)
  return Number.isFinite(micros) ? micros : undefined
}

function isSeen({ seen }: EventState, id: Variant | undefined, time: Micros | undefined): boolean {
  if (!Buffer.isBuffer(id?.value) || id.value.length === 0) return false
  const key = `${id.value.toString('base64')} ${time}`
  if (seen.has(key)) return true
  seen.add(key)
  const [oldest] = seen
  if (seen.size > SEEN_MAX && oldest !== undefined) seen.delete(oldest)
  return false
}

function textOf(state: EventState, values: readonly Variant[], namespaces: readonly string[]): string | undefined {
  try {
    return eventText(state.fields, values, namespaces, state.isRefreshing)
  } catch {
    return undefined
  }
}

function seriesOf(builder: BatchBuilder, { tag }: EventState, isBoxTime: boolean): number {
  return builder.series({ tag: tag.tag, class: tag.class, kind: 'string', ...(isBoxTime && { boxTime: true }) })
}
