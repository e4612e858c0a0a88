// One traced life, and the disks that a power cut could have left at any moment of it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import { join } from 'node:path'
import { isOwnEnd, liveOut } from './child.ts'
import type { Dice } from './dice.ts'
import type { Disk, Files } from './disk.ts'
import { createDisk, readFiles, writeFiles } from './disk.ts'
import type { Life } from './life.ts'
import type { Operation } from './trace.ts'
import { readTrace } from './trace.ts'
import type { Truth } from './truth.ts'
import { beginLife, copyOf, hear, newTruth } from './truth.ts'

const LIFE_MS_MAX = 60_000

export interface Recording {
  readonly operations: readonly Operation[]
  /** Where the process saw its folder. */
  readonly folder: string
  readonly before: Files
  /** What was known when it began. */
  readonly truth: Truth
}

type Plan = Omit<Life, 'dir' | 'from' | 'refused' | 'position'>

export function lifeAfter(truth: Truth, plan: Plan, dir: string): Life {
  return { ...plan, dir, from: truth.given, refused: truth.refusedGiven, position: truth.position }
}

/** Records a life in DIR/log, which begins as `before`. With a trace there already, takes that one. `isCalm`: it has to end as it was told. */
export async function record(
  dir: string,
  plan: Plan,
  { before = new Map(), truth = newTruth(), control }: { before?: Files; truth?: Truth; control?: string } = {},
): Promise<Recording> {
  const folder = join(dir, 'log')
  const trace = join(dir, 'trace')
  beginLife(truth)
  if (!existsSync(trace)) {
    mkdirSync(dir, { recursive: true })
    writeFiles(folder, before)
    const shim = control === undefined ? { trace } : { trace, control }
    const end = await liveOut(lifeAfter(truth, plan, folder), () => {}, shim, LIFE_MS_MAX)
    const isExpected = end.code === 0 || (plan.end === 'kill' && end.signal === 'SIGKILL')
    if (!isExpected && !(control !== undefined && isOwnEnd(end)))
      throw new Error(`the process ended with ${end.code ?? end.signal}: ${end.stderr}`)
  }
  const operations = readTrace(trace)
  // A recording that was kept saw its folder elsewhere.
  const opened = operations.find((it) => it.op === 'open')
  return { operations, folder: opened ? opened.path.replace(/\/log(\/.*)?$/s, '/log') : folder, before, truth }
}

export interface Moment {
  /** Its place among the operations. */
  readonly at: number
  /** How many flushes came before. */
  readonly flushes: number
  readonly disk: Disk
  /** What is known outside; only good until the walk goes on. */
  readonly truth: Truth
}

/** Stops before every flush, and at the end: whatever a crash between two flushes leaves, a crash right before the second leaves as well. */
export async function walk(
  { operations, folder, before, truth }: Recording,
  visit: (moment: Moment) => Promise<void>,
): Promise<void> {
  const disk = createDisk(folder, before)
  const known = copyOf(truth)
  let flushes = 0
  for (const [at, operation] of operations.entries()) {
    if (operation.op === 'flush') {
      await visit({ at, flushes, disk, truth: known })
      flushes++
    }
    if (operation.op === 'mark') hear(known, operation.text)
    else disk.apply(operation)
  }
  await visit({ at: operations.length, flushes, disk, truth: known })
}

export const flushesOf = ({ operations }: Recording): number => operations.filter((it) => it.op === 'flush').length

/** The life of most campaigns: small and varied. */
export function planOf(dice: Dice, more: Partial<Plan> = {}): Plan {
  return {
    bytesMax: BYTES_MAX,
    bootId: BOOT,
    seed: dice.below(2 ** 31),
    rounds: 4 + dice.below(12),
    hasLadder: dice.once(2),
    forwards: dice.once(3),
    bytes: dice.oneOf([8, 300, 3000]),
    except: dice.oneOf([undefined, [], ['process'], ['debug', 'process']]),
    end: dice.oneOf(['kill', 'exit', 'close']),
    ...more,
  }
}

/** A log that is full: sealing, reducing and giving up are at work in whatever comes next. */
export async function fill(dir: string, dice: Dice): Promise<{ before: Files; truth: Truth }> {
  const folder = join(dir, 'log')
  const known = join(dir, 'truth')
  // A round once more, from what it had.
  if (existsSync(known)) return { before: readFiles(folder), truth: deserialize(readFileSync(known)) as Truth }
  const truth = newTruth()
  mkdirSync(folder, { recursive: true })
  const plan = planOf(dice, {
    rounds: FILL_ROUNDS,
    bytes: LARGE_BYTES,
    except: dice.oneOf([undefined, ['debug', 'process']]),
    end: 'kill',
  })
  await liveOut(lifeAfter(truth, plan, folder), (text) => hear(truth, text), undefined, LIFE_MS_MAX)
  if (!truth.words.includes('done')) throw new Error(`the log was not filled: ${truth.words.join(', ')}`)
  writeFileSync(known, serialize(truth))
  return { before: readFiles(folder), truth }
}

/** So many rounds of readings of so many bytes are more than the bound. */
const FILL_ROUNDS = 160
export const LARGE_BYTES = 12_000
export const BYTES_MAX = 40_000_000
export const BOOT = 'boot'
export const NEXT_BOOT = 'boot-after'
