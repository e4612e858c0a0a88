// Numbers as node-opcua hands them out, made exact.

/** A signed 64-bit integer from [high, low]. */
export function int64(pair: ArrayLike<number>): bigint {
  return BigInt.asIntN(64, words(pair))
}

/** An unsigned 64-bit integer from [high, low]. */
export function uint64(pair: ArrayLike<number>): bigint {
  return BigInt.asUintN(64, words(pair))
}

function words(pair: ArrayLike<number>): bigint {
  return (BigInt(pair[0] ?? 0) << 32n) | BigInt((pair[1] ?? 0) >>> 0)
}

/** Microseconds since 1970 of a date and its picoseconds (all that is below a millisecond); finer is cut off. */
export function micros(date: Date, picoseconds: number): number {
  return date.getTime() * 1000 + Math.floor(picoseconds / 1_000_000)
}

/** A value of type DateTime carries its picoseconds with it. */
export function dateTimeMicros(date: Date): number {
  return micros(date, (date as Date & { picoseconds?: number }).picoseconds ?? 0)
}
