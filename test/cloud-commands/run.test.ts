// Commands at work, and what keeps them from work: time that went by, texts that are too long, a disk that takes no journal.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AgentCommandsParts } from '../../src/agent-commands.ts'
import { openCommands } from '../../src/agent-commands.ts'
import { openJournal } from '../../src/cloud-commands/journal.ts'
import type { Kind } from '../../src/cloud-commands/kind.ts'
import { settingsKind } from '../../src/cloud-commands/kinds/settings.ts'
import type { Held } from '../../src/cloud-commands/journal.ts'
import { parseCommand } from '../../src/cloud-commands/parse.ts'
import { runCommands } from '../../src/cloud-commands/run.ts'
import { BadInput, Unreachable } from '../../src/core/errors.ts'
import { until } from '../route/until.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }
const NONE: Kind = { run: async () => ({ result: 'done' }), resume: async () => ({ result: 'done' }) }
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-run-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** What becomes of one command. */
async function ended(run: Kind['run'], clock: { now: number }, resume: Kind['resume'] = run) {
  const journal = openJournal(dir, () => {})
  const stop = new AbortController()
  const text = JSON.stringify({ id: 'a', kind: 'push', expires: 100, tag: 't', value: 1 })
  journal.take('cloud', 't', { cluster: 'c', partitions: {} }, [parseCommand(text, 't/0@0', ['push'])], 0, () => [])
  const kinds = { push: { run, resume }, replay: NONE, settings: NONE, write: NONE }
  const running = runCommands({ journal, kinds, now: () => clock.now, isTrusted: () => true, log: SILENT }, stop.signal)
  await until('it has ended', () => journal.list(1)[0]?.state === 'done')
  stop.abort()
  await running.ended()
  const found = { answer: journal.list(1)[0]?.answer, events: journal.answersFrom(1, 10).events }
  journal.close()
  return found
}

test('what became stale while it was prepared is not begun', async () => {
  const clock = { now: 10 }
  const done: string[] = []
  const { answer } = await ended(async (_, { begin }) => {
    clock.now = 100
    begin({})
    done.push('done')
    return { result: 'done' }
  }, clock)
  expect(answer).toMatchObject({ result: 'refused', code: 'command-stale' })
  expect(done).toEqual([])
})

test('what can be tried again is, what can never be done is answered at once', async () => {
  const tries: string[] = []
  const { answer } = await ended(
    async (_, { begin }) => {
      begin({})
      tries.push('begun')
      throw new Unreachable('away', 'away')
    },
    { now: 10 },
    async () => {
      tries.push('again')
      throw new BadInput([{ where: 'range', text: 'the budget is spent, after 1000 readings' }])
    },
  )
  expect(answer).toMatchObject({
    result: 'failed',
    code: 'command-impossible',
    reason: expect.stringContaining('1000') as string,
  })
  expect(tries).toEqual(['begun', 'again'])
})

test('long texts of an answer are cut, numbers stay', async () => {
  const long = 'x'.repeat(100_000)
  const outcome = { result: 'failed', code: 'c', reason: long, detail: { to: long, read: 5 }, audit: { to: long } } as const
  const { answer, events } = await ended(async () => outcome, { now: 10 })
  expect(answer?.reason).toHaveLength(1_000)
  expect(answer?.detail).toEqual({ to: `${'x'.repeat(999)}…`, read: 5 })
  expect(events.map((it) => it.text.length < 5_000)).toEqual([true, true])
})

test('a reason that names a key of any length is cut', () => {
  const text = JSON.stringify({ id: 'a', kind: 'push', expires: 1, tag: 't', value: 1, ['x'.repeat(100_000)]: 1 })
  expect(parseCommand(text, 't/0@0', ['push']).refused?.reason).toHaveLength(1_000)
})

test('settings are compared with the text in whose place they come', async () => {
  const before = { text: 'a person has taken rights away', revision: 'r2', pending: null }
  const applied: unknown[] = []
  const settingsWith = (commands?: object) => ({ uplinks: [{ name: 'cloud', ...(commands && { commands }) }], sources: [] })
  const kind = settingsKind({
    api: () => ({ settings: async () => before, settingsApply: async (it: unknown) => applied.push(it) }) as never,
    checked: async (text) => settingsWith(text === before.text ? undefined : { topic: 't', kinds: [] }) as never,
    // Not yet in force.
    now: () => settingsWith({ topic: 't', kinds: [] }) as never,
    heardAnew: async () => {},
    confirmWithinMs: 1,
  })
  const doing = { begin() {}, signal: new AbortController().signal, now: () => 0 }
  const asked = (base?: string) => kind.run({ id: 'a', uplink: 'cloud', body: { text: 'other', base } } as unknown as Held, doing)
  expect(await asked()).toMatchObject({ result: 'refused', code: 'settings-own-rights' })
  expect(await asked('r1')).toMatchObject({ result: 'refused', code: 'settings-refused' })
  expect(applied).toEqual([])
})

test('where no journal can be opened an issue says so, and it is opened once it can be', async () => {
  writeFileSync(join(dir, 'commands'), 'in the way')
  const settings = { uplinks: [{ name: 'cloud', commands: { topic: 't', kinds: ['push'] } }], classes: [], sources: [] }
  const away = () => Promise.reject(new Unreachable('away', 'away'))
  const told = { settings: () => settings, read: away, takeAnswers: away, replay: away }
  const clock = { now: () => 0, current: () => ({ trusted: true }) }
  const parts = { dir, clock, logger: SILENT, told, settings: {}, settingsApi: {}, query: () => {} }
  const commands = await openCommands(parts as unknown as AgentCommandsParts)
  expect(commands.issues()).toMatchObject([{ code: 'commands-closed' }])
  expect(await commands.api.commands(1)).toEqual([])
  rmSync(join(dir, 'commands'))
  await commands.change()
  expect(commands.issues().map((it) => it.code)).not.toContain('commands-closed')
  await commands.close()
})
