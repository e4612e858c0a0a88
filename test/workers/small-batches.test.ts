import fc from '../prove/fast-check.ts'
import { expect, test } from 'vitest'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import { packSmall, unpackSmall } from '../../src/workers/small-batches.ts'

const series = (kind: 'double' | 'long' | 'string') => ({ tag: `a ${kind}`, class: 'process', kind }) as const

/** Batches of one source: doubles with any bits, longs, strings, readings without a value, refused ones. */
const batches = fc.array(
  fc.array(
    fc.oneof(
      fc.double(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.string({ maxLength: 9 }),
      fc.constant(undefined),
    ),
    { maxLength: 6 },
  ),
  { minLength: 1, maxLength: 12 },
)

function made(rows: readonly (number | bigint | string | undefined)[][]): ReadingBatch[] {
  const builder = new BatchBuilder(newOrigin(0))
  return rows.map((values, n) => {
    for (const [i, it] of values.entries()) {
      if (typeof it === 'number') builder.add(builder.series(series('double')), n, it, i % 3, i)
      else if (typeof it === 'bigint') builder.addLong(builder.series(series('long')), n, it)
      else if (typeof it === 'string') builder.addString(builder.series(series('string')), n, it)
      else builder.addNone(builder.series(series('double')), n, 2, 7)
    }
    if (values.length % 3 === 0) builder.refuse('process', 'overflow', n, 1 + n)
    const batch = builder.take(1000 + n)
    return n % 2 === 0 ? batch : { ...batch, clock: n }
  })
}

test('what goes together in one message comes out as it was, bit by bit and in its order', () => {
  fc.assert(
    fc.property(batches, (rows) => {
      const before = made(rows)
      const sent = structuredClone(packSmall(before.map((batch, n) => ({ id: 7 + n, batch }))))
      const after = unpackSmall(sent)
      expect(after.map((it) => it.id)).toEqual(before.map((_, n) => 7 + n))
      for (const [n, { batch }] of after.entries()) {
        const { value, ...rest } = batch
        const { value: was, ...others } = before[n] as ReadingBatch
        expect(rest).toEqual(others)
        expect(Buffer.from(value.buffer, value.byteOffset, value.byteLength)).toEqual(
          Buffer.from(was.buffer, was.byteOffset, was.byteLength),
        )
      }
    }),
  )
})
