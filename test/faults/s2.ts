// S2: the disk after a power cut, at every flush of a recorded life: with what was flushed, and any part of what was not.
import { join } from 'node:path'
import type { Campaign } from '../prove/campaign.ts'
import { createDice } from './dice.ts'
import type { Way } from './disk.ts'
import { randomWay } from './disk.ts'
import { examineFiles } from './examine.ts'
import { BOOT, BYTES_MAX, NEXT_BOOT, planOf, record, walk } from './recording.ts'

const RANDOM_WAYS = 3
/** Threads are slow to start: some of the states are opened in them. */
const ONCE_IN_THREADS = 40

export const s2: Campaign = {
  id: 'S2',
  what: 'crash states at every flush boundary',
  short: 2_000,
  long: 200_000,
  async run({ seed, number, dir, dice, isOver, case: one }) {
    const recording = await record(join(dir, 'recorded'), planOf(dice))
    await walk(recording, async ({ at, flushes, disk, truth }) => {
      const own = createDice(seed, number, at)
      const more = Array.from({ length: RANDOM_WAYS }, () => randomWay(own))
      const ways: Way[] = disk.pending() === 0 ? ['none'] : ['none', 'all', ...more]
      for (const way of ways) {
        const files = disk.cut(way, own)
        const bootId = own.oneOf([BOOT, NEXT_BOOT])
        const inThreads = own.once(ONCE_IN_THREADS)
        if (isOver()) return
        await one(`before flush ${flushes}, operation ${at}, ${way}, ${bootId}`, () =>
          examineFiles(dir, files, truth, { bytesMax: BYTES_MAX, bootId, inThreads }),
        )
      }
    })
  },
}
