// A node, or one of its devices: what its birth has said of its metrics, and what waits for a birth.
import type { Micros, QualityCode } from '../../core/reading.ts'
import { BAD, GOOD, UNCERTAIN } from '../../core/reading.ts'
import type { Manner, Place, Slot, Tags } from './tags.ts'
import type { Carrier, Metric, Payload } from './wire.ts'
import type { Problem } from './values.ts'
import { valuesOf } from './values.ts'

/**
 * waiting      its aliases are not sure: payloads are kept until its birth comes
 * confirmed    its birth is known and no message is missing since
 * unconfirmed  it does not answer requests for a birth: what can be read is read by what is known, as uncertain
 * dead         it said so, or its end was told
 */
export type Mode = 'waiting' | 'confirmed' | 'unconfirmed' | 'dead'

export interface Known {
  readonly name: string
  readonly datatype: number | undefined
  readonly unit: string | undefined
  /** Types of what stands below it, by path. */
  readonly types: Map<string, number>
  readonly slots: Map<string, Slot | 'too-many-tags' | undefined>
}

export interface Scope {
  readonly place: Place
  mode: Mode
  /** Whether there ever was a birth. */
  wasBorn: boolean
  byAlias: Map<bigint, Known>
  byName: Map<string, Known>
  waiting: { readonly payload: Uint8Array; readonly received: Micros }[]
  waitingBytes: number
  /** Monotonic ms: after the node's birth its own birth has to follow until then. */
  birthDue: number | undefined
  /** What data named and the birth that followed did not. */
  readonly strangers: Set<string>
  readonly slots: Set<Slot>
}

export function newScope(place: Place): Scope {
  return {
    place,
    mode: 'waiting',
    wasBorn: false,
    byAlias: new Map(),
    byName: new Map(),
    waiting: [],
    waitingBytes: 0,
    birthDue: undefined,
    strangers: new Set(),
    slots: new Set(),
  }
}

/** Metrics that are for the protocol, not for the plant. */
const isOfProtocol = (name: string) => name === 'bdSeq' || name.startsWith('Node Control/') || name.startsWith('Device Control/')

export function bdSeqOf({ metrics = [] }: Payload): number | undefined {
  const metric = metrics.find((it) => it.name === 'bdSeq')
  const value = metric?.longValue ?? metric?.intValue
  return value === undefined ? undefined : Number(BigInt(value) & 255n)
}

/** Takes over what a birth says of names, aliases, types and units. */
export function learn(scope: Scope, { metrics = [] }: Payload): void {
  scope.byAlias = new Map()
  scope.byName = new Map()
  for (const metric of metrics) {
    if (metric.name === undefined) continue
    const known = knownOf(metric.name, metric)
    scope.byName.set(metric.name, known)
    if (metric.alias !== undefined) scope.byAlias.set(metric.alias, known)
  }
  scope.mode = 'confirmed'
  scope.wasBorn = true
  scope.birthDue = undefined
}

function knownOf(name: string, metric: Metric): Known {
  const types = new Map<string, number>()
  const gather = (carrier: Carrier, path: string, depth: number): void => {
    const { metrics = [], parameters = [] } = carrier.templateValue ?? {}
    if (depth > 8) return
    for (const it of [...metrics, ...parameters]) {
      const where = path === '' ? (it.name ?? '') : `${path}/${it.name ?? ''}`
      if (it.datatype !== undefined) types.set(where, it.datatype)
      gather(it, where, depth + 1)
    }
  }
  gather(metric, '', 0)
  const unit = propertyOf(metric, 'engUnit')?.stringValue
  return {
    name,
    datatype: metric.datatype,
    unit: unit === undefined || unit === '' ? undefined : unit.slice(0, 40),
    types,
    slots: new Map(),
  }
}

function propertyOf({ properties }: Metric, key: string): Carrier | undefined {
  const at = properties?.keys?.indexOf(key) ?? -1
  return at < 0 ? undefined : properties?.values?.[at]
}

const STALE = 500
const QUALITY: Readonly<Record<number, QualityCode>> = { 0: BAD, 192: GOOD, [STALE]: UNCERTAIN }

