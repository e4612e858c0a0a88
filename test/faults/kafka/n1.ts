// N1: names: the broker's name is unknown, nobody answers for it, it is answered wrongly; then all is well. No try within five seconds of another,
// back within a minute, the loop never stalled by it. And boxes that all come back at once.
import dns from 'node:dns'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../../prove/campaign.ts'
import type { Client } from './clients.ts'
import { clientOf } from './clients.ts'
import type { ModelRig } from './model-rig.ts'
import { openModelRig } from './model-rig.ts'
import type { RigBox } from './rig.ts'
import { caseDir, newDevice } from './rig.ts'
import { onceOpen, onRig, runBoxes, tell, until } from './shared.ts'

const AWAY_MS = 45_000
const BACK_MS_MAX = 60_000
const DRAINED_MS_MAX = 60_000
const TRY_EVERY_MS = 5_000
const LATE_MS = 20_000

const TROUBLES = ['ENOTFOUND', 'EAI_AGAIN', 'late', 'wrong address', 'port refuses'] as const
type Trouble = (typeof TROUBLES)[number] | undefined

type Answer = (error: Error | null, found?: unknown, family?: number) => void

/** Names that end in .fault are answered as their trouble says, all others by the system. Yields what ends it. */
function namesOf(troubles: ReadonlyMap<string, { now: Trouble; asked: number[] }>): () => void {
  const real = dns.lookup
  const fake = (name: string, options: { all?: boolean }, done: Answer) => {
    const it = troubles.get(name)
    if (!it) return (real as (...args: unknown[]) => void)(name, options, done)
    it.asked.push(performance.now())
    const failed = (code: string) =>
      Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code, hostname: name, syscall: 'getaddrinfo' })
    const address = it.now === 'wrong address' ? '127.0.0.99' : '127.0.0.1'
    const isBad = it.now === 'ENOTFOUND' || it.now === 'EAI_AGAIN' || it.now === 'late'
    const tell = () => {
      if (isBad) done(failed(it.now === 'ENOTFOUND' ? 'ENOTFOUND' : 'EAI_AGAIN'))
      else if (options.all) done(null, [{ address, family: 4 }])
      else done(null, address, 4)
    }
    setTimeout(tell, it.now === 'late' ? LATE_MS : 1)
  }
  Object.assign(dns, { lookup: fake })
  return () => void Object.assign(dns, { lookup: real })
}

async function runCase(rig: ModelRig, round: Round, client: Client, trouble: Exclude<Trouble, undefined>): Promise<RigBox> {
  const { dir, dice } = round
  const began = performance.now()
  const device = newDevice()
  const name = `${device}.fault`
  const state = { now: trouble as Trouble, asked: [] as number[] }
  const end = namesOf(new Map([[name, state]]))
  const port = Number(rig.bootstrap.split(':')[1])
  const brokers = [`${name}:${trouble === 'port refuses' ? 1 : port}`]
  try {
    const box = await rig.box({ dir: caseDir(dir, dice), dice, client, device, settings: { brokers }, waits: 'life' })
    box.append()
    await sleep(AWAY_MS)
    const shortest = Math.min(...state.asked.slice(1).map((it, i) => it - (state.asked[i] as number)))
    if (shortest < TRY_EVERY_MS)
      throw new Error(`it tried again after ${Math.round(shortest)} ms, ${state.asked.length} times in all`)
    if (!box.report.lastError) throw new Error('nothing is told')
    if (trouble === 'port refuses') {
      await box.stop()
      return box
    }
    state.now = undefined
    await until(
      () => box.report.transactions > 0,
      BACK_MS_MAX,
      () => `it is not there: ${box.report.lastError}`,
    )
    box.still()
    await box.drained(DRAINED_MS_MAX)
    tell(`${trouble}, asked ${state.asked.length} times`, box, performance.now() - began)
    await box.stop()
    return box
  } finally {
    end()
  }
}

const rigs = onceOpen(openModelRig)

export const n1: Campaign = {
  id: 'N1',
  what: 'names unknown, unanswered, late or wrong',
  short: 8,
  long: 30,
  run: onRig(rigs, async (rig, round) => {
    const client = clientOf(round)
    for (const trouble of TROUBLES) {
      if (round.isOver()) return
      if (trouble === 'port refuses')
        await round.case(`${client.name}: ${trouble}`, async () => void (await runCase(rig, round, client, trouble)))
      else await runBoxes(round, rig, [{ name: `${client.name}: ${trouble}` }], () => runCase(rig, round, client, trouble))
    }
  }),
  end: rigs.close,
}
