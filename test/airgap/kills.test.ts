// A stick that is pulled: export and import are killed at random points, again and again, and then let finish. HOLDFAST_SEED repeats a run,
// HOLDFAST_AIRGAP_KILLS makes it longer.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDice } from '../faults/dice.ts'
import { commitSeed } from '../prove/commit-seed.ts'
import { cli } from '../run/holdfast.ts'
import { isOnce } from './once.ts'
import type { Box, Yard } from './yard.ts'
import { openYard } from './yard.ts'

const KILLS = Number(process.env['HOLDFAST_AIRGAP_KILLS'] ?? 5)
const SEED = Number(process.env['HOLDFAST_SEED'] ?? commitSeed())
const ROUND_READINGS = 10_000
/** Small files, so that a kill falls into any of them. */
const SMALL = ['--file-bytes', '30kB']

let yard: Yard
beforeAll(async () => {
  yard = await openYard(28_200)
})
afterAll(() => yard?.down())

/** Runs it, and kills it after so long; says how long it took where it was not. */
async function killed(box: Box, args: readonly string[], afterMs: number): Promise<{ ms: number; wasKilled: boolean }> {
  const began = performance.now()
  const child = spawn(process.execPath, [cli, ...args], { stdio: 'ignore', env: { ...process.env, ...box.site.env } })
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const stop = new AbortController()
  void sleep(afterMs, undefined, { signal: stop.signal }).then(
    () => child.kill('SIGKILL'),
    () => undefined,
  )
  const [, signal] = await ended
  stop.abort()
  return { ms: performance.now() - began, wasKilled: signal !== null }
}

test(`seed ${SEED}: ${KILLS} kills of export and of import each`, { timeout: 240_000 + KILLS * 60_000 }, async () => {
  const dice = createDice(SEED)
  const box = await yard.box('hf-kills')
  await box.start()
  await box.produce(ROUND_READINGS)
  const exportArgs = ['export', box.stick, '--data', box.site.data, ...SMALL]
  const importArgs = await box.importArgs()
  // What one of each takes: kills fall between nothing and a little more than that.
  let exportMs = (await killed(box, exportArgs, 60_000)).ms
  let importMs = (await killed(box, importArgs, 60_000)).ms
  const killsOf = { export: 0, import: 0 }
  for (let round = 0; killsOf.export < KILLS || killsOf.import < KILLS; round++) {
    if (round > 4 * KILLS) throw new Error('kills come too late')
    await box.produce(ROUND_READINGS)
    const exported = await killed(box, exportArgs, exportMs * (0.4 + 0.7 * dice.next()))
    if (exported.wasKilled) killsOf.export++
    else exportMs = exported.ms
    const imported = await killed(box, importArgs, importMs * (0.4 + 0.7 * dice.next()))
    if (imported.wasKilled) killsOf.import++
    else importMs = imported.ms
  }
  const { accepted } = await box.sums()
  console.info(`seed ${SEED}: ${killsOf.export} exports and ${killsOf.import} imports killed, ${accepted} readings`)
  await box.exported(SMALL)
  expect(box.files('.part')).toEqual([])
  expect(box.files().length).toBeGreaterThan(KILLS * 3)
  const { boxes, refused } = await box.imported()
  expect(refused).toEqual([])
  expect(boxes).toHaveLength(1)
  isOnce(await box.inKafka(accepted), accepted)
  expect(await box.verify()).toMatchObject({ ok: true, totals: { proven: accepted, missing: 0, doubled: 0, maybeDuplicate: 0 } })
  await box.exported(['--receipts'])
  expect(await box.sums()).toMatchObject({ accepted, delivered: accepted, stored: 0, lost: 0 })
})
