// Columns of integers in sealed blocks: as they are, as differences or as differences of differences; their low bits, which are noise,
// apart from the rest, which compresses.
import { readLowBits, writeLowBits } from './bits.ts'
import { DamagedBlock } from './header.ts'
import { compress } from './sections.ts'
import type { Reader, Writer } from './varint.ts'
import { putByte, putSigned, readByte, readSigned, readVarint, reserve, VARINT_BYTES_MAX, varintAt } from './varint.ts'

/** Integers of a column are within ± this, so that differences are exact after zigzag. */
export const INTEGER_MAX = 2 ** 51 - 1
const ORDERS = 3
const WIDTH_MAX = 48
/** Bits of a number that are left to zstd: it does not tell apart more than a byte's 256 well, nor much where each is rare. */
const KEPT_BITS = 3.5
const SPLIT_BITS_MIN = 7
/** From so many on, what is best is tried out instead of estimated. */
const TRIED_COUNT_MIN = 2_048
/** An order is tried out where it takes at most so many bits more than the one that takes the fewest. */
const TRIED_BITS_MORE = 4
const WORD = 2 ** 32
/** Differences of differences of smaller ones, as zigzag, are below 2^31. */
const SMALL = 2 ** 28

/** Where a column goes: what describes it, what compresses, and what does not. */
export interface IntsWriters {
  readonly heads: Writer
  readonly tokens: Writer
  readonly bits: Writer
}

export interface IntsReaders {
  readonly heads: Reader
  readonly tokens: Reader
  readonly bits: Reader
}

export interface IntsScratch {
  readonly trial: Writer
  /** The numbers by order, none below 0. */
  readonly orders: Float64Array[]
}

export function intsScratch(capacity: number): IntsScratch {
  return {
    trial: { bytes: new Uint8Array(0), at: 0 },
    orders: Array.from({ length: ORDERS }, () => new Float64Array(capacity)),
  }
}

interface Form {
  readonly order: number
  /** Low bits apart. */
  readonly width: number
}

/** x[0 … count), integers within ± INTEGER_MAX. */
export function writeInts(writers: IntsWriters, x: Float64Array, count: number, scratch: IntsScratch): void {
  const base = leastOf(x, count)
  const form = formOf(x, count, base, scratch)
  putByte(writers.heads, form.order + 4 * form.width)
  if (form.order === 0) putSigned(writers.heads, base)
  const numbers = scratch.orders[form.order] as Float64Array
  writeHighs(writers.tokens, numbers, count, form.width)
  if (form.width > 0) writeLowBits(writers.bits, numbers, count, form.width)
}

/** About the bits that a column takes. */
export function estimateBits(x: Float64Array, count: number, scratch: IntsScratch): number {
  return Math.min(...fillOrders(x, count, leastOf(x, count), scratch.orders))
}

function leastOf(x: Float64Array, count: number): number {
  let least = x[0] as number
  for (let i = 1; i < count; i++) if ((x[i] as number) < least) least = x[i] as number
  return least
}

function formOf(x: Float64Array, count: number, base: number, scratch: IntsScratch): Form {
  const bits = fillOrders(x, count, base, scratch.orders)
  const least = Math.min(...bits)
  if (count < TRIED_COUNT_MIN) {
    const order = bits.indexOf(least)
    return { order, width: widthOf(least / count) }
  }
  const forms = bits.flatMap((it, order): Form[] => {
    if (it > least + TRIED_BITS_MORE * count || it === Infinity) return []
    const width = widthOf(it / count)
    return width === 0
      ? [{ order, width }]
      : [
          { order, width },
          { order, width: 0 },
        ]
  })
  return forms.length === 1 ? (forms[0] as Form) : smallest(forms, count, scratch)
}

function widthOf(meanBits: number): number {
  return meanBits > SPLIT_BITS_MIN ? Math.min(WIDTH_MAX, Math.round(meanBits - KEPT_BITS)) : 0
}

function smallest(forms: readonly Form[], count: number, { orders, trial }: IntsScratch): Form {
  const sizes = forms.map(({ order, width }) => {
    trial.at = 0
    writeHighs(trial, orders[order] as Float64Array, count, width)
    const raw = trial.bytes.subarray(0, trial.at)
    return (compress(raw, 1)?.length ?? raw.length) + (count * width) / 8
  })
  return forms[sizes.indexOf(Math.min(...sizes))] as Form
}

