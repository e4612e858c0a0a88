// Numbers and times as ASCII straight into bytes. Each function gives the place after what it wrote.

const ZERO = 48
const MINUS = 45
const POINT = 46
const COLON = 58
const ZULU = 90
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

/** `digits` of a number below 10^9, zeros in front. */
function writeSmall(bytes: Buffer, from: number, value: number, digits: number): number {
  let rest = value | 0
  for (let at = from + digits - 1; at >= from; at--) {
    const next = (rest / 10) | 0
    bytes[at] = ZERO + rest - next * 10
    rest = next
  }
  return from + digits
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
