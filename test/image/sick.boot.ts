// Versions that take the whole machine down: a kernel that panics, and one that no longer gives anybody a turn. Neither stays.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Box } from './box.ts'
import { newBox, TRIAL_MS_MAX } from './box.ts'
import { BOOT_MS_MAX } from './times.ts'

const board = process.env['BOARD'] ?? 'x86-64-uefi'

/** Runs `script` as root at each start. */
const sick = (script: string) => ({
  'etc/systemd/system/multi-user.target.d/sick.conf': '[Unit]\nWants=sick.service\n',
  'etc/systemd/system/sick.service': `[Service]\nExecStart=/bin/sh -c '${script}'\n`,
})
const VERSIONS = {
  '99.4.0-development': sick('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger'),
  // At the highest priority of all, on each core, for ever.
  '99.5.0-development': sick(
    'echo -1 > /proc/sys/kernel/sched_rt_runtime_us; for it in 1 2 3 4; do chrt -f 99 sh -c "while :; do :; done" & done; wait',
  ),
}

let box: Box
let factory = ''

beforeAll(async () => {
  box = newBox(board, VERSIONS)
  const [, , version = ''] = await box.up()
  factory = version
  await box.claim()
  await box.sees('it is marked good', (it) => it.minimum !== null)
}, 4 * BOOT_MS_MAX)
afterAll(() => box?.remove())

test.for([
  ['a kernel that panics', '99.4.0-development'],
  ['a machine that hangs, which its watchdog ends', '99.5.0-development'],
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
    expect(after).toBe(factory)
    await box.logIn()
    const now = await box.sees('it is over', (it) => it.job === null)
    expect(now).toMatchObject({ version: factory, last: { outcome: 'fell-back', version } })
  },
)
