// The list of what was done, offered to an agent that does not answer, comes back with another log, or refuses: nothing is passed over, and a log line tells once.
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Access } from '../../src/access/index.ts'
import { openAccess } from '../../src/access/index.ts'
import type { AuditEvent } from '../../src/core/access.ts'
import { Unreachable } from '../../src/core/errors.ts'
import type { EventsOffer } from '../../src/core/events.ts'
import { handOver } from '../../src/web/hand-over.ts'
import { silent } from '../local-api/hand-made-agent.ts'
import { until } from '../route/until.ts'

const LIST = 'a'.repeat(32)
const eventAt = (position: number): AuditEvent => ({ position, at: 0, what: 'x', by: 'anna', address: '::1', detail: {} })
const events = [1, 2, 3].map(eventAt)
const access = {
  eventsId: () => LIST,
  wasSetBack: () => false,
  auditFrom: (position: number) => ({ events: events.filter((it) => it.position >= position), cut: 0 }),
} as unknown as Access

test('after each failure the agent is asked anew, and a failure that lasts is said once', { timeout: 60_000 }, async () => {
  const offers: [number, number][] = []
  const lines: string[] = []
  const away = () => Promise.reject(new Unreachable('agent-unreachable', 'no agent'))
  const broken = () => Promise.reject(new Error('broken'))
  const nextIs = (next: number) => () => Promise.resolve({ next })
  const answers = [nextIs(2), away, broken, broken, nextIs(1), nextIs(4)]
  const takeEvents = ({ from, events: given }: EventsOffer) => {
    offers.push([from, given.length])
    return (answers.shift() ?? nextIs(4))()
  }
  const log = { ...silent, warn: () => void lines.push('warn'), error: () => void lines.push('error') }
  const handing = handOver(access, { takeEvents }, log)
  await until('all is taken', () => answers.length === 0, 40_000)
  await handing.close()
  // Offered from 2, then nobody answers: whoever answers again is asked, and has a log that knows nothing.
  expect(offers).toEqual([
    [1, 0],
    [2, 2],
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 3],
  ])
  expect(lines).toEqual(['warn', 'error'])
})

test('an older list that is put back goes on under another name: no number stands for two events', {
  timeout: 60_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-back-'))
  const taken = new Map<string, AuditEvent[]>()
  const agent = {
    takeEvents: async ({ list, from, events: given }: EventsOffer) => {
      const had = taken.get(list) ?? []
      taken.set(list, had)
      if (from === had.length + 1) had.push(...given)
      return { next: had.length + 1 }
    },
  }
  const told = () => [...taken.values()].flatMap((it) => it.map((event) => event.what))
  const hand = async (last: string): Promise<string> => {
    const opened = await openAccess(dir)
    const handing = handOver(opened, agent, silent)
    await until(`${last} is handed over`, () => told().includes(last), 40_000)
    await handing.close()
    const id = opened.eventsId()
    opened.close()
    return id
  }
  const done = async (...whats: string[]): Promise<void> => {
    const opened = await openAccess(dir)
    for (const what of whats) opened.audit({ what, by: 'anna', address: '::1', detail: {} })
    opened.close()
  }
  await done('one', 'two')
  cpSync(join(dir, 'access'), join(dir, 'kept'), { recursive: true })
  await done('three', 'four', 'five')
  const first = await hand('five')
  rmSync(join(dir, 'access'), { recursive: true })
  renameSync(join(dir, 'kept'), join(dir, 'access'))
  await done('six')
  const second = await hand('six')
  expect(second).not.toBe(first)
  expect(taken.get(first)?.map((it) => it.what)).toEqual(['one', 'two', 'three', 'four', 'five'])
  expect(taken.get(second)?.map((it) => it.what)).toEqual(['one', 'two', 'six', 'events set back'])
  rmSync(dir, { recursive: true })
})
