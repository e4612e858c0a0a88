// S1: kill -9 at random instants of one log's lives, one after the other in one boot.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../prove/campaign.ts'
import { live } from './child.ts'
import { examineFolder, howToExamine } from './examine.ts'
import { BOOT, LARGE_BYTES, lifeAfter, planOf } from './recording.ts'
import type { Truth } from './truth.ts'
import { beginLife, hear, newTruth } from './truth.ts'
import { mkdirSync } from 'node:fs'

const LIVES = 12
const OPEN_MS_MAX = 10_000

async function liveAndDie({ dice }: Round, truth: Truth, dir: string, bytes: number): Promise<void> {
  beginLife(truth)
  const plan = planOf(dice, { rounds: 1_000_000, bytes, except: dice.oneOf([undefined, [], ['process']]) })
  // Before it is open, or some time after.
  const isEarly = dice.once(6)
  const ms = dice.next() * (isEarly ? 400 : dice.oneOf([20, 200, 800]))
  let isOpen = () => {}
  const opened = new Promise<void>((resolve) => (isOpen = resolve))
  const living = live(lifeAfter(truth, plan, dir), (text) => {
    hear(truth, text)
    if (truth.words.includes('open')) isOpen()
  })
  if (!isEarly) await Promise.race([opened, living.ended])
  await Promise.race([sleep(ms), living.ended])
  living.kill()
  const { code, signal, stderr } = await living.ended
  if (signal !== 'SIGKILL') throw new Error(`it ended by itself with ${code ?? signal}: ${truth.words.join(', ')} ${stderr}`)
}

export const s1: Campaign = {
  id: 'S1',
  what: 'kill -9 at a random instant',
  short: 200,
  long: 20_000,
  async run(round) {
    const truth = newTruth()
    const dir = join(round.dir, 'log')
    mkdirSync(dir)
    const bytes = round.dice.oneOf([8, 300, 3000, LARGE_BYTES])
    for (let n = 0; n < LIVES && !round.isOver(); n++)
      await round.case(`life ${n}, ${bytes} bytes`, async () => {
        await liveAndDie(round, truth, dir, bytes)
        const inThreads = round.dice.once(6)
        await examineFolder(round.dir, dir, truth, howToExamine(round.dice, { bootId: BOOT, inThreads }))
        if (truth.openMs > OPEN_MS_MAX) throw new Error(`I6: opening took ${truth.openMs} ms`)
        if (new Set(truth.epochs).size > 1) throw new Error(`I2: epochs ${truth.epochs.join(' ')} in one boot`)
      })
  },
}
