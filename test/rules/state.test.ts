// What rules keep on disk is never longer than its bound, and says which of them it is without.
import { randomBytes } from 'node:crypto'
import { serialize } from 'node:v8'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RULE_STATE_BYTES_MAX } from '../../src/core/bounds.ts'
import type { SavedRules } from '../../src/rules/engine.ts'
import { packRules, unpackRules } from '../../src/workers/rule-state.ts'

/** Of values that nothing makes shorter. */
function ruleOf(bytes: number, tag = `box ${randomBytes(4).toString('hex')}`): SavedRules[string] {
  const value = new Float64Array(new Uint8Array(randomBytes(bytes)).buffer)
  const windows = { ...columnsOf(value), now: 0, told: 0, late: 0 }
  return { of: 'rule', tags: [{ tag, held: false, windows }] }
}

function columnsOf(value: Float64Array) {
  return { time: Float64Array.from(value, (_, i) => i * 1_000), value, quality: new Uint8Array(value.length) }
}

test('what fits is kept whole', () => {
  const saved = { a: ruleOf(200_000), b: ruleOf(200_000) }
  const { bytes, left } = packRules(saved)
  expect(left).toEqual([])
  expect(unpackRules(bytes)).toEqual(saved)
})

test('a tag that many rules watch is there once: windows that end alike, and what is usual at an hour', () => {
  const value = new Float64Array(new Uint8Array(randomBytes(240_000)).buffer)
  const whole = columnsOf(value)
  const counts = new Uint8Array(24).fill(32)
  const samples = Float64Array.from({ length: 768 }, Math.random)
  const saved = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => {
      const from = n * 250
      const { time, quality } = whole
      const columns = { time: time.slice(from), value: value.slice(from), quality: quality.slice(from) }
      const windows = { ...columns, now: n, told: -Infinity, late: 3 }
      const baselines = { hourOfDay: { quarter: n, back: 1, counts, samples } }
      return [`rule-${n}`, { of: 'rule', tags: [{ tag: 'box t', held: n % 2 === 0, windows, baselines }] }]
    }),
  )
  const { bytes, left } = packRules(saved)
  expect(left).toEqual([])
  expect(bytes.length).toBeLessThan(280_000)
  expect(unpackRules(bytes)).toEqual(saved)
})

/** Any columns of the same tag, in the order of their times. */
const columns = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.oneof(fc.double(), fc.constantFrom(0, -0, 0.1, NaN, Infinity)),
      fc.integer({ min: 0, max: 3 }),
    ),
    { maxLength: 30 },
  )
  .map((rows) => {
    const time = Float64Array.from(rows, ([it]) => it).sort()
    return { time, value: Float64Array.from(rows, ([, it]) => it), quality: Uint8Array.from(rows, ([, , it]) => it) }
  })

test('whatever windows hold comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(columns, { maxLength: 6 }), fc.integer({ min: 0, max: 9 }), (all, cut) => {
      // A part of another, too.
      const parts = all.map((it) => ({ time: it.time.slice(cut), value: it.value.slice(cut), quality: it.quality.slice(cut) }))
      const tags = [...all, ...parts].map((it) => ({
        tag: 'box t',
        held: false,
        windows: { ...it, now: -Infinity, told: 0, late: 0 },
      }))
      const saved = {
        none: { of: '', tags: [] },
        plain: { of: 'p', tags: [{ tag: 'box t', held: true, windows: undefined }] },
        some: { of: 's', tags },
      }
      expect(unpackRules(packRules(saved).bytes)).toEqual(saved)
    }),
    { numRuns: 100 },
  )
})

test('a state that a version before has left is read', () => {
  const saved = { a: ruleOf(800) }
  expect(unpackRules(zstdCompressSync(serialize({ version: 1, rules: saved })))).toEqual(saved)
})

test.each([
  [{ small: 8_000, huge: 600_000, middle: 200_000 }, ['huge']],
  [{ first: 160_000, second: 168_000, third: 176_000 }, ['third']],
  // Each by itself is within the bound.
  [{ one: 249_600, other: 250_400 }, ['other']],
  [{ only: 600_000 }, ['only']],
])('%j', (sizes, without) => {
  const saved = Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, ruleOf(bytes)]))
  const { bytes, left, bytesWanted } = packRules(saved)
  expect(left).toEqual(without)
  expect(bytes.length).toBeLessThanOrEqual(RULE_STATE_BYTES_MAX)
  expect(bytesWanted).toBeGreaterThan(RULE_STATE_BYTES_MAX)
  expect(unpackRules(bytes)).toEqual(Object.fromEntries(Object.entries(saved).filter(([name]) => !without.includes(name))))
})
