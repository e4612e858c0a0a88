// Changes of settings where something goes wrong while they are put in force: nothing is left half-way.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { settingsService } from '../../src/agent-settings.ts'
import type { Unreachable } from '../../src/core/errors.ts'
import { openHistory, outcomes, revisionOf } from '../../src/settings/history.ts'
import { changesOf } from '../../src/settings/changes.ts'
import { writeWhole } from '../../src/machine/whole-file.ts'
import { checkSettingsApart } from '../../src/workers/read-settings.ts'
import { silent } from '../local-api/hand-made-agent.ts'

const FIRST = 'version: 1\nlog: { bytesMax: 64MB }\n'
const SECOND = 'version: 1\nlog: { bytesMax: 65MB }\n'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-service-'))
  file = join(dir, 'settings.yaml')
  writeFileSync(file, FIRST)
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function served(change: (bytesMax: number) => Promise<void>, checking: (isBegun: boolean) => void = () => {}) {
  const stuck: Error[] = []
  const service = settingsService({
    file,
    dir,
    boot: 'one',
    env: {},
    logger: silent,
    now: () => 1,
    monotonic: () => performance.now(),
    async check(text, ranBefore = false) {
      checking(true)
      const request = { file, dir, deviceId: 'hf-1', env: {}, ranBefore }
      const checked = checkSettingsApart({ ...request, ...(text !== undefined && { text }) })
      return checked.finally(() => checking(false))
    },
    stuck: (error) => void stuck.push(error),
  })
  await service.begin()
  const api = service.serve(
    ({ settings }) => change(settings.log.bytesMax),
    () => [],
  )
  return { api, stuck }
}

const apply = { text: SECOND, base: revisionOf(FIRST), by: 'anna' }

test('what cannot be put in force leaves the file and what runs as they were, and stands in the history as taken back', async () => {
  const asked: number[] = []
  const { api, stuck } = await served(async (bytesMax) => {
    asked.push(bytesMax)
    if (bytesMax === 65e6) throw new Error('no room')
  })
  await expect(api.settingsApply({ ...apply, confirmWithinMs: 60_000 })).rejects.toThrow('no room')
  expect(readFileSync(file, 'utf8')).toBe(FIRST)
  expect(asked).toEqual([65e6, 64e6])
  expect((await api.settings()).pending).toBeNull()
  expect((await api.settingsHistory()).map((it) => [it.by, it.outcome])).toEqual([
    ['anna', 'reverted'],
    ['file', 'current'],
  ])
  expect(stuck).toEqual([])
})

test('a file that cannot be written is a change that never was: what runs goes on, and nobody goes back to it', async () => {
  const asked: number[] = []
  const { api } = await served(async (bytesMax) => void asked.push(bytesMax))
  const inTheWay = `${file}.new`
  mkdirSync(inTheWay)
  await expect(api.settingsApply(apply)).rejects.toThrow('EISDIR')
  expect(asked).toEqual([])
  expect((await api.settingsHistory()).map((it) => it.outcome)).toEqual(['reverted', 'current'])
  await expect(api.settingsRevert(undefined, 'anna')).rejects.toThrow('there are no settings before these')
  rmSync(inTheWay, { recursive: true })
  await api.settingsApply(apply)
  expect(asked).toEqual([65e6])
  expect((await api.settingsHistory()).map((it) => it.outcome)).toEqual(['current', 'reverted', 'replaced'])
})

test('where those before cannot be run either, the process is told to end', async () => {
  const { api, stuck } = await served(() => Promise.reject(new Error('no log')))
  await expect(api.settingsApply(apply)).rejects.toThrow('no log')
  expect(stuck.map((it) => it.message)).toEqual(['no log'])
  expect(readFileSync(file, 'utf8')).toBe(FIRST)
})

test('a new text of a secret brings what is in force, not what somebody has written into the file meanwhile', async () => {
  writeFileSync(
    file,
    `${FIRST}uplinks: [{ name: cloud, kafka: { brokers: ["k:9093"], tls: {}, sasl: { mechanism: plain, user: u, password: { secret: cloud } } } }]\n`,
  )
  writeFileSync(join(dir, 'secrets.json'), '{"cloud":"a"}', { mode: 0o600 })
  const asked: number[] = []
  const { api } = await served(async (bytesMax) => void asked.push(bytesMax))
  writeFileSync(file, SECOND)
  await api.setSecret('cloud', 'b')
  expect(asked).toEqual([64e6])
})

