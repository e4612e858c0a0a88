// S2: the disk after a power cut, at every flush of a recorded life: with what was flushed, and any part of what was not.
import { join } from 'node:path'
import type { Campaign } from '../prove/campaign.ts'
import { createDice } from './dice.ts'
import type { Way } from './disk.ts'
import { randomWay } from './disk.ts'
import { examineFiles, howToExamine } from './examine.ts'
import { BOOT, fill, flushesOf, LARGE_BYTES, NEXT_BOOT, planOf, record, walk } from './recording.ts'

const RANDOM_WAYS = 3
/** Rounds; and moments of such a round. */
const FULL_ONCE_IN = 5
const MOMENTS_OF_FULL = 12
/** Threads are slow to start: some of the states are opened in them. */
const ONCE_IN_THREADS = 40

export const s2: Campaign = {
  id: 'S2',
  what: 'crash states at every flush boundary',
  short: 2_000,
  long: 200_000,
  async run({ seed, number, dir, dice, isOver, case: one }) {
    const isFull = dice.once(FULL_ONCE_IN)
    const recording = isFull
      ? await record(
          join(dir, 'recorded'),
          planOf(dice, { bytes: LARGE_BYTES, rounds: 4 }),
          await fill(join(dir, 'filled'), dice),
        )
      : await record(join(dir, 'recorded'), planOf(dice))
    // Each state of a full log is large: some of them do.
    const once = isFull ? Math.max(1, Math.floor(flushesOf(recording) / MOMENTS_OF_FULL)) : 1
    await walk(recording, async ({ at, flushes, disk, truth }) => {
      const own = createDice(seed, number, at)
      if (!own.once(once)) return
      const more = Array.from({ length: RANDOM_WAYS }, () => randomWay(own))
      const ways: Way[] = disk.pending() === 0 ? ['none'] : ['none', 'all', ...more]
      for (const way of ways) {
        const files = disk.cut(way, own)
        // Within one boot all that was written is there: a killed process, no power cut.
        const bootId = way === 'all' ? own.oneOf([BOOT, NEXT_BOOT]) : NEXT_BOOT
        const how = howToExamine(own, { bootId, inThreads: own.once(ONCE_IN_THREADS) })
        if (isOver()) return
        await one(`before flush ${flushes}, operation ${at}, ${way}, ${bootId}`, () => examineFiles(dir, files, truth, how))
      }
    })
  },
}
