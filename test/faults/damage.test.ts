// S8's slice, and 400 single bits over the journal and all segments of one log: each is found or mended, and costs no more than its block.
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scratch } from '../prove/campaign.ts'
import { createDice } from './dice.ts'
import { blocksOf, checkDamaged, damageFile, filesOf, s8 } from './s8.ts'
import type { Made } from './s8-log.ts'
import { makeLog } from './s8-log.ts'
import { testSlice } from './slice.ts'

const CASES = Number(process.env['HOLDFAST_CASES'] ?? 40)
const BITS = Number(process.env['HOLDFAST_BITS'] ?? 24)
const SECONDS = CASES > 40 ? 3_600 : 15
const SEED = Number(process.env['SEED'] ?? 20_251_124)

testSlice(s8, CASES, SECONDS)

let dir: string
let made: Made
beforeAll(() => {
  dir = scratch('damage')
  made = makeLog(dir, createDice(SEED))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test(`${BITS} flipped bits over journal and segments: all found, none costs more than its block (SEED=${SEED})`, {
  timeout: 1_800_000,
}, async () => {
  const looked = join(dir, 'looked')
  cpSync(made.dir, looked, { recursive: true })
  const base = blocksOf(looked)
  const files = filesOf(made.dir).map((file) => ({ file, size: statSync(join(made.dir, file)).size }))
  const all = files.reduce((sum, it) => sum + it.size, 0)
  const costly: string[] = []
  for (let n = 0; n < BITS; n++) {
    const dice = createDice(SEED, n)
    let at = dice.below(all)
    const file = files.find((it) => (at -= it.size) < 0)?.file as string
    const copy = join(dir, `bit-${n}`)
    cpSync(made.dir, copy, { recursive: true })
    const damage = damageFile(copy, file, 'bit', dice)
    const freshLost = await checkDamaged(copy, made, base, damage)
    if (freshLost > 1) costly.push(`${file} ${damage.places[0]?.from} cost ${freshLost} fresh blocks`)
    rmSync(copy, { recursive: true })
  }
  expect(costly).toEqual([])
})

const BLOCK_BYTES = 4096
/** Roots of tables and what says where they are. */
const ROOT_BLOCKS = 5

test(`a block of the device is gone where several tables begin: what went is named, or counted as lost (SEED=${SEED})`, {
  timeout: 1_800_000,
}, async () => {
  const looked = join(dir, 'looked-roots')
  cpSync(made.dir, looked, { recursive: true })
  const base = blocksOf(looked)
  for (let n = 0; n < ROOT_BLOCKS; n++) {
    const copy = join(dir, `root-${n}`)
    cpSync(made.dir, copy, { recursive: true })
    const file = join(copy, 'journal.db')
    const [from, to] = [n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES]
    writeFileSync(file, readFileSync(file).fill(0, from, to))
    await checkDamaged(copy, made, base, { file: 'journal.db', kind: 'page', places: [{ from, to }] })
    rmSync(copy, { recursive: true })
  }
})
