// Guesses at a password where they arrive: over HTTPS, from one address and from many. How many are looked at the list of what was done says; whoever
// knows the password comes in meanwhile. Other addresses are others of this machine's own; ten minutes are those of the clock that the panel asks.
// Two hundred in the suite; ten thousand, as the requirement has it: make guesses
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { TestMachine } from '../access/machine.ts'
import { testMachine } from '../access/machine.ts'
import type { Browser, TestPanel } from './panel.ts'
import { askHttps, browser, PASSWORD, startPanel } from './panel.ts'

const MINUTE = 60_000
const GUESSES = Number(process.env['HOLDFAST_GUESSES'] ?? 200)
const AT_ONCE = 10
const LOG_INS = 5
const EVALUATED_MAX = 20
const MS_MAX = 60_000 + GUESSES * 300
/** A connection that was not let in, or was given up for a newer one. */
const HELD_OFF = new Set(['ECONNRESET', 'EPIPE'])
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

type Outcome = number | 'held off'

/** 401: it was looked at. 429: it was not. `held off`: whoever comes so often does not even get a connection. Anything else is none of these. */
async function guess(from: string, at: number): Promise<Outcome> {
  const body = { name: 'anna', password: `wrong, and wrong again ${at}` }
  try {
    return (await askHttps(`${panel.url}/api/v1/login`, { method: 'POST', body, from })).status
  } catch (error) {
    if (HELD_OFF.has((error as NodeJS.ErrnoException).code ?? '')) return 'held off'
    throw error
  }
}

/** As the panel has it, whatever became of the connection. */
function lookedAt(since: number): number {
  const { events } = panel.access.auditFrom(since, 1_000)
  return events.filter((it) => it.what === 'log-in-failed').length
}

/** Spread over ten minutes, some at a time; `meanwhile` now and then. */
async function guesses(from: (at: number) => string, logIn: () => Promise<number>) {
  const since = (panel.access.auditLatest(1).events[0]?.position ?? 0) + 1
  const outcomes: Outcome[] = []
  const owner: { readonly status: number; readonly ms: number }[] = []
  const rounds = GUESSES / AT_ONCE
  for (let round = 0; round < rounds; round++) {
    const all = Array.from({ length: AT_ONCE }, (_, at) => round * AT_ONCE + at)
    outcomes.push(...(await Promise.all(all.map((at) => guess(from(at), at)))))
    machine.pass((10 * MINUTE) / rounds)
    if ((round + 1) % (rounds / LOG_INS) === 0) {
      const begun = performance.now()
      owner.push({ status: await logIn(), ms: Math.round(performance.now() - begun) })
    }
  }
  const of = (it: Outcome) => outcomes.filter((outcome) => outcome === it).length
  const found = {
    guesses: GUESSES,
    lookedAt: lookedAt(since),
    wrong: of(401),
    refused: of(429),
    heldOff: of('held off'),
    let: of(200),
  }
  console.log(JSON.stringify({ ...found, ownersLogInMs: owner.map((it) => it.ms) }))
  return { ...found, owner: owner.map((it) => it.status) }
}

function expectFew(found: Awaited<ReturnType<typeof guesses>>): void {
  expect(found.let).toBe(0)
  expect(found.lookedAt).toBeGreaterThan(0)
  expect(found.lookedAt).toBeLessThanOrEqual(EVALUATED_MAX)
  expect(found.wrong).toBeLessThanOrEqual(found.lookedAt)
  expect(found.wrong + found.refused + found.heldOff).toBe(GUESSES)
  expect(found.owner).toEqual(Array.from({ length: LOG_INS }, () => 200))
}

test('of one address: few are looked at, and the owner comes in from another each time', { timeout: MS_MAX }, async () => {
  const logIn = async () => (await browser(panel.url).logIn('anna', PASSWORD, '127.0.0.2')).status
  expectFew(await guesses(() => '127.0.0.66', logIn))
})

test('of as many addresses: as few; a browser that has been here before comes in', { timeout: MS_MAX }, async () => {
  await browser(panel.url).logIn('anna', PASSWORD, '127.0.0.2')
  const known = browser(panel.url)
  for (const [name, value] of anna.cookies) if (name !== '__Host-holdfast') known.cookies.set(name, value)
  const logIn = async () => (await known.logIn('anna', PASSWORD, '127.0.0.3')).status
  expectFew(await guesses((at) => `127.1.${at >> 7}.${(at & 127) + 1}`, logIn))
})
