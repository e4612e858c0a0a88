// Each step of the clock is one event, whoever set it; what time servers correct bit by bit is none.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openAccess } from '../../src/access/index.ts'
import { clockSteps } from '../../src/web/clock-steps.ts'
import { testMachine } from '../access/machine.ts'

test('forth and back: from where and to where', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hf-steps-'))
  const machine = testMachine()
  const access = await openAccess(dir, machine)
  const steps = clockSteps(access, machine)
  const look = (change: () => void): void => {
    change()
    for (let times = 0; times < 3; times++) {
      machine.pass(1_000)
      steps.look()
    }
  }
  look(() => machine.pass(3_600_000))
  look(() => machine.set(machine.wallMs() + 400))
  look(() => machine.set(machine.wallMs() + 3_600_000))
  look(() => machine.set(machine.wallMs() - 86_400_000))
  const told = access.auditLatest(10).events.map(({ what, by, detail }) => [what, by, Math.round(Number(detail['ms']) / 1000)])
  expect(told).toEqual([
    ['clock step', 'system', -86_400],
    ['clock step', 'system', 3_600],
  ])
  steps.close()
  access.close()
  rmSync(dir, { recursive: true })
})
