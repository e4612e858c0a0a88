// The campaigns' longer runs.
//
//   prove.ts --short [--part S2,S7] [--minutes 20]   all parts within so many minutes, their short figures at most, another seed each time
//   prove.ts [--part S2] [--minutes 60] [--cases N]  the long figures; goes on where it was left, and writes test/PROOF.md
//   --seed N --round N                               one round once more, from its dice
//   --again DIR                                      … with what it recorded
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Campaign, Tally } from './campaign.ts'
import { prove, toldAgain } from './campaign.ts'
import { PARTS } from './parts.ts'
import { commitNow, placeOf, savePlace, writeRow } from './record.ts'

const SHORT_MINUTES = 20
const SEED_MAX = 2 ** 31

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    part: { type: 'string' },
    minutes: { type: 'string' },
    cases: { type: 'string' },
    seed: { type: 'string' },
    round: { type: 'string' },
    again: { type: 'string' },
  },
})

const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text))
/** N4 stands for N4-modbus, N4-opcua and so on. */
const isNamed = (id: string, part: string) => id === part || id.startsWith(`${part}-`)
const wanted = values.part?.split(',')
const unknown = wanted?.filter((it) => !PARTS.some(({ id }) => isNamed(id, it))) ?? []
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${PARTS.map((it) => it.id).join(', ')}`)
  process.exit(2)
}
const isLeftOut = ({ isOnlyNamed }: Campaign) => !wanted && values.short && isOnlyNamed === true
for (const { id } of PARTS.filter(isLeftOut)) console.log(`${id} is left out: make prove PART=${id} runs it`)
const parts = PARTS.filter((it) => (wanted ? wanted.some((name) => isNamed(it.id, name)) : !isLeftOut(it)))
const minutes = numberOf(values.minutes) ?? (values.short ? SHORT_MINUTES : Infinity)
const begun = performance.now()
const end = begun + minutes * 60_000

const inMinutes = (ms: number) => `${(ms / 60_000).toFixed(1)} min`

function report({ id, what }: Campaign, { passed, failed }: Tally, seed: number, from: number): void {
  console.log(`${id} ${what}: ${passed} passed, ${failed} failed, seed ${seed}, ${inMinutes(performance.now() - from)}`)
}

/** Each part gets its share of what is left, so that what one leaves the others have. */
async function proveShort(campaign: Campaign, left: number): Promise<Tally> {
  const from = performance.now()
  const seed = numberOf(values.seed) ?? randomInt(SEED_MAX)
  const until = from + (end - from) / left
  const tally = await prove(campaign, seed, 0, { cases: numberOf(values.cases) ?? campaign.short, until })
  report(campaign, tally, seed, from)
  return tally
}

async function proveLong(campaign: Campaign): Promise<Tally> {
  const from = performance.now()
  const place = placeOf(campaign.id)
  const commit = commitNow()
  const seed = place?.seed ?? numberOf(values.seed) ?? randomInt(SEED_MAX)
  const before = { passed: place?.passed ?? 0, failed: place?.failed ?? 0 }
  if (place) console.log(`${campaign.id}: goes on after ${before.passed + before.failed} cases`)
  const cases = (numberOf(values.cases) ?? campaign.long) - before.passed - before.failed
  const sum = ({ passed, failed }: Tally) => ({ passed: before.passed + passed, failed: before.failed + failed })
  const tally = await prove(campaign, seed, place?.round ?? 0, { cases, until: end }, (now, round) =>
    savePlace(campaign.id, { commit, seed, round, ...sum(now) }),
  )
  writeRow(campaign.id, { commit, seed, ...sum(tally) })
  report(campaign, sum(tally), seed, from)
  return tally
}

async function proveRound(campaign: Campaign, round: number): Promise<Tally> {
  const seed = numberOf(values.seed) ?? 0
  const again = values.again === undefined ? {} : { again: values.again }
  const tally = await prove(campaign, seed, round, { cases: Infinity, until: Infinity, only: round, ...again })
  report(campaign, tally, seed, begun)
  return tally
}

const total: Tally = { passed: 0, failed: 0 }
const round = numberOf(values.round)
for (const [n, campaign] of parts.entries()) {
  const proven =
    round !== undefined
      ? await proveRound(campaign, round)
      : values.short
        ? await proveShort(campaign, parts.length - n)
        : await proveLong(campaign)
  total.passed += proven.passed
  total.failed += proven.failed
}
for (const it of toldAgain) console.log(it)
console.log(`${total.passed} passed, ${total.failed} failed`)
// Node 24 may abort where a thread is just beginning to work as the process ends: what campaigns left running has a moment.
await sleep(1000)
process.exit(total.failed === 0 ? 0 : 1)
