import fc from '../../prove/fast-check.ts'
import { expect, test } from 'vitest'
import { BOXES_MAX, POSITION_BYTES_MAX } from '../../../src/core/bounds.ts'
import type { Intervals } from '../../../src/core/intervals.ts'
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
  const many = Array.from({ length: 2_000 }, (_, i) => ({
    from: i * 1_000_000,
    to: i * 1_000_000 + 1 + ((i * 2_654_435_761) % 999_983),
  }))
  expect(() => encodePosition(new Map([[key, many]]))).toThrow(RangeError)
  const some = many.slice(0, 64)
  expect(encodePosition(new Map([[key, some]])).length).toBeLessThan(POSITION_BYTES_MAX)
})

test('a dozen boxes behind this one fit, with four classes and their events each', () => {
  const hex = (n: number) => ((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')
  const delivered: StreamIntervals = new Map(
    Array.from({ length: BOXES_MAX }, (_, n) => n).flatMap((n) => {
      const device = `hf-${hex(n + 1)}`
      const epochOf = (of: number) => [1, 2, 3, 4].map((it) => hex(of * 7 + it)).join('')
      const classes = ['alarm', 'process', 'energy', 'debug'].flatMap((it) =>
        (['raw', 'gap'] as const).map((form) => streamKey({ device, epoch: epochOf(n), class: it, form })),
      )
      const keys = [...classes, streamKey({ device, epoch: epochOf(n + 100), class: '', form: 'event' })]
      return keys.map((key, at): [string, Intervals] => [key, [{ from: 0, to: 1_000 + n * 987_654 + at * 12_345 }]])
    }),
  )
  const text = encodePosition(delivered)
  expect(text.length).toBeLessThan(POSITION_BYTES_MAX)
  expect(decodePosition(text)).toEqual(delivered)
})

test('what is not a position is an error', () => {
  for (const text of ['', 'h1:', 'h2:', 'h2:AQ', 'hello', 'h1:AQ', `h1:${Buffer.from([5, 1, 2]).toString('base64url')}`])
    expect(() => decodePosition(text)).toThrow(RangeError)
})
