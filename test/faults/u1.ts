// U1: the power goes in the middle of an update. An update by the real updater and the real RAUC is written down, block by block, on a disk with the
// partitions of a box; a case is what the disk may hold after a cut at one place of it, and what becomes of the box then:
//
//   each slot that boots is whole, of the old version or the new one · what was told before the cut is true · what was begun comes to its end
//   a version that is sick goes, and nothing stands still · the log has all that it had told, and goes on · another try ends with the new version
//
// First come the steps: what the updater changes on its disk (steps.main.ts), what RAUC tells the boot loader and writes to the slot, each once.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Campaign, Round } from '../prove/campaign.ts'
import { until } from '../route/until.ts'
import type { Box } from '../update/box.ts'
import { canUpdate } from '../update/box.ts'
import { layOut, partitionAt } from '../update/disk.ts'
import { slotImage } from '../update/signing.ts'
import type { BlockRecord, Device } from './blocks.ts'
import { createCutter, randomCut } from './blocks.ts'
import type { Dice } from './dice.ts'
import { createDice } from './dice.ts'
import type { Plan, Site, Told } from './u1-box.ts'
import { faultsOfLog, heads, isOver, NEW, NEXT, OLD, openSite, recorded, toldBefore } from './u1-box.ts'

const CASES_A_ROUND = 25
const AT_A_TIME = 2
const STEP_MS_MAX = 180_000

interface Place {
  readonly name: string
  /** More than `after` records have come to the disk, `at` at most. */
  readonly after: number
  readonly at: number
}

/** Of each kind of step, from the question on, the places within it: behind what was heard before it, up to when it was done. */
function stepsOf(records: readonly BlockRecord[], from: number): Map<string, Place[]> {
  const steps = new Map<string, Place[]>()
  const add = (name: string, after: number, at: number) => steps.set(name, [...(steps.get(name) ?? []), { name, after, at }])
  let heard = from
  for (const [n, it] of records.entries()) {
    if (n < from) continue
    const partition = it.what === 'write' ? partitionAt(it.offset) : undefined
    if (partition?.startsWith('slot-')) add(`${partition} is written`, n, n + 1)
    const [, name] = it.what === 'mark' ? (/^step (.*): \w+$/m.exec(it.text) ?? []) : []
    if (name === undefined) continue
    add(name, heard, n + 1)
    heard = n + 1
  }
  return steps
}

/** Each step once, somewhere in it; then anywhere among what is written to all but the log. */
function placesOf(records: readonly BlockRecord[], dice: Dice): Place[] {
  const from = records.findIndex((it) => it.what === 'mark' && it.text === 'asked\n')
  if (from < 0) throw new Error('what was recorded has no question in it')
  const steps = [...stepsOf(records, from).values()].map((places) => dice.oneOf(places))
  const writes = records.flatMap((it, n): Place[] => {
    const partition = n >= from && it.what === 'write' ? partitionAt(it.offset) : undefined
    return partition === undefined || partition === 'log' ? [] : [{ name: `a write to ${partition}`, after: n, at: n + 1 }]
  })
  const others = Array.from({ length: Math.max(0, CASES_A_ROUND - steps.length) }, () => dice.oneOf(writes))
  return [...steps, ...others].map((it) => ({ ...it, at: it.after + 1 + dice.below(it.at - it.after) }))
}

/** Of the slot that is about to start. */
function faultOfSlot(dir: string, slot: string, sick: string): string | undefined {
  const content = readFileSync(join(dir, `slot-${slot}`))
  const versions = [{ version: OLD }, { version: NEW, sick }, { version: NEXT }].map(slotImage)
  if (versions.some((it) => it.equals(content.subarray(0, it.length)))) return undefined
  return `slot ${slot} starts, and is no version as it was made`
}

