// A campaign breaks something in many ways and looks whether what must hold still holds. Its cases come in rounds; the seed and the
// number of the round give all of a round's dice.
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Dice } from '../faults/dice.ts'
import { createDice } from '../faults/dice.ts'

export interface Campaign {
  /** As in the proof: S1. */
  readonly id: string
  readonly what: string
  /** Cases of the short and of the long figure. */
  readonly short: number
  readonly long: number
  /** Too long, or in need of too much, for `make prove-short` as a whole: there it runs only where it is named. */
  readonly isOnlyNamed?: true
  /** Where each failed case says something of its own; else a few are enough. */
  readonly failuresMax?: number
  /** Runs cases until it has no more or `isOver`; what it throws itself is a failed case too. */
  run(round: Round): Promise<void>
  /** After the last round: closes what was kept open from one to the next. */
  end?(): Promise<void>
}

export interface Round {
  readonly seed: number
  readonly number: number
  readonly dice: Dice
  /** A folder of its own; it is kept when a case fails. */
  readonly dir: string
  isOver(): boolean
  case(name: string, run: () => Promise<void>): Promise<void>
}

export interface Tally {
  passed: number
  failed: number
}

export interface Limits {
  /** Stops when so many cases are done. */
  readonly cases: number
  /** Monotonic ms. */
  readonly until: number
  /** Only this round, to its end. */
  readonly only?: number
  /** A folder that a failed case left behind: what it recorded is used again. */
  readonly again?: string
}

const FAILED = fileURLToPath(new URL('../../run/prove/failed/', import.meta.url))
const FAST = '/dev/shm'
const FAST_BYTES_LEAST = 2e9
const FAILURES_MAX = 5

/** A line for each case that failed: told once more at the end, where one looks first. */
export const toldAgain: string[] = []

/** Memory where there is enough of it: a flush that is only recorded need not wear out a disk. */
export function scratch(name: string): string {
  const free = existsSync(FAST) ? statfsSync(FAST) : { bavail: 0, bsize: 0 }
  return mkdtempSync(join(free.bavail * free.bsize > FAST_BYTES_LEAST ? FAST : tmpdir(), `holdfast-${name}-`))
}

/** Rounds from `first` on; `done` hears of each round's end. Too many failures end it: they are mostly one. */
export async function prove(
  campaign: Campaign,
  seed: number,
  first: number,
  limits: Limits,
  done: (tally: Tally, next: number) => void = () => {},
): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0 }
  const isOver = () =>
    tally.failed >= (campaign.failuresMax ?? FAILURES_MAX) ||
    (limits.only === undefined && (tally.passed + tally.failed >= limits.cases || performance.now() > limits.until))
  try {
    for (let number = limits.only ?? first; !isOver(); number++) {
      const before = tally.passed + tally.failed
      await runRound(campaign, seed, number, tally, isOver, limits.again)
      done(tally, number + 1)
      if (limits.only !== undefined || tally.passed + tally.failed === before) break
    }
  } finally {
    await campaign.end?.()
  }
  return tally
}

async function runRound(
  campaign: Campaign,
  seed: number,
  number: number,
  tally: Tally,
  isOver: () => boolean,
  again: string | undefined,
): Promise<void> {
  const dir = scratch(campaign.id)
  if (again !== undefined) cpSync(again, dir, { recursive: true })
  let cases = 0
  const failures: string[] = []
  const one = async (name: string, run: () => Promise<void>) => {
    cases++
    try {
      await run()
      tally.passed++
    } catch (error) {
      tally.failed++
      failures.push(`case ${cases} (${name}):\n${(error as Error).stack ?? String(error)}`)
    }
  }
  const round: Round = { seed, number, dice: createDice(seed, number), dir, isOver, case: one }
  try {
    await campaign.run(round)
  } catch (error) {
    tally.failed++
    failures.push(`round ${number} itself:\n${(error as Error).stack ?? String(error)}`)
  }
  if (failures.length > 0) tell(campaign, round, failures)
  rmSync(dir, { recursive: true, force: true })
}

function tell({ id }: Campaign, { seed, number, dir }: Round, failures: readonly string[]): void {
  const kept = join(FAILED, `${id}-${seed}-${number}`)
  mkdirSync(FAILED, { recursive: true })
  rmSync(kept, { recursive: true, force: true })
  cpSync(dir, kept, { recursive: true })
  writeFileSync(join(kept, 'failures.txt'), failures.join('\n\n'))
  const again = `make prove PART=${id} SEED=${seed} ROUND=${number}`
  for (const it of failures) console.log(`${id} FAILED ${it}`)
  console.log(`${id}: again with  ${again}`)
  toldAgain.push(...failures.map((it) => `${id} FAILED ${it.split('\n').slice(0, 3).join(' ')} (${again})`))
  console.log(`${id}: from what was recorded, where the campaign records  … AGAIN=${kept}`)
}
