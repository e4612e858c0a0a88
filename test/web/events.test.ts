// One event for each call of what is audited, with how it ended; and streams of those who may not any more.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BadInput, Unreachable } from '../../src/core/errors.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { inputFor } from './inputs.ts'
import type { Browser, TestPanel } from './panel.ts'
import { askHttps, browser, startPanel } from './panel.ts'

let panel: TestPanel
let anna: Browser
let removing: Promise<void> | undefined
const agent = handMadeAgent({
  setSecret: async () => {
    throw new Unreachable('agent-unreachable', 'no agent')
  },
  settingsApply: async () => {
    throw new BadInput([{ where: 'settings-changed', text: 'another was faster' }])
  },
  removeSecret: () => removing ?? Promise.resolve(),
  async *live(_, signal) {
    yield* []
    while (!signal.aborted) await sleep(200, undefined, { signal }).catch(() => {})
  },
})

beforeAll(async () => {
  panel = await startPanel({ agent })
  anna = browser(panel.url)
  await anna.claim(panel.access.claimCode() ?? '')
})
afterAll(() => panel.close())

const events = (what: string, { access } = panel) =>
  access
    .auditLatest(1_000)
    .events.filter((it) => it.what === what)
    .map(({ by, detail }) => ({ by, ...detail }))

test.each([
  ['secrets remove', { by: 'anna', outcome: 'done', name: 'cloud' }],
  ['secrets set', { by: 'anna', outcome: 'failed: agent-unreachable', name: 'cloud' }],
  ['settings apply', { by: 'anna', outcome: 'failed: settings-changed', base: '0'.repeat(64) }],
  ['settings revert', { by: 'anna', outcome: 'done' }],
  ['sources trust', { by: 'anna', outcome: 'begun', name: 'line-1' }],
  [
    'network apply',
    { by: 'anna', outcome: 'done', ports: '[{"interface":"eth0","address":"10.20.1.5/24"}]', confirmWithinMs: '120000' },
  ],
])('%s: how it ended, once', async (name, event) => {
  await anna.call(name, inputFor(name))
  expect(events(name)).toEqual([event])
})

test('what was refused before it ran is none', async () => {
  await anna.call('restart', { name: 'nothing' })
  expect(events('restart')).toEqual([])
})

test('what is not over when the panel ends has its event too', async () => {
  const other = await startPanel({ agent })
  const bert = browser(other.url)
  await bert.claim(other.access.claimCode() ?? '')
  const { promise, resolve } = Promise.withResolvers<void>()
  removing = promise
  const cut = bert.call('secrets remove', { name: 'cloud' }).catch(() => undefined)
  await sleep(300)
  // The list is read when the panel is closed and its store is not yet.
  const seen: unknown[] = []
  const { close } = other.access
  other.access.close = () => {
    seen.push(...events('secrets remove', other))
    close()
  }
  await other.close()
  resolve()
  removing = undefined
  await cut
  expect(seen).toEqual([{ by: 'anna', outcome: 'unknown: the panel ended first', name: 'cloud' }])
})

test('a stream ends soon after the token or the session that it was asked with', { timeout: 40_000 }, async () => {
  const watch = { method: 'POST', body: { limit: 1, everyMs: 1_000 } }
  const token = panel.access.addToken({ name: 'script', role: 'viewer', until: 4e15 }, { by: 'anna', address: '' })
  const ended = (asked: Promise<unknown>) =>
    Promise.race([
      asked.then(
        () => 'ended',
        () => 'ended',
      ),
      sleep(25_000, 'goes on'),
    ])
  const url = `${panel.url}/api/v1/live`
  const script = ended(askHttps(url, { ...watch, headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' } }))
  const bert = browser(panel.url)
  await bert.logIn('anna')
  const page = ended(bert.ask('/api/v1/live', { ...watch, headers: { accept: 'text/event-stream' } }))
  await sleep(500)
  panel.access.removeToken('script', { by: 'anna', address: '' })
  for (const { id } of panel.access.sessions()) panel.access.endSession(id, { by: 'anna', address: '' })
  expect(await Promise.all([script, page])).toEqual(['ended', 'ended'])
})
