// What a wind turbine says: every reading follows from the seed, its tag and its number alone, so that each can be made again to compare.
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { ValueKind } from '../../src/core/reading.ts'
import { T0 } from '../log/helpers.ts'

export interface Tag {
  readonly class: string
  readonly name: string
  readonly kind: Extract<ValueKind, 'double' | 'long' | 'string'>
  /** Between two readings, seconds. */
  readonly every: number
  readonly number: number
  /** Of its n-th reading; a long as a whole double. */
  value(n: number): number | string
}

export interface Turbine {
  readonly seed: number
  /** By class. */
  readonly tags: ReadonlyMap<string, readonly Tag[]>
  readonly byName: ReadonlyMap<string, Tag>
}

export interface TurbineSize {
  readonly processTags: number
  readonly debugTags: number
  /** Process values are chance to the last bit, as vibration is: the log fills fastest. */
  readonly isNoise: boolean
}

const REFUSED_ONE_IN = 100
const ALARM_TAGS = 12
const ALARM_EVERY = 180
const METER_TAGS = 3
const METER_EVERY = 600
/** Readings over which a slow value goes from one level to the next. */
const SLOW = 600

/** 32 bits of chance for a tag's n-th reading. */
function chance(seed: number, tag: number, n: number): number {
  let it = Math.imul(seed ^ Math.imul(tag + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(n + 1, 0xc2b2ae35)
  it = Math.imul(it ^ (it >>> 16), 0x85ebca6b)
  it = Math.imul(it ^ (it >>> 13), 0xc2b2ae35)
  return (it ^ (it >>> 16)) >>> 0
}

export function turbine(seed: number, { processTags, debugTags, isNoise }: TurbineSize): Turbine {
  const tags = new Map<string, Tag[]>()
  let number = 0
  const add = (
    name: string,
    count: number,
    kind: Tag['kind'],
    every: number,
    value: (tag: number, n: number) => number | string,
  ) => {
    const list = Array.from({ length: count }, (_, at): Tag => {
      const own = number++
      return { class: name, name: `${name}/${at}`, kind, every, number: own, value: (n) => value(own, n) }
    })
    tags.set(name, list)
  }
  add(
    'alarm',
    ALARM_TAGS,
    'string',
    ALARM_EVERY,
    (tag, n) => `A${chance(seed, tag, n) % 400} ${n % 2 ? 'gone' : 'come'} at ${chance(seed, tag + 1, n) % 9973}`,
  )
  add('meter', METER_TAGS, 'long', METER_EVERY, (tag, n) => n * 40 + (chance(seed, tag, n) % 40))
  add('process', processTags, 'double', 1, (tag, n) => (isNoise ? Math.sin(chance(seed, tag, n)) : processValue(seed, tag, n)))
  add('debug', debugTags, 'double', 1, (tag, n) => (chance(seed, tag, n) % 5000) / 10)
  return { seed, tags, byName: new Map([...tags.values()].flat().map((it) => [it.name, it])) }
}

/** Of eight tags two are quiet and three gusty with two decimals, one has one decimal, one is a float32, one never changes. */
function processValue(seed: number, tag: number, n: number): number {
  const kind = tag % 8
  if (kind === 7) return 50 + tag
  const level = Math.floor(n / SLOW)
  const share = (n % SLOW) / SLOW
  const from = chance(seed, tag, level * 2 + 2 ** 30) % 1000
  const to = chance(seed, tag, level * 2 + 2 + 2 ** 30) % 1000
  const noise = (chance(seed, tag, n) % (kind < 2 ? 64 : 20_000)) / 100
  const value = (from + (to - from) * share) / 10 + noise
  if (kind === 6) return Math.fround(value / 7)
  return kind === 5 ? Math.round(value * 10) / 10 : Math.round(value * 100) / 100
}

/** Whether a tag's n-th reading comes in a payload that cannot be read. */
export function isRefused({ seed }: Turbine, tag: Tag, n: number): boolean {
  return chance(seed ^ 0x5bd1e995, tag.number, n) % REFUSED_ONE_IN === 0
}

/** µs. */
function timeOf(tag: Tag, n: number): number {
  return T0 + n * tag.every * 1_000_000
}

export function numberAt(tag: Tag, time: number): number {
  return (time - T0) / (tag.every * 1_000_000)
}

/** Readings of a tag before so many seconds. */
export function readingsBefore(tag: Tag, seconds: number): number {
  return Math.ceil(seconds / tag.every)
}

/** What one class brings, batch after batch, to one life of a log. */
export function feed(it: Turbine, className: string) {
  const tags = it.tags.get(className) ?? []
  const builder = new BatchBuilder(newOrigin(0))
  const numbers = tags.map((tag) => builder.series({ tag: tag.name, class: className, kind: tag.kind }))
  return (from: number, to: number): { batch: ReadingBatch; count: number } | undefined => {
    let count = 0
    for (let at = from; at < to; at++)
      for (const [place, tag] of tags.entries()) {
        if (at % tag.every !== 0) continue
        add(builder, numbers[place] as number, it, tag, at / tag.every)
        count++
      }
    return count === 0 ? undefined : { batch: builder.take(T0 + to * 1_000_000), count }
  }
}

function add(builder: BatchBuilder, series: number, it: Turbine, tag: Tag, n: number): void {
  const time = timeOf(tag, n)
  if (isRefused(it, tag, n)) return builder.refuse(tag.class, 'unreadable', time)
  const value = tag.value(n)
  if (typeof value === 'string') builder.addString(series, time, value)
  else if (tag.kind === 'long') builder.addLong(series, time, BigInt(value))
  else builder.add(series, time, value)
}
