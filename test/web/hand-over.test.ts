// The list of what was done, offered to an agent that does not answer, comes back with another log, or refuses: nothing is passed over, and a log line tells once.
import { expect, test } from 'vitest'
import type { Access } from '../../src/access/index.ts'
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
