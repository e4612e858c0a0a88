// K3: the link is cut: both ways, one way, for seconds or for longer than a transaction may take; afterwards connections are reset, or half open,
// or what was under way comes after all. With the waits of life: forwarding goes on within a minute after the link has healed.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign } from '../../prove/campaign.ts'
import type { Dice } from '../dice.ts'
import type { Client } from './clients.ts'
import { clientOf } from './clients.ts'
import type { Place, RigBox } from './rig.ts'
import { caseDir } from './rig.ts'
import { onRig, bothRigs, runBoxes, tell, until } from './shared.ts'

const BOXES = 5
const MODEL_BOXES = 10
const RESUMED_MS_MAX = 60_000
const DRAINED_MS_MAX = 30_000
const UP_MS_MAX = 90_000
const CUT_MS = [300, 3_000, 12_000, 20_000, 40_000]
const LONG_CUT_MS = [75_000, 150_000]

interface Plan {
  readonly client: Client
  readonly name: string
  readonly ways: 'both ways' | 'to the broker' | 'to the box'
  readonly how: 'lost' | 'kept'
  readonly broken: 'reset' | 'silent'
  readonly ms: number
}

function planOf(dice: Dice, client: Client): Plan {
  const ways = dice.oneOf(['both ways', 'to the broker', 'to the box'] as const)
  const how = dice.oneOf(['lost', 'lost', 'kept'] as const)
  const broken = dice.oneOf(['reset', 'silent'] as const)
  const ms = Math.round((dice.once(10) ? dice.oneOf(LONG_CUT_MS) : dice.oneOf(CUT_MS)) * (0.5 + dice.next() / 2))
  return {
    client,
    name: `${client.name}: cut ${ways} for ${ms} ms, ${how === 'kept' ? 'kept' : `lost, then ${broken}`}`,
    ways,
    how,
    broken,
    ms,
  }
}

async function runCase(rig: Place, dir: string, dice: Dice, plan: Plan): Promise<RigBox> {
  const began = performance.now()
  const box = await rig.box({ dir: caseDir(dir, dice), dice, client: plan.client, waits: 'life' })
  box.append()
  await until(
    () => box.report.transactions >= 2,
    UP_MS_MAX,
    () => 'it never began to forward',
  )
  await sleep(dice.below(1_000))
  box.link.weather(plan.ways === 'to the box' ? 'open' : plan.how, plan.ways === 'to the broker' ? 'open' : plan.how)
  const accepted = acceptedBy(box)
  await sleep(plan.ms)
  if (plan.ms >= 1_000 && acceptedBy(box) === accepted) throw new Error('the log took nothing while the link was cut')
  const before = box.report.transactions
  box.link.heal(plan.broken)
  const healed = performance.now()
  const told = () =>
    `${box.failures.map((it) => `${Math.round(it.at - healed)} ms ${it.code}, waits ${Math.round(it.waitMs)}`).join('; ')}`
  await until(
    () => box.report.transactions > before,
    RESUMED_MS_MAX,
    () => `nothing was sent ${RESUMED_MS_MAX} ms after the link healed: ${told()}`,
  )
  const resumedMs = performance.now() - healed
  box.still()
  await box.drained(DRAINED_MS_MAX)
  tell(`${plan.name}, resumed after ${Math.round(resumedMs)} ms`, box, performance.now() - began)
  await box.stop()
  return box
}

const acceptedBy = (box: RigBox) => box.figures().classes.reduce((sum, it) => sum + it.accepted, 0)

export const k3: Campaign = {
  id: 'K3',
  what: 'the link is cut, both ways or one, and connections stay half open',
  short: 20,
  long: 500,
  run: onRig(bothRigs, async (rig, round) => {
    const { dir, dice } = round
    const client = clientOf(round)
    const plans = Array.from({ length: rig.isReal ? BOXES : MODEL_BOXES }, () => planOf(dice, client))
    await runBoxes(round, rig, plans, (it) => runCase(rig, dir, dice, it))
  }),
  end: bothRigs.close,
}
