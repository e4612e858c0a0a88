import { expect, test } from 'vitest'
import type { Campaign } from '../prove/campaign.ts'
import { testSlice } from '../faults/slice.ts'
import { FAULTS } from './faults.ts'
import { commandOf, planted } from './tree.ts'
import { inOrder, plantAll, plantedFaults } from './x1.ts'

/** The tests themselves are in this run. */
const slice: Campaign = { ...plantedFaults(), run: (round) => plantAll(round, inOrder(FAULTS, round.seed)) }

testSlice(slice, 2, 20)

test('every mistake has its place in the source, once, and tests that are there', () => {
  expect(new Set(FAULTS.map((it) => it.id)).size).toBe(FAULTS.length)
  expect(new Set(inOrder(FAULTS, 1)).size).toBe(FAULTS.length)
  for (const it of FAULTS) {
    expect(planted(it)).toContain(it.replace)
    expect(it.caughtBy.length).toBeGreaterThan(0)
    for (const proof of it.caughtBy) commandOf(proof)
  }
})

test('a mistake whose place has changed, or that breaks the file, is an error', () => {
  const [fault] = FAULTS
  if (!fault) throw new Error('there are none')
  expect(() => planted({ ...fault, find: 'nothing of the kind' })).toThrow('stands 0 times')
  expect(() => planted({ ...fault, replace: 'if (' })).toThrow()
  expect(() => commandOf('test/log/none.test.ts')).toThrow('there is no test')
})
