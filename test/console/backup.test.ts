// The encrypted backup at the serial line: onto a stick and back, for an admin, with the agent.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { connectAgent } from '../../src/local-api/client.ts'
import { until } from '../route/until.ts'
import type { Line } from './pty.ts'
import { badBytes, openLine, ROWS } from './pty.ts'
import type { Box } from './site.ts'
import { ADMIN, openBox, PASSWORD, TECHNICIAN } from './site.ts'

const CHOICE = 'Choice (- is not on this system): '
const BACK = 'Enter: menu '
const ASKED = 'Passphrase (not shown, Enter: none): '
const PASSPHRASE = 'six words that came by chance'
const SECRET = 'canary-9b2f44'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

let box: Box
let agent: { end(): Promise<void> }
let stick: string
let lines: Line[] = []

beforeAll(async () => {
  box = await openBox()
  stick = join(box.site.dir, 'stick')
  mkdirSync(stick)
  agent = await box.startAgent()
  await connectAgent(box.site.data).setSecret('cloud', SECRET)
})
afterEach(async () => {
  for (const it of lines) {
    it.hangUp()
    await until('the console has ended', () => !it.isRunning())
    expect(badBytes(it.written())).toEqual([])
    expect(it.linesAtOnce()).toBeLessThanOrEqual(ROWS)
    for (const hidden of [PASSPHRASE, SECRET]) expect(it.written()).not.toContain(hidden)
  }
  lines = []
})
afterAll(async () => {
  await agent?.end()
  await box?.close()
})

const backups = () => readdirSync(stick).filter((it) => it.endsWith('.backup.age'))

/** Logged in, and asked which of "back up, restore, export". */
async function atStick(user = ADMIN): Promise<Line> {
  const line = openLine(['--data', box.site.data, '--settings', box.site.settings, '--stick', stick])
  lines.push(line)
  await line.see('Name (or: ')
  line.enter(user)
  await line.see('Password: ')
  line.enter(PASSWORD)
  await line.see(CHOICE)
  line.enter('13')
  await line.see('Which (Enter: none): ')
  return line
}

async function answered(line: Line, ...answers: readonly (readonly [prompt: string, answer: string])[]): Promise<void> {
  for (const [prompt, answer] of answers) {
    await line.see(prompt)
    line.enter(answer)
  }
}

test('two passphrases that differ make nothing; the same one twice makes a file that tells nothing', async () => {
  const line = await atStick()
  line.enter('k')
  await answered(line, ['New passphrase (not shown): ', PASSPHRASE], ['The same again: ', 'another'])
  expect(await line.see(BACK)).toContain('the two are not the same')
  expect(backups()).toEqual([])
  line.enter('')
  await answered(line, [CHOICE, '13'], ['Which (Enter: none): ', 'k'])
  await answered(line, ['New passphrase (not shown): ', PASSPHRASE], ['The same again: ', PASSPHRASE])
  expect(await line.see(BACK)).toMatch(/written: .*hf-7f3a-\d{8}T\d{6}Z\.backup\.age/)
  const [name = ''] = backups()
  const text = readFileSync(join(stick, name), 'utf8')
  expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/)
  expect(text).not.toContain(SECRET)
})

test('it is restored by its passphrase, after its difference was seen and the name of the box typed', async () => {
  const api = connectAgent(box.site.data)
  const before = await api.settings()
  const text = before.text.replace('every: 200ms', 'every: 300ms')
  await api.settingsApply({ text, base: before.revision, by: 'ben' })
  await api.removeSecret('cloud')
  const line = await atStick()
  line.enter('r')
  await answered(line, ['(1-1, Enter: none): ', '1'], [ASKED, 'another passphrase than that'])
  await answered(line, [ASKED, PASSPHRASE])
  const seen = await line.see('Name: ')
  for (const it of ['backup of hf-7f3a, made', 'secrets: cloud', 'every: 300ms > 200ms']) expect(seen).toContain(it)
  line.enter('hf-other')
  expect(await line.see(BACK)).toContain('nothing was done')
  expect((await api.settings()).text).toBe(text)
  line.enter('')
  await answered(line, [CHOICE, '13'], ['Which (Enter: none): ', 'r'], ['(1-1, Enter: none): ', '1'], [ASKED, PASSPHRASE])
  await answered(line, ['Name: ', 'hf-7f3a'])
  expect(await line.see(BACK)).toContain('restored: this box is hf-7f3a')
  expect((await api.settings()).text).toBe(before.text)
  expect((await api.secrets()).map((it) => it.name)).toContain('cloud')
})

test('a technician makes none and restores none', async () => {
  const line = await atStick(TECHNICIAN)
  line.enter('k')
  expect(await line.see(BACK)).toContain('an encrypted backup wants an admin')
  line.enter('')
  await answered(line, [CHOICE, '13'], ['Which (Enter: none): ', 'r'])
  expect(await line.see(BACK)).toContain('restoring wants an admin')
})

test('without the agent it says that it needs it', async () => {
  await agent.end()
  const line = await atStick()
  line.enter('k')
  expect(await line.see(BACK)).toContain('An encrypted backup needs the agent')
  line.enter('')
  await answered(line, [CHOICE, '13'], ['Which (Enter: none): ', 'r'], ['(1-1, Enter: none): ', '1'])
  expect(await line.see(BACK)).toContain('An encrypted backup needs the agent')
})
