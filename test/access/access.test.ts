import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from '../prove/fast-check.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { drawCode, readCode } from '../../src/access/codes.ts'
import { openAudit } from '../../src/access/audit.ts'
import type { Access } from '../../src/access/index.ts'
import { openAccess } from '../../src/access/index.ts'
import { checkPassword, hashPassword, isOutdated, isPassword } from '../../src/access/passwords.ts'
import { openStore } from '../../src/access/store.ts'
import type { TestMachine } from './machine.ts'
import { testMachine } from './machine.ts'

const PASSWORD = 'four words by chance'
const HOUR = 3_600_000
const doer = { by: 'anna', address: '10.0.0.1' }
let dir: string
let machine: TestMachine
let access: Access
let code: string

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hf-access-'))
  machine = testMachine()
  access = await openAccess(dir, machine)
  code = access.claimCode() ?? ''
})
afterEach(() => {
  access.close()
  rmSync(dir, { recursive: true })
})

const claim = () => access.claim({ code, user: 'anna', password: PASSWORD }, doer)
const logIn = (user = 'anna', password = PASSWORD) => access.logIn({ user, password }, doer)

describe('claim codes', () => {
  test('of 200 boxes: each another, 80 bits of letters that nobody mistakes, no beginning that they share', async () => {
    const codeOf = async () => {
      const box = mkdtempSync(join(tmpdir(), 'hf-box-'))
      const its = await openAccess(box, machine)
      const text = its.claimCode() ?? ''
      its.close()
      rmSync(box, { recursive: true })
      return text
    }
    const codes = await Promise.all(Array.from({ length: 200 }, codeOf))
    for (const it of codes) expect(it).toMatch(/^([2-9A-HJ-NP-Z]{4}-){3}[2-9A-HJ-NP-Z]{4}$/)
    expect(new Set(codes).size).toBe(200)
    // Of 200 codes by chance, two that share their first eight letters come once in 55 million times.
    expect(new Set(codes.map((it) => it.slice(0, 9))).size).toBe(200)
    expect(new Set(codes.map((it) => it[0])).size).toBeGreaterThan(20)
    for (const place of [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18]) {
      const most = Math.max(...[...Map.groupBy(codes, (it) => it[place]).values()].map((it) => it.length))
      expect(most, `place ${place}`).toBeLessThan(30)
    }
  })

  test('are read in whatever way they are typed', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.constantFrom('', ' ', '-', '  ')), fc.boolean(), (gaps, isLower) => {
        const drawn = drawCode()
        const typed = [...drawn.replaceAll('-', '')].map((it) => it + (gaps.next().value as string)).join('')
        expect(readCode(isLower ? typed.toLowerCase() : typed)).toBe(drawn)
      }),
    )
    for (const it of ['', 'x', `${drawCode()}2`, drawCode().slice(1), drawCode().replace(/^./, '0'), 'A'.repeat(100_000)])
      expect(readCode(it)).toBeUndefined()
  })

  test('the text is there until the claim and nowhere after it, also when the box is killed in between', async () => {
    const inFiles = () => readdirSync(join(dir, 'access')).filter((it) => readFileSync(join(dir, 'access', it)).includes(code))
    expect(inFiles()).toEqual(['claim-code'])
    await claim()
    expect(inFiles()).toEqual([])
    expect(readdirSync(join(dir, 'access'))).not.toContain('claim-code')
    await expect(access.claim({ code, user: 'eve', password: PASSWORD }, doer)).rejects.toMatchObject({ code: 'claimed' })
  })

  test('of two that claim at once one gets the box', async () => {
    const other = await openAccess(dir, machine)
    const tries = await Promise.allSettled([
      claim(),
      other.claim({ code, user: 'eve', password: PASSWORD }, { address: '10.0.0.9' }),
    ])
    other.close()
    expect(tries.map((it) => it.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(access.users()).toHaveLength(1)
  })
})

