// K5: the box may not sign in: its password is wrong, was changed, its user is gone; sessions expire. It waits, says so, drops nothing, does not
// knock more than once in five seconds, and goes on within a minute after somebody has put it right.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { clientOf } from './clients.ts'
import type { Rig, RigBox } from './rig.ts'
import { caseDir, newDevice, openRig } from './rig.ts'
import { onceOpen, onRig, runBoxes, tell, until } from './shared.ts'
import { setPassword } from './wire.ts'

const UP_MS_MAX = 90_000
const REFUSED_MS = 40_000
const BACK_MS_MAX = 60_000
const DRAINED_MS_MAX = 60_000
const TRY_EVERY_MS = 5_000
const SESSION_MS = 6_000
const RIGHT = 'right-secret'

const TROUBLES = ['wrong from the start', 'changed while at work', 'user gone while at work', 'sessions expire'] as const

async function runCase(rig: Rig, round: Round, trouble: (typeof TROUBLES)[number]): Promise<RigBox> {
  const { dir, dice } = round
  const device = newDevice()
  const began = performance.now()
  const { bootstrap } = rig.broker
  await setPassword(bootstrap, device, trouble === 'wrong from the start' ? 'another' : RIGHT)
  const sasl = { mechanism: 'scram-sha-256', user: device, password: RIGHT } as const
  const box = await rig.box({ dir: caseDir(dir, dice), dice, client: clientOf(round), device, settings: { sasl }, waits: 'life' })
  box.append()
  if (trouble === 'sessions expire') {
    await until(
      () => box.report.transactions > 1,
      UP_MS_MAX,
      () => `it never began: ${box.report.lastError}`,
    )
    await sleep(3 * SESSION_MS)
  } else await refuse(rig, box, trouble)
  box.still()
  await box.drained(DRAINED_MS_MAX)
  tell(trouble, box, performance.now() - began)
  await box.stop()
  return box
}

async function refuse({ broker: { bootstrap } }: Rig, box: RigBox, trouble: string): Promise<void> {
  if (trouble !== 'wrong from the start') {
    await until(
      () => box.report.transactions > 1,
      UP_MS_MAX,
      () => `it never began: ${box.report.lastError}`,
    )
    await setPassword(bootstrap, box.device, trouble === 'user gone while at work' ? undefined : 'another')
    box.link.weather('lost', 'lost')
    await sleep(500)
    box.link.heal('reset')
  }
  await until(
    () => box.failures.at(-1)?.code === 'sasl-failed',
    UP_MS_MAX,
    () => `nothing is told: ${box.report.lastError}`,
  )
  const from = performance.now()
  await sleep(REFUSED_MS)
  // From the one on that was refused: what it tried before met the broken connection.
  const refused = box.link.tries.findLastIndex((it) => it <= from)
  const tries = box.link.tries.slice(refused)
  const gaps = tries.slice(1).map((it, i) => it - (tries[i] as number))
  const shortest = Math.min(...gaps)
  if (tries.length === 0) throw new Error('it does not try any more')
  if (shortest < TRY_EVERY_MS)
    throw new Error(`it tried again after ${Math.round(shortest)} ms: ${gaps.map(Math.round).join(', ')}`)
  if (!box.report.lastError || !box.report.remedy) throw new Error('status does not say why, or not what to do')
  const lost = box
    .figures()
    .classes.flatMap((it) => Object.values(it.lost))
    .reduce((sum, it) => sum + it, 0)
  if (lost > 0) throw new Error(`${lost} readings were given up`)
  const before = box.report.transactions
  await setPassword(bootstrap, box.device, RIGHT)
  await until(
    () => box.report.transactions > before,
    BACK_MS_MAX,
    () => `it is not back: ${box.report.lastError}`,
  )
}

const rigs = onceOpen(() =>
  openRig({ security: true, properties: { 'listener.name.box.connections.max.reauth.ms': SESSION_MS } }),
)

export const k5: Campaign = {
  id: 'K5',
  what: 'signing in fails, a password is changed, a user is gone, sessions expire',
  short: 8,
  long: 40,
  run: onRig(rigs, async (rig, round) => {
    const plans = TROUBLES.map((trouble) => ({ trouble, name: `${clientOf(round).name}: ${trouble}` }))
    await runBoxes(round, rig, plans, (it) => runCase(rig, round, it.trouble))
  }),
  end: rigs.close,
}
