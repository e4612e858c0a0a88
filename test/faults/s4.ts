// S4: the disk lied: flushes that were answered are gone after the cut, the last of them or many. What the destination has is the witness.
import { join } from 'node:path'
import type { Campaign } from '../prove/campaign.ts'
import type { Files, Way } from './disk.ts'
import { randomWay } from './disk.ts'
import { examineFiles, howToExamine } from './examine.ts'
import { BOOT, flushesOf, NEXT_BOOT, planOf, record, walk } from './recording.ts'
import type { Truth } from './truth.ts'
import { copyOf } from './truth.ts'

const LIES = 8
const GONE_FLUSHES = [1, 3, 10, 100]

export const s4: Campaign = {
  id: 'S4',
  what: 'flushes lie: what was acknowledged last is gone',
  short: 20,
  long: 500,
  async run({ dir, dice, isOver, case: one }) {
    const recording = await record(join(dir, 'recorded'), planOf(dice, { rounds: 12, except: dice.oneOf([[], ['process']]) }))
    const flushes = flushesOf(recording)
    const cases = Array.from({ length: LIES }, () => {
      const known = 1 + dice.below(flushes)
      // Within one boot: a copy of the files of a while ago came back.
      const bootId = dice.oneOf([BOOT, NEXT_BOOT])
      const way: Way = bootId === BOOT ? 'all' : randomWay(dice)
      return { known, kept: Math.max(0, known - dice.oneOf(GONE_FLUSHES)), way, bootId }
    })
    const disks = new Map<number, Files>()
    const truths = new Map<number, Truth>()
    await walk(recording, async (moment) => {
      for (const [n, it] of cases.entries()) {
        if (it.kept === moment.flushes) disks.set(n, moment.disk.cut(it.way, dice))
        if (it.known === moment.flushes) truths.set(n, copyOf(moment.truth))
      }
    })
    for (const [n, { known, kept, way, bootId }] of cases.entries()) {
      if (isOver()) return
      await one(`known at flush ${known}, kept up to ${kept}, ${way}, ${bootId}`, () =>
        examineFiles(
          dir,
          disks.get(n) as Files,
          truths.get(n) as Truth,
          howToExamine(dice, { bootId, inThreads: n === 0, rolledBack: true }),
        ),
      )
    }
  },
}
