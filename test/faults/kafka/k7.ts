// K7: a box vanishes in the midst of a transaction: nothing of it comes any more, and nobody says so. Others write to the same partitions.
// A read_committed reader of theirs stands still for at most the transaction's time-out, the ten seconds between the broker's looks, and five; the box that comes back loses nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { clientOf } from './clients.ts'
import type { Api } from './frames.ts'
import { checkBox } from './landed.ts'
import type { Rig, RigBox } from './rig.ts'
import { caseDir } from './rig.ts'
import { onRig, plainRigs, struckOrUnused, tell, until } from './shared.ts'
import { stallReader } from './stall.ts'

const OTHERS = 4
/** Of the uplink's transactions. */
const TRANSACTION_MS = 30_000
/** So often a broker looks for transactions that are over their time, unless it is set otherwise. */
const SWEEP_MS = 10_000
const MORE_MS = 5_000
const STALL_MS_MAX = TRANSACTION_MS + SWEEP_MS + MORE_MS
const VANISH_MS_MAX = 90_000
const DRAINED_MS_MAX = 60_000
const STEPS: readonly Api[] = ['Produce', 'Produce', 'EndTxn', 'AddPartitionsToTxn']

async function runCase(rig: Rig, round: Round, step: Api): Promise<readonly RigBox[]> {
  const { dir, dice } = round
  const client = clientOf(round)
  const boxes = await Promise.all(Array.from({ length: 1 + OTHERS }, () => rig.box({ dir: caseDir(dir, dice), dice, client })))
  const [lost, ...others] = boxes as [RigBox, ...RigBox[]]
  const reader = await stallReader(rig.broker.bootstrap, new Set(others.map((it) => it.device)))
  try {
    for (const it of boxes) it.append()
    await until(
      () => others.every((it) => it.report.transactions > 1),
      VANISH_MS_MAX,
      () => 'the others never began',
    )
    let isGone = false
    const nth = 1 + dice.below(3)
    lost.link.rule((frame) => {
      const isIt = frame.api === step && frame.nth === nth && frame.what === (step === 'EndTxn' ? 'request' : 'answer')
      if (!isGone && isIt) {
        isGone = true
        lost.link.weather('lost', 'lost')
      }
      return 'pass'
    })
    if (!(await struckOrUnused(lost, step, () => isGone, VANISH_MS_MAX))) lost.link.weather('lost', 'lost')
    const began = performance.now()
    lost.still()
    await sleep(STALL_MS_MAX)
    for (const it of others) it.still()
    await Promise.all(others.map((it) => it.drained(DRAINED_MS_MAX)))
    await reader.caughtUp(
      others.reduce((sum, it) => sum + it.given, 0),
      MORE_MS,
    )
    const stallMs = reader.longestMs()
    tell(`${step} ${nth}, readers stood still for ${Math.round(stallMs)} ms`, lost, performance.now() - began)
    if (stallMs > STALL_MS_MAX) throw new Error(`a reader of the others stood still for ${Math.round(stallMs)} ms`)
    lost.link.heal('silent')
    await lost.drained(DRAINED_MS_MAX)
  } finally {
    await reader.close()
  }
  for (const it of boxes) await it.stop()
  return boxes
}

export const k7: Campaign = {
  id: 'K7',
  what: 'a box vanishes in the midst of a transaction, others write to the same partitions',
  short: 3,
  long: 50,
  run: onRig(plainRigs, async (rig, round) => {
    const step = round.dice.oneOf(STEPS)
    await round.case(`${clientOf(round).name}: gone at ${step}`, async () => {
      const boxes = await runCase(rig, round, step)
      const landed = await rig.read()
      for (const it of boxes) checkBox(it, landed)
    })
  }),
  end: plainRigs.close,
}
