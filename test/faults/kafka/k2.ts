// K2: an answer is lost after what it answers was done, or comes late; an EndTxn is under way for long and arrives when its sender is another one.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign } from '../../prove/campaign.ts'
import type { Dice } from '../dice.ts'
import type { Client } from './clients.ts'
import { clientOf } from './clients.ts'
import type { Api } from './frames.ts'
import type { Action, Frame } from './link.ts'
import type { Place, RigBox } from './rig.ts'
import { caseDir } from './rig.ts'
import { onRig, bothRigs, runBoxes, struckOrUnused, tell } from './shared.ts'

const BOXES = 5
const MODEL_BOXES = 10
const TRANSACTIONS_BEFORE = 6
const STRIKE_MS_MAX = 90_000
/** The uplink's longest deadline and what comes after it. */
const DRAINED_MS_MAX = 60_000
const LATE_MS = [100, 1_000, 5_000, 16_000]

interface Plan {
  readonly client: Client
  readonly name: string
  readonly what: Frame['what']
  readonly api: Api
  readonly nth: number
  readonly action: Action
}

const ANSWERED: readonly Api[] = [
  'Produce',
  'EndTxn',
  'EndTxn',
  'TxnOffsetCommit',
  'AddOffsetsToTxn',
  'AddPartitionsToTxn',
  'InitProducerId',
]

function planOf(dice: Dice, client: Client): Plan {
  const nth = 1 + dice.below(TRANSACTIONS_BEFORE)
  if (dice.once(4))
    return { client, name: `${client.name}: EndTxn ${nth} is held`, what: 'request', api: 'EndTxn', nth, action: 'hold' }
  const api = dice.oneOf(ANSWERED)
  const action = dice.oneOf<Action>(['cut', 'cut', 'tear', 'freeze', { lateMs: dice.oneOf(LATE_MS) }])
  const how = typeof action === 'string' ? action : `${action.lateMs} ms late`
  const place = api === 'InitProducerId' ? 1 : nth
  return { client, name: `${client.name}: answer ${place} to ${api}: ${how}`, what: 'answer', api, nth: place, action }
}

/** Resolves when it has struck, or when this client does not make that call. */
async function struckBy(box: RigBox, { what, api, nth, action }: Plan): Promise<void> {
  let isOver = false
  box.link.rule((frame) => {
    if (isOver || frame.what !== what || frame.api !== api || frame.nth !== nth) return 'pass'
    isOver = true
    return action
  })
  await struckOrUnused(box, api, () => isOver, STRIKE_MS_MAX)
}

async function runCase(rig: Place, dir: string, dice: Dice, plan: Plan): Promise<RigBox> {
  const began = performance.now()
  const box = await rig.box({ dir: caseDir(dir, dice), dice, client: plan.client })
  box.append()
  await struckBy(box, plan)
  if (plan.action === 'hold') {
    // It arrives before the box has given up, or when its next transactions are under way.
    await sleep(dice.oneOf([50, 5_000, 29_000, 35_000]))
    box.link.release()
  }
  await sleep(dice.below(1_000))
  box.still()
  await box.drained(DRAINED_MS_MAX)
  const took = performance.now() - began
  await box.stop()
  tell(plan.name, box, took)
  return box
}

export const k2: Campaign = {
  id: 'K2',
  what: 'answers lost or late after append and after EndTxn; an EndTxn that comes late',
  short: 220,
  long: 5000,
  run: onRig(bothRigs, async (rig, round) => {
    const { dir, dice } = round
    const client = clientOf(round)
    const plans = Array.from({ length: rig.isReal ? BOXES : MODEL_BOXES }, () => planOf(dice, client))
    await runBoxes(round, rig, plans, (it) => runCase(rig, dir, dice, it))
  }),
  end: bothRigs.close,
}
