// Guesses at a password where they arrive: over HTTPS, from one address and from many. How many are looked at is what comes back as wrong; whoever
// knows the password comes in meanwhile. Other addresses are others of this machine's own; ten minutes are those of the clock that the panel asks.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { TestMachine } from '../access/machine.ts'
import { testMachine } from '../access/machine.ts'
import type { Browser, TestPanel } from './panel.ts'
import { askHttps, browser, PASSWORD, startPanel } from './panel.ts'

const MINUTE = 60_000
const GUESSES = 200
const AT_ONCE = 10
const LOG_INS = 5
const EVALUATED_MAX = 20
let machine: TestMachine
let panel: TestPanel
let anna: Browser

beforeAll(async () => {
  machine = testMachine()
  panel = await startPanel({ time: machine })
  anna = browser(panel.url)
  expect((await anna.claim(panel.access.claimCode() ?? '')).status).toBe(200)
})
beforeEach(() => machine.pass(30 * MINUTE))
afterAll(() => panel.close())

/** 401: it was looked at. 429: it was not. `cut`: whoever comes so often does not even get a connection. */
async function guess(from: string, at: number): Promise<number | 'cut'> {
  const body = { name: 'anna', password: `wrong, and wrong again ${at}` }
  const asked = askHttps(`${panel.url}/api/v1/login`, { method: 'POST', body, from })
  return asked.then((it) => it.status).catch(() => 'cut' as const)
}

/** Spread over ten minutes, some at a time; `meanwhile` now and then. */
async function guesses(from: (at: number) => string, meanwhile = async () => {}) {
  const outcomes: (number | 'cut')[] = []
  const rounds = GUESSES / AT_ONCE
  for (let round = 0; round < rounds; round++) {
    const all = Array.from({ length: AT_ONCE }, (_, at) => round * AT_ONCE + at)
    outcomes.push(...(await Promise.all(all.map((at) => guess(from(at), at)))))
    machine.pass((10 * MINUTE) / rounds)
    if ((round + 1) % (rounds / LOG_INS) === 0) await meanwhile()
  }
  const of = (it: number | 'cut') => outcomes.filter((outcome) => outcome === it).length
  return { evaluated: of(401), refused: of(429), cut: of('cut'), let: of(200) }
}

test('of one address: few are looked at, and the owner comes in from another each time', async () => {
  const statuses: number[] = []
  const meanwhile = async () => void statuses.push((await browser(panel.url).logIn('anna', PASSWORD, '127.0.0.2')).status)
  const found = await guesses(() => '127.0.0.66', meanwhile)
  console.log(found)
  expect(found.let).toBe(0)
  expect(found.evaluated).toBeGreaterThan(0)
  expect(found.evaluated).toBeLessThanOrEqual(EVALUATED_MAX)
  expect(found.evaluated + found.refused + found.cut).toBe(GUESSES)
  expect(statuses).toEqual(Array.from({ length: LOG_INS }, () => 200))
})

test('of as many addresses: as few; a browser that has been here before comes in', async () => {
  await browser(panel.url).logIn('anna', PASSWORD, '127.0.0.2')
  const known = browser(panel.url)
  for (const [name, value] of anna.cookies) if (name !== '__Host-holdfast') known.cookies.set(name, value)
  const statuses: number[] = []
  const meanwhile = async () => void statuses.push((await known.logIn('anna', PASSWORD, '127.0.0.3')).status)
  const found = await guesses((at) => `127.1.${at >> 7}.${(at & 127) + 1}`, meanwhile)
  console.log(found)
  expect(found).toMatchObject({ let: 0 })
  expect(found.evaluated).toBeGreaterThan(0)
  expect(found.evaluated).toBeLessThanOrEqual(EVALUATED_MAX)
  expect(statuses).toEqual(Array.from({ length: LOG_INS }, () => 200))
})
