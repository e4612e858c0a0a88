// A campaign's part of `make test`: as many cases as fit, the seed from the commit, so that a commit passes or fails for good.
import { expect, test } from 'vitest'
import type { Campaign } from '../prove/campaign.ts'
import { prove, toldAgain } from '../prove/campaign.ts'
import { commitSeed } from '../prove/commit-seed.ts'

/** A round of the uplink lasts as long as its longest outage and the return after it. */
const TEST_MS_MAX = 400_000

/** At most so many cases and so many seconds; one round at least. */
export function testSlice(campaign: Campaign, cases: number, seconds: number): void {
  test(`${campaign.id}: ${campaign.what}`, { timeout: TEST_MS_MAX }, async () => {
    const seed = commitSeed()
    const tally = await prove(campaign, seed, 0, { cases, until: performance.now() + seconds * 1000 })
    console.log(`${campaign.id}: ${tally.passed} passed, ${tally.failed} failed, seed ${seed}`)
    expect(toldAgain).toEqual([])
    expect(tally.failed).toBe(0)
    expect(tally.passed).toBeGreaterThan(0)
  })
}
