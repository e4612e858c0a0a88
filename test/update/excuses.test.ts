// Whether a source without an address is excused: by what its bus says, and not by a test that comes to nothing.
import { expect, test } from 'vitest'
import type { HealthParts } from '../../src/update/health.ts'
import { health } from '../../src/update/health.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'

const TIMES = { withinMs: 100, graceMs: 0, steadyMs: 0 }
const BEFORE = { sources: [{ name: 'bus-1', isAtWork: true, reach: [] }], uplinks: [] }

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
