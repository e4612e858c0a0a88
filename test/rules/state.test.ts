// What rules keep on disk is never longer than its bound, and says which of them it is without.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { RULE_STATE_BYTES_MAX } from '../../src/core/bounds.ts'
import type { SavedRules } from '../../src/rules/engine.ts'
import { packRules, unpackRules } from '../../src/workers/rule-state.ts'

/** Of values that nothing makes shorter. */
function ruleOf(bytes: number): SavedRules[string] {
  const value = new Float64Array(new Uint8Array(randomBytes(bytes)).buffer)
  const windows = { time: new Float64Array(0), value, quality: new Uint8Array(0), now: 0, told: 0, late: 0 }
  return { of: 'rule', tags: [{ tag: 'box t', held: false, windows }] }
}

test('what fits is kept whole', () => {
  const saved = { a: ruleOf(200_000), b: ruleOf(200_000) }
  const { bytes, left } = packRules(saved)
  expect(left).toEqual([])
  expect(unpackRules(bytes)).toEqual(saved)
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
