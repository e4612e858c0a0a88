// X1: mistakes planted in the source, one at a time: each has to be noticed by the tests that are there. What nobody notices is a failed case.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import type { Campaign, Round } from '../prove/campaign.ts'
import { FAULTS } from './faults.ts'
import type { Fault } from './fault.ts'
import type { Tree } from './tree.ts'
import { copyTree } from './tree.ts'

const PLACE = fileURLToPath(new URL('../../run/planted/', import.meta.url))
const PROOF_MS_MAX = 60_000
/** What says that the plant itself is broken: nothing was shown by that. */
const BROKEN = /SyntaxError|ReferenceError|ERR_MODULE_NOT_FOUND|does not provide an export/
const HANGS = 'it hangs'
const REASON = /^.*(?:Error:|FAILED case|I\d: ).*$/m

/** Tests that fail without a mistake show nothing: what has noticed one is run without it too, once. */
async function checkProof(tree: Tree, proof: string): Promise<void> {
  const { kind, output } = await tree.run(proof, PROOF_MS_MAX)
  if (kind !== 'green') throw new Error(`${proof} is ${kind} with nothing planted:\n${output}`)
}

/** Which proof notices it, and how; throws where none does. */
async function notice(tree: Tree, fault: Fault): Promise<{ readonly proof: string; readonly how: string }> {
  const heal = tree.plant(fault)
  try {
    for (const proof of fault.caughtBy) {
      const { kind, output } = await tree.run(proof, PROOF_MS_MAX)
      if (kind === 'green') continue
      if (BROKEN.test(output)) throw new Error(`${fault.id}: the plant is broken:\n${output}`)
      return { proof, how: kind === 'hung' ? HANGS : (REASON.exec(output)?.[0].trim() ?? 'it fails') }
    }
  } finally {
    heal()
  }
  throw new Error(`${fault.id} survived ${fault.caughtBy.join(', ')}: ${fault.why} (${fault.file})`)
}

/** `checked`: the tests themselves are looked at. */
export async function plantAll(round: Round, faults: readonly Fault[], checked: boolean): Promise<void> {
  mkdirSync(PLACE, { recursive: true })
  const tree = copyTree(join(PLACE, `tree-${process.pid}-${round.number}`))
  const sound = new Set<string>()
  let caught = 0
  let hung = 0
  try {
    for (const fault of faults) {
      if (round.isOver()) return
      const begun = performance.now()
      await round.case(`${fault.id}: ${fault.why}`, async () => {
        const { proof, how } = await notice(tree, fault)
        if (checked && !sound.has(proof)) await checkProof(tree, proof)
        sound.add(proof)
        caught++
        if (how === HANGS) hung++
        console.log(`X1 ${fault.id} caught after ${((performance.now() - begun) / 1000).toFixed(1)} s by ${proof}: ${how}`)
      })
    }
  } finally {
    tree.remove()
    console.log(`X1: ${caught} mistakes were noticed, ${hung} of them because a test did not end`)
  }
}

/** In an order of the dice. */
export const shuffled = (round: Round): Fault[] =>
  FAULTS.map((it) => ({ it, order: round.dice.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ it }) => it)

export const x1: Campaign = {
  id: 'X1',
  what: 'planted faults',
  short: 6,
  long: FAULTS.length,
  failuresMax: FAULTS.length,
  run: (round) => plantAll(round, shuffled(round), true),
}
