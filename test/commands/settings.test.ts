// Settings, secrets, live values and what the log gave up, by the words of the command line.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AgentApi } from '../../src/core/agent-api.ts'
import { dispatch } from '../../src/commands/dispatch.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'

const OLD = 'ab12'.repeat(16)
const NEW = 'cd34'.repeat(16)
const NOW = 1_795_000_000_000_000
let dir: string
let file: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-settings-'))
  file = join(dir, 'new.yaml')
  writeFileSync(file, 'version: 1\n')
})
afterAll(() => rmSync(dir, { recursive: true }))

const HISTORY = [
  { revision: NEW, at: NOW, by: 'anna', note: 'faster', outcome: 'current' },
  { revision: OLD, at: NOW - 1e9, by: 'cli', outcome: 'replaced' },
] as const

async function run(words: readonly string[], changes: Partial<AgentApi>, input = '') {
  const texts = { out: '', err: '' }
  const output = (name: 'out' | 'err') => ({
    isTerminal: false,
    width: 80,
    write: async (text: string) => void (texts[name] += text),
  })
  const agent = handMadeAgent({ settingsHistory: async () => HISTORY, ...changes })
  const parts = { standardInput: async () => input }
  const around = {
    out: output('out'),
    err: output('err'),
    env: {},
    signal: new AbortController().signal,
    parts,
    version: '0',
    agent: () => agent,
  }
  return { status: await dispatch(words, around as never), ...texts }
}

const CHECK = {
  problems: [],
  changes: [{ path: 'sources[press-3].every', old: '1s', new: '500ms' }],
  restarts: ['sources[press-3]'],
  warnings: ['the log holds two days less'],
}

test('diff shows what would change and what starts anew', async () => {
  const { status, out } = await run(['settings', 'diff', file], { settingsCheck: async () => CHECK })
  expect(status).toBe(0)
  expect(out).toBe(
    'sources[press-3].every\n  - 1s\n  + 500ms\nstarts anew: sources[press-3]\nmind: the log holds two days less\n',
  )
  const problems = [{ path: 'log.bytesMax', line: 3, column: 1, text: 'is too small', remedy: 'at least 32MB' }]
  const wrong = await run(['settings', 'diff', file], { settingsCheck: async () => ({ ...CHECK, problems }) })
  expect(wrong.status).toBe(2)
  expect(wrong.out).toContain('error line 3 log.bytesMax: is too small')
})

test('apply says from which revision, and how it is kept', async () => {
  const asked: unknown[] = []
  const pending = { revision: NEW, previous: OLD, by: 'cli', revertsInMs: 120_000 }
  const settings = async () => ({
    text: 'version: 1\n',
    revision: OLD,
    pending: null,
    notInForce: [],
    system: { ports: [], timeServers: [] },
  })
  const changes: Partial<AgentApi> = {
    settings,
    settingsCheck: async () => CHECK,
    settingsApply: async (it) => (asked.push(it), { ...(await settings()), revision: NEW, pending }),
  }
  const { status, out } = await run(['settings', 'apply', file, '--confirm-within', '2m', '--note', 'why'], changes)
  expect(status).toBe(0)
  expect(asked).toEqual([{ text: 'version: 1\n', base: OLD, by: 'cli', confirmWithinMs: 120_000, note: 'why' }])
  expect(out.replaceAll(/\s+/g, ' ')).toContain('taken back in 2 min unless you confirm it: holdfast settings confirm')
  expect(await run(['settings', 'apply', file, '--confirm-within', '2'], changes)).toMatchObject({ status: 2 })
  expect(await run(['settings', 'apply', join(dir, 'none')], changes)).toMatchObject({ status: 2 })
  const problems = [{ path: 'x', line: 1, column: 1, text: 'is unknown' }]
  expect(
    await run(['settings', 'apply', file], { ...changes, settingsCheck: async () => ({ ...CHECK, problems }) }),
  ).toMatchObject({ status: 2 })
  expect(asked).toHaveLength(1)
})

