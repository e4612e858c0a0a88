// Who asks for a factory reset must name the box; what root lays down then is one line, and none where the box does not start again.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { factoryReset as item } from '../../src/console/items/factory-reset.ts'
import type { Session } from '../../src/console/parts.ts'
import { BadInput, Unreachable } from '../../src/core/errors.ts'
import type { FactoryReset } from '../../src/core/host.ts'
import { AN_UPDATE } from '../../src/core/host.ts'
import { VERBS } from '../../src/machine/host/verbs/index.ts'
import { runHere } from '../commands/surroundings.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { handMadeHost } from './hand-made-host.ts'

test('root lays one line and starts the box anew; where that fails the line is gone', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-reset-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const reset = join(dir, 'reset')
  const verb = VERBS.find((it) => it.name === 'factoryReset')
  const laid: string[] = []
  let isUpdating = false
  const asked = (keep: unknown, fails = false, despiteUpdate = false, overwrite = false) => {
    const run = async (name: string, args: readonly string[]) => {
      laid.push(`${name} ${args.join(' ')}: ${readFileSync(reset, 'utf8')}`)
      if (fails) throw new Unreachable('program-failed', 'systemctl reboot: no')
      return ''
    }
    const parts = { programs: { has: () => true, hasSystemd: true, run }, places: { reset }, isUpdating: async () => isUpdating }
    const input = verb?.input.parse({ keep, despiteUpdate, overwrite })
    return verb?.run(input as never, parts as never)
  }
  await asked(null)
  await asked('hf-7f3a')
  await asked(null, false, false, true)
  expect(laid).toEqual(['systemctl reboot: all\n', 'systemctl reboot: keep hf-7f3a\n', 'systemctl reboot: all overwrite\n'])
  expect(() => verb?.input.parse({ keep: 'hf-7f3a', overwrite: true })).toThrow('what is kept cannot be written over')
  await expect(asked(null, true)).rejects.toThrow('systemctl reboot: no')
  expect(existsSync(reset)).toBe(false)
  // The start after may run a version that knows no reset.
  isUpdating = true
  await expect(asked(null)).rejects.toThrow('an update is under way')
  expect(existsSync(reset)).toBe(false)
  // An updater that is broken ends none.
  await asked(null, false, true)
  expect(readFileSync(reset, 'utf8')).toBe('all\n')
  for (const it of ['a b', 'a\nall', '../x', '', '-x', 7]) expect(() => verb?.input.parse({ keep: it })).toThrow()
})

test('the command line takes the name of the box and no other', async () => {
  const told: unknown[] = []
  const connectHost = async () => ({ ...handMadeHost(), factoryReset: async (...it: unknown[]) => void told.push(it) })
  const wrong = await runHere('factory reset hf-7f3b', { connectHost })
  expect(wrong).toMatchObject({ status: 2, out: '' })
  expect(wrong.err).toContain('this box is called hf-7f3a: nothing was erased')
  expect(told).toEqual([])
  expect((await runHere('factory reset hf-7f3a', { connectHost })).status).toBe(0)
  expect((await runHere('factory reset hf-7f3a --keep-readings', { connectHost })).status).toBe(0)
  expect((await runHere('factory reset hf-7f3a --despite-update', { connectHost })).status).toBe(0)
  expect((await runHere('factory reset hf-7f3a --overwrite', { connectHost })).status).toBe(0)
  const both = await runHere('factory reset hf-7f3a --overwrite --keep-readings', { connectHost })
  expect(both).toMatchObject({ status: 2, err: expect.stringContaining('what is kept cannot be written over') })
  expect(told).toEqual([
    [{ keep: null, overwrite: false, despiteUpdate: false }],
    [{ keep: 'hf-7f3a', overwrite: false, despiteUpdate: false }],
    [{ keep: null, overwrite: false, despiteUpdate: true }],
    [{ keep: null, overwrite: true, despiteUpdate: false }],
  ])
})

