// X1: mistakes planted in the source, one at a time: each has to be noticed by the tests that are there. What nobody notices is a failed case.
import { mkdirSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { createDice } from '../faults/dice.ts'
import type { Campaign, Round } from '../prove/campaign.ts'
import { FAULTS } from './faults.ts'
import type { Fault } from './fault.ts'
import type { Tree } from './tree.ts'
import { copyTree } from './tree.ts'

const PLACE = fileURLToPath(new URL('../../run/planted/', import.meta.url))
/** On a machine that has nothing else to do. */
const PROOF_MS_MAX = 60_000
const BUSY_FACTOR_MAX = 2
const FAULTS_A_ROUND = 10
/** Their tests take a moment. */
const QUICK =
  /^test\/(columns|retention|core|machine)\/|^test\/log\/(segment|periods|append|keeper)|^test\/pipeline\/(ingest|keep-running)|position\.test/
/** What says that the plant itself is broken: nothing was shown by that. */
const BROKEN = /SyntaxError|ReferenceError|ERR_MODULE_NOT_FOUND|does not provide an export/
const HANGS = 'it hangs'
const REASON = /^.*(?:Error:|FAILED case|I\d: ).*$/m

/** Others may be at work on it. */
const proofMsMax = () => PROOF_MS_MAX * Math.min(BUSY_FACTOR_MAX, Math.max(1, (loadavg()[0] as number) / cpus().length))

/** Tests that fail without a mistake show nothing: what has noticed one is run without it too, once. */
async function checkProof(tree: Tree, proof: string): Promise<void> {
  const { kind, output } = await tree.run(proof, proofMsMax())
  if (kind !== 'green') throw new Error(`${proof} is ${kind} with nothing planted:\n${output}`)
}

/** Which proof notices it, and how; throws where none does. */
async function notice(tree: Tree, fault: Fault): Promise<{ readonly proof: string; readonly how: string }> {
  const heal = tree.plant(fault)
  try {
    for (const proof of fault.caughtBy) {
      const { kind, output } = await tree.run(proof, proofMsMax())
      if (kind === 'green') continue
      if (BROKEN.test(output)) throw new Error(`${fault.id}: the plant is broken:\n${output}`)
      return { proof, how: kind === 'hung' ? HANGS : (REASON.exec(output)?.[0].trim() ?? 'it fails') }
    }
  } finally {
    heal()
  }
  throw new Error(`${fault.id} survived ${fault.caughtBy.join(', ')}: ${fault.why} (${fault.file})`)
}

/** `sound`: tests that are known to hold without a mistake; undefined: they all do. */
export async function plantAll(round: Round, faults: readonly Fault[], sound?: Set<string>): Promise<void> {
  mkdirSync(PLACE, { recursive: true })
  const tree = copyTree(join(PLACE, `tree-${process.pid}-${round.number}`))
  let caught = 0
  let hung = 0
  try {
    for (const [n, fault] of faults.entries()) {
      if (n > 0 && round.isOver()) return
      const begun = performance.now()
      await round.case(`${fault.id}: ${fault.why}`, async () => {
        const { proof, how } = await notice(tree, fault)
        if (sound && !sound.has(proof)) await checkProof(tree, proof)
        sound?.add(proof)
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

const isQuick = ({ caughtBy }: Fault): boolean => caughtBy.every((proof) => QUICK.test(proof))

/** In an order of the dice, those whose tests take a moment first. */
export function inOrder(faults: readonly Fault[], seed: number): Fault[] {
  const dice = createDice(seed)
  return faults
    .map((it) => ({ it, order: dice.next() + (isQuick(it) ? 0 : 1) }))
    .sort((a, b) => a.order - b.order)
    .map(({ it }) => it)
}

export function plantedFaults(): Campaign {
  const sound = new Set<string>()
  return {
    id: 'X1',
    what: 'planted faults',
    short: 6,
    long: FAULTS.length,
    failuresMax: FAULTS.length,
    run(round) {
      const from = round.number * FAULTS_A_ROUND
      return plantAll(round, inOrder(FAULTS, round.seed).slice(from, from + FAULTS_A_ROUND), sound)
    },
  }
}
