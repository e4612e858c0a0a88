// From a message to readings. Everything that depends on the topic alone is worked out at its first message and kept; everything that depends
// on the tag alone (its series numbers) too. What remains for each reading is a look-up or two and `builder.add`.
import { isPassedOver } from '../../clients/mqtt/packet-guard.ts'
import type { BatchBuilder } from '../../core/batch.ts'
import { VALUE_BYTES_MAX } from '../../core/bounds.ts'
import type { Micros, ValueKind } from '../../core/reading.ts'
import { BAD, GOOD, UNCERTAIN } from '../../core/reading.ts'
import { boolOf, doubleOf, exactJsonOf, fieldOf, jsonOf, longOf, pathReader, qualityOf, timeOf } from './payload.ts'
import type { MqttSubscription } from './settings.ts'
import type { Transform, Transformed } from './transform.ts'
import { newTransform } from './transform.ts'
import type { Kind, Slot } from './slot.ts'
import { boxTimeOf, newSlot } from './slot.ts'
import { joinTag, splitTag } from './tag-template.ts'
import { matchTopic } from './topics.ts'

/** Topics and tags that are remembered; a tag beyond is refused as 'too-many-tags'. */
const TOPICS_MAX = 50_000
const TAGS_MAX = 50_000
/** What items name their tag by, over all topics; beyond, the tag is put together each time. */
const KEYS_MAX = 200_000
/** Of a tag that a transform has made. */
const TAG_LENGTH_MAX = 1_000
/** A longer payload is refused as 'too-large' unread. */
export const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024

type Read = (item: unknown) => unknown

interface Mapping {
  readonly settings: MqttSubscription
  readonly value: Read | undefined
  readonly time: Read | undefined
  readonly quality: Read | undefined
  readonly items: Read | undefined
  readonly transform: Transform | undefined
  readonly slots: Map<string, Slot>
}

/** A mapping as it holds for one topic: `slot` when the topic alone says the tag, else what makes it of an item. */
interface Route {
  readonly mapping: Mapping
  readonly slot: Slot | undefined
  readonly parts: readonly string[]
  readonly fields: readonly Read[]
  readonly slots: Map<string, Slot>
}

export interface Mappings {
  /** Why what could not be read last could not be. */
  problem(): string
  /**
   * Adds a message's readings to the builder. `isFull` says that there is no room: they are counted as refused for 'overflow' instead.
   * Yields how many readings could not be read, or -1 when no mapping has such a topic.
   */
  take(packet: Packet, now: Micros, isFull: boolean): number
}

/** What of an MQTT packet counts here. */
export interface Packet {
  readonly topic: string
  readonly payload: Uint8Array | string
  /** The broker sends it again: what it brings may be here already. */
  readonly dup?: boolean
  /** The broker had kept it. */
  readonly retain?: boolean
}

/** The status of a reading, added up. */
const STATUS_AGAIN = 1
const STATUS_RETAINED = 2

interface Message {
  readonly topic: string
  readonly text: string
  readonly now: Micros
  readonly status: number
}