test('a secret that would leave out what runs is refused, and the one before is there again; so it is where it cannot be put in force', async () => {
  const source = (name: string, secret: string) =>
    `{ name: ${name}, protocol: mqtt, url: "mqtts://b:8883", insecure: "a test", tls: { ca: { secret: ${secret} } }, subscribe: [{ topic: x, tag: ${name}, class: default }] }`
  writeFileSync(file, `${FIRST}sources: [${source('one', 'ca')}, ${source('two', 'other')}]\n`)
  const secrets = (ca: string, other: string) => `${JSON.stringify({ ca, other }, undefined, 1)}\n`
  const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----'
  const kept = () => readFileSync(join(dir, 'secrets.json'), 'utf8')
  writeFileSync(join(dir, 'secrets.json'), secrets(PEM, PEM), { mode: 0o600 })
  let fails = false
  const asked: number[] = []
  const { api } = await served(async (bytesMax) => {
    asked.push(bytesMax)
    const isThisOne = fails
    fails = false
    if (isThisOne) throw new Error('no room')
  })
  const error = await api.setSecret('ca', 'mistyped').catch((it: unknown) => it)
  expect(error).toMatchObject({
    name: 'BadInput',
    problems: [{ where: 'ca', text: expect.stringMatching(/^with this secret source one could not run: sources\[0\]/) }],
  })
  expect(String(error)).not.toContain('mistyped')
  expect([asked, JSON.parse(kept())]).toEqual([[], JSON.parse(secrets(PEM, PEM))])
  fails = true
  await expect(api.setSecret('ca', `${PEM}\n`)).rejects.toThrow('no room')
  expect([asked, JSON.parse(kept())]).toEqual([[64e6, 64e6], JSON.parse(secrets(PEM, PEM))])
  await api.setSecret('ca', `${PEM}\n`)
  expect(JSON.parse(kept())).toEqual(JSON.parse(secrets(`${PEM}\n`, PEM)))
})

test('a text that somebody wrote into the file and that never ran counts for none that did: the way back leads past it', async () => {
  const { api } = await served(async () => {})
  const byHand = `${FIRST}# by hand\n`
  writeFileSync(file, byHand)
  const { revision } = await api.settingsApply({ ...apply, base: revisionOf(byHand), confirmWithinMs: 60_000 })
  expect((await api.settings()).pending).toMatchObject({ revision, previous: revisionOf(FIRST) })
  expect((await api.settingsHistory()).map((it) => it.outcome)).toEqual(['pending', 'reverted', 'replaced'])
  await api.settingsRevert(undefined, 'anna')
  expect(readFileSync(file, 'utf8')).toBe(FIRST)
  // What runs at a start has run, whatever the history says of it.
  writeFileSync(file, byHand)
  await served(async () => {})
  expect((await openHistory(dir, writeWhole).entries()).at(-1)).toEqual({ revision: revisionOf(byHand), at: 1, by: 'file' })
})

test('while a change waits, no secret goes: the text before it may need it', async () => {
  writeFileSync(join(dir, 'secrets.json'), '{"spare":"a"}', { mode: 0o600 })
  const { api } = await served(async () => {})
  const { revision } = await api.settingsApply({ ...apply, confirmWithinMs: 60_000 })
  await expect(api.removeSecret('spare')).rejects.toThrow('waits for its confirmation')
  await api.settingsConfirm(revision)
  await api.removeSecret('spare')
})

test('a text that takes more memory than there is for it is refused, and the thread alone ends', async () => {
  const text = `${FIRST}sources: [${'{},'.repeat(300_000)}]\n`
  const { checked } = await checkSettingsApart({ file, dir, deviceId: 'hf-1', env: {}, text }, 64)
  expect(checked).toMatchObject({ error: { problems: [{ where: file, text: 'takes more than 64 MB of memory to check' }] } })
})

test('a file that makes another box of this one asks for it, whichever way this one has its name', async () => {
  const { api } = await served(async () => {})
  const asked = async (id: string) => (await api.settingsCheck(`${FIRST}device: { id: ${id}, site: hall }\n`)).warnings
  expect((await asked('hf-2')).filter((it) => it.startsWith('replace hf-2? '))).toHaveLength(1)
  expect(await asked('hf-1')).toEqual([])
})

