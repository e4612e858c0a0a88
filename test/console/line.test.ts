// What a serial line does to a console: silence, hang-ups, Ctrl-C and Ctrl-D, noise, guesses, and texts that would steer the terminal.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openAccess } from '../../src/access/index.ts'
import { until } from '../route/until.ts'
import type { Line } from './pty.ts'
import { badBytes, openLine, ROWS } from './pty.ts'

const PASSWORD = 'four words by chance'
const CHOICE = 'Choice (- is not on this system): '
const NAME = 'Name (or: '

let dir: string
let lines: Line[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-line-'))
  lines = []
})
afterEach(async () => {
  for (const it of lines) {
    if (it.isRunning()) it.hangUp()
    await until('the console has ended', () => !it.isRunning())
    expect(badBytes(it.written())).toEqual([])
  }
  rmSync(dir, { recursive: true, force: true })
})

function open(more: readonly string[] = []): Line {
  const line = openLine(['--data', dir, ...more])
  lines.push(line)
  return line
}

/** With an admin, and where they are wanted a technician and a viewer. */
async function claim(): Promise<string> {
  const access = await openAccess(dir)
  const code = access.claimCode() as string
  await access.claim({ code, user: 'anna', password: PASSWORD }, { address: '10.0.0.1' })
  await access.addUser({ name: 'vera', role: 'viewer', password: PASSWORD }, { by: 'anna', address: '10.0.0.1' })
  access.close()
  return code
}

/** Of the console: claiming from afar left one of its own. */
async function sessionsHere(): Promise<string[]> {
  const access = await openAccess(dir)
  const found = access.sessions().filter((it) => it.address === 'console')
  access.close()
  return found.map((it) => it.user)
}

async function logIn(line: Line, user = 'anna', password = PASSWORD): Promise<void> {
  await line.see(NAME)
  line.enter(user)
  await line.see('Password: ')
  line.enter(password)
}

/** A box that is claimed, and an admin at its menu. */
async function atMenu(more: readonly string[] = []): Promise<Line> {
  await claim()
  const line = open(more)
  await logIn(line)
  await line.see(CHOICE)
  return line
}

test('until the box is claimed its code stands there, and claims it; then it is gone', async () => {
  const line = open()
  const banner = await line.see('Name (or: claim): ')
  const [, code = ''] = /Claim code: (\S+)/.exec(banner) ?? []
  line.enter('claim')
  await line.see('Claim code: ')
  line.enter('AAAA-BBBB-CCCC-DDDD')
  expect(await line.see('Name of the admin: ')).not.toContain(PASSWORD)
  line.enter('anna')
  await line.see('New password')
  line.enter(PASSWORD)
  await line.see('The same again')
  line.enter(PASSWORD)
  await line.see('not the claim code of this box')
  await line.see(NAME)
  line.enter('claim')
  await line.see('Claim code: ')
  line.enter(code)
  await line.see('Name of the admin: ')
  line.enter('anna')
  await line.see('New password')
  line.enter(PASSWORD)
  await line.see('The same again')
  line.enter(PASSWORD)
  await line.see(CHOICE)
  line.enter('0')
  expect(await line.see('Name (or: reset, with the claim code): ')).not.toContain(code)
  expect(line.written()).not.toContain(PASSWORD)
})

test('who has forgotten the only password sets a new one with the claim code, without a log-in', async () => {
  const code = await claim()
  const line = open()
  await line.see(NAME)
  line.enter('reset')
  await line.see('Claim code')
  line.enter(code)
  await line.see('New password')
  line.enter('another four words')
  await line.see('The same again')
  line.enter('another four words')
  await line.see('anna has a new password')
  await logIn(line, 'anna', 'another four words')
  await line.see(CHOICE)
  expect(line.written()).not.toContain(code)
})

test('a box that cannot say who it is still has a prompt, and lets its people in', async () => {
  await claim()
  mkdirSync(join(dir, 'identity.json'))
  const line = open()
  expect(await line.see(NAME)).toContain('PROBLEM')
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(line.written().split(NAME)).toHaveLength(2)
  line.enter('anna')
  await line.see('Password: ')
  line.enter(PASSWORD)
  await line.see(CHOICE)
})

