// Doubles that are almost decimals because they went through arithmetic (74.93588199999998): the decimal beside them, and how many
// units of the last place they are away from it.
import { DamagedBlock } from './header.ts'
import type { Slots } from './numbers.ts'
import { POWERS_OF_TEN, readScaled, ROUNDER, slotsOf, writeScaled } from './numbers.ts'
import type { Reader, Writer } from './varint.ts'
import { readSigned, signedAt } from './varint.ts'

/** The farthest that arithmetic is taken to have carried a decimal away. */
const ULPS_MAX = 64
/** Up to here neighbouring decimals are at least 4,096 units apart, so that being near one is no accident. */
const INTEGER_MAX = 2 ** 40
const WORD = 0x1_0000_0000
/** Not a distance. */
export const FAR = 127

/** Buffers for one block. */
export interface NearScratch {
  /** Units of the last place, by reading of the run. */
  readonly distances: Int8Array
  /** One double and its bits. */
  readonly probe: Slots
}

export function nearScratch(count: number): NearScratch {
  return { distances: new Int8Array(count), probe: slotsOf(new Float64Array(1)) }
}

/** From k ÷ 10^decimals to slot `i`, in units of the last place; FAR where that is too many. */
export function distance(slots: Slots, i: number, k: number, power: number, probe: Slots): number {
  // Also where k is NaN.
  if (!(k < INTEGER_MAX && k > -INTEGER_MAX)) return FAR
  probe.value[0] = k / power
  const high = (slots.words[i * 2 + 1] as number) - (probe.words[1] as number)
  const low = ((slots.words[i * 2] as number) >>> 0) - ((probe.words[0] as number) >>> 0)
  const ulps = high * WORD + low
  return ulps <= ULPS_MAX && ulps >= -ULPS_MAX ? ulps : FAR
}

function nearDecimals(slots: Slots, i: number, least: number, probe: Slots): number {
  for (let decimals = least; decimals < POWERS_OF_TEN.length; decimals++) {
    const power = POWERS_OF_TEN[decimals] as number
    const k = (slots.value[i] as number) * power + ROUNDER - ROUNDER
    if (distance(slots, i, k, power, probe) !== FAR) return decimals
  }
  return -1
}

/**
 * The fewest decimals that all of the slots [from, to) are near to, with k in `scaled` and the units away in the scratch; −1 where
 * there are none.
 */
export function scaleNear(slots: Slots, from: number, to: number, scaled: Float64Array, scratch: NearScratch): number {
  let decimals = nearDecimals(slots, from, 0, scratch.probe)
  while (decimals >= 0) {
    const end = scaleAllNear(slots, from, to, POWERS_OF_TEN[decimals] as number, scaled, scratch)
    if (end === to) return decimals
    decimals = nearDecimals(slots, end, decimals + 1, scratch.probe)
  }
  return -1
}

function scaleAllNear(
  slots: Slots,
  from: number,
  to: number,
  power: number,
  scaled: Float64Array,
  { distances, probe }: NearScratch,
): number {
  for (let i = from; i < to; i++) {
    const k = (slots.value[i] as number) * power + ROUNDER - ROUNDER
    const ulps = distance(slots, i, k, power, probe)
    if (ulps === FAR) return i
    scaled[i - from] = k
    distances[i - from] = ulps
  }
  return to
}

/** Room for twice `count` short varints must be reserved. */
export function writeNear(writer: Writer, scaled: Float64Array, distances: Int8Array, count: number): void {
  writeScaled(writer, scaled, count)
  for (let i = 0; i < count; i++) writer.at = signedAt(writer.bytes, writer.at, distances[i] as number)
}

export function readNear(reader: Reader, slots: Slots, from: number, to: number, decimals: number): void {
  readScaled(reader, slots.value, from, to, decimals, false)
  for (let i = from; i < to; i++) {
    const ulps = readSigned(reader)
    if (ulps !== 0) move(slots.words, i * 2, ulps)
  }
}

/** Moves a slot, given by its words, by units of the last place. */
export function move(words: Int32Array, at: number, ulps: number): void {
  if (ulps > ULPS_MAX || ulps < -ULPS_MAX) throw new DamagedBlock('header', 'a value is too far from its decimal')
  const low = ((words[at] as number) >>> 0) + ulps
  words[at] = low
  words[at + 1] = (words[at + 1] as number) + Math.floor(low / WORD)
}
