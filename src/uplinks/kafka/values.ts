// Values as JSON, exact.

/** JSON has no NaN and no infinities: they are texts. −0 keeps its sign. */
export function writeDouble(value: number): string {
  if (Number.isFinite(value)) return value === 0 && 1 / value < 0 ? '-0' : String(value)
  return `"${value}"`
}

/** A number while it is safe, beyond that a text. `low` and `high` are the halves of `longs[at]`. */
export function writeLong(low: number, high: number, longs: BigInt64Array, at: number): string {
  const value = (high | 0) * 0x1_0000_0000 + low
  return Number.isSafeInteger(value) ? String(value) : `"${longs[at]}"`
}

/** UTF-8 in, JSON as a binary string out: what JSON escapes is ASCII, and the bytes of all else stay as they are. */
export function writeString(utf8: Buffer): string {
  return JSON.stringify(utf8.toString('latin1'))
}