describe('passwords', () => {
  test('of 8 to 128 characters are taken whole', async () => {
    const chars = fc.string({ unit: 'grapheme', minLength: 12, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(chars, async (password) => {
        fc.pre([...password].length <= 127)
        const hash = await hashPassword(password)
        expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
        expect(isOutdated(hash)).toBe(false)
        expect(await isPassword(password, hash)).toBe(true)
        expect(await isPassword(`${password}x`, hash)).toBe(false)
        expect(await isPassword([...password].slice(0, -1).join(''), hash)).toBe(false)
      }),
      { numRuns: 15 },
    )
    const long = 'ab¢d'.repeat(32)
    const hash = await hashPassword(long)
    expect(await isPassword(`${long.slice(0, -1)}D`, hash)).toBe(false)
    expect(await isPassword(long.normalize('NFD'), await hashPassword(long.normalize('NFC')))).toBe(true)
  })

  test('of other lengths are not', () => {
    for (const it of ['', 'x7#kQ2v', '💥💥💥💥💥💥💥', 'q9'.repeat(65)])
      expect(() => checkPassword(it, 'anna')).toThrow(/characters/)
    for (const it of ['x7#kQ2vz', '💥🔥🌊🌪🗻🌋☄🌙', 'vQ9$k'.repeat(25)]) expect(() => checkPassword(it, 'anna')).not.toThrow()
  })

  test.each(
    'password Password1 P@ssw0rd! passw0rd123 12345678 123456789 87654321 11111111 abcdefgh qwertzuiop admin123 Admin2026! adminadmin holdfast holdfast1 gateway2026 siemens1 trustno1 letmein! iloveyou ababababab annaanna anna2026 changeme!! ********'.split(
      ' ',
    ),
  )('%s is refused', (password) => {
    expect(() => checkPassword(password, 'anna')).toThrow('tried first')
  })

  test('two of the same are kept differently', async () => {
    expect(await hashPassword(PASSWORD)).not.toBe(await hashPassword(PASSWORD))
  })
})

describe('sessions', () => {
  test('end with idleness, with age, at log-out and by an admin; another token each time', async () => {
    const first = await claim()
    const second = await logIn()
    expect(new Set([first.token, second.token, first.csrf, second.csrf]).size).toBe(4)
    expect(Buffer.from(first.token, 'base64url')).toHaveLength(32)
    machine.pass(0.9 * HOUR)
    expect(access.session(first.token)).toMatchObject({ user: 'anna', role: 'admin' })
    machine.pass(0.9 * HOUR)
    expect(access.session(first.token)).toBeDefined()
    expect(access.session(second.token)).toBeUndefined()
    for (let at = 0; at < 14; at++) {
      machine.pass(0.8 * HOUR)
      access.session(first.token)
    }
    expect(access.session(first.token)).toBeUndefined()
    const [third, fourth] = [await logIn(), await logIn()]
    access.logOut(third, '10.0.0.1')
    expect(access.session(third.token)).toBeUndefined()
    const [listed] = access.sessions()
    expect(access.sessions().map((it) => it.id)).toEqual([fourth.id])
    expect(access.endSession(listed?.id ?? '', doer)).toBe(true)
    expect(access.session(fourth.token)).toBeUndefined()
    expect(access.endSession('none', doer)).toBe(false)
  })

  test('do not mind jumps of the wall clock, and outlast a boot', async () => {
    const { token } = await claim()
    machine.set(Date.parse('2036-01-01'))
    expect(access.session(token)).toBeDefined()
    machine.set(Date.parse('1971-01-01'))
    expect(access.session(token)).toBeDefined()
    machine.restart(0.5 * HOUR)
    access.close()
    access = await openAccess(dir, machine)
    expect(access.session(token)).toBeDefined()
    machine.restart(1.1 * HOUR)
    access.close()
    access = await openAccess(dir, machine)
    expect(access.session(token)).toBeUndefined()
  })

  test('of a user who was removed are not those of the next one of that name, however the name was typed', async () => {
    await claim()
    await access.addUser({ name: 'bert', role: 'admin', password: PASSWORD }, doer)
    const { token } = await logIn('bert')
    access.removeUser(' bert ', doer)
    await access.addUser({ name: 'bert', role: 'viewer', password: PASSWORD }, doer)
    expect(access.session(token)).toBeUndefined()
    expect(access.auditLatest(2).events[1]).toMatchObject({ what: 'user removed', detail: { user: 'bert' } })
  })

  test('do not begin with a password that became another, or nobody’s, while it was looked at', async () => {
    await claim()
    await access.addUser({ name: 'bert', role: 'viewer', password: PASSWORD }, doer)
    const other = await hashPassword('four other words now')
    const [annas, berts] = [logIn(), logIn('bert')]
    const store = openStore(dir)
    store.db.prepare('UPDATE users SET password = ? WHERE name = ?').run(other, 'anna')
    store.close()
    access.removeUser('bert', doer)
    await expect(annas).rejects.toMatchObject({ code: 'wrong-password' })
    await expect(berts).rejects.toMatchObject({ code: 'wrong-password' })
    expect(access.sessions().filter((it) => it.user === 'bert')).toEqual([])
  })

  test('follow the role of their user, and end with him and with his password', async () => {
    await claim()
    await access.addUser({ name: 'bert', role: 'technician', password: PASSWORD }, doer)
    const bert = await logIn('bert')
    access.setRole('bert', 'viewer', doer)
    expect(access.session(bert.token)?.role).toBe('viewer')
    await access.setPassword('bert', 'four other words now', doer)
    expect(access.session(bert.token)).toBeUndefined()
    await expect(logIn('bert')).rejects.toMatchObject({ code: 'wrong-password' })
    const again = await logIn('bert', 'four other words now')
    access.removeUser('bert', doer)
    expect(access.session(again.token)).toBeUndefined()
    expect(() => access.removeUser('anna', doer)).toThrow('last admin')
    expect(() => access.setRole('anna', 'viewer', doer)).toThrow('last admin')
  })
})

describe('tokens', () => {
  test('are shown once, end, and can be taken away', async () => {
    await claim()
    const until = (machine.wallMs() + HOUR) * 1000
    const token = access.addToken({ name: 'script', role: 'viewer', until }, doer)
    expect(access.token(token)).toEqual({ name: 'script', role: 'viewer' })
    expect(JSON.stringify(access.tokens())).not.toContain(token.slice(10))
    expect(() => access.addToken({ name: 'script', role: 'admin', until }, doer)).toThrow('already')
    expect(() => access.addToken({ name: 'late', role: 'admin', until: 1 }, doer)).toThrow('passed')
    machine.pass(HOUR)
    expect(access.token(token)).toBeUndefined()
    const other = access.addToken({ name: 'other', role: 'viewer', until: until * 2 }, doer)
    access.removeToken('other', doer)
    expect(access.token(other)).toBeUndefined()
    for (const it of ['', 'holdfast_', token.slice(1), `${other}x`, "' OR 1=1 --"]) expect(access.token(it)).toBeUndefined()
  })
})

describe('the claim code after the claim', () => {
  test('sets an admin’s password at the console: ends all sessions, stands as an issue until it is acknowledged', async () => {
    const { token } = await claim()
    await expect(access.resetAdmin('2222-2222-2222-2222', 'four other words now')).rejects.toMatchObject({ code: 'wrong-code' })
    expect(await access.resetAdmin(code, 'four other words now')).toBe('anna')
    expect(access.session(token)).toBeUndefined()
    await expect(logIn()).rejects.toMatchObject({ code: 'wrong-password' })
    await logIn('anna', 'four other words now')
    expect(access.issues()).toMatchObject([{ code: 'admin-reset' }])
    access.close()
    access = await openAccess(dir, machine)
    expect(access.issues()).toHaveLength(1)
    access.acknowledge('admin-reset', doer)
    expect(access.issues()).toEqual([])
    expect(whatsOf(access)).toContain('password reset')
  })

  test('does nothing where an admin has switched that off', async () => {
    await claim()
    access.allowReset(false, doer)
    await expect(access.resetAdmin(code, 'four other words now')).rejects.toMatchObject({ code: 'reset-off' })
    access.allowReset(true, doer)
    await access.resetAdmin(code, 'four other words now')
  })
})

const whatsOf = (it: Access) => it.auditFrom(0, 1_000).events.map(({ what }) => what)

describe('events', () => {
  test('each action makes exactly one', async () => {
    const session = await claim()
    await logIn()
    await logIn('anna', 'wrong, and wrong again').catch(() => {})
    await logIn('my secret password', 'x').catch(() => {})
    access.logOut(session, '10.0.0.1')
    await access.addUser({ name: 'bert', role: 'viewer', password: PASSWORD }, doer)
    access.setRole('bert', 'technician', doer)
    await access.setPassword('bert', 'four other words now', doer)
    access.removeUser('bert', doer)
    access.addToken({ name: 'script', role: 'viewer', until: (machine.wallMs() + HOUR) * 1000 }, doer)
    access.removeToken('script', doer)
    expect(() => access.removeToken('script', doer)).toThrow('there is no token')
    await expect(access.addUser({ name: 'anna', role: 'viewer', password: PASSWORD }, doer)).rejects.toThrow('already')
    expect(whatsOf(access)).toEqual([
      'claim',
      'log-in',
      'log-in-failed',
      'log-in-failed',
      'log-out',
      'user added',
      'role set',
      'password set',
      'user removed',
      'token made',
      'token removed',
    ])
    expect(access.auditFrom(4, 1).events).toMatchObject([{ position: 4, by: 'nobody', address: '10.0.0.1' }])
    expect(JSON.stringify(access.auditFrom(0, 100))).not.toContain('my secret')
  })

  test('ten times as many as there is room for: bounded, the youngest are there, how many went is known', () => {
    const all = 200_000
    const store = openStore(join(dir, 'other'))
    const audit = openAudit(store, { now: () => 0, wall: () => 1_795_000_000_000_000, keep: () => {} })
    const add = (note: string) => audit.add({ what: 'settings apply', by: 'anna', address: '10.0.0.1', detail: { note } })
    const addAll = (count: number, note: (at: number) => string) =>
      store.write(() => {
        for (let at = 1; at <= count; at++) add(note(at))
      })
    addAll(all, (at) => `change ${at}`)
    const { events, cut } = audit.latest(1_000_000)
    expect(events.length).toBeGreaterThan(19_000)
    expect(events.length).toBeLessThanOrEqual(20_000)
    expect(events[0]).toMatchObject({ position: all, detail: { note: `change ${all}` } })
    expect(cut + events.length).toBe(all)
    addAll(20_000, () => 'x'.repeat(10_000))
    const long = audit.latest(1_000_000)
    expect(JSON.stringify(long.events).length).toBeLessThan(6_000_000)
    expect(audit.from(1, 10).events[0]?.position).toBe(long.cut + 1)
    store.close()
  })
})

test('the store is for its owner alone', () => {
  expect(statSync(join(dir, 'access')).mode & 0o777).toBe(0o700)
  for (const it of readdirSync(join(dir, 'access'))) expect(statSync(join(dir, 'access', it)).mode & 0o777, it).toBe(0o600)
})
