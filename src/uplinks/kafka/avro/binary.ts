// Avro's binary encoding as binary strings, one character a byte, as the packer writes records (clients/kafka/records.ts).
import { binary } from '../../../clients/kafka/records.ts'

/** A branch of a union, by its place. */
export const NULL = '\x00'
export const BRANCHES = ['\x00', '\x02', '\x04', '\x06', '\x08'] as const

const char = String.fromCharCode
/** Below, twice the number is exact as a double, odd ones too. */
const EXACT_MAX = 2 ** 51
const SMALL: readonly string[] = Array.from({ length: 8192 }, (_, n) => varint(n))

/** A whole number up to 2^53 either way. */
export function longText(n: number): string {
  if (n >= 0 && n < 4096) return SMALL[n * 2] as string
  if (n > EXACT_MAX || n < -EXACT_MAX) return bigText(BigInt(n))
  return varint(n < 0 ? -2 * n - 1 : 2 * n)
}

/** `low` and `high` are the halves of `longs[at]`. */
export function slotLongText(low: number, high: number, longs: BigInt64Array, at: number): string {
  const value = (high | 0) * 0x1_0000_0000 + low
  return Number.isSafeInteger(value) ? longText(value) : bigText(longs[at] as bigint)
}

const double = new Float64Array(1)
const bytes = new Uint8Array(double.buffer)

export function doubleText(value: number): string {
  double[0] = value
  return slotText(bytes, 0)
}

/** The 8 bytes at `at`: a double's bits as they are. */
export function slotText(b: Uint8Array, at: number): string {
  const [a, c, d, e] = [b[at] as number, b[at + 1] as number, b[at + 2] as number, b[at + 3] as number]
  return char(a, c, d, e, b[at + 4] as number, b[at + 5] as number, b[at + 6] as number, b[at + 7] as number)
}

/** A text, or bytes, that are a binary string already. */
export function sized(content: string): string {
  return longText(content.length) + content
}

export function textText(text: string): string {
  return sized(binary(text))
}

function varint(n: number): string {
  let text = ''
  let rest = n
  while (rest >= 0x80000000) {
    text += char((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  while (rest >= 128) {
    text += char((rest & 127) | 128)
    rest >>>= 7
  }
  return text + char(rest)
}

function bigText(n: bigint): string {
  let text = ''
  let rest = BigInt.asUintN(64, (n << 1n) ^ (n >> 63n))
  for (; rest >= 128n; rest >>= 7n) text += char(Number(rest & 127n) | 128)
  return text + char(Number(rest))
}
