// K9: two boxes with one identity: one forwards, the other steps back and says so. They do not shut each other out in turn.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../../prove/campaign.ts'
import { clientOf } from './clients.ts'
import { checkBox } from './landed.ts'
import type { Rig, RigBox } from './rig.ts'
import { caseDir } from './rig.ts'
import { onRig, plainRigs, tell, until } from './shared.ts'

const SETTLED_MS_MAX = 60_000
const WATCHED_MS = 25_000
const DRAINED_MS_MAX = 60_000
/** Shorter than in life, so that a second claim would fall into what is watched. */
const WAITS = { backoff: { minMs: 500, maxMs: 30_000 }, fencedMs: 6_000 }
const SECOND_FROM = 1_000_000

async function runCase(rig: Rig, round: Round): Promise<readonly [RigBox, RigBox]> {
  const { dir, dice } = round
  const began = performance.now()
  const client = clientOf(round)
  const first = await rig.box({ dir: caseDir(dir, dice), dice, client, waits: WAITS })
  first.append()
  await sleep(dice.oneOf([0, 2_000, 8_000]))
  const same = { client, device: first.device, waits: WAITS, from: SECOND_FROM }
  const second = await rig.box({ ...same, dir: caseDir(dir, dice), dice })
  second.append()
  const both = [first, second] as const
  const said = () => both.map((it) => `${it.report.state} after ${it.failures.map((one) => one.code).join(' ')}`).join('; ')
  await until(
    () => both.some((it) => it.report.state === 'fenced'),
    SETTLED_MS_MAX,
    () => `nobody stepped back: ${said()}`,
  )
  const [back, on] = first.report.state === 'fenced' ? [first, second] : [second, first]
  await until(
    () => on.report.state === 'up',
    SETTLED_MS_MAX,
    () => `nobody forwards: ${said()}`,
  )
  const [sent, failures] = [back.report.transactions, on.failures.length]
  await sleep(WATCHED_MS)
  tell('two with one identity, who stepped back', back, performance.now() - began)
  tell('two with one identity, who goes on', on, performance.now() - began)
  if (back.report.state !== 'fenced' || back.report.transactions !== sent)
    throw new Error(`who had stepped back came again: ${said()}`)
  if (on.failures.length > failures) throw new Error(`who goes on was shut out again: ${said()}`)
  on.still()
  await on.drained(DRAINED_MS_MAX)
  await on.stop()
  // Now it is alone: what it kept meanwhile goes out.
  back.still()
  await back.drained(DRAINED_MS_MAX)
  await back.stop()
  return both
}

export const k9: Campaign = {
  id: 'K9',
  what: 'two boxes with one identity',
  short: 5,
  long: 50,
  run: onRig(plainRigs, async (rig, round) => {
    await round.case(`${clientOf(round).name}: a twin`, async () => {
      const both = await runCase(rig, round)
      const landed = await rig.read()
      for (const it of both) checkBox(it, landed)
    })
  }),
  end: plainRigs.close,
}
