// What is excused: a source without an address by what its bus says, and not by a test that comes to nothing; one with an address only while the box
// has a way there; an agent that was away before.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { HealthParts } from '../../src/update/health.ts'
import { AGENT_AWAY, baselineOf, health } from '../../src/update/health.ts'
import type { Way } from '../../src/update/state.ts'
import { isLost } from '../../src/update/way.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'

const TIMES = { withinMs: 100, graceMs: 0, steadyMs: 0 }
const BEFORE = {
  sources: [{ name: 'bus-1', isAtWork: true, reach: [], ways: [] }],
  uplinks: [],
  isAgentAway: false,
  isDiskFull: false,
}

async function healthWith(answersOnBus: HealthParts['answersOnBus']) {
  const status = await handMadeAgent().status()
  const [source] = status.sources
  if (!source) throw new Error('the hand-made agent has a source')
  const silent = { ...source, name: 'bus-1', state: 'down' as const, readings: 0 }
  const parts = { status: async () => ({ ...status, sources: [silent] }), readLog: async () => undefined, answersOnBus }
  return health(parts, BEFORE, TIMES, () => undefined, new AbortController().signal)
}

test('a bus where nobody answers excuses; one that answers, and a test that fails, do not', async () => {
  expect(await healthWith(async () => false)).toMatchObject({ isWell: true })
  expect(await healthWith(async () => true)).toMatchObject({ isWell: false })
  expect(await healthWith(() => Promise.reject(new Error('the test took too long')))).toMatchObject({ isWell: false })
})

test('an agent that does not answer is held against a version that found it well, and not against one that did not', async () => {
  const parts: HealthParts = {
    status: () => Promise.reject(new Error('nobody answers')),
    readLog: () => Promise.reject(new Error('nobody answers')),
    answersOnBus: async () => false,
  }
  const look = (before: Parameters<typeof health>[1], times = TIMES) =>
    health(parts, before, times, () => undefined, new AbortController().signal)
  expect(await look(BEFORE)).toMatchObject({ isWell: false })
  expect(await look(null)).toMatchObject({ isWell: false })
  expect(await look(AGENT_AWAY)).toMatchObject({
    isWell: true,
    checks: [{ what: 'agent', state: 'excused', text: 'did not answer before either: nobody answers' }],
  })
  // It is waited for first.
  expect(await look(AGENT_AWAY, { ...TIMES, graceMs: 1_000 })).toMatchObject({ isWell: false })
})

test('a source that these settings have and this version leaves out is held against it, whether it could be reached or not', async () => {
  const status = await handMadeAgent().status()
  const text = 'as the settings say it'
  const parts = (name: string, kind: 'source' | 'rule'): HealthParts => ({
    status: async () => ({
      ...status,
      sources: [],
      issues: [
        { code: 'settings-left-out', severity: 'problem', text, remedy: '', leftOut: { kind, name, path: 'p', text: 't' } },
      ],
    }),
    readLog: async () => undefined,
    answersOnBus: async () => false,
  })
  const look = (name: string, before = BEFORE, kind: 'source' | 'rule' = 'source') =>
    health(parts(name, kind), before, TIMES, () => undefined, new AbortController().signal)
  expect(await look('bus-1')).toMatchObject({ isWell: false })
  expect((await look('bus-1')).checks).toContainEqual({ what: 'source bus-1', state: 'waiting', text })
  expect(await look('bus-10')).toMatchObject({ isWell: true })
  expect(await look('bus-1', BEFORE, 'rule')).toMatchObject({ isWell: true })
  // One that gave nothing before is no reason to go back.
  const silent = { ...BEFORE, sources: BEFORE.sources.map((it) => ({ ...it, isAtWork: false })) }
  const { isWell, checks } = await look('bus-1', silent)
  expect(isWell).toBe(true)
  expect(checks).toContainEqual({ what: 'source bus-1', state: 'excused', text: `gave nothing before either (${text})` })
})

test('a place that does not answer excuses while the box has its way there, and not once its port is gone or leads elsewhere', async () => {
  const status = await handMadeAgent().status()
  const [source] = status.sources
  if (!source) throw new Error('the hand-made agent has a source')
  // Nobody listens there.
  const place = { host: '127.0.0.1', port: 1 }
  const before = await baselineOf({ ...status, sources: [{ ...source, state: 'up', readings: 1 }], uplinks: [] }, () => [place])
  expect(before.sources[0]?.ways).toEqual([{ address: '127.0.0.1', port: 1, by: 'lo' }])
  const silent = { ...source, state: 'down' as const, readings: 0 }
  const parts: HealthParts = {
    status: async () => ({ ...status, sources: [silent], uplinks: [] }),
    readLog: async () => undefined,
    answersOnBus: async () => false,
  }
  const look = (ways: readonly Way[]) => {
    const sources = before.sources.map((it) => ({ ...it, ways: [...ways] }))
    return health(parts, { ...before, sources }, TIMES, () => undefined, new AbortController().signal)
  }
  expect(await look([{ address: '127.0.0.1', port: 1, by: 'lo' }])).toMatchObject({ isWell: true })
  const elsewhere = await look([{ address: '127.0.0.1', port: 1, by: 'eth-gone' }])
  expect(elsewhere.isWell).toBe(false)
  expect(elsewhere.checks.find((it) => it.what.startsWith('source'))?.text).toMatch(
    /^the box has no way any more to 127\.0\.0\.1 by port eth-gone: /,
  )
  // Of a version before that noted none.
  expect(await look([])).toMatchObject({ isWell: true })
})

test('a disk that has become full is held against a version, and one that was full before is not', async () => {
  const status = await handMadeAgent().status()
  const text = 'the disk is full'
  const parts: HealthParts = {
    status: async () => ({
      ...status,
      sources: [],
      uplinks: [],
      issues: [{ code: 'disk-full', severity: 'problem', text, remedy: '' }],
    }),
    readLog: async () => undefined,
    answersOnBus: async () => false,
  }
  const look = (isDiskFull: boolean) =>
    health(parts, { ...BEFORE, sources: [], isDiskFull }, TIMES, () => undefined, new AbortController().signal)
  expect(await look(false)).toMatchObject({ isWell: false, checks: [{ what: 'log', state: 'waiting', text }] })
  expect(await look(true)).toMatchObject({ isWell: true })
})

test('a port that is gone or was not brought up is lost; one whose cable is out, and radio, are not', async () => {
  const net = mkdtempSync(join(tmpdir(), 'hf-net-'))
  const port = (name: string, files: Readonly<Record<string, string>>) => {
    mkdirSync(join(net, name))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(net, name, file), `${text}\n`)
  }
  port('up', { flags: '0x1003', carrier: '1', type: '1', uevent: 'INTERFACE=up' })
  port('unplugged', { flags: '0x1003', carrier: '0', type: '1', uevent: 'INTERFACE=unplugged' })
  // Of one that is down nobody can read whether it has a carrier.
  port('down', { flags: '0x1002', type: '1', uevent: 'INTERFACE=down' })
  port('radio', { flags: '0x1002', type: '1', uevent: 'DEVTYPE=wlan\nINTERFACE=radio' })
  port('modem', { flags: '0x10d0', type: '519', uevent: 'INTERFACE=modem' })
  const lost = await Promise.all(
    ['gone', 'up', 'down', 'unplugged', 'radio', 'modem'].map((by) => isLost({ address: '127.0.0.1', port: 1, by }, net)),
  )
  expect(lost).toEqual([true, true, true, false, false, false])
  rmSync(net, { recursive: true })
})