/** Throws what does not hold. */
async function examine(dir: string, site: Site, { sick }: Plan, told: Told): Promise<void> {
  const faults: string[] = []
  const boots = (slot: string) => {
    const fault = faultOfSlot(dir, slot, sick)
    if (fault === undefined) return
    faults.push(fault)
    throw new Error(fault)
  }
  const it = await site.box(dir, { boots }).catch((error: Error) => {
    throw faults.length > 0 ? new Error(faults.join('\n')) : error
  })
  try {
    const { version, last } = await it.sees('what was begun is over', isOver, STEP_MS_MAX)
    if (told.isGood && version !== NEW) faults.push(`the new version was said to stay, and ${version} runs: ${last?.text}`)
    // Of what was cut off before it was on disk that it was asked for, nothing is said.
    if (last?.version === NEW && version !== (last.outcome === 'good' ? NEW : OLD))
      faults.push(`${version} runs, and ${NEW} is said to be ${last.outcome}`)
    if (sick !== '' && version !== OLD) faults.push(`${version} is sick, and stays`)
    faults.push(...(await faultsOfLog(it, told)))
    await again(it, site, sick === '' ? NEW : NEXT)
    faults.push(...(await goesOn(it, told)))
  } finally {
    await it.close()
  }
  if (faults.length > 0) throw new Error(faults.join('\n'))
}

/** Another try ends with the version that was wanted. */
async function again(it: Box, site: Site, wanted: string): Promise<void> {
  const { version } = await it.updater.status()
  if (version !== wanted) await site.ask(it, wanted)
  const isThere = await it
    .sees(`${wanted} stays`, (now) => now.version === wanted && isOver(now), STEP_MS_MAX)
    .then((now) => now.slots.find((slot) => slot.isBooted))
  if (!isThere?.isGood || !isThere.isNext) throw new Error(`${wanted} runs, and its slot is ${JSON.stringify(isThere)}`)
}

async function goesOn(it: Box, told: Told): Promise<string[]> {
  const sum = async () => Object.values(await heads(it)).reduce((a, b) => a + b, 0)
  const before = await sum()
  await until('the log goes on', async () => (await sum()) > before, STEP_MS_MAX)
  return await faultsOfLog(it, told)
}

interface Taken {
  readonly site: Site
  readonly plan: Plan
  readonly device: Device
}

async function cutAt({ site, plan, device }: Taken, round: Round, { name, at }: Place): Promise<void> {
  const { image, records } = device
  const dice = createDice(round.seed, round.number, at)
  const way = randomCut(dice)
  const cutter = createCutter(image)
  for (const it of records.slice(0, at)) cutter.apply(it)
  const what = `${plan.sick || 'well'}, by ${plan.way}: ${name}, record ${at} of ${records.length}, ${cutter.pending()} not flushed, ${way}`
  const dir = mkdtempSync(join(round.dir, 'cut-'))
  await round.case(what, async () => {
    layOut(cutter.cut(way, dice), dir)
    try {
      await examine(dir, site, plan, toldBefore(records, at))
    } catch (error) {
      // Of one that failed the folder is kept: without its sockets, which nobody can copy.
      rmSync(join(dir, 'data/run'), { recursive: true, force: true })
      throw error
    }
    rmSync(dir, { recursive: true })
  })
}

async function run(round: Round): Promise<void> {
  if (!canUpdate()) throw new Error('updates need root, rauc, grub-editenv, dbus-daemon and mksquashfs')
  const plan: Plan = { sick: round.dice.once(3) ? 'no-agent' : '', way: round.dice.oneOf(['file', 'url']) }
  const site = await openSite(round.dir, plan)
  try {
    const device = await recorded(round.dir, site)
    const places = placesOf(device.records, round.dice)
    let begun = 0
    // Most of a case is waiting: for boots, and for a version to show that it is well.
    const work = async () => {
      // What was recorded is looked at, however long that took.
      for (let it = places.shift(); it && (begun === 0 || !round.isOver()); it = places.shift()) {
        begun++
        await cutAt({ site, plan, device }, round, it)
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, work))
  } finally {
    await site.close()
  }
}

export const u1: Campaign = {
  id: 'U1',
  what: 'power cut in the middle of an update, at each of its steps and at any write of its disk',
  short: 16,
  long: 100,
  isOnlyNamed: true,
  run,
}
