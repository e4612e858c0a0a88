// Readings that tell their number: tag, class, kind, value, time, quality and status all follow from it, so that whatever comes out of a
// log can be compared with what went in, bit by bit.
import type { DecodedAggregates } from '../../src/columns/aggregates/index.ts'
import type { DecodedBlock } from '../../src/columns/index.ts'
import type { BatchBuilder } from '../../src/core/batch.ts'
import type { LogSeries } from '../../src/core/log.ts'

const T0 = 1_700_000_000_000_000
const STEP_US = 1000
/** First is most valuable. */
export const CLASSES = ['alarms', 'process', 'debug'] as const
/** Kinds of neighbours: so many numbers, then the same again. */
export const CYCLE = 8

export const timeOf = (n: number) => T0 + n * STEP_US

interface Kind {
  readonly class: (typeof CLASSES)[number]
  readonly tag: string
  readonly kind: 'double' | 'string' | 'bytes'
}

const KINDS: readonly Kind[] = Array.from({ length: CYCLE }, (_, n): Kind => {
  if (n === 0) return { class: 'alarms', tag: 'alarm', kind: 'double' }
  if (n < 5) return { class: 'process', tag: `process/${n}`, kind: 'double' }
  if (n === 5) return { class: 'process', tag: 'process/text', kind: 'string' }
  return { class: 'debug', tag: 'debug', kind: 'bytes' }
})

export const tagOf = (n: number): string => (KINDS[n % CYCLE] as Kind).tag
export const classOf = (n: number): string => (KINDS[n % CYCLE] as Kind).class

/** How long the bytes of class debug are: they fill a log. */
export function addReading(builder: BatchBuilder, n: number, bytes: number): void {
  const { class: name, tag, kind } = KINDS[n % CYCLE] as Kind
  const series = builder.series({ tag, class: name, kind })
  const args = [n % 5 === 0 ? 1 : 0, n % 7] as const
  if (kind === 'double') builder.add(series, timeOf(n), n, ...args)
  else if (kind === 'string') builder.addString(series, timeOf(n), `number ${n}`, ...args)
  else builder.addBytes(series, timeOf(n), noise(n, bytes), ...args)
}

/** Bytes that do not compress; the first eight are the number. */
function noise(n: number, bytes: number): Uint8Array {
  const words = new Uint32Array(Math.max(2, Math.ceil(bytes / 4)))
  let state = Math.imul(n + 1, 0x9e3779b1)
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  const whole = new Uint8Array(words.buffer)
  new DataView(whole.buffer).setFloat64(0, n)
  return whole
}

export interface Read {
  readonly sequence: number
  readonly number: number
  readonly tag: string
}

/** The readings [from, to) of a block. Throws where one is not what its number says. */
export function readingsOf(block: DecodedBlock, from: number, to: number, series: ReadonlyMap<number, LogSeries>): Read[] {
  const found: Read[] = []
  let at = 0
  for (const [run, id] of block.seriesIds.entries()) {
    const it = series.get(id)
    if (!it) throw new Error(`series ${id} is in a block and not described`)
    const end = at + (block.runs[run] as number)
    for (let i = at; i < end; i++) {
      const sequence = block.sequence?.[i] ?? block.first + i
      if (sequence < from || sequence >= to) continue
      const number = numberAt(block, i, it)
      checkReading(block, i, it, number)
      found.push({ sequence, number, tag: it.tag })
    }
    at = end
  }
  return found.sort((a, b) => a.sequence - b.sequence)
}

/** How many readings each of the aggregates [from, to) stands for, by its sequence. */
export function standsFor(block: DecodedAggregates, from: number, to: number): (readonly [number, number])[] {
  return Array.from({ length: to - from }, (_, n) => {
    const i = from + n - block.firstSequence
    return [from + n, (block.good[i] as number) + (block.uncertain[i] as number) + (block.bad[i] as number)] as const
  })
}

function spanAt(block: DecodedBlock, i: number): Uint8Array {
  const words = new Uint32Array(block.value.buffer, block.value.byteOffset)
  const offset = words[i * 2] as number
  return block.bytes.subarray(offset, offset + (words[i * 2 + 1] as number))
}

function numberAt(block: DecodedBlock, i: number, { kind }: LogSeries): number {
  if (kind === 'double') return block.value[i] as number
  const span = spanAt(block, i)
  if (kind === 'string') return Number(Buffer.from(span).toString().slice('number '.length))
  return new DataView(span.buffer, span.byteOffset, span.length).getFloat64(0)
}

function checkReading(block: DecodedBlock, i: number, series: LogSeries, n: number): void {
  const kind = Number.isSafeInteger(n) && n >= 0 ? KINDS[n % CYCLE] : undefined
  const isSame =
    kind?.tag === series.tag &&
    kind.class === series.class &&
    kind.kind === series.kind &&
    block.time[i] === timeOf(n) &&
    block.quality[i] === (n % 5 === 0 ? 1 : 0) &&
    block.status[i] === n % 7 &&
    (kind.kind !== 'bytes' || Buffer.compare(spanAt(block, i), noise(n, spanAt(block, i).length)) === 0)
  if (!isSame) throw new Error(`a reading of ${series.tag} says it is number ${n}, and is not`)
}
