// What has arrived at the destination, as a reader that is not ours sees it, and whether it is what a box was given.
import type { Box } from './box.ts'
import { classOf, tagOf } from '../readings.ts'

export interface Record {
  readonly headers: Readonly<{ [name: string]: string }>
  readonly value: Readonly<{ [name: string]: unknown }>
}

/** By device: its readings. */
export type Landed = ReadonlyMap<string, readonly Record[]>

export function byDevice(records: readonly Record[]): Landed {
  const found = new Map<string, Record[]>()
  for (const it of records) {
    const device = String(it.value['device'])
    const known = found.get(device)
    if (known) known.push(it)
    else found.set(device, [it])
  }
  return found
}

function numberOf({ value }: Record): number {
  if (typeof value['value_double'] === 'number') return value['value_double']
  if (typeof value['value_string'] === 'string') return Number(value['value_string'].slice('number '.length))
  return Buffer.from(String(value['value_bytes']), 'base64').readDoubleBE(0)
}

const isMarked = (it: Record) => it.headers['holdfast-maybe-duplicate'] === 'true'

/**
 * I3 and I4 of the readings [from, given) of a box, all of them there if its log is drained: each number once, each (epoch, class, sequence) once and always the same
 * reading, in the order that they were given. A record that says it may be there twice may be. Yields how many of those there were.
 */
function checkLanded(
  { device, from, given }: Pick<Box, 'device' | 'from' | 'given'>,
  records: readonly Record[],
  isDrained: boolean,
): { doubled: number; marked: number } {
  const bySequence = new Map<string, Map<number, number>>()
  const numbers = new Set<number>()
  const wrong: string[] = []
  let doubled = 0
  for (const it of records) {
    const n = numberOf(it)
    const { epoch, class: name, seq, tag } = it.value
    if (!Number.isSafeInteger(n) || tag !== tagOf(n) || name !== classOf(n))
      wrong.push(`${tag} ${seq} of ${name} is no reading ${n}`)
    const key = `${epoch}:${name}`
    const known = bySequence.get(key) ?? new Map<number, number>()
    bySequence.set(key, known)
    const before = known.get(seq as number)
    if (before !== undefined && before !== n) wrong.push(`${key}:${seq} is number ${before} and number ${n}`)
    if (numbers.has(n)) {
      doubled++
      // Of two that are the same one at least must say so.
      if (
        !records.some(
          (other) => other !== it && numberOf(other) === n && (isMarked(it) || isMarked(other)) && before !== undefined,
        )
      )
        wrong.push(`number ${n}, ${key}:${seq}, twice`)
    }
    known.set(seq as number, n)
    numbers.add(n)
  }
  const missing = Array.from({ length: given - from }, (_, i) => from + i).filter((n) => !numbers.has(n))
  if (missing.length > 0 && isDrained) wrong.push(`${missing.length} of ${given - from} are missing, the first ${missing[0]}`)
  if (numbers.size > given - from - missing.length) wrong.push('more than were given')
  if (!isDrained) return verdict(device, wrong, { doubled, marked: 0 })
  for (const [key, known] of bySequence) wrong.push(...outOfOrder(key, known))
  return verdict(device, wrong, { doubled, marked: records.filter(isMarked).length })
}

function verdict<T>(device: string, wrong: readonly string[], found: T): T {
  if (wrong.length > 0) throw new Error(`${device}: ${wrong.length} wrong: ${wrong.slice(0, 5).join('; ')}`)
  return found
}

/** Sequences are dense, and those of a tag in the order of its readings. */
function outOfOrder(key: string, known: ReadonlyMap<number, number>): string[] {
  const wrong: string[] = []
  const last = new Map<string, number>()
  const order = [...known].sort(([a], [b]) => a - b)
  for (const [i, [sequence, n]] of order.entries()) {
    if (sequence !== i) wrong.push(`${key}: number ${i} of the stream is sequence ${sequence}`)
    const before = last.get(tagOf(n))
    if (before !== undefined && before >= n) wrong.push(`${key}:${sequence} is number ${n}, after number ${before} of its tag`)
    last.set(tagOf(n), n)
  }
  return wrong
}

/** `isDrained`: all that it was given must be there. */
export const checkBox = (box: Box, landed: Landed, isDrained = true) =>
  checkLanded(
    box,
    (landed.get(box.device) ?? []).filter((it) => box.epochs.has(String(it.value['epoch']))),
    isDrained,
  )