export interface Context {
  readonly tags: Tags
  readonly now: Micros
  readonly isFull: boolean
  readonly isBirth: boolean
  refuse(reason: string, time: Micros, count?: number): void
  problem(reason: Problem | 'unknown-alias', metric: string, count?: number): void
}

/** Whether the birth has all that a payload names, but for what even a birth that was asked for did not have. */
export function knowsAll(scope: Scope, { metrics = [] }: Payload): boolean {
  return metrics.every((it) => find(scope, it) !== undefined || scope.strangers.has(labelOf(it)))
}

/** The payload's metrics as readings. */
export function addAll(scope: Scope, payload: Payload, context: Context): void {
  let strangers = 0
  let time = context.now
  for (const metric of payload.metrics ?? []) {
    const known = find(scope, metric)
    if (known) addMetric(scope, known, metric, payload, context)
    else {
      if (strangers++ === 0) time = timeOf(metric, payload) ?? context.now
      if (scope.strangers.size < STRANGERS_MAX) scope.strangers.add(labelOf(metric))
    }
  }
  if (strangers === 0) return
  context.problem('unknown-alias', `${strangers} metrics that its birth does not name`, strangers)
  context.refuse(scope.mode === 'unconfirmed' ? 'no-birth' : 'unknown-alias', time, strangers)
}

const STRANGERS_MAX = 1_000
const labelOf = ({ name, alias }: Metric) => (name ? name : `alias ${alias}`)

function find(scope: Scope, metric: Metric): Known | undefined {
  const named = metric.name ? scope.byName.get(metric.name) : undefined
  const known = named ?? (metric.alias === undefined ? undefined : scope.byAlias.get(metric.alias))
  if (known || scope.mode !== 'unconfirmed' || !metric.name || metric.datatype === undefined) return known
  // It says all of itself, so that no birth is needed.
  const own = knownOf(metric.name, metric)
  scope.byName.set(own.name, own)
  return own
}

function addMetric(scope: Scope, known: Known, metric: Metric, payload: Payload, context: Context): void {
  if (isOfProtocol(known.name)) return
  const given = timeOf(metric, payload)
  const said = propertyOf(metric, 'Quality') ?? propertyOf(metric, 'quality')
  const status = said?.intValue ?? (said?.longValue === undefined ? undefined : Number(said.longValue & 0xffff_ffffn))
  const told = status === undefined ? GOOD : (QUALITY[status] ?? UNCERTAIN)
  const isTimeWrong = given === undefined && (metric.timestamp ?? payload.timestamp) !== undefined
  const doubt = scope.mode === 'unconfirmed' || isTimeWrong ? UNCERTAIN : GOOD
  const manner: Manner = {
    time: given,
    now: context.now,
    quality: Math.max(told, doubt) as QualityCode,
    status: status ?? 0,
    isFull: context.isFull,
    isBirth: context.isBirth,
    isHistorical: metric.isHistorical === true,
  }
  for (const it of valuesOf(metric, metric.datatype ?? known.datatype, (path) => known.types.get(path))) {
    const slot = slotOf(scope, known, it.path, context.tags)
    if (slot === undefined) continue
    if (slot === 'too-many-tags') {
      context.refuse(slot, given ?? context.now)
      continue
    }
    if (it.problem !== undefined) context.problem(it.problem, `${known.name}${it.path === '' ? '' : `/${it.path}`}`)
    context.tags.add(slot, it, manner)
  }
}

function slotOf(scope: Scope, known: Known, path: string, tags: Tags): Slot | 'too-many-tags' | undefined {
  if (known.slots.has(path)) return known.slots.get(path)
  const slot = tags.slotOf(scope.place, path === '' ? known.name : `${known.name}/${path}`, known.unit)
  known.slots.set(path, slot)
  if (typeof slot === 'object') scope.slots.add(slot)
  return slot
}

/** Micros are exact as doubles until 2255. */
const MS_MAX = 9_000_000_000_000n

/** Undefined: none, or none that can be. */
function timeOf(metric: Metric, payload: Payload): Micros | undefined {
  const ms = metric.timestamp ?? payload.timestamp
  return ms === undefined || ms > MS_MAX ? undefined : Number(ms) * 1000
}
