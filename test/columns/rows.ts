// Random readings of all kinds, for tests of the codec.
import fc from '../prove/fast-check.ts'
import type { Row } from './helpers.ts'
import { bitsOf, kindOf } from './helpers.ts'

const YEAR_2255 = 2 ** 53 - 1

const anyBits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const decimal = fc
  .tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.integer({ min: 0, max: 9 }))
  .map(([k, d]) => bitsOf(Number(`${k}e-${d}`)))
const single = fc.float().map(bitsOf)
/** A decimal that went through arithmetic. */
const near = fc
  .tuple(fc.integer({ min: -10_000_000, max: 10_000_000 }), fc.integer({ min: -64, max: 64 }))
  .map(([k, ulps]) => bitsOf(k / 1e4) + BigInt(k === 0 ? 0 : ulps))
const double = fc.oneof(
  near,
  decimal,
  decimal,
  single,
  fc.double().map(bitsOf),
  anyBits,
  fc.constantFrom(-0, Infinity, -Infinity, NaN, 2 ** 51, 2 ** 53, -(2 ** 53), 5e-324, Number.MAX_VALUE).map(bitsOf),
)
const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -1_000n, max: 1_000n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n, -(2n ** 53n), 0n, -1n, 2n ** 32n, 2n ** 31n),
)
const bits = {
  double,
  long: long.map((it) => BigInt.asUintN(64, it)),
  bool: fc.boolean().map((it) => bitsOf(it ? 1 : 0)),
  string: fc.constant(0n),
  bytes: fc.constant(0n),
}
const content = fc.oneof(
  fc.constantFrom('', 'running', 'stopped'),
  fc.string({ unit: 'binary', maxLength: 40 }).map((it) => Buffer.from(it).toString('latin1')),
)
const time = fc.oneof(
  fc.integer({ min: 0, max: 1_000 }).map((it) => 1_700_000_000_000_000 + it * 1_000),
  fc.integer({ min: 0, max: 1_000 }).map((it) => 1_700_000_000_000_000 + it * 1_000_000),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 1, -1, YEAR_2255, -YEAR_2255),
)
const received = fc.oneof(
  fc.integer({ min: 0, max: 4 }).map((it) => 1_700_000_000_000_000 + it),
  fc.maxSafeInteger(),
)
const code = fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
const id = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))

export const anyRow: fc.Arbitrary<Row> = id.chain((series) =>
  fc.record({
    series: fc.constant(series),
    time,
    bits: bits[kindOf(series)],
    content,
    quality: code.map((it) => it & 0xff),
    status: code,
    received,
  }),
)

/** One series, so that a run of one kind of value gets long. */
export const run = fc.integer({ min: 0, max: 4 }).chain((series) => {
  const values = series === 0 ? fc.constantFrom(decimal, single, near, double, anyBits) : fc.constant(bits[kindOf(series)])
  return values.chain((value) =>
    fc.array(
      fc.record({
        series: fc.constant(series),
        time,
        bits: value,
        content,
        quality: fc.constant(0),
        status: fc.constant(0),
        received,
      }),
      { minLength: 1, maxLength: 100 },
    ),
  )
})
