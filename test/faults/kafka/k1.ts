// K1: just as a certain call comes to the broker or its answer leaves it, the broker is killed, or stands still for a while, or the coordinator
// moves, or somebody else takes the producer's place for once. Several boxes are at work.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { identityOf } from '../../../src/uplinks/kafka/uplink.ts'
import type { Dice } from '../dice.ts'
import { UPLINK } from '../options.ts'
import { clientOf } from './clients.ts'
import type { Api } from './frames.ts'
import { checkBox } from './landed.ts'
import type { Frame } from './link.ts'
import type { RigBox } from './rig.ts'
import { caseDir } from './rig.ts'
import { onRig, bothRigs, struckOrUnused, tell } from './shared.ts'

const BOXES = 3
/** Of a round on the model. */
const CASES = 4
const TRANSACTION_MS = 30_000
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

type Blow = 'kill' | 'stand still' | 'move' | 'fence'

interface Plan {
  readonly api: Api
  readonly what: Frame['what']
  readonly nth: number
  readonly blow: Blow
  readonly ms: number
}

const LIVES: Readonly<Record<'real' | 'model', readonly Blow[]>> = {
  real: ['kill', 'kill', 'stand still'],
  model: ['kill', 'move', 'move', 'fence'],
}
const MODEL_MS = [50, 51, 400, 401, 3_000]

function planOf(dice: Dice, isReal: boolean): Plan {
  const api = dice.oneOf(STEPS)
  const nth = api === 'InitProducerId' || api === 'OffsetFetch' ? 1 : 1 + dice.below(5)
  const what = dice.oneOf(['request', 'answer'] as const)
  return { api, what, nth, blow: dice.oneOf(LIVES[isReal ? 'real' : 'model']), ms: dice.oneOf(isReal ? STILL_MS : MODEL_MS) }
}

type Either = Awaited<ReturnType<typeof bothRigs.open>>

/** At once; what it yields brings the broker back. */
function strike(rig: Either, { device }: RigBox, { blow, ms }: Plan): () => Promise<void> {
  if (!rig.isReal) {
    if (blow === 'kill') rig.model.restart(ms)
    else if (blow === 'move') rig.moveCoordinator(device, ms)
    else rig.model.state.initProducer(identityOf({ device, name: UPLINK }), TRANSACTION_MS)
    return () => sleep(ms)
  }
  const pid = Number(readFileSync(join(rig.broker.dir, 'broker-1.pid'), 'utf8'))
  process.kill(pid, blow === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  return async () => {
    if (blow === 'kill') {
      await rig.broker.kill()
      await rig.broker.start()
      return
    }
    await sleep(ms)
    process.kill(pid, 'SIGCONT')
  }
}

async function runCase(rig: Either, round: Round, plan: Plan): Promise<readonly RigBox[]> {
  const { dir, dice } = round
  const began = performance.now()
  const client = clientOf(round)
  const boxes = await Promise.all(Array.from({ length: BOXES }, () => rig.box({ dir: caseDir(dir, dice), dice, client })))
  const [first] = boxes as [RigBox]
  let mend: (() => Promise<void>) | undefined
  first.link.rule((frame) => {
    if (!mend && frame.api === plan.api && frame.what === plan.what && frame.nth === plan.nth) mend = strike(rig, first, plan)
    return 'pass'
  })
  for (const it of boxes) it.append()
  await struckOrUnused(first, plan.api, () => mend !== undefined, STRIKE_MS_MAX)
  await mend?.()
  for (const it of boxes) it.still()
  await Promise.all(boxes.map((it) => it.drained(DRAINED_MS_MAX)))
  for (const it of boxes) {
    tell(nameOf(plan), it, performance.now() - began)
    await it.stop()
  }
  return boxes
}

const nameOf = ({ api, what, nth, blow, ms }: Plan) => `${blow} at ${what} ${nth} of ${api}, ${ms} ms`

export const k1: Campaign = {
  id: 'K1',
  what: 'the broker is killed or stands still, its coordinator moves, at a step of the protocol',
  short: 20,
  long: 200,
  run: onRig(bothRigs, async (rig, round) => {
    for (let n = 0; n < (rig.isReal ? 1 : CASES) && !round.isOver(); n++) {
      const plan = planOf(round.dice, rig.isReal)
      await round.case(`${clientOf(round).name}: ${nameOf(plan)}`, async () => {
        const boxes = await runCase(rig, round, plan)
        const landed = await rig.read()
        for (const it of boxes) checkBox(it, landed)
      })
    }
  }),
  end: bothRigs.close,
}
