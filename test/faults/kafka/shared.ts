import { setTimeout as sleep } from 'node:timers/promises'
import type { Round } from '../../prove/campaign.ts'
import type { Api } from './frames.ts'
import { checkBox } from './landed.ts'
import { createDice } from '../dice.ts'
import type { ModelRig } from './model-rig.ts'
import { openModelRig } from './model-rig.ts'
import type { Place, Rig, RigBox } from './rig.ts'
import { openRig } from './rig.ts'

/** Runs all cases at a time, each with a box of its own, then looks at what has arrived of each. */
export async function runBoxes<Plan extends { readonly name: string }>(
  { case: one }: Round,
  rig: Place,
  plans: readonly Plan[],
  run: (plan: Plan) => Promise<RigBox>,
): Promise<void> {
  const ends = await Promise.allSettled(plans.map(run))
  const landed = await rig.read()
  for (const [n, plan] of plans.entries())
    await one(plan.name, async () => {
      const end = ends[n] as PromiseSettledResult<RigBox>
      if (end.status === 'rejected') throw end.reason
      if (checkBox(end.value, landed).doubled > 0) throw new Error('a reading is there twice, and says that it may be')
    })
}

/** What campaigns keep from round to round: opened when it is first wanted. */
export function onceOpen<T extends { down(): Promise<void> }>(
  open: () => Promise<T>,
): { open(): Promise<T>; close(): Promise<void> } {
  let opened: Promise<T> | undefined
  return {
    open: () => (opened ??= open()),
    async close() {
      // Who opened it was told of a failure.
      const it = await opened?.catch(() => undefined)
      opened = undefined
      await it?.down()
    },
  }
}

/** With VERBOSE=1: what became of a case. */
export function tell(name: string, { given, report, failures }: RigBox, ms: number): void {
  if (!process.env['VERBOSE']) return
  const codes = failures.map((it) => `${it.code} ${Math.round(it.waitMs)}`).join(', ')
  console.log(
    `${name}: ${given} readings in ${report.transactions} transactions, ${(ms / 1000).toFixed(1)} s, failures: ${codes || 'none'}`,
  )
}

const ASK_MS = 20

/** Rejects with what `say` says when it does not come true in time. */
export async function until(what: () => boolean, ms: number, say: () => string): Promise<void> {
  for (const end = performance.now() + ms; !what(); await sleep(ASK_MS)) if (performance.now() > end) throw new Error(say())
}

/** Of all campaigns that need nothing special of the broker. */
export const plainRigs = onceOpen(openRig)

/** Under the old transaction protocol and under the repaired one. The ends of transactions are under way to their partitions for a while. */
const modelRigs = ([1, 2] as const).map((transactionVersion) => {
  const dice = createDice(transactionVersion)
  return onceOpen(() =>
    openModelRig({
      transactionVersion,
      markersMs: () => dice.oneOf(MARKERS_MS),
    }),
  )
})
const MARKERS_MS = [0, 1, 5, 50]
/** One round of so many goes to the real Kafka, the others to the model. */
const REAL_ONCE_IN = 5

/** The model carries the count, the real one is asked again and again. */
export const bothRigs: Rigs<(Rig & { readonly isReal: true }) | (ModelRig & { readonly isReal: false })> = {
  open: async ({ number }) => {
    if (number % REAL_ONCE_IN === REAL_ONCE_IN - 1) return { ...(await plainRigs.open()), isReal: true }
    const rigs = modelRigs[Math.floor(number / 2) % 2] as (typeof modelRigs)[number]
    return { ...(await rigs.open()), isReal: false }
  },
  async close() {
    for (const it of [plainRigs, ...modelRigs]) await it.close()
  },
}

interface Rigs<T> {
  open(round: Round): Promise<T>
  close(): Promise<void>
}

/** A round on a rig; whatever boxes it leaves running are stopped. */
export function onRig<T extends Place>(
  rigs: Rigs<T>,
  run: (rig: T, round: Round) => Promise<void>,
): (round: Round) => Promise<void> {
  return async (round) => {
    const rig = await rigs.open(round)
    try {
      await run(rig, round)
    } finally {
      await rig.leave()
    }
  }
}

/** Boxes make so many transactions before it is plain that their client does not make a call. */
const TRANSACTIONS_MIN = 12

/** Resolves with true when it has struck, with false when this client does not make the call. */
export async function struckOrUnused(box: RigBox, api: Api, isStruck: () => boolean, ms: number): Promise<boolean> {
  const isUnused = () => box.report.transactions >= TRANSACTIONS_MIN && !box.link.calls.has(api)
  await until(
    () => isStruck() || isUnused(),
    ms,
    () => `${api} did not come as it should: ${JSON.stringify([...box.link.calls])}`,
  )
  return isStruck()
}
