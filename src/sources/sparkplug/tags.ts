// From a metric's place to its tag, and from its values to readings.
import type { BatchBuilder } from '../../core/batch.ts'
import { VALUE_BYTES_MAX } from '../../core/bounds.ts'
import type { Micros, QualityCode, ValueKind } from '../../core/reading.ts'
import { BAD, GOOD } from '../../core/reading.ts'
import type { SparkplugSettings } from './settings.ts'
import type { Said } from './values.ts'

const TAGS_MAX = 100_000
const TAG_LENGTH_MAX = 1_000
const SHOWN_MAX = 200

export interface Place {
  readonly group: string
  readonly node: string
  readonly device: string | undefined
}

/** One tag: its series by kind, and what it said last. */
export interface Slot {
  readonly tag: string
  readonly class: string
  unit: string | undefined
  kind: ValueKind
  readonly series: Map<string, number>
  lastTime: Micros
  lastValue: number | bigint | string | undefined
  lastQuality: QualityCode
}

/** How a reading is added, beside its value. */
export interface Manner {
  /** Undefined: it names none that can be used. */
  readonly time: Micros | undefined
  readonly now: Micros
  readonly quality: QualityCode
  readonly status: number
  readonly isFull: boolean
  /** What a birth says may be what we had already. */
  readonly isBirth: boolean
  readonly isHistorical: boolean
}

export interface Tags {
  /** Undefined: it is not to be read. */
  slotOf(place: Place, metric: string, unit: string | undefined): Slot | 'too-many-tags' | undefined
  add(slot: Slot, said: Said, manner: Manner): void
  /** A reading that says: there is no value now. */
  addBad(slot: Slot, time: Micros | undefined, now: Micros): void
  /** Where what belongs to no tag is counted. */
  readonly anyClass: string
}

export function newTags(settings: SparkplugSettings, builder: BatchBuilder): Tags {
  const rules = settings.metrics.map((it) => ({ ...it, pattern: patternOf(it.match) }))
  const slots = new Map<string, Slot>()
  const anyClass = settings.class ?? (settings.metrics.find((it) => it.class !== undefined)?.class as string)

  function slotOf(place: Place, metric: string, unit: string | undefined): Slot | 'too-many-tags' | undefined {
    const rule = rules.find(({ pattern }) => pattern.test(metric))
    const className = rule?.class ?? settings.class
    if (rule?.skip || className === undefined) return undefined
    const tag = tagOf(rule?.tag ?? settings.tag, place, metric)
    const key = `${className}\0${tag}`
    let slot = slots.get(key)
    if (!slot) {
      if (slots.size >= TAGS_MAX || tag.length > TAG_LENGTH_MAX) return 'too-many-tags'
      slot = newSlot(tag, className)
      slots.set(key, slot)
    }
    slot.unit = unit
    return slot
  }

  function seriesOf(slot: Slot, kind: ValueKind, isBoxTime: boolean): number {
    const key = `${kind}\0${slot.unit ?? ''}\0${isBoxTime}`
    let number = slot.series.get(key)
    if (number === undefined) {
      const { tag, class: className, unit } = slot
      number = builder.series({
        tag,
        class: className,
        kind,
        ...(unit !== undefined && { unit }),
        ...(isBoxTime && { boxTime: true }),
      })
      slot.series.set(key, number)
    }
    return number
  }

  function add(slot: Slot, said: Said, manner: Manner): void {
    const { time = manner.now, quality, status } = manner
    const { kind, value } = said
    const seen =
      typeof value === 'object' ? `${value.length} bytes` : typeof value === 'string' ? value.slice(0, SHOWN_MAX) : value
    if (manner.isBirth && manner.time === slot.lastTime && Object.is(seen, slot.lastValue) && quality === slot.lastQuality) return
    if (manner.isFull) return builder.refuse(slot.class, 'overflow', time)
    if (isTooLarge(value)) return builder.refuse(slot.class, 'too-large', time)
    const series = seriesOf(slot, kind, manner.time === undefined)
    slot.kind = kind
    if (!manner.isHistorical)
      Object.assign(slot, { lastTime: time, lastValue: seen, lastQuality: value === undefined ? BAD : quality })
    if (value === undefined) builder.addNone(series, time, BAD, status)
    else if (typeof value === 'number') builder.add(series, time, value, quality, status)
    else if (typeof value === 'bigint') builder.addLong(series, time, value, quality, status)
    else if (typeof value === 'string') builder.addString(series, time, value, quality, status)
    else builder.addBytes(series, time, value, quality, status)
  }

  return {
    anyClass,
    slotOf,
    add,
    addBad(slot, time, now) {
      slot.lastValue = undefined
      slot.lastQuality = BAD
      slot.lastTime = time ?? now
      builder.addNone(seriesOf(slot, slot.kind, time === undefined), time ?? now, BAD)
    },
  }
}

function newSlot(tag: string, className: string): Slot {
  return {
    tag,
    class: className,
    unit: undefined,
    kind: 'double',
    series: new Map(),
    lastTime: Number.NaN,
    lastValue: undefined,
    lastQuality: GOOD,
  }
}

function isTooLarge(value: Said['value']): boolean {
  if (typeof value === 'string') return value.length * 3 > VALUE_BYTES_MAX && Buffer.byteLength(value) > VALUE_BYTES_MAX
  return typeof value === 'object' && value.length > VALUE_BYTES_MAX
}

function patternOf(match: string): RegExp {
  const parts = match.split(/\*+/).map((it) => it.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}

/** What a metric has no device for falls away with the slash beside it. */
function tagOf(template: string, { group, node, device }: Place, metric: string): string {
  const whole = device === undefined ? template.replaceAll(/\{device\}\/|\/?\{device\}/g, '') : template
  const values: Readonly<Record<string, string>> = { group, node, device: device ?? '', metric }
  return whole.replaceAll(/\{(group|node|device|metric)\}/g, (_, name: string) => values[name] ?? '')
}
