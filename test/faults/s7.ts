// S7: the k-th read, write or flush of a script fails with EIO, once or from then on. Nothing is acknowledged that a failed flush was for:
// shown on what the kernel still shows, and on a disk that has only what was flushed without an error.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Campaign, Round } from '../prove/campaign.ts'
import { isOwnEnd, live, liveOut } from './child.ts'
import { createDice } from './dice.ts'
import { randomWay } from './disk.ts'
import { examineFiles, examineFolder, howToExamine } from './examine.ts'
import { BOOT, lifeAfter, NEXT_BOOT, planOf, record, walk } from './recording.ts'
import type { Kind } from './shim.ts'
import { createControl, EIO } from './shim.ts'
import type { Truth } from './truth.ts'
import { copyOf, hear, newTruth } from './truth.ts'

const KINDS: readonly Kind[] = ['read', 'write', 'flush']
const ROUNDS = 10
/** So many rounds of the campaign take every k of the script. */
const STRIDE = 20
const ONCE_ANOTHER_LIFE = 3
const ONCE_IN_THREADS = 4
const LIFE_MS_MAX = 60_000

type Plan = ReturnType<typeof planOf>

/** Operations of each kind that the script makes. */
async function countsOf(dir: string, plan: Plan): Promise<Record<Kind, number>> {
  const folder = join(dir, 'log')
  mkdirSync(folder, { recursive: true })
  const control = createControl(join(dir, 'control'))
  await liveOut(lifeAfter(newTruth(), plan, folder), () => {}, { control: control.file }, LIFE_MS_MAX)
  const counts = control.counts()
  control.close()
  return counts
}

/** Whatever is left after all was written down: opened by the next life, which must bring it to its end. */
async function restart(folder: string, truth: Truth, plan: Plan): Promise<void> {
  const next = live(lifeAfter(truth, { ...plan, rounds: 2, end: 'exit' }, folder), (text) => hear(truth, text))
  const end = await next.ended
  if (end.code !== 0)
    throw new Error(`the life after ended with ${end.code ?? end.signal}: ${truth.words.join(', ')} ${end.stderr}`)
}

async function failAt({ seed, number }: Round, dir: string, plan: Plan, kind: Kind, k: number, isSticky: boolean): Promise<void> {
  mkdirSync(dir)
  const control = createControl(join(dir, 'control'))
  control.fail([kind], EIO, k, isSticky ? 'for ever' : 1)
  const recording = await record(dir, plan, { control: control.file })
  if (isSticky) await mustFailOrLive(dir, plan, control.file)
  control.close()
  const dice = createDice(seed, number, k)
  let known = newTruth()
  await walk(recording, async ({ at, disk, truth }) => {
    if (at < recording.operations.length) return
    known = copyOf(truth)
    for (const way of ['none', randomWay(dice)] as const)
      await examineFiles(dir, disk.cut(way, dice), known, howToExamine(dice, { bootId: NEXT_BOOT }))
  })
  if (dice.once(ONCE_ANOTHER_LIFE)) await restart(join(dir, 'log'), known, plan)
  await examineFolder(dir, join(dir, 'log'), known, howToExamine(dice, { bootId: BOOT, inThreads: dice.once(ONCE_IN_THREADS) }))
}

/** While the device goes on failing, a start either says so or does its work; it adds nothing here, for the case is about the first life. */
async function mustFailOrLive(dir: string, plan: Plan, control: string): Promise<void> {
  const copy = join(dir, 'log')
  const truth = newTruth()
  const end = await liveOut(
    { ...lifeAfter(truth, { ...plan, rounds: 0, end: 'exit' }, copy), except: undefined },
    () => {},
    { control },
    LIFE_MS_MAX,
  )
  if (end.code !== 0 && !isOwnEnd(end))
    throw new Error(`a start on a failing disk ended with ${end.code ?? end.signal}: ${end.stderr}`)
}

export const s7: Campaign = {
  id: 'S7',
  what: 'EIO on the k-th read, write or flush, once and for ever',
  short: 1_000,
  long: 2_000,
  async run(round) {
    const { dir, dice, isOver } = round
    const plan = planOf(dice, { rounds: ROUNDS, except: [] })
    const counts = await countsOf(join(dir, 'counted'), plan)
    const cases = KINDS.flatMap((kind) =>
      Array.from({ length: Math.ceil(counts[kind] / STRIDE) }, (_, n) => ({
        kind,
        k: 1 + n * STRIDE + (round.number % STRIDE),
        isSticky: (n + Math.floor(round.number / STRIDE)) % 2 === 0,
        order: dice.next(),
      })),
    ).sort((a, b) => a.order - b.order)
    for (const { kind, k, isSticky } of cases) {
      if (isOver()) return
      const name = `${kind} ${k}${isSticky ? ' and all after it' : ''}`
      await round.case(name, () => failAt(round, join(dir, `${kind}-${k}`), plan, kind, k, isSticky))
    }
  },
}
