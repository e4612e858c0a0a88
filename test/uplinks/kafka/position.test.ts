import fc from 'fast-check'
import { expect, test } from 'vitest'
import { POSITION_BYTES_MAX } from '../../../src/core/bounds.ts'
import type { StreamIntervals } from '../../../src/core/stream.ts'
import { streamKey } from '../../../src/core/stream.ts'
import { decodePosition, encodePosition } from '../../../src/uplinks/kafka/position.ts'

const name = fc.string({ unit: fc.constantFrom(...'abcdefgäß-0123456789'), minLength: 1, maxLength: 20 })
const epoch = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 })
const stream = fc.record({ device: name, epoch, class: name, form: fc.constantFrom('raw', 'aggregate', 'gap', 'event') })
const intervals = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 2 ** 40 })), { maxLength: 6 })
  .map((steps) => {
    let end = -1
    return steps.map(([gap, length]) => {
      const from = end + gap
      end = from + length
      return { from, to: end }
    })
  })

test('a position comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(stream, intervals), { maxLength: 8 }), (entries) => {
      const delivered: StreamIntervals = new Map(entries.map(([it, set]) => [streamKey(it as never), set]))
      expect(decodePosition(encodePosition(delivered))).toEqual(delivered)
    }),
  )
})

test('too many intervals are an error, not a longer text', () => {
  const key = streamKey({ device: 'box', epoch: 'f'.repeat(32), class: 'process', form: 'raw' })
  const many = Array.from({ length: 2_000 }, (_, i) => ({ from: i * 1_000, to: i * 1_000 + 500 }))
  expect(() => encodePosition(new Map([[key, many]]))).toThrow(RangeError)
  const some = many.slice(0, 64)
  expect(encodePosition(new Map([[key, some]])).length).toBeLessThan(POSITION_BYTES_MAX)
})

test('what is not a position is an error', () => {
  for (const text of ['', 'h1:', 'hello', 'h1:AQ', `h1:${Buffer.from([5, 1, 2]).toString('base64url')}`])
    expect(() => decodePosition(text)).toThrow(RangeError)
})
