// What people are told of an update, while RAUC does not answer too.
import { expect, test } from 'vitest'
import { Unreachable } from '../../src/core/errors.ts'
import type { SlotView } from '../../src/core/update.ts'
import type { Course } from '../../src/update/course.ts'
import type { Follow } from '../../src/update/follow.ts'
import type { Minimum } from '../../src/update/minimum.ts'
import type { OfferParts } from '../../src/update/offers.ts'
import { updateOffers } from '../../src/update/offers.ts'
import type { Slots } from '../../src/update/slots.ts'

const SLOTS: readonly SlotView[] = [
  { name: 'A', isBooted: true, isNext: true, isGood: true, version: null },
  { name: 'B', isBooted: false, isNext: false, isGood: true, version: null },
]

test('while a slot is written and RAUC answers nobody, the slots are those that it told last', async () => {
  let isBusy = true
  const view = async () => {
    if (isBusy) throw new Unreachable('rauc-failed', 'already processing a different method')
    return [...SLOTS]
  }
  const parts: OfferParts = {
    course: {} as Course,
    follow: { view: () => null } as unknown as Follow,
    store: { now: () => ({ job: null, baseline: null, last: null, reports: [], done: null }), put: async () => undefined },
    slots: { view } as unknown as Slots,
    minimum: { read: async () => null } as unknown as Minimum,
    version: '1.0.0',
    bundleFile: '/nowhere',
    stickDir: '/nowhere',
    checks: () => [],
    said: () => undefined,
  }
  const { status } = updateOffers(parts)
  expect((await status()).slots).toEqual([])
  isBusy = false
  expect((await status()).slots).toEqual(SLOTS)
  isBusy = true
  expect((await status()).slots).toEqual(SLOTS)
})
