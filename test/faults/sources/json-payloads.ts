// Payloads as publishers should not send them: JSON with everything that JSON allows and nobody expects, then bent byte by byte.
import type { Dice } from '../dice.ts'

const WORDS = ['value', 'v', 'ts', 'q', 'id', 'a', 'all', '__proto__', 'constructor', 'toString', '', 'ü', '\ud800', '$']
const NUMBERS = [
  '0',
  '-0',
  '1e999',
  '-1e999',
  '9007199254740993',
  '18446744073709551616',
  '1e-400',
  '1790000000000',
  '99999999999',
  '100000000000000',
  '9e15',
  '1e18',
  '0.1',
]

function value(dice: Dice, depth: number): string {
  const kind = dice.below(depth > 6 ? 5 : 8)
  if (kind === 0) return dice.oneOf(NUMBERS)
  if (kind === 1)
    return JSON.stringify(
      dice.oneOf([
        ...WORDS,
        '2026-11-29T01:02:03.123456789Z',
        '2026-99-99T00:00:00Z',
        'NaN',
        '1e5',
        'x'.repeat(dice.below(400_000)),
      ]),
    )
  if (kind === 2) return dice.oneOf(['true', 'false', 'null'])
  if (kind === 3) return dice.oneOf(NUMBERS)
  if (kind === 4) return '{}'
  if (kind === 5) return `[${list(dice, () => value(dice, depth + 1))}]`
  return `{${list(dice, () => `${JSON.stringify(dice.oneOf(WORDS))}:${value(dice, depth + 1)}`)}}`
}

const list = (dice: Dice, one: () => string) => Array.from({ length: dice.below(6) }, one).join(',')

export function payloadOf(dice: Dice): Buffer {
  if (dice.once(200)) return Buffer.from('['.repeat(dice.below(200_000)))
  if (dice.once(200)) return Buffer.from(`{"all":[${'{"id":1,"value":2},'.repeat(dice.below(5_000))}0]}`)
  if (dice.once(20)) return Buffer.from(Array.from({ length: dice.below(64) }, () => dice.below(256)))
  const bytes = Buffer.from(value(dice, 0))
  if (bytes.length === 0 || dice.once(2)) return bytes
  for (let n = dice.below(4); n >= 0; n--) bytes[dice.below(bytes.length)] = dice.below(256)
  return dice.once(3) ? bytes.subarray(0, dice.below(bytes.length)) : bytes
}
