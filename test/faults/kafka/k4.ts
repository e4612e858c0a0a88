// K4: slow links: 9.6 kb/s to 1 Mb/s, two seconds there and back, a third of the pieces lost and sent again. There is progress, memory is bounded,
// and the log takes what comes.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../../prove/campaign.ts'
import type { Dice } from '../dice.ts'
import { clientOf } from './clients.ts'
import type { Place, RigBox } from './rig.ts'
import { caseDir } from './rig.ts'
import { bothRigs, onRig, runBoxes, tell, until } from './shared.ts'

const BOXES = 3
const PROGRESS_MS_MAX = 120_000
const SLOW_MS = 30_000
const DRAINED_MS_MAX = 120_000
const MEMORY_BYTES_MAX = 300_000_000
const LOST_AGAIN_MS = 250

interface Plan {
  readonly name: string
  readonly bytesPerS: number
  readonly wayMs: number
  readonly loss: number
}

function planOf(dice: Dice, client: string): Plan {
  const [kbPerS, wayMs, loss] = [dice.oneOf([9.6, 64, 256, 1_000]), dice.oneOf([5, 100, 1_000]), dice.oneOf([0, 0, 0.3])]
  return {
    name: `${client}: ${kbPerS} kb/s, ${wayMs} ms a way, ${loss * 100} % lost`,
    bytesPerS: (kbPerS * 1000) / 8,
    wayMs,
    loss,
  }
}

async function runCase(rig: Place, round: Round, plan: Plan): Promise<RigBox> {
  const { dir, dice } = round
  const began = performance.now()
  const box = await rig.box({ dir: caseDir(dir, dice), dice, client: clientOf(round), waits: 'life' })
  // What is lost is sent again after a while, twice as long each time.
  const again = (ms: number): number => (dice.next() < plan.loss ? ms + again(ms * 2) : 0)
  box.link.slow(plan.bytesPerS, () => plan.wayMs + again(LOST_AGAIN_MS))
  const memory = process.memoryUsage().rss
  box.append()
  await until(
    () => box.report.transactions > 0,
    PROGRESS_MS_MAX,
    () => `no progress: ${box.report.lastError}`,
  )
  const taken = () => box.figures().classes.reduce((sum, it) => sum + it.accepted, 0)
  const before = taken()
  await sleep(SLOW_MS)
  if (taken() === before) throw new Error('the log takes nothing any more')
  const grown = process.memoryUsage().rss - memory
  if (grown > MEMORY_BYTES_MAX) throw new Error(`memory grew by ${grown} bytes`)
  box.still()
  box.link.slow(Infinity, () => 0)
  await box.drained(DRAINED_MS_MAX)
  tell(plan.name, box, performance.now() - began)
  await box.stop()
  return box
}

export const k4: Campaign = {
  id: 'K4',
  what: 'slow links, long ways, lost pieces',
  short: 6,
  long: 20,
  run: onRig(bothRigs, async (rig, round) => {
    const plans = Array.from({ length: BOXES }, () => planOf(round.dice, clientOf(round).name))
    await runBoxes(round, rig, plans, (it) => runCase(rig, round, it))
  }),
  end: bothRigs.close,
}
