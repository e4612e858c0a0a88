// Numbers and times as ASCII straight into bytes. Each function gives the place after what it wrote.

const ZERO = 48
const MINUS = 45
const POINT = 46
const COLON = 58
const ZULU = 90
/** Six places and six in front of them. Below the least `String` may write an exponent. */
const DECIMAL_PLACES = 6
const DECIMAL_SCALE = 1e6
const DECIMAL_LEAST = 1e-5
const DECIMAL_END = 1e6
/** 00, 01 … 99. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => ZERO + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10))
/** Below it a number is written by operations on 32 bits. */
const NINE_DIGITS = 1_000_000_000
const DAY_SECONDS = 86_400

/** ASCII, or one character a byte. */
export function writeText(bytes: Buffer, from: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[from + i] = text.charCodeAt(i)
  return from + text.length
}

/** A safe integer, as `String` writes it. */
export function writeInteger(bytes: Buffer, from: number, value: number): number {
  if (value >= 0 && value < NINE_DIGITS) return writeSmall(bytes, from, value, digitsOf(value))
  if (value < 0) {
    bytes[from] = MINUS
    return writeInteger(bytes, from + 1, -value)
  }
  const high = Math.floor(value / NINE_DIGITS)
  return writeSmall(bytes, writeInteger(bytes, from, high), value - high * NINE_DIGITS, 9)
}

function digitsOf(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits++
  return digits
}

/** `digits` of a number below 10^9, zeros in front. Two at a time: half the divisions. */
function writeSmall(bytes: Buffer, from: number, value: number, digits: number): number {
  let rest = value | 0
  let at = from + digits
  for (; at - 2 >= from; at -= 2) {
    const next = (rest / 100) | 0
    const pair = (rest - next * 100) * 2
    bytes[at - 2] = PAIRS[pair] as number
    bytes[at - 1] = PAIRS[pair + 1] as number
    rest = next
  }
  if (at > from) bytes[from] = ZERO + (rest % 10)
  return from + digits
}

/**
 * A double of few decimals, as most sensors give them, as `String` writes it; −1 where it is none. What has no more than fifteen digits in all is the
 * shortest text that gives this double, and no other text of that length does: so it is what `String` finds, by two operations.
 */
export function writeDecimal(bytes: Buffer, from: number, value: number): number {
  const size = Math.abs(value)
  if (!(size >= DECIMAL_LEAST && size < DECIMAL_END)) return -1
  let scaled = Math.round(size * DECIMAL_SCALE)
  if (scaled / DECIMAL_SCALE !== size) return -1
  let places = DECIMAL_PLACES
  for (; places > 0 && scaled % 10 === 0; places--) scaled /= 10
  const whole = Math.floor(size)
  const at = writeInteger(bytes, from, value < 0 ? -whole : whole)
  // The sign of what is less than one: −0 writes none.
  if (value < 0 && whole === 0) return writeFraction(bytes, writeText(bytes, from, '-0'), scaled, places)
  return writeFraction(bytes, at, scaled - whole * 10 ** places, places)
}

function writeFraction(bytes: Buffer, from: number, fraction: number, places: number): number {
  if (places === 0) return from
  bytes[from] = POINT
  return writeSmall(bytes, from + 1, fraction, places)
}

/** RFC 3339 with microseconds, as CloudEvents wants its `time`, of a safe integer: all those have years of four digits. Of a day the date is made once. */
export function isoWriter(): (bytes: Buffer, from: number, micros: number) => number {
  let last = Number.NaN
  let date = ''
  return (bytes, from, micros) => {
    const seconds = Math.floor(micros / 1e6)
    const day = Math.floor(seconds / DAY_SECONDS)
    if (day !== last) {
      date = new Date((last = day) * DAY_SECONDS * 1000).toISOString().slice(0, -13)
    }
    const second = seconds - day * DAY_SECONDS
    const at = writeText(bytes, from, date)
    writeSmall(bytes, at, second / 3_600, 2)
    bytes[at + 2] = COLON
    writeSmall(bytes, at + 3, (second / 60) % 60, 2)
    bytes[at + 5] = COLON
    writeSmall(bytes, at + 6, second % 60, 2)
    bytes[at + 8] = POINT
    writeSmall(bytes, at + 9, micros - seconds * 1e6, 6)
    bytes[at + 15] = ZULU
    return at + 16
  }
}
