// Changes of settings where something goes wrong while they are put in force: nothing is left half-way.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { settingsService } from '../../src/agent-settings.ts'
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

async function served(change: (bytesMax: number) => Promise<void>) {
  const stuck: Error[] = []
  const service = settingsService({
    file,
    dir,
    boot: 'one',
    env: {},
    logger: silent,
    now: () => 1,
    monotonic: () => performance.now(),
    check: (text) => checkSettingsApart({ file, dir, deviceId: 'hf-1', env: {}, ...(text !== undefined && { text }) }),
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

test('while a change waits, no secret goes: the text before it may need it', async () => {
  writeFileSync(join(dir, 'secrets.json'), '{"spare":"a"}', { mode: 0o600 })
  const { api } = await served(async () => {})
  const { revision } = await api.settingsApply({ ...apply, confirmWithinMs: 60_000 })
  await expect(api.removeSecret('spare')).rejects.toThrow('waits for its confirmation')
  await api.settingsConfirm(revision)
  await api.removeSecret('spare')
})

test('a text that was made to take all memory is refused, and checks go one after the other, not without end', async () => {
  const { api } = await served(async () => {})
  const text = `${FIRST}sources: [${'{},'.repeat(2_600_000)}]\n`
  expect((await api.settingsCheck(text)).problems).toMatchObject([{ text: expect.stringMatching(/memory|longer|too many/) }])
  const answers = await Promise.allSettled(Array.from({ length: 12 }, () => api.settingsCheck(SECOND)))
  const refused = answers.filter((it) => it.status === 'rejected')
  expect(refused).toHaveLength(4)
  expect(refused[0]?.reason).toMatchObject({ code: 'checks-busy' })
}, 120_000)

test('an entry behind the one in force never came into force: the process was killed in between', async () => {
  const history = openHistory(dir, writeWhole)
  await history.add({ revision: revisionOf(FIRST), at: 1, by: 'file' }, FIRST)
  await history.add({ revision: revisionOf(SECOND), at: 2, by: 'anna' }, SECOND)
  const entries = outcomes(await history.entries(), revisionOf(FIRST), undefined)
  expect(entries.map((it) => it.outcome)).toEqual(['reverted', 'current'])
})

test('differences: by names; comments and the order of keys are none, the order of a list is one', () => {
  expect(changesOf('a: 1 # one\nb: 2\n', 'b: 2\na: 1\n')).toEqual([])
  const list = (...names: string[]) => `classes: [${names.map((it) => `{ name: ${it}, floor: 1MB }`).join(', ')}]\n`
  expect(changesOf(list('x', 'y'), list('y', 'x'))).toEqual([{ path: 'classes', old: 'order: x, y', new: 'order: y, x' }])
  expect(changesOf(list('x', 'y'), list('y'))).toEqual([{ path: 'classes[x]', old: 'name: x\nfloor: 1MB' }])
  expect(changesOf('a: [1, 2]\n', 'a: [1, 3]\n')).toEqual([{ path: 'a', old: '- 1\n- 2', new: '- 1\n- 3' }])
  expect(changesOf('a: {\n', 'a: 1\n')).toEqual([{ path: '', new: 'a: 1' }])
})
