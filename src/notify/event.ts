// Of a read of the log: its rows, in the order of their numbers, as events; and which of them a notifier is for.
import { createHash } from 'node:crypto'
import type { QueryRow } from '../core/agent-api.ts'
import type { FollowStep } from '../core/follow.ts'
import type { NotifiedEvent, NotifyOn } from '../core/notify.ts'
import type { Value } from '../core/reading.ts'
import type { QueryPart } from '../core/query.ts'
import { rowAt } from '../core/query.ts'
import { RULE_TAGS } from '../core/rule.ts'

export interface SeenEvent {
  readonly event: NotifiedEvent
  /** Its value is a number, even where the event has that as text. */
  readonly isNumber: boolean
}

/** One after another: a block may hold many. */
export function* eventsOf({ stream: { device, epoch }, from, parts = [] }: FollowStep): Generator<SeenEvent> {
  for (const [part, at] of inOrder(parts, from)) {
    const row = rowAt(part, at)
    yield { event: eventOf(row, device, epoch), isNumber: typeof row.value === 'number' || typeof row.value === 'bigint' }
  }
}

/** Parts hold series by series what a stream has number by number. */
function inOrder(parts: readonly QueryPart[], from: number): [part: QueryPart, row: number][] {
  const raw = parts.filter((it) => it.form === 'raw')
  const rows = raw.flatMap((part) => [...part.sequence].map((sequence, row) => ({ part, sequence, row })))
  return rows
    .filter((it) => it.sequence >= from)
    .toSorted((a, b) => a.sequence - b.sequence)
    .map(({ part, row }) => [part, row])
}

function eventOf(row: QueryRow, device: string, epoch: string): NotifiedEvent {
  const { tag, time, received, quality, sequence, class: name } = row
  const value = plain(row.value)
  const said = typeof value === 'string' ? objectIn(value) : undefined
  const about = { device, epoch, class: name, sequence, tag, time, received, quality }
  return {
    ...about,
    ...(tag.startsWith(RULE_TAGS) && { rule: tag.slice(RULE_TAGS.length) }),
    value: said === undefined ? value : null,
    ...(said && { said }),
  }
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

const VALUE_CHARS_MAX = 8_000

/** As JSON has it: 64-bit integers that are not safe, bytes, NaN and Infinity as text. */
function plain(value: Value | null): NotifiedEvent['value'] {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64').slice(0, VALUE_CHARS_MAX)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  return typeof value === 'string' ? value.slice(0, VALUE_CHARS_MAX) : value
}

/** Its tags and classes are read alone; what is left is what only the event says. */
export function isWanted({ severityMin }: NotifyOn, { said }: NotifiedEvent): boolean {
  const severity = said?.['Severity']
  return severityMin === undefined || typeof severity !== 'number' || severity >= severityMin
}

const KEY_CHARS = 10
const STATE_CHARS = 6

/** What it is about: two of one key, in the same state, are the same, told again. */
export function keyOf({ device, tag, said = {} }: NotifiedEvent): string {
  const about = ['device', 'tag', 'SourceNode', 'ConditionName', 'EventType', 'Message'].map((it) => said[it] ?? null)
  return digestOf([device, tag, about]).slice(0, KEY_CHARS)
}

/** What it says to be the case: the states of an alarm, a text, yes or no. What was measured is none: each number would be another. */
export function stateOf({ event: { value, said }, isNumber }: SeenEvent): string | undefined {
  if (!said) return isNumber || value === null ? undefined : digestOf(value).slice(0, STATE_CHARS)
  const states = Object.entries(said).filter(([key, it]) => isState(key, it))
  return states.length === 0 ? undefined : digestOf(states).slice(0, STATE_CHARS)
}

/** Rules have integers of 64 bits as text. */
const LARGE = /^-?\d{16,20}$/

function isState(key: string, value: unknown): boolean {
  if (/State(\/Id)?$/.test(key)) return true
  return key === 'value' && (typeof value === 'boolean' || (typeof value === 'string' && !LARGE.test(value)))
}

function digestOf(what: unknown): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('base64url')
}

export const idOf = ({ device, epoch, class: name, sequence }: NotifiedEvent): string =>
  `${device}:${epoch}:${name}:raw:${sequence}`