test('nobody types: logged out; the log-in prompt itself waits for ever', async () => {
  await claim()
  const line = open(['--idle', '2s'])
  await line.see(NAME)
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  line.enter('')
  await logIn(line)
  await line.see(CHOICE)
  await line.see('anna is logged out.')
  await line.see(NAME)
  expect(await sessionsHere()).toEqual([])
})

test('a hang-up ends the session and the process', async () => {
  const line = await atMenu()
  expect(await sessionsHere()).toEqual(['anna'])
  line.hangUp()
  await until('the console has ended', () => !line.isRunning())
  expect(await sessionsHere()).toEqual([])
})

test('Ctrl-C leads back to the menu, Ctrl-D logs out', async () => {
  const line = await atMenu()
  line.enter('8')
  await line.see('p: ping')
  line.type('\x03')
  await line.see(CHOICE)
  line.enter('6')
  await line.see('Name: ')
  line.type('\x04')
  await line.see('anna is logged out.')
  await line.see(NAME)
  expect(line.isRunning()).toBe(true)
})

test('a viewer is not let in, a wrong password neither, and who guesses must wait', { timeout: 120_000 }, async () => {
  await claim()
  const line = open()
  await logIn(line, 'vera')
  await line.see('for technicians and admins')
  let answers = ''
  for (let guess = 0; guess < 12 && !/wait|again in|too many/i.test(answers); guess++) {
    await logIn(line, 'anna', `guess ${guess}`)
    answers += await line.see(/error[^\r]*\r\n[^\r]*\r\n/)
  }
  expect(answers).toMatch(/user or password is wrong/)
  expect(answers).toMatch(/wait|again in|too many/i)
})

test('noise on the line, arrow keys and half characters do nothing', async () => {
  await claim()
  const line = open()
  await line.see(NAME)
  line.type('\x00\xff\xfe\x1b[A\x1b[24;80R\x1bOP\x07\x0b')
  line.type('annx\x7fa')
  line.enter('')
  await line.see('Password: ')
  line.enter(PASSWORD)
  await line.see(CHOICE)
  line.type('\x1b[B\x1b[B')
  line.enter('11')
  await line.see('not on this system')
  expect(line.isRunning()).toBe(true)
})

test('what a log says cannot steer the terminal, and any key ends it', async () => {
  const log = join(dir, 'agent.log')
  writeFileSync(log, 'first \x1b[2J\x1b]0;owned\x07 line\n')
  const line = await atMenu(['--agent-log', log])
  line.enter('9')
  await line.see('first  [2J ]0;owned  line')
  appendFileSync(log, 'second: 21 °C, größer\u202e\n')
  await line.see('second: 21 degC, grosser')
  line.type('x')
  await line.see('Enter: menu ')
  expect(line.written()).not.toContain('\x1b')
})

test('a long page stops before it runs off the screen; q leads back', async () => {
  const sources = Array.from(
    { length: 40 },
    (_, at) =>
      `  - { name: s${at}, protocol: modbus-tcp, host: 127.0.0.1, port: 1, unit: 1, every: 1s, tags: [{ tag: t${at}, register: "coil:0", type: bool, class: process }] }`,
  )
  writeFileSync(join(dir, 'settings.yaml'), `version: 1\nclasses: [{ name: process }]\nsources:\n${sources.join('\n')}\n`)
  const line = await atMenu()
  line.enter('4')
  await line.see('-- more')
  line.type('q')
  await line.see(CHOICE)
  expect(line.linesAtOnce()).toBeLessThanOrEqual(ROWS)
})

test('what was done stands in the list of events', async () => {
  const line = await atMenu(['--stick', dir])
  line.enter('10')
  await line.see('Enter: menu ')
  line.hangUp()
  await until('the console has ended', () => !line.isRunning())
  const access = await openAccess(dir)
  const events = access.auditLatest(20).events.map((it) => `${it.what} ${it.by} ${it.address}`)
  access.close()
  expect(events).toContain('log-in anna console')
  expect(events).toContain('diagnostics anna console')
})
