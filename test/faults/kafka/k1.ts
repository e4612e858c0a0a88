// K1: the broker is killed, or stands still for a while, just as a certain call comes to it or its answer leaves it. Several boxes are at work.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../../prove/campaign.ts'
import type { Dice } from '../dice.ts'
import { clientOf } from './clients.ts'
import type { Api } from './frames.ts'
import { checkBox } from './landed.ts'
import type { Frame } from './link.ts'
import type { Rig, RigBox } from './rig.ts'
import { caseDir } from './rig.ts'
import { onRig, plainRigs, struckOrUnused, tell } from './shared.ts'

const BOXES = 3
const STRIKE_MS_MAX = 90_000
/** After the broker is there again. */
const DRAINED_MS_MAX = 60_000
const STEPS: readonly Api[] = [
  'InitProducerId',
  'OffsetFetch',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'AddPartitionsToTxn',
  'Produce',
  'EndTxn',
]
const STILL_MS = [1_000, 8_000, 20_000]

interface Plan {
  readonly api: Api
  readonly what: Frame['what']
  readonly nth: number
  /** Undefined: it is killed. */
  readonly stillMs: number | undefined
}

function planOf(dice: Dice): Plan {
  const api = dice.oneOf(STEPS)
  const nth = api === 'InitProducerId' || api === 'OffsetFetch' ? 1 : 1 + dice.below(5)
  return { api, what: dice.oneOf(['request', 'answer'] as const), nth, stillMs: dice.once(3) ? dice.oneOf(STILL_MS) : undefined }
}

async function breakAndMend(rig: Rig, { stillMs }: Plan): Promise<void> {
  if (stillMs === undefined) {
    await rig.broker.kill()
    await rig.broker.start()
    return
  }
  await sleep(stillMs)
  process.kill(pidOf(rig), 'SIGCONT')
}

const pidOf = ({ broker }: Rig) => Number(readFileSync(join(broker.dir, 'broker-1.pid'), 'utf8'))

async function runCase(rig: Rig, round: Round, plan: Plan): Promise<readonly RigBox[]> {
  const { dir, dice } = round
  const began = performance.now()
  const client = clientOf(round)
  const boxes = await Promise.all(Array.from({ length: BOXES }, () => rig.box({ dir: caseDir(dir, dice), dice, client })))
  const [first] = boxes as [RigBox]
  let isStruck = false
  const pid = pidOf(rig)
  first.link.rule((frame) => {
    if (isStruck || frame.api !== plan.api || frame.what !== plan.what || frame.nth !== plan.nth) return 'pass'
    isStruck = true
    process.kill(pid, plan.stillMs === undefined ? 'SIGKILL' : 'SIGSTOP')
    return 'pass'
  })
  for (const it of boxes) it.append()
  if (await struckOrUnused(first, plan.api, () => isStruck, STRIKE_MS_MAX)) await breakAndMend(rig, plan)
  for (const it of boxes) it.still()
  await Promise.all(boxes.map((it) => it.drained(DRAINED_MS_MAX)))
  for (const it of boxes) {
    tell(nameOf(plan), it, performance.now() - began)
    await it.stop()
  }
  return boxes
}

const nameOf = ({ api, what, nth, stillMs }: Plan) =>
  `at ${what} ${nth} of ${api} the broker ${stillMs === undefined ? 'is killed' : `stands still for ${stillMs} ms`}`

export const k1: Campaign = {
  id: 'K1',
  what: 'the broker is killed or stands still at a step of the protocol',
  short: 5,
  long: 50,
  run: onRig(plainRigs, async (rig, round) => {
    const plan = planOf(round.dice)
    await round.case(`${clientOf(round).name}: ${nameOf(plan)}`, async () => {
      const boxes = await runCase(rig, round, plan)
      const landed = await rig.read()
      for (const it of boxes) checkBox(it, landed)
    })
  }),
  end: plainRigs.close,
}
