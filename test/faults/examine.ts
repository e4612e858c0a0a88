// A disk as it was left, opened and checked. It is a copy each time: checking writes.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Expectation } from './check.ts'
import { checkLog } from './check.ts'
import type { Dice } from './dice.ts'
import type { Files } from './disk.ts'
import { writeFiles } from './disk.ts'
import { BYTES_MAX } from './recording.ts'
import { openHere, openInThreads } from './opened.ts'
import type { Truth } from './truth.ts'

export interface Examination extends Expectation {
  readonly bootId: string
  readonly hasLadder: boolean
  /** Whatever the log was made with: settings change. */
  readonly forwards: boolean
  /** In the threads that the agent has; else in this one. */
  readonly inThreads: boolean
}

/** What is left open is for the dice. */
export function howToExamine(dice: Dice, how: Pick<Examination, 'bootId'> & Partial<Examination>): Examination {
  return { bytesMax: BYTES_MAX, hasLadder: dice.once(2), forwards: dice.once(3), seals: dice.once(3), inThreads: false, ...how }
}

/** Throws what does not hold; the folder that showed it stays. */
async function examine(dir: string, truth: Truth, how: Examination): Promise<void> {
  const frame = { dir, bytesMax: how.bytesMax, bootId: how.bootId, hasLadder: how.hasLadder, forwards: how.forwards }
  await checkLog(() => (how.inThreads ? openInThreads(frame) : openHere(frame)), dir, truth, how)
  rmSync(dir, { recursive: true })
}

export async function examineFiles(dir: string, files: Files, truth: Truth, how: Examination): Promise<void> {
  const copy = join(dir, `state-${Date.now().toString(36)}-${count++}`)
  writeFiles(copy, files)
  await examine(copy, truth, how)
}

export async function examineFolder(dir: string, folder: string, truth: Truth, how: Examination): Promise<void> {
  const copy = join(dir, `state-${Date.now().toString(36)}-${count++}`)
  cpSync(folder, copy, { recursive: true })
  await examine(copy, truth, how)
}

let count = 0