/** Returns by order the bits of all numbers together; Infinity for an order that cannot hold them. */
function fillOrders(x: Float64Array, count: number, base: number, [plain, first, second]: Float64Array[]): number[] {
  const [z0, z1, z2] = [plain as Float64Array, first as Float64Array, second as Float64Array]
  return areSmall(x, count) ? fillSmall(x, count, base, z0, z1, z2) : fillLarge(x, count, base, z0, z1, z2)
}

function areSmall(x: Float64Array, count: number): boolean {
  for (let i = 0; i < count; i++) if ((x[i] as number) >= SMALL || (x[i] as number) <= -SMALL) return false
  return true
}

/** The same as fillLarge in 32-bit integers: most columns are small, and this takes a third of the time. */
function fillSmall(x: Float64Array, count: number, base: number, z0: Float64Array, z1: Float64Array, z2: Float64Array): number[] {
  let before = 0
  let deltaBefore = 0
  let zeros0 = 0
  let zeros1 = 0
  let zeros2 = 0
  for (let i = 0; i < count; i++) {
    const it = (x[i] as number) | 0
    const delta = (it - before) | 0
    const change = (delta - deltaBefore) | 0
    before = it
    deltaBefore = i === 0 ? 0 : delta
    const a = (it - base) | 0
    const b = (delta << 1) ^ (delta >> 31)
    const c = (change << 1) ^ (change >> 31)
    z0[i] = a
    z1[i] = b
    z2[i] = c
    zeros0 += Math.clz32(a)
    zeros1 += Math.clz32(b)
    zeros2 += Math.clz32(c)
  }
  const all = count * 32
  return [all - zeros0, all - zeros1, all - zeros2]
}

function fillLarge(x: Float64Array, count: number, base: number, z0: Float64Array, z1: Float64Array, z2: Float64Array): number[] {
  let before = 0
  let deltaBefore = 0
  let bits0 = 0
  let bits1 = 0
  let bits2 = 0
  for (let i = 0; i < count; i++) {
    const it = x[i] as number
    const delta = it - before
    const change = delta - deltaBefore
    before = it
    deltaBefore = i === 0 ? 0 : delta
    const a = it - base
    const b = delta < 0 ? -2 * delta - 1 : 2 * delta
    const c = change < 0 ? -2 * change - 1 : 2 * change
    z0[i] = a
    z1[i] = b
    z2[i] = c
    bits0 += bitsOf(a)
    bits1 += bitsOf(b)
    bits2 += c > Number.MAX_SAFE_INTEGER ? Infinity : bitsOf(c)
  }
  return [bits0, bits1, bits2]
}

function bitsOf(z: number): number {
  return z < WORD ? 32 - Math.clz32(z) : 64 - Math.clz32(z / WORD)
}

function writeHighs(tokens: Writer, numbers: Float64Array, count: number, width: number): void {
  reserve(tokens, count * VARINT_BYTES_MAX)
  const { bytes } = tokens
  const scale = 2 ** -width
  let at = tokens.at
  for (let i = 0; i < count; i++) {
    const high = Math.floor((numbers[i] as number) * scale)
    if (high < 0x80) bytes[at++] = high
    else at = varintAt(bytes, at, high)
  }
  tokens.at = at
}

/** Fills x[0 … count). */
export function readInts(readers: IntsReaders, x: Float64Array, count: number): void {
  const head = readByte(readers.heads)
  const order = head & 3
  const width = head >>> 2
  if (order >= ORDERS || width > WIDTH_MAX) throw new DamagedBlock('header', 'an unknown form of integers')
  const base = order === 0 ? readSigned(readers.heads) : 0
  readNumbers(readers, x, count, width)
  if (order === 0) for (let i = 0; i < count; i++) x[i] = base + (x[i] as number)
  else if (order === 1) sumUp(x, count)
  else sumUpTwice(x, count)
}

function readNumbers({ tokens, bits }: IntsReaders, x: Float64Array, count: number, width: number): void {
  for (let i = 0; i < count; i++) x[i] = readVarint(tokens)
  if (width > 0) readLowBits(bits, x, count, width)
}

function unzigzag(z: number): number {
  if (z < WORD) return (z >>> 1) ^ -(z & 1)
  const half = Math.floor(z / 2)
  return z === half * 2 ? half : -half - 1
}

function sumUp(x: Float64Array, count: number): void {
  let now = 0
  for (let i = 0; i < count; i++) x[i] = now += unzigzag(x[i] as number)
}

function sumUpTwice(x: Float64Array, count: number): void {
  let now = unzigzag(x[0] as number)
  let delta = 0
  x[0] = now
  for (let i = 1; i < count; i++) {
    delta += unzigzag(x[i] as number)
    now += delta
    x[i] = now
  }
}
