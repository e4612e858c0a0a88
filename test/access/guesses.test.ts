// Guesses at passwords: few are looked at, whoever is meant gets in, nothing is locked, and no restart gives any back.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { groupOf } from '../../src/access/guesses.ts'
import type { Access } from '../../src/access/index.ts'
import { openAccess } from '../../src/access/index.ts'
import type { Refused } from '../../src/access/refused.ts'
import type { TestMachine } from './machine.ts'
import { testMachine } from './machine.ts'

const PASSWORD = 'four words by chance'
const MINUTE = 60_000
let dir: string
let machine: TestMachine
let access: Access

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-guess-'))
  machine = testMachine()
  access = await openAccess(dir, machine)
  await access.claim({ code: access.claimCode() ?? '', user: 'anna', password: PASSWORD }, { address: '10.0.0.1' })
})
afterEach(() => {
  access.close()
  rmSync(dir, { recursive: true })
})

/** Whether it was looked at. */
async function guess(address: string, user = 'anna', device?: string): Promise<boolean> {
  try {
    await access.logIn({ user, password: 'wrong, and wrong again' }, { address, device })
    throw new Error('a wrong password was right')
  } catch (error) {
    if ((error as Refused).code === 'wait') return false
    if ((error as Refused).code === 'wrong-password') return true
    throw error
  }
}

async function guesses(count: number, ms: number, address: (at: number) => string): Promise<number> {
  let evaluated = 0
  for (let at = 0; at < count; at++) {
    if (await guess(address(at))) evaluated++
    machine.pass(ms / count)
  }
  return evaluated
}

test('10,000 guesses in ten minutes of one address: at most 20 are looked at, and the owner gets in from another at once', async () => {
  let evaluated = 0
  for (const _ of Array.from({ length: 10 })) {
    evaluated += await guesses(1_000, MINUTE, () => '10.0.0.66')
    const begun = performance.now()
    const { user } = await access.logIn({ user: 'anna', password: PASSWORD }, { address: '10.0.0.2' })
    expect(user).toBe('anna')
    expect(performance.now() - begun).toBeLessThan(5_000)
  }
  console.log(`looked at: ${evaluated} of 10,000`)
  expect(evaluated).toBeGreaterThan(5)
  expect(evaluated).toBeLessThanOrEqual(20)
})

test('10,000 guesses from as many addresses: at most 20 are looked at; who has logged in there before gets in at once, and so does the console', async () => {
  const { device } = await access.logIn({ user: 'anna', password: PASSWORD }, { address: '10.0.0.1' })
  const evaluated = await guesses(10_000, 10 * MINUTE, (at) => `10.${1 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`)
  console.log(`looked at: ${evaluated} of 10,000`)
  expect(evaluated).toBeLessThanOrEqual(20)
  expect(await guess('10.0.0.3')).toBe(false)
  expect((await access.logIn({ user: 'anna', password: PASSWORD }, { address: '10.0.0.3', device })).user).toBe('anna')
  expect((await access.logIn({ user: 'anna', password: PASSWORD }, { address: 'console' })).user).toBe('anna')
})

test('a device of somebody else, or one that is made up, is none', async () => {
  while (await guess('10.0.0.66'));
  const { device } = await access.logIn({ user: 'anna', password: PASSWORD }, { address: '10.0.0.1' })
  await access.addUser({ name: 'bert', role: 'viewer', password: PASSWORD }, { by: 'anna', address: '10.0.0.1' })
  expect(await guess('10.0.0.66', 'bert', device)).toBe(false)
  expect(await guess('10.0.0.66', 'anna', 'made up')).toBe(false)
})

test('names that nobody has are limited like those that somebody has, and say the same', async () => {
  for (const user of ['anna', 'nobody-of-that-name', 'x'.repeat(900), ' ', '💥']) {
    machine.pass(20 * MINUTE)
    let count = 0
    while (await guess('10.0.0.66', user)) count++
    expect({ user: user.slice(0, 9), count }).toEqual({ user: user.slice(0, 9), count: 5 })
  }
})

test('what was typed for a name that nobody has is nowhere on the disk: it may be a password', async () => {
  const typed = 'canary-8c1f-secret'
  for (const address of ['10.0.0.66', 'console']) await guess(address, typed)
  for (const it of readdirSync(join(dir, 'access'))) {
    const path = join(dir, 'access', it)
    expect(statSync(path).isFile() && readFileSync(path).includes(typed)).toBe(false)
  }
})

describe('an empty stock', () => {
  test('lasts over a restart of the process, a kill and a boot of the machine', async () => {
    while (await guess('10.0.0.66'));
    access.close()
    access = await openAccess(dir, machine)
    expect(await guess('10.0.0.66')).toBe(false)
    machine.restart(1_000)
    access.close()
    access = await openAccess(dir, machine)
    expect(await guess('10.0.0.66')).toBe(false)
  })

  test('does not fill when the wall clock jumps', async () => {
    while (await guess('10.0.0.66'));
    machine.set(Date.parse('2036-01-01'))
    expect(await guess('10.0.0.66')).toBe(false)
    machine.set(Date.parse('1970-01-01'))
    expect(await guess('10.0.0.66')).toBe(false)
  })

  test('fills with time: delay, no lock-out', async () => {
    while (await guess('10.0.0.66'));
    machine.pass(76_000)
    expect((await access.logIn({ user: 'anna', password: PASSWORD }, { address: '10.0.0.66' })).user).toBe('anna')
    // What was right does not count.
    expect((await access.logIn({ user: 'anna', password: PASSWORD }, { address: '10.0.0.66' })).user).toBe('anna')
  })
})

test('two processes count together', async () => {
  const other = await openAccess(dir, machine)
  let count = 0
  for (let at = 0; at < 20; at++) {
    const mine = at % 2 === 0 ? access : other
    await mine
      .logIn({ user: 'anna', password: 'wrong, and wrong again' }, { address: '10.0.0.66' })
      .catch((error: Refused) => (count += error.code === 'wrong-password' ? 1 : 0))
  }
  other.close()
  expect(count).toBe(5)
})

test('claim codes are guessed as slowly', async () => {
  const fresh = mkdtempSync(join(tmpdir(), 'hf-guess-'))
  const unclaimed = await openAccess(fresh, machine)
  let count = 0
  for (let at = 0; at < 100; at++) {
    await unclaimed
      .claim({ code: '2345-6789-ABCD-EFGH', user: 'eve', password: PASSWORD }, { address: `10.0.${at}.1` })
      .catch((error: Refused) => (count += error.code === 'wrong-code' ? 1 : 0))
  }
  expect(count).toBeLessThanOrEqual(20)
  unclaimed.close()
  rmSync(fresh, { recursive: true })
})

test.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::1', '0:0:0:0::/64'],
  ['fd00:1:2:3:4:5:6:7', 'fd00:1:2:3::/64'],
  ['fd00:1:2:3::9', 'fd00:1:2:3::/64'],
  ['FD00:0001:2:3:ffff::', 'fd00:1:2:3::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s is one source with %s', (address, group) => {
  expect(groupOf(address)).toBe(group)
})
