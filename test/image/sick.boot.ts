// What goes wrong in a version: an agent that freezes is started anew and the version stays; a kernel that panics, and a machine that no longer gives
// anybody a turn, are left behind.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Status } from '../../src/core/status.ts'
import { until } from '../route/until.ts'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { journalOf } from './machine.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'
const FREEZES = '99.4.0-development'
const PANICS = '99.5.0-development'
const HANGS = '99.6.0-development'

/** Runs `script` as root at each start. */
const sick = (script: string) => ({
  'etc/systemd/system/multi-user.target.d/sick.conf': '[Unit]\nWants=sick.service\n',
  'etc/systemd/system/sick.service': `[Service]\nExecStart=/bin/sh -c '${script}'\n`,
})
const VERSIONS = {
  [FREEZES]: sick(
    'until systemctl -q is-active holdfast-agent; do sleep 2; done; sleep 30; ' +
      'systemctl kill --kill-whom=main -s STOP holdfast-agent; echo FROZEN > /dev/console',
  ),
  [PANICS]: sick('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger'),
  // At the highest priority of all, on each core, for ever; without the share that the kernel keeps for all others.
  [HANGS]: sick(
    'mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; ' +
      'for it in /sys/kernel/debug/sched/fair_server/cpu*/runtime; do echo 0 > $$it; done; ' +
      'echo -1 > /proc/sys/kernel/sched_rt_runtime_us; ' +
      'for each in 1 2 3 4; do chrt -f 99 sh -c "while :; do :; done" & done; wait',
  ),
}

let box: Box

beforeAll(async () => {
  box = newBox(board, VERSIONS)
  await box.up()
  await box.claim()
  await box.sees('it is marked good', (it) => it.minimum !== null)
}, 4 * BOOT_MS_MAX)
afterAll(() => box?.remove())

test('an agent that freezes is ended by its watchdog and answers again, and its version stays', {
  timeout: 6 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
}, async () => {
  await box.installFromStick(FREEZES)
  await box.up()
  await box.logIn()
  await box.machine().says(/FROZEN/, BOOT_MS_MAX + TRIAL_MS_MAX)
  // One that is frozen answers nobody.
  const answers = async () => (await box.ask<Status>('status').catch(() => undefined))?.version === FREEZES
  await until('another answers', answers, BOOT_MS_MAX + TRIAL_MS_MAX, 2_000)
  box.took('the agent froze, and another answers')
  const now = await box.sees('the trial is over', (it) => it.job === null)
  expect(now).toMatchObject({ version: FREEZES, last: { outcome: 'good', version: FREEZES } })
})

test.for([
  ['a kernel that panics', PANICS],
  ['a machine that hangs, which its watchdog ends', HANGS],
] as const)(
  '%s: the version before runs again, and says which one fell',
  {
    timeout: 8 * BOOT_MS_MAX + 3 * TRIAL_MS_MAX,
  },
  async ([, version]) => {
    await box.installFromStick(version)
    await box.start()
    await box.machine().goesOff(BOOT_MS_MAX + TRIAL_MS_MAX)
    box.took(`${version} fell`)
    const [, , after] = await box.up()
    expect(after).toBe(FREEZES)
    await box.logIn()
    const now = await box.sees('it is over', (it) => it.job === null)
    expect(now).toMatchObject({ version: FREEZES, last: { outcome: 'fell-back', version } })
  },
)

test('what ended the agent that froze was its watchdog', { timeout: 2 * BOOT_MS_MAX }, async () => {
  await box.machine().off()
  expect(journalOf(box.disk)).toMatch(/holdfast-agent\.service: Watchdog timeout/)
})