test('revisions are named by their first digits', async () => {
  const asked: unknown[] = []
  const settingsText = async (revision: string) => `# ${revision}\n`
  expect((await run(['settings', 'show', '--revision', OLD.slice(0, 8)], { settingsText })).out).toBe(`# ${OLD}\n`)
  const settingsRevert: AgentApi['settingsRevert'] = async (revision, by) => (
    asked.push([revision, by]), handMadeAgent().settings()
  )
  expect(await run(['settings', 'revert', OLD.slice(0, 8)], { settingsRevert })).toMatchObject({ status: 0 })
  expect(await run(['settings', 'revert'], { settingsRevert })).toMatchObject({ status: 0 })
  expect(asked).toEqual([
    [OLD, 'cli'],
    [undefined, 'cli'],
  ])
  for (const it of ['ffffff', 'xyz', 'ab1'])
    expect(await run(['settings', 'revert', it], { settingsRevert })).toMatchObject({ status: 2 })
  const settingsCheck = async () => ({ ...CHECK, warnings: ['replace hf-7f3a? It takes its place'] })
  const { out } = await run(['settings', 'revert', OLD.slice(0, 8)], { settingsRevert, settingsText, settingsCheck })
  expect(out).toMatch(/^sources\[press-3\].every\n[^]*mind: replace hf-7f3a\? It takes its place\nin force: /)
  expect((await run(['settings', 'history'], {})).out).toMatch(/cd34cd34cd34 {2}2026-11-18T11:06Z {2}anna {2}current {3}faster/)
})

test('confirm needs something to confirm', async () => {
  expect(await run(['settings', 'confirm'], {})).toMatchObject({ status: 2, err: expect.stringContaining('no change waits') })
})

test('a secret comes from standard input and is shown nowhere', async () => {
  const stored: string[] = []
  const setSecret = async (name: string, text: string) => void stored.push(`${name}=${text}`)
  const { status, out, err } = await run(['secrets', 'set', 'cloud'], { setSecret }, 'canary 1\n')
  expect({ status, stored }).toEqual({ status: 0, stored: ['cloud=canary 1'] })
  expect(out + err).not.toContain('canary')
  expect(await run(['secrets', 'set', 'cloud'], { setSecret }, '\n')).toMatchObject({ status: 2 })
  expect(await run(['secrets', 'set', 'cloud', 'canary'], { setSecret })).toMatchObject({ status: 2 })
  const secrets = async () => [{ name: 'cloud', usedBy: ['uplinks[cloud]'], from: 'missing' as const }]
  expect((await run(['secrets', 'list'], { secrets })).out).toMatch(/cloud {2}missing {2}uplinks\[cloud\]/)
})

test('live values, the ledger and the days of the log', async () => {
  const live: AgentApi['live'] = async function* () {
    const value = { source: 's', time: NOW, received: NOW, status: 0, class: 'process' } as const
    yield { ...value, tag: 'a', kind: 'double', value: 21.5, quality: 'good', unit: '°C' }
    yield { ...value, tag: 'b', kind: 'long', value: 9_007_199_254_740_993n, quality: 'bad' }
  }
  expect((await run(['live'], { live })).out).toMatch(/a +21\.5 °C +s [\s\S]*b +9007199254740993 \(bad\)/)
  expect(JSON.parse((await run(['live', '--json'], { live })).out)).toMatchObject([
    { value: 21.5 },
    { value: '9007199254740993' },
  ])
  const ledger: AgentApi['ledger'] = async function* () {
    yield {
      device: 'd',
      epoch: 'e',
      class: 'process',
      form: 'raw',
      from: 0,
      to: 9,
      count: 10,
      timeFrom: NOW,
      timeTo: NOW,
      action: 'dropped',
      reason: 'full',
      at: NOW,
    }
  }
  expect((await run(['log', 'ledger'], { ledger })).out).toMatch(/process +10 +dropped +full/)
  expect(await run(['log', 'ledger', '--limit', '0'], { ledger })).toMatchObject({ status: 2 })
  const logDays = async () => [{ day: NOW, class: 'process', readings: 5, bytes: 1_000, givenUp: { dropped: 10 } }]
  expect((await run(['log', 'days'], { logDays })).out).toMatch(/2026-11-18 +process +5 +1\.0 kB +dropped 10/)
})
