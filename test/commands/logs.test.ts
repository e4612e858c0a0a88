// What the services wrote of themselves, out of entries as journalctl writes them: by weight and words, without secrets.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { logsOperation } from '../../src/commands/logs.ts'
import type { ServiceLine } from '../../src/core/operator.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { runHere } from './surroundings.ts'

const own = (level: string, msg: string, more: object = {}) =>
  JSON.stringify({ level, time: '2026-11-30T03:00:00.000Z', name: 'agent', ...more, msg })
const ENTRIES = [
  { PRIORITY: '6', MESSAGE: own('warn', 'uplink cloud waits', { code: 'ECONNREFUSED' }) },
  { PRIORITY: '6', MESSAGE: own('info', 'source press-3 is up', { url: 'mqtts://anna:geheim@10.20.1.60' }) },
  { PRIORITY: '3', MESSAGE: 'holdfast-agent.service: Main process exited' },
  { PRIORITY: '6', MESSAGE: [...Buffer.from('bytes: \u00e4')] },
  { PRIORITY: '6', MESSAGE: own('debug', 'polled') },
  { PRIORITY: '6', MESSAGE: null },
].map((it, n) => JSON.stringify({ __REALTIME_TIMESTAMP: String(1_796_000_000_000_000 - n), ...it }))

let dir: string
/** What only the agent knows. */
const known = async (text: string) => text.replaceAll('ECONNREFUSED', '[removed]')
let withoutSecrets = known
/** The program that this system may not have, or have with nothing in it. It says with which words it was asked. */
beforeEach(() => {
  withoutSecrets = known
  dir = mkdtempSync(join(tmpdir(), 'hf-logs-'))
  const program = join(dir, 'journalctl')
  writeFileSync(program, `#!/bin/sh\necho "$@" > ${dir}/asked\ncat ${dir}/entries\n`)
  chmodSync(program, 0o755)
  writeFileSync(join(dir, 'entries'), `${ENTRIES.join('\n')}\nno entry\n`)
  vi.stubEnv('PATH', `${dir}:${process.env['PATH']}`)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(dir, { recursive: true })
})

async function asked(input: object): Promise<ServiceLine[]> {
  const context = { signal: new AbortController().signal, agent: { withoutSecrets } }
  const rows = logsOperation.run(logsOperation.input.parse(input), context as unknown as Parameters<typeof logsOperation.run>[1])
  const found: ServiceLine[] = []
  for await (const it of rows as AsyncIterable<ServiceLine>) found.push(it)
  return found
}
const texts = async (input: object) => (await asked(input)).map((it) => `${it.level} ${it.text}`)

test('lines have their own level, or the journal’s', async () => {
  expect(await texts({})).toEqual([
    'warning uplink cloud waits',
    'info source press-3 is up',
    'error holdfast-agent.service: Main process exited',
    'info bytes: ä',
    'debug polled',
    'info ',
  ])
  expect(await texts({ level: 'warning' })).toEqual([
    'warning uplink cloud waits',
    'error holdfast-agent.service: Main process exited',
  ])
  expect(await texts({ text: 'UPLINK' })).toEqual(['warning uplink cloud waits'])
  expect((await asked({ limit: 1 })).map((it) => [it.at, it.detail])).toEqual([[1_796_000_000_000_000, '{"code":"[removed]"}']])
})

test('secrets are out of them', async () => {
  const text = JSON.stringify(await asked({}))
  expect(text).toContain('[removed]@10.20.1.60')
  expect(text).not.toContain('geheim')
  expect(text).not.toContain('ECONNREFUSED')
  // Nor can one be found out by looking for it.
  expect(await texts({ text: 'ECONNREFUSED' })).toEqual([])
})

test('where the agent is not there to take out what only it knows, the first line says so', async () => {
  withoutSecrets = async () => {
    throw new Error('no agent')
  }
  const [first, second] = await texts({})
  expect(first).toMatch(/^warning .*: no agent$/)
  expect(second).toBe('warning uplink cloud waits')
})

test('a line of any length has its own level, and is shown in part', async () => {
  const long = own('error', 'x'.repeat(9_000))
  writeFileSync(join(dir, 'entries'), JSON.stringify({ __REALTIME_TIMESTAMP: '1796000000000000', PRIORITY: '6', MESSAGE: long }))
  const [line] = await asked({ level: 'error' })
  expect(line?.text).toBe('x'.repeat(4_000))
  expect(readFileSync(join(dir, 'asked'), 'utf8')).toContain('--all')
})

test('where nothing can be read, that is said', async () => {
  writeFileSync(join(dir, 'journalctl'), '#!/bin/sh\nexit 1\n')
  await expect(asked({ service: 'kernel' })).rejects.toMatchObject({ name: 'Unreachable', code: 'no-log' })
})

test('the command line takes the same filters, and says which there are', async () => {
  const agent = () => handMadeAgent({ withoutSecrets })
  const found = await runHere('logs --level warning --data /nowhere', {}, {}, agent)
  expect(found.out).toBe(
    '2026-11-30T00:53:20Z  warning  uplink cloud waits  {"code":"[removed]"}\n' +
      '2026-11-30T00:53:19Z  error    holdfast-agent.service: Main process exited\n',
  )
  const kernel = await runHere('logs kernel --text uplink --limit 1 --json --data /nowhere', {}, {}, agent)
  expect(JSON.parse(kernel.out)).toMatchObject([{ text: 'uplink cloud waits' }])
  expect(readFileSync(join(dir, 'asked'), 'utf8')).toMatch(/ -k$/m)
  const wrong = await runHere('logs nobody --level loud --limit many --data /nowhere', {}, {}, agent)
  expect(wrong.status).toBe(2)
  expect(wrong.err).toContain('SERVICE: must be one of agent, panel')
  expect(wrong.err).toContain('--level: must be one of error, warning')
  expect(wrong.err).toContain('--limit: must be a whole number from 1 to 5000')
})