test('where the agent does not answer the box has the name that is on its disk; only readings are not kept then', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-reset-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'identity.json'), '{"id":"hf-7f3a"}\n')
  const told: unknown[] = []
  const connectHost = async () => ({ ...handMadeHost(), factoryReset: async (...it: unknown[]) => void told.push(it) })
  let away = new Unreachable('agent-unreachable', 'the agent does not answer')
  const status = () => Promise.reject(away)
  const run = (words: string) =>
    runHere(`factory reset ${words} --data ${dir}`, { connectHost }, {}, () => ({ ...handMadeAgent(), status }))
  expect((await run('hf-7f3b')).err).toContain('this box is called hf-7f3a: nothing was erased')
  expect((await run('hf-7f3a --keep-readings')).err).toContain('the agent does not answer')
  expect(told).toEqual([])
  // One that is there and has no name for a moment has one in the next, and it may be another.
  away = new Unreachable('agent-restarting', 'new settings are being put in force')
  expect((await run('hf-7f3a')).err).toContain('new settings are being put in force')
  expect(told).toEqual([])
  for (const code of ['agent-unreachable', 'agent-failed']) {
    away = new Unreachable(code, 'the agent does not answer')
    expect((await run('hf-7f3a')).status).toBe(0)
  }
  expect(told).toEqual([1, 2].map(() => [{ keep: null, overwrite: false, despiteUpdate: false }]))
})

/** What is printed, and what the helper is told, where somebody types these answers. */
async function typed(role: string, answers: string[], isUpdating = false) {
  const [told, printed, audited]: [unknown[], string[], unknown[]] = [[], [], []]
  const terminal = {
    print: async (lines: readonly string[]) => void printed.push(...lines),
    ask: async () => answers.shift() ?? '',
    during: (work: (signal: AbortSignal) => Promise<unknown>) => work(new AbortController().signal),
  }
  const factoryReset = async ({ keep, overwrite, despiteUpdate }: FactoryReset) => {
    if (isUpdating && !despiteUpdate) throw new BadInput([{ where: AN_UPDATE, text: 'an update is under way' }])
    told.push(overwrite ? 'zeros' : keep)
  }
  const host = { ...handMadeHost(), factoryReset }
  const access = { audit: (...it: unknown[]) => void audited.push(it) }
  const session = { terminal, parts: { agent: handMadeAgent(), host, access }, person: { name: 'anna', role }, verbs: [] }
  await item.run(session as unknown as Session)
  return { told, printed: printed.join('\n'), audited }
}

test('at the console an admin alone may, after what goes was said and the name was typed', async () => {
  expect(await typed('technician', ['y', 'hf-7f3a'])).toMatchObject({ told: [], audited: [] })
  const other = await typed('admin', ['n', 'n', 'hf-7f3b'])
  expect(other).toMatchObject({ told: [], audited: [] })
  expect(other.printed).toContain('nothing was done')
  expect(await typed('admin', ['y', 'hf-7f3a'])).toMatchObject({
    told: ['hf-7f3a'],
    audited: [['factory reset', 'anna', { keepReadings: 'true', overwrite: 'false', despiteUpdate: 'false' }]],
  })
  expect((await typed('admin', ['n', 'n', 'hf-7f3a'])).told).toEqual([null])
  expect((await typed('admin', ['n', 'y', 'hf-7f3a'])).told).toEqual(['zeros'])
  const kept = await typed('admin', ['n', 'n', 'hf-7f3a', 'n'], true)
  expect(kept.told).toEqual([])
  expect(kept.printed).toContain('one that does not end')
  const despite = await typed('admin', ['n', 'n', 'hf-7f3a', 'y'], true)
  expect(despite.told).toEqual([null])
  expect(despite.audited.at(-1)).toEqual([
    'factory reset',
    'anna',
    { keepReadings: 'false', overwrite: 'false', despiteUpdate: 'true' },
  ])
  expect(item.missing?.({ verbs: [] } as unknown as Session)).toContain('nothing was erased')
  expect(item.missing?.({ verbs: ['factoryReset'] } as unknown as Session)).toBe(undefined)
})
