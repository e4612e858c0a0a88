// S6: no space left: from the k-th write on, and on a real partition that another program fills. When there is space again the log goes on
// by itself, and nothing that was acknowledged is gone.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Campaign, Round } from '../prove/campaign.ts'
import { examineFolder, howToExamine } from './examine.ts'
import type { FileSystem } from './partition.ts'
import { mayMount, mountPartition } from './partition.ts'
import { BOOT, LARGE_BYTES, planOf } from './recording.ts'
import type { Kind } from './shim.ts'
import { createControl, ENOSPC } from './shim.ts'
import type { Supervised } from './supervisor.ts'
import { supervise } from './supervisor.ts'
import type { Truth } from './truth.ts'
import { newTruth } from './truth.ts'

const WRITES_MAX = 600
const RECOVER_MS_MAX = 60_000
const FILL_MS_MAX = 20_000
const CASES = 6
const PARTITION_BYTES = 48_000_000
/** What a full disk refuses. Where files are overwritten in place it refuses less; copy-on-write ones refuse all of it. */
const KINDS: readonly Kind[] = ['write']

/** Polls; says how many ms it took. */
async function until(what: string, msMax: number, isSo: () => boolean): Promise<number> {
  const begun = performance.now()
  while (!isSo()) {
    if (performance.now() - begun > msMax) throw new Error(`${what} did not come within ${msMax} ms`)
    await sleep(10)
  }
  return performance.now() - begun
}

const readingsOf = (truth: Truth) => truth.acked.reduce((sum, it) => sum + it.to - it.from, 0)

/** Full for a while; then acknowledgements have to come again. */
async function outOfSpace({ dice }: Round, it: Supervised, full: () => Promise<void>, free: () => void): Promise<void> {
  try {
    await full()
    await sleep(dice.oneOf([0, 100, 1500]))
    free()
    const before = readingsOf(it.truth)
    await until('an acknowledgement after space returned', RECOVER_MS_MAX, () => readingsOf(it.truth) > before)
    await sleep(dice.below(200))
  } finally {
    await it.kill()
  }
  if (new Set(it.truth.epochs).size > 1) throw new Error(`I2: epochs ${it.truth.epochs.join(' ')} in one boot`)
}

async function fromWrite(round: Round, dir: string, k: number): Promise<void> {
  mkdirSync(join(dir, 'log'), { recursive: true })
  const control = createControl(join(dir, 'control'))
  const truth = newTruth()
  control.fail(KINDS, ENOSPC, k, 'for ever')
  const it = supervise(
    join(dir, 'log'),
    truth,
    () => planOf(round.dice, { rounds: 1_000_000, bytes: round.dice.oneOf([300, 3000, LARGE_BYTES]) }),
    { control: control.file },
  )
  await outOfSpace(round, it, async () => void (await until('the write', FILL_MS_MAX, () => control.failed() > 0)), control.heal)
  control.close()
  await examineFolder(dir, join(dir, 'log'), truth, howToExamine(round.dice, { bootId: BOOT, inThreads: true }))
}

async function filledByOthers(round: Round, dir: string, kind: FileSystem): Promise<void> {
  mkdirSync(dir)
  const partition = mountPartition(dir, PARTITION_BYTES, kind)
  try {
    const folder = join(partition.dir, 'log')
    mkdirSync(folder)
    const truth = newTruth()
    const it = supervise(folder, truth, () => planOf(round.dice, { rounds: 1_000_000, bytes: 3000, except: undefined }))
    const full = async () => {
      await until('the first acknowledgement', FILL_MS_MAX, () => readingsOf(truth) > 0)
      const goneOn = performance.now() + 3000
      while (performance.now() < goneOn) {
        partition.fill()
        await sleep(50)
      }
    }
    await outOfSpace(round, it, full, partition.free)
    await examineFolder(dir, folder, truth, howToExamine(round.dice, { bootId: BOOT, inThreads: true }))
  } finally {
    partition.unmount()
  }
}

export const s6: Campaign = {
  id: 'S6',
  what: 'no space left, from the k-th write on and on a full partition',
  short: WRITES_MAX,
  long: 4 * WRITES_MAX,
  async run(round) {
    const { dice, dir, isOver } = round
    const kind = round.number % 2 === 0 ? 'tmpfs' : 'ext4'
    if (!mayMount()) console.log('S6: a full partition is left out: mounting needs root')
    else await round.case(`a full ${kind}`, () => filledByOthers(round, join(dir, 'partition'), kind))
    // Every k of as many rounds as there are cases for.
    for (let n = 0; n < CASES && !isOver(); n++) {
      const k = ((round.number * CASES + n) * 7 + dice.below(7)) % WRITES_MAX
      await round.case(`from write ${k + 1} on`, () => fromWrite(round, join(dir, `writes-${k + 1}`), k + 1))
    }
  },
}