test('checks go one after the other, and not without end', async () => {
  const atOnce = { now: 0, most: 0 }
  const { api } = await served(
    async () => {},
    (isBegun) => {
      atOnce.now += isBegun ? 1 : -1
      atOnce.most = Math.max(atOnce.most, atOnce.now)
    },
  )
  const answers = await Promise.allSettled(Array.from({ length: 12 }, () => api.settingsCheck(SECOND)))
  const refused = answers.filter((it) => it.status === 'rejected')
  expect(refused).toHaveLength(4)
  expect(refused[0]?.reason).toMatchObject({ code: 'checks-busy' })
  expect(atOnce.most).toBe(1)
}, 60_000)

test('an entry behind the one in force never came into force: the process was killed in between', async () => {
  const history = openHistory(dir, writeWhole)
  await history.add({ revision: revisionOf(FIRST), at: 1, by: 'file' }, FIRST)
  await history.add({ revision: revisionOf(SECOND), at: 2, by: 'anna' }, SECOND)
  const entries = outcomes(await history.entries(), revisionOf(FIRST), undefined)
  expect(entries.map((it) => it.outcome)).toEqual(['reverted', 'current'])
})

test('of two entries with the same text the last one alone waits for its confirmation', () => {
  const [first, second] = [revisionOf(FIRST), revisionOf(SECOND)]
  const entries = [second, first, second].map((revision, at) => ({ revision, at, by: 'anna' }))
  const pending = { revision: second, previous: first, by: 'anna', boot: 'one', deadlineMs: 1 }
  expect(outcomes(entries, second, pending).map((it) => it.outcome)).toEqual(['pending', 'replaced', 'replaced'])
})

test('differences: by names; comments and the order of keys are none, the order of a list is one', () => {
  expect(changesOf('a: 1 # one\nb: 2\n', 'b: 2\na: 1\n')).toEqual([])
  const list = (...names: string[]) => `classes: [${names.map((it) => `{ name: ${it}, floor: 1MB }`).join(', ')}]\n`
  expect(changesOf(list('x', 'y'), list('y', 'x'))).toEqual([{ path: 'classes', old: 'order: x, y', new: 'order: y, x' }])
  expect(changesOf(list('x', 'y'), list('y'))).toEqual([{ path: 'classes[x]', old: 'name: x\nfloor: 1MB' }])
  expect(changesOf('a: [1, 2]\n', 'a: [1, 3]\n')).toEqual([{ path: 'a', old: '- 1\n- 2', new: '- 1\n- 3' }])
  expect(changesOf('a: {\n', 'a: 1\n')).toEqual([{ path: '', new: 'a: 1' }])
})

const canMount = process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0
if (!canMount) console.warn('SKIPPED: a disk that is full or read-only needs root')

describe.skipIf(!canMount)('a disk that takes nothing', () => {
  beforeEach(() => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir])
    writeFileSync(file, FIRST)
  })
  afterEach(() => execFileSync('umount', [dir]))

  test.each(['ENOSPC', 'EROFS'])('%s: nothing is changed, and the error says what to do', async (code) => {
    const asked: number[] = []
    const { api } = await served(async (bytesMax) => void asked.push(bytesMax))
    if (code === 'ENOSPC') {
      // Full, whoever wrote it.
      try {
        writeFileSync(join(dir, 'ballast'), Buffer.alloc(1_000_000))
      } catch {}
    } else execFileSync('mount', ['-o', 'remount,ro', dir])
    const error = (await api.settingsApply(apply).catch((it: unknown) => it)) as Unreachable
    expect(error).toMatchObject({ name: 'Unreachable', code: 'settings-not-saved', message: expect.stringContaining(code) })
    expect(error.remedy).toMatch(code === 'ENOSPC' ? /make room/ : /read-only/)
    expect(readFileSync(file, 'utf8')).toBe(FIRST)
    expect(asked).toEqual([])
    expect(readdirSync(dir, { recursive: true }).filter((it) => String(it).endsWith('.new'))).toEqual([])
    if (code === 'ENOSPC') rmSync(join(dir, 'ballast'))
    else execFileSync('mount', ['-o', 'remount,rw', dir])
    await api.settingsApply(apply)
    expect(asked).toEqual([65e6])
  })
})