export function compileMappings(subscriptions: readonly MqttSubscription[], builder: BatchBuilder): Mappings {
  const mappings = subscriptions.map(compile)
  const routesByTopic = new Map<string, readonly Route[]>()
  let tagCount = 0
  let keyCount = 0
  let problem = ''

  function routesOf(topic: string): readonly Route[] {
    const routes = mappings.flatMap((mapping) => {
      const captured = matchTopic(mapping.settings.topic, topic)
      return captured ? [routeOf(mapping, captured)] : []
    })
    if (routesByTopic.size < TOPICS_MAX) routesByTopic.set(topic, routes)
    return routes
  }

  function routeOf(mapping: Mapping, captured: Readonly<Record<string, string>>): Route {
    const { parts, fields } = splitTag(mapping.settings.tag, captured)
    const slot = fields.length === 0 ? slotOf(mapping, parts[0] ?? '') : undefined
    return { mapping, slot, parts, fields, slots: new Map() }
  }

  function slotOf(mapping: Mapping, tag: string): Slot | undefined {
    const known = mapping.slots.get(tag)
    if (known || tagCount >= TAGS_MAX) return known
    tagCount++
    const slot = newSlot(tag, mapping.settings.type ?? 'double')
    if (!mapping.time) slot.boxTime = slot
    mapping.slots.set(tag, slot)
    return slot
  }

  /** The slot of an item, or why it has none. */
  function slotOfItem(route: Route, item: unknown): Slot | 'unreadable' | 'too-many-tags' {
    const own = route.mapping.transform ? fieldOf(item, 'tag') : undefined
    if (typeof own === 'string' && own !== '' && own.length <= TAG_LENGTH_MAX)
      return slotOf(route.mapping, own) ?? 'too-many-tags'
    if (own !== undefined && own !== null) return 'unreadable'
    if (route.fields.length === 0) return route.slot ?? 'too-many-tags'
    let key = ''
    for (let at = 0; at < route.fields.length; at++) {
      const part = (route.fields[at] as Read)(item)
      if ((typeof part !== 'string' || part === '') && typeof part !== 'number') return 'unreadable'
      key = at === 0 ? String(part) : `${key}\0${part}`
    }
    const known = route.slots.get(key)
    if (known) return known
    const tag = joinTag(route.parts, key.split('\0'))
    const slot = slotOf(route.mapping, tag)
    if (slot && keyCount < KEYS_MAX) {
      keyCount++
      route.slots.set(key, slot)
    }
    return slot ?? 'too-many-tags'
  }

  function takeItem(route: Route, item: unknown, message: Message): number {
    const { mapping } = route
    let slot = slotOfItem(route, item)
    if (typeof slot === 'string') {
      problem = slot === 'unreadable' ? 'no tag can be made of it' : slot
      builder.refuse(mapping.settings.class, slot, message.now)
      return 1
    }
    const isObject = typeof item === 'object' && item !== null
    const found = mapping.value ? mapping.value(item) : isObject ? (item as { value?: unknown }).value : item
    const value = mapping.settings.type === 'string' ? asText(mapping, found, item, message) : found
    let time = message.now
    let quality: number = mapping.quality ? qualityOf(mapping.quality(item)) : GOOD
    if (mapping.time) {
      const given = mapping.time(item) ?? undefined
      const said = given === undefined ? Number.NaN : timeOf(given)
      if (Number.isNaN(said)) {
        if (given !== undefined) quality = Math.max(quality, UNCERTAIN)
        slot = boxTimeOf(slot)
      } else time = said
    }
    // The common case first: a number that stays a number.
    if (typeof value === 'number' && mapping.settings.type === undefined) {
      if (slot.double < 0) slot.double = seriesOf(slot, mapping, 'double')
      slot.kind = 'double'
      builder.add(slot.double, time, value, quality, message.status)
      return 0
    }
    return addValue(slot, mapping, value, time, quality, message.status)
  }

  function addValue(slot: Slot, mapping: Mapping, value: unknown, time: Micros, quality: number, status: number): number {
    const { type } = mapping.settings
    const kind = type ?? kindOf(value)
    if (kind === 'string' && typeof value === 'string') return addText(slot, mapping, value, time, quality, status)
    const fitting =
      kind === 'double' ? doubleOf(value) : kind === 'long' ? longOf(value) : kind === 'bool' ? boolOf(value) : undefined
    if (kind === undefined || fitting === undefined) return addNone(slot, mapping, time, status)
    if (typeof fitting === 'bigint') builder.addLong(numberOf(slot, mapping, 'long'), time, fitting, quality, status)
    else builder.add(numberOf(slot, mapping, kind), time, Number(fitting), quality, status)
    return 0
  }

  /** An event that has fields of its own is kept as the JSON that it is; where it is all of the payload, as it was written. */
  function asText({ items, transform }: Mapping, value: unknown, item: unknown, message: Message): unknown {
    if (typeof value !== 'object' || value === null) return value
    return value === item && !items && !transform ? message.text : JSON.stringify(value)
  }

  function addText(slot: Slot, mapping: Mapping, value: string, time: Micros, quality: number, status: number): number {
    if (value.length * 3 > VALUE_BYTES_MAX && Buffer.byteLength(value) > VALUE_BYTES_MAX) {
      problem = 'too-large'
      builder.refuse(mapping.settings.class, 'too-large', time)
      return 1
    }
    builder.addString(numberOf(slot, mapping, 'string'), time, value, quality, status)
    return 0
  }

  /** A reading that says: something came, and it was no value. */
  function addNone(slot: Slot, mapping: Mapping, time: Micros, status: number): number {
    problem ||= `no ${mapping.settings.type ?? 'value'} for ${slot.tag}`
    builder.addNone(numberOf(slot, mapping, slot.kind), time, BAD, status)
    return 1
  }

  function numberOf(slot: Slot, mapping: Mapping, kind: Kind): number {
    if (slot[kind] < 0) slot[kind] = seriesOf(slot, mapping, kind)
    slot.kind = kind
    return slot[kind]
  }

  function seriesOf(slot: Slot, { settings }: Mapping, kind: ValueKind): number {
    return builder.series({
      tag: slot.tag,
      class: settings.class,
      kind,
      ...(settings.unit !== undefined && { unit: settings.unit }),
      ...(slot.boxTime === slot && { boxTime: true }),
    })
  }

  /** The message as a whole says nothing: a bad reading where the topic alone names the tag, else a refusal. */
  function takeUnreadable({ mapping, slot }: Route, reason: string, { now, status }: Message): number {
    if (slot && reason === 'unreadable') return addNone(boxTimeOf(slot), mapping, now, status)
    builder.refuse(mapping.settings.class, reason, now)
    return 1
  }

  function takeRoute(route: Route, json: unknown, message: Message): number {
    const { items, settings, transform } = route.mapping
    if (transform) return takeTransformed(route, transform(message.text, message.topic), message)
    if (json === undefined) {
      problem = 'no JSON'
      return takeUnreadable(route, 'unreadable', message)
    }
    const whole = settings.type === 'long' && hasLargeNumber(message.text) ? exactJsonOf(message.text) : json
    if (!items) return takeItem(route, whole, message)
    const list = items(whole)
    if (!Array.isArray(list)) {
      problem = 'items are no list'
      return takeUnreadable(route, 'unreadable', message)
    }
    return takeItems(route, list, message)
  }

  function takeItems(route: Route, list: readonly unknown[], message: Message): number {
    let unreadable = 0
    for (let at = 0; at < list.length; at++) unreadable += takeItem(route, list[at], message)
    return unreadable
  }

  function takeTransformed(route: Route, result: Transformed, message: Message): number {
    if ('list' in result) return takeItems(route, result.list, message)
    problem = `transform: ${result.text}`
    return takeUnreadable(route, result.problem, message)
  }

  function refuseAll(routes: readonly Route[], json: unknown, now: Micros): void {
    for (const { mapping } of routes) {
      const list = mapping.items?.(json)
      const count = Array.isArray(list) ? list.length : 1
      if (count > 0) builder.refuse(mapping.settings.class, 'overflow', now, count)
    }
  }

  return {
    problem: () => problem,
    take({ topic, payload, dup, retain }, now, isFull) {
      const known = routesByTopic.get(topic) ?? routesOf(topic)
      if (known.length === 0) return -1
      const routes = retain ? known.filter(({ mapping }) => mapping.settings.retained === 'take') : known
      if (routes.length === 0) return 0
      const status = (dup ? STATUS_AGAIN : 0) + (retain ? STATUS_RETAINED : 0)
      if (payload.length > PAYLOAD_BYTES_MAX || isPassedOver(payload)) {
        problem = 'too-large'
        for (const route of routes) takeUnreadable(route, 'too-large', { topic, text: '', now, status })
        return routes.length
      }
      const text = payload.toString()
      const json = jsonOf(text)
      if (isFull) {
        refuseAll(routes, json, now)
        return 0
      }
      const message = { topic, text, now, status }
      problem = ''
      let unreadable = 0
      for (let at = 0; at < routes.length; at++) unreadable += takeRoute(routes[at] as Route, json, message)
      return unreadable
    },
  }
}

function compile(settings: MqttSubscription): Mapping {
  const { transform } = settings
  const reader = (path: string | undefined) => (path === undefined ? undefined : pathReader(path))
  const own = (name: string) => (transform === undefined ? undefined : name)
  return {
    settings,
    value: reader(settings.value),
    time: reader(settings.time ?? own('time')),
    quality: reader(settings.quality ?? own('quality')),
    items: reader(settings.items),
    transform: transform === undefined ? undefined : newTransform(transform),
    slots: new Map(),
  }
}

function kindOf(value: unknown): Kind | undefined {
  if (typeof value === 'number') return 'double'
  if (typeof value === 'string') return 'string'
  return typeof value === 'boolean' ? 'bool' : undefined
}

/** Whether a whole number could be past what a double holds exactly. */
function hasLargeNumber(text: string): boolean {
  return /\d{16}/.test(text)
}
