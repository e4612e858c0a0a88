// Sum and m2. Of decimals, the sum is a decimal, and valued × m2 is one with twice the places: whole numbers, near to what min and max
// let expect, and a few units of the last place where they were rounded on the way.
import { POWERS_OF_TEN, ROUNDER, slotsOf, writePlanes } from '../numbers.ts'
import type { Writer } from '../varint.ts'
import { reserve, VARINT_BYTES_MAX, varintAt } from '../varint.ts'
import type { RunForm } from './forms.ts'
import { EXACT, isScaled, PLANES, SMALL_LONG, WITH_UNITS } from './forms.ts'
import { probeOf, unitsBetween, writeSignedAll } from './units.ts'

/** By row with a value. */
export interface Moment {
  readonly valued: Float64Array
  readonly sum: Float64Array
  readonly m2: Float64Array
}

/** Of rows [from, to); `min` and `max` their k. */
export interface Moments extends Moment {
  readonly from: number
  readonly to: number
  readonly form: number
  readonly min: Float64Array
  readonly max: Float64Array
}

/** Rounding to whole numbers is right below. */
const WHOLE_MAX = 2 ** 51
/** What a row takes as planes. */
const PLANE_BYTES = 8

export function powerOf(form: number): number {
  return (form & 0xf) === SMALL_LONG ? 1 : (POWERS_OF_TEN[form >>> 4] as number)
}

/** What a sum is expected to be, × 10^decimals. Exact below 2^53, and told to be too far off beyond. */
export function expectedSum(valued: number, min: number, max: number): number {
  return Math.floor((valued * (min + max)) / 2)
}

export function momentForms(moments: Moments): Pick<RunForm, 'sumForm' | 'm2Form'> {
  if (!isScaled(moments.form)) return { sumForm: PLANES, m2Form: PLANES }
  return { sumForm: formOf(wholeSums(moments)), m2Form: formOf(wholeM2s(moments)) }
}

interface Wholes {
  readonly whole: Float64Array
  readonly units: Float64Array
}

function formOf(wholes: Wholes | undefined): number {
  if (!wholes) return PLANES
  const { whole, units } = wholes
  const isExact = units.every((it) => it === 0)
  const bytes = sizeOf(whole) + (isExact ? 0 : sizeOf(units))
  if (bytes > whole.length * PLANE_BYTES) return PLANES
  return isExact ? EXACT : WITH_UNITS
}

/** As varints. */
function sizeOf(numbers: Float64Array): number {
  let size = 0
  for (const it of numbers) size += it === 0 ? 1 : Math.floor(Math.log2(Math.abs(it) * 2) / 7) + 1
  return size
}

function wholeSums({ sum, valued, from, to, min, max, form }: Moments): Wholes | undefined {
  const power = powerOf(form)
  const [whole, units, probe] = [new Float64Array(to - from), new Float64Array(to - from), probeOf()]
  for (let i = from; i < to; i++) {
    const k = (sum[i] as number) * power + ROUNDER - ROUNDER
    const expected = expectedSum(valued[i] as number, min[i - from] as number, max[i - from] as number)
    const distance = unitsBetween(k / power, sum[i] as number, probe)
    // Also where one of them is NaN.
    if (!(isWhole(k) && isWhole(expected * 2) && isWhole(distance))) return undefined
    whole[i - from] = k - expected
    units[i - from] = distance
  }
  return { whole, units }
}

function wholeM2s({ m2, valued, from, to, form }: Moments): Wholes | undefined {
  const square = powerOf(form) * powerOf(form)
  const [whole, units, probe] = [new Float64Array(to - from), new Float64Array(to - from), probeOf()]
  for (let i = from; i < to; i++) {
    const scale = (valued[i] as number) * square
    const k = (m2[i] as number) * scale + ROUNDER - ROUNDER
    const distance = unitsBetween(k / scale, m2[i] as number, probe)
    if (!(k >= 0 && isWhole(k) && isWhole(distance))) return undefined
    whole[i - from] = k
    units[i - from] = distance
  }
  return { whole, units }
}

function isWhole(k: number): boolean {
  return k < WHOLE_MAX && k > -WHOLE_MAX
}

export function writeSum(writer: Writer, { sumForm }: RunForm, moments: Moments): void {
  if (sumForm === PLANES) return writeDoubles(writer, moments.sum, moments.from, moments.to)
  const { whole, units } = wholeSums(moments) as Wholes
  writeSignedAll(writer, whole)
  if (sumForm === WITH_UNITS) writeSignedAll(writer, units)
}

export function writeM2(writer: Writer, { m2Form }: RunForm, moments: Moments): void {
  if (m2Form === PLANES) return writeDoubles(writer, moments.m2, moments.from, moments.to)
  const { whole, units } = wholeM2s(moments) as Wholes
  reserve(writer, whole.length * VARINT_BYTES_MAX)
  for (const it of whole) writer.at = varintAt(writer.bytes, writer.at, it)
  if (m2Form === WITH_UNITS) writeSignedAll(writer, units)
}

function writeDoubles(writer: Writer, column: Float64Array, from: number, to: number): void {
  reserve(writer, (to - from) * PLANE_BYTES)
  writePlanes(writer, slotsOf(column).bytes, from, to, PLANE_BYTES)
}
