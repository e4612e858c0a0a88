// S5: another power cut while the log recovers from one, three deep: each life begins on what a cut left of the life before.
import { join } from 'node:path'
import type { Campaign } from '../prove/campaign.ts'
import type { Dice } from './dice.ts'
import type { Files } from './disk.ts'
import { randomWay } from './disk.ts'
import { examineFiles, howToExamine } from './examine.ts'
import type { Recording } from './recording.ts'
import { planOf, record, walk } from './recording.ts'
import type { Truth } from './truth.ts'
import { copyOf } from './truth.ts'

const DEPTH = 3
const CUTS = 4

interface Cut {
  readonly name: string
  readonly files: Files
  readonly truth: Truth
}

/** Some of a life's moments, most of them before the log was open. */
async function cutsOf(recording: Recording, dice: Dice): Promise<Cut[]> {
  const opening = recording.operations.findIndex((it) => it.op === 'mark' && it.text.startsWith('open '))
  const moments: number[] = []
  await walk(recording, async ({ at }) => void moments.push(at))
  const early = moments.filter((at) => opening < 0 || at <= opening)
  const chosen = Array.from({ length: CUTS }, (_, n) => dice.oneOf(n === CUTS - 1 || early.length === 0 ? moments : early))
  const cuts: Cut[] = []
  await walk(recording, async ({ at, disk, truth }) => {
    for (const it of chosen.filter((one) => one === at)) {
      const way = randomWay(dice)
      cuts.push({
        name: `operation ${it} of ${recording.operations.length}, ${way}`,
        files: disk.cut(way, dice),
        truth: copyOf(truth),
      })
    }
  })
  return cuts
}

export const s5: Campaign = {
  id: 'S5',
  what: 'another cut during recovery, three deep',
  short: 100,
  long: 5_000,
  async run({ dir, dice, isOver, case: one }) {
    let cuts = await cutsOf(await record(join(dir, 'recorded-0'), planOf(dice)), dice)
    for (let depth = 1; depth <= DEPTH && !isOver(); depth++) {
      const { files, truth } = dice.oneOf(cuts)
      const plan = planOf(dice, { rounds: 1 + dice.below(3), bootId: `boot-${depth}` })
      cuts = await cutsOf(await record(join(dir, `recorded-${depth}`), plan, { before: files, truth }), dice)
      for (const it of cuts)
        await one(`depth ${depth}, ${it.name}`, () =>
          examineFiles(dir, it.files, it.truth, howToExamine(dice, { bootId: 'boot-last' })),
        )
    }
  },
}
