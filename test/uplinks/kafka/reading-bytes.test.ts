import fc from '../../prove/fast-check.ts'
import { expect, test } from 'vitest'
import { createEncoder, decodeBlock, sequenceAt } from '../../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../../src/core/batch.ts'
import type { LogSeries } from '../../../src/core/log.ts'
import { BAD, GOOD, UNCERTAIN } from '../../../src/core/reading.ts'
import { readingBytes } from '../../../src/uplinks/kafka/reading-bytes.ts'
import type { ToldTimes } from '../../../src/records/times.ts'
import type { RecordStyle } from '../../../src/uplinks/kafka/readings.ts'
import { readingWriter, seriesTemplate } from '../../../src/uplinks/kafka/readings.ts'

const RUNS = 2_000
const STREAM = { device: 'box-ß', epoch: '0123456789abcdef0123456789abcdef', class: 'process', form: 'raw' } as const
/** From 1684 to 2255: all that a safe integer says. */
const times = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: 1_767_225_600_000_000, max: 1_767_312_000_000_000 }),
  fc.constantFrom(0, -1, 951_782_399_999_999, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
)
const value = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 12 })).map(([digits, places]) => digits / 10 ** places),
  fc.constantFrom(-0, 0, Number.NaN, Infinity, -Infinity, 1e21, 123_456_789_012, 0.1),
)
const long = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -1000n, max: 1000n }))

const given = fc.record({
  kind: fc.constantFrom('double' as const, 'long' as const, 'bool' as const),
  tag: fc.oneof(fc.string({ minLength: 1, maxLength: 40 }), fc.constant('halle/größe ✓')),
  unit: fc.option(fc.constantFrom('°C', 'bar', '"'), { nil: undefined }),
  site: fc.constantFrom('', 'plant-1', 'Werk Süd'),
  headers: fc.constantFrom('all' as const, 'id' as const),
  value,
  long,
  isNone: fc.boolean(),
  quality: fc.constantFrom(GOOD, UNCERTAIN, BAD),
  status: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff_ffff })),
  first: fc.integer({ min: 0, max: 9_000_000_000_000_000 }),
  time: times,
  received: times,
  shiftUs: fc.oneof(fc.constant(0), fc.integer({ min: -1e12, max: 1e12 })),
  told: fc.constantFrom('source' as const, 'corrected' as const, 'relative' as const),
  fits: fc.boolean(),
  isMarked: fc.boolean(),
})

test('a record as bytes is the record as text, byte by byte; or it goes by text', () => {
  const encode = createEncoder()
  let byText = 0
  fc.assert(
    fc.property(given, (it) => {
      const builder = new BatchBuilder(newOrigin(0))
      const descriptor = { tag: it.tag, class: 'process', kind: it.kind, ...(it.unit === undefined ? {} : { unit: it.unit }) }
      const series = builder.series(descriptor)
      if (it.isNone) builder.addNone(series, it.time, it.quality, it.status)
      else if (it.kind === 'long') builder.addLong(series, it.time, it.long, it.quality, it.status)
      else builder.add(series, it.time, it.kind === 'bool' ? Number(it.value > 0) : it.value, it.quality, it.status)
      const batch = builder.take(it.received)
      const { block } = encode(
        { ...batch, batch: new Uint16Array(1), received: Float64Array.of(it.received), kindOf: () => it.kind },
        { stream: 1, first: it.first },
      )
      const decoded = decodeBlock(block)
      const style: RecordStyle = { site: it.site, headers: it.headers }
      const template = seriesTemplate(STREAM, descriptor as LogSeries, style, { partitions: 12 })
      const told: ToldTimes = { shiftUs: it.shiftUs, quality: it.told }
      const sequence = sequenceAt(decoded, 0)
      const text = readingWriter(decoded, told)(template, 0, sequence, it.time, it.fits, it.isMarked)
      const quick = readingBytes(decoded, told)
      const bytesMax = quick.bytesMax(template)
      expect(bytesMax).toBeGreaterThanOrEqual(text.length)
      const bytes = Buffer.alloc(bytesMax + 32)
      const end = quick.write(bytes, 32, template, 0, sequence, it.time, it.fits, it.isMarked)
      if (end < 0) {
        byText++
        return
      }
      expect(bytes.toString('latin1', 32, end)).toBe(text)
    }),
    { numRuns: RUNS },
  )
  expect(byText).toBeGreaterThan(0)
  expect(byText).toBeLessThan(RUNS / 2)
})

test('texts and bytes go by text', () => {
  const block = decodeBlock(
    createEncoder()(
      {
        ...(() => {
          const builder = new BatchBuilder(newOrigin(0))
          builder.addString(builder.series({ tag: 't', class: 'process', kind: 'string' }), 1e15, 'x')
          return builder.take(1e15)
        })(),
        batch: new Uint16Array(1),
        received: Float64Array.of(1e15),
        kindOf: () => 'string',
      },
      { stream: 1, first: 0 },
    ).block,
  )
  const series = { tag: 't', class: 'process', kind: 'string' } as LogSeries
  const template = seriesTemplate(STREAM, series, { site: '', headers: 'all' }, { partitions: 1 })
  expect(readingBytes(block, { shiftUs: 0, quality: 'source' }).bytesMax(template)).toBe(Infinity)
})
