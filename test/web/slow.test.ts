// A consumer that takes nothing: rows are pulled by whoever takes them, so the panel asks the agent for no more than its buffers hold.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FollowRow } from '../../src/core/follow.ts'
import { handMadeAgent } from '../local-api/hand-made-agent.ts'
import { until } from '../route/until.ts'
import { follow } from './follower.ts'
import type { TestPanel } from './panel.ts'
import { browser, startPanel } from './panel.ts'

/** What the system takes of a connection on both sides, and what Node does, at the very most. */
const BUFFERS_BYTES_MAX = 64_000_000
const ROW_BYTES = 4_000

let panel: TestPanel
let given = 0
let isOver = false

async function* endless(): AsyncGenerator<FollowRow> {
  try {
    for (;;) yield { type: 'position', position: `p1-${given++}-${'x'.repeat(ROW_BYTES)}`, isCaughtUp: false }
  } finally {
    isOver = true
  }
}

beforeAll(async () => {
  panel = await startPanel({ agent: handMadeAgent({ follow: endless }) })
})
afterAll(() => panel.close())

/** Resolves once nothing more was asked for in a while. */
async function standsStill(): Promise<number> {
  for (let before = -1; before !== given; await sleep(500)) before = given
  return given
}

test('nothing piles up; it goes on when it takes again, and ends when it has gone', { timeout: 60_000 }, async () => {
  await browser(panel.url).claim(panel.access.claimCode() ?? '')
  const token = panel.access.addToken({ name: 'slow', role: 'viewer', until: 4e15 }, { by: 'anna', address: '127.0.0.1' })
  const slow = await follow(panel.url, token, 'from=now')
  expect(slow.status).toBe(200)
  slow.pause()
  const held = await standsStill()
  expect(held).toBeGreaterThan(0)
  expect(held * ROW_BYTES).toBeLessThan(BUFFERS_BYTES_MAX)
  slow.resume()
  let taken = 0
  for await (const { row } of slow) {
    expect(row?.position.startsWith(`p1-${taken++}-`)).toBe(true)
    if (taken > held + 100) break
  }
  await until('the agent is no longer asked', () => isOver)
})
